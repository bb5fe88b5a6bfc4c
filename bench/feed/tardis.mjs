// Plays a recorded session through tardis-dev's mappers: parse, then trades, book
// changes and best prices. It keeps no books and checks no checksums or sequences.
import { normalizeTrades, normalizeBookChanges, normalizeBookTickers } from 'tardis-dev'
import { load, text, measure, skip } from './recording.mjs'

const names = {
  BINANCE: 'binance', BINANCE_FUTURES: 'binance-futures', BINANCE_DELIVERY: 'binance-delivery', BINANCE_US: 'binance-us',
  BITFINEX: 'bitfinex', BITFLYER: 'bitflyer', BITGET: 'bitget', BITMEX: 'bitmex', BITSTAMP: 'bitstamp',
  BYBIT: r => r.addr.endsWith('/spot') ? 'bybit-spot' : 'bybit', 'CRYPTO.COM': 'crypto-com', DERIBIT: 'deribit',
  GATEIO: 'gate-io', GATEIO_FUTURES: 'gate-io-futures', GEMINI: 'gemini', HUOBI: 'huobi',
  HUOBI_SWAP: r => r.addr.includes('linear') ? 'huobi-dm-linear-swap' : 'huobi-dm-swap',
  KRAKEN: 'kraken', KRAKEN_FUTURES: 'cryptofacilities', KUCOIN: 'kucoin', OKX: 'okex', PHEMEX: 'phemex', POLONIEX: 'poloniex', UPBIT: 'upbit',
}

// snapshot gives a book from REST in the form in which tardis itself records it.
function snapshot(exchange, r) {
  const u = new URL(r.url)
  if (u.pathname.endsWith('/v3/depth') || u.pathname.endsWith('/v1/depth')) return { stream: u.searchParams.get('symbol').toLowerCase() + '@depthSnapshot', generated: true, data: JSON.parse(r.data) }
  if (exchange === 'bitstamp' && u.pathname.startsWith('/api/v2/order_book/')) return { event: 'snapshot', channel: 'diff_order_book_' + u.pathname.split('/')[4], data: JSON.parse(r.data) }
  if (exchange === 'kucoin' && u.pathname.includes('/orderbook/')) return { type: 'message', generated: true, topic: '/market/level2Snapshot:' + u.searchParams.get('symbol'), subject: 'trade.l2Snapshot', ...JSON.parse(r.data) }
}

const makers = [normalizeTrades, normalizeBookChanges, normalizeBookTickers]

for (const file of process.argv.slice(3)) {
  const tape = load(file)
  const of = names[tape.exchange]
  if (!of) { skip('tardis', tape, 'no mapper for this protocol'); continue }
  const frames = []
  for (const r of tape.records) {
    const at = new Date(r.ts * 1000)
    if (r.t === 'recv') frames.push({ at, r, exchange: typeof of === 'string' ? of : of(r) })
    if (r.t === 'http' && typeof of === 'string') {
      const m = snapshot(of, r)
      if (m) frames.push({ at, r: { data: JSON.stringify(m) }, exchange: of })
    }
  }
  const play = () => {
    const mappers = {}
    let events = 0, errors = 0, why = ''
    for (const f of frames) {
      mappers[f.exchange] ??= makers.flatMap(n => { try { return [n(f.exchange, f.at)] } catch { return [] } })
      try {
        const m = JSON.parse(text(f.r))
        for (const n of mappers[f.exchange]) if (n.canHandle(m)) for (const e of n.map(m, f.at) ?? []) if (e) events++
      } catch (e) { errors++; why ||= String(e.message).slice(0, 80) }
    }
    return { events, errors, why }
  }
  await measure('tardis', tape, Number(process.argv[2]), play)
}
