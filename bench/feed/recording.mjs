// A recorded session in memory, and the stopwatch that the runners in node share.
import { readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { gunzipSync } from 'node:zlib'
import { basename } from 'node:path'

// load gives the records of a session. A binary message stays as bytes: unpacking it
// is part of the work that is measured.
export function load(file) {
  const raw = file.endsWith('.zst') ? execFileSync('zstd', ['-dc', file], { maxBuffer: 1 << 30 }) : readFileSync(file)
  const records = raw.toString('utf8').split('\n').filter(Boolean).map(l => JSON.parse(l))
  const addr = {}
  for (const r of records) {
    if (r.t === 'connect') addr[r.conn] = r.addr
    if (r.t === 'recv') {
      r.addr = addr[r.conn] ?? ''
      if (r.b64) r.bytes = Buffer.from(r.b64, 'base64')
    }
  }
  return { name: basename(file), head: records[0], exchange: records[0].exchange, records, messages: records.filter(r => r.t === 'recv').length }
}

// text gives a message as text.
export function text(r) {
  if (!r.bytes) return r.data
  return (r.bytes[0] === 0x1f && r.bytes[1] === 0x8b ? gunzipSync(r.bytes) : r.bytes).toString('utf8')
}

// measure plays once to warm up, then for at least the given time, and prints the
// median round: processor time of the whole process, collector included, and wall time.
export async function measure(who, tape, atLeast, play) {
  let result = await play()
  const cpu = [], wall = []
  for (const end = Date.now() + atLeast; Date.now() < end || cpu.length < 3;) {
    const c = process.cpuUsage(), t = process.hrtime.bigint()
    result = await play()
    const d = process.cpuUsage(c)
    cpu.push((d.user + d.system) / 1e6)
    wall.push(Number(process.hrtime.bigint() - t) / 1e9)
  }
  const middle = xs => xs.sort((a, b) => a - b)[xs.length >> 1]
  console.log(JSON.stringify({ name: tape.name, with: who, messages: tape.messages, cpu_seconds: middle(cpu), seconds: middle(wall), rounds: cpu.length, ...result }))
}

export function skip(who, tape, why) {
  console.log(JSON.stringify({ name: tape.name, with: who, messages: tape.messages, skipped: why }))
}
