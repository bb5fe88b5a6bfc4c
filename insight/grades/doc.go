// Package grades is the engine behind insight.Grades: it reads stored daily candles,
// grades every followed asset when a day closes, looks again each hour, and keeps the
// record of how grades did.
//
// It begins with a backcast: the grades that the days of the last year would have had,
// each from the data of that day only. From then on each close is written down in an
// append-only record before its outcome is known (record.go); a simulated market and a
// replay write none. It never asks an exchange, and what has no input is said to be
// missing.
//
// What always holds: an answer comes from one immutable view and from memory; a grade
// that was written down is shown as it was written, whatever was computed later; nothing
// in the record is edited, and a record that was tampered with is not added to.
//
// app makes an Engine, runs it, and hands it to the API and the faces.
package grades
