// Plays recorded exchange sessions through tardis-dev's normalizers (trades, book
// changes, best bid and ask) from memory, on one thread, and prints the median round
// in the form of `assay bench -o jsonl`. It keeps no books and checks no checksums,
// which Assay's figure includes. Exchanges and protocols it does not know are left out.
import { readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { basename } from 'node:path'
import { normalizeTrades, normalizeBookChanges, normalizeBookTickers } from 'tardis-dev'

const exchangeOf = (name, addr) => ({
  BINANCE: 'binance', BITSTAMP: 'bitstamp', KRAKEN: 'kraken', OKX: 'okex',
  BYBIT: addr.endsWith('/spot') ? 'bybit-spot' : 'bybit',
})[name]

function load(file) {
  const raw = file.endsWith('.zst') ? execFileSync('zstd', ['-dc', file], { maxBuffer: 1 << 30 }) : readFileSync(file)
  const records = raw.toString('utf8').split('\n').filter(Boolean).map(l => JSON.parse(l))
  const exchange = records[0].exchange
  const addr = {}
  const frames = []
  for (const r of records) {
    if (r.t === 'connect') addr[r.conn] = r.addr
    if (r.t === 'recv' && r.data) frames.push({ at: new Date(r.ts * 1000), data: r.data, exchange: exchangeOf(exchange, addr[r.conn] ?? '') })
    if (r.t === 'http') {
      const u = new URL(r.url)
      if (u.pathname === '/api/v3/depth') frames.push({ at: new Date(r.ts * 1000), exchange: 'binance', data: JSON.stringify({ stream: u.searchParams.get('symbol').toLowerCase() + '@depthSnapshot', generated: true, data: JSON.parse(r.data) }) })
      if (u.pathname.startsWith('/api/v2/order_book/')) frames.push({ at: new Date(r.ts * 1000), exchange: 'bitstamp', data: JSON.stringify({ event: 'snapshot', channel: 'diff_order_book_' + u.pathname.split('/')[4], data: JSON.parse(r.data) }) })
    }
  }
  return { exchange, frames: frames.filter(f => f.exchange), messages: records.filter(r => r.t === 'recv').length }
}

function round(frames) {
  const mappers = {}
  let events = 0
  const begun = process.hrtime.bigint()
  for (const f of frames) {
    mappers[f.exchange] ??= [normalizeTrades, normalizeBookChanges, normalizeBookTickers].flatMap(n => { try { return [n(f.exchange, f.at)] } catch { return [] } })
    const m = JSON.parse(f.data)
    for (const n of mappers[f.exchange]) if (n.canHandle(m)) for (const e of n.map(m, f.at) ?? []) if (e) events++
  }
  return { seconds: Number(process.hrtime.bigint() - begun) / 1e9, events }
}

let messages = 0, seconds = 0
for (const file of process.argv.slice(2)) {
  if (file.includes('.normalized.')) continue
  const t = load(file)
  if (!t.frames.length) continue
  const times = []
  let events = 0
  for (const end = Date.now() + 2000; Date.now() < end || times.length < 3;) {
    const r = round(t.frames)
    times.push(r.seconds)
    events = r.events
  }
  times.sort((a, b) => a - b)
  const median = times[times.length >> 1]
  messages += t.messages
  seconds += median
  console.log(JSON.stringify({ name: basename(file), with: 'tardis-dev', messages: t.messages, events, rounds: times.length, messages_per_second: Math.round(t.messages / median) }))
}
console.log(JSON.stringify({ name: 'all', with: 'tardis-dev', messages, messages_per_second: Math.round(messages / seconds) }))
