// Package grade turns daily bars, a table of developers' work and on-chain metrics into
// grades from 0 to 100 by open formulas, and grades into words; and it tells how well
// grades of the past went together with what prices did next.
//
// The formulas are data (formula.go): components with weights, inputs and sources. A
// Machine computes all grades of all assets that were there on a day (Day), or of one
// asset within the day (Hour). Bander keeps the words steady, IC is the record.
//
// It does no I/O and reads no clock: readers take an io.Reader, a day is an argument.
// Values are float64: statistics, not money. What always holds: a grade of a day depends
// on nothing that was not known when the day closed; what has no input is left out and
// lowers the coverage, and with less than half of the weight there is no grade; the same
// inputs give the same bits; multiplying an asset's prices changes none of its grades but
// liquidity and what it is part of.
//
// The engine insight/grades feeds it from stored candles; docs/insight/grades.md tells
// the formulas to people.
package grade
