// Plays a recorded session through ccxt's WebSocket classes: their own watch calls
// subscribe, on a client whose connection is a stub, and the recorded messages are
// parsed and handed to handleMessage. Answers of REST come from the recording.
// ccxt keeps books; it checks checksums where it does by default.
import { readFileSync } from 'node:fs'
import ccxt from 'ccxt'
import { load, text, measure, skip } from './recording.mjs'

const names = {
  BINANCE: 'binance', BITFINEX: 'bitfinex', BITGET: 'bitget', BITSTAMP: 'bitstamp', BYBIT: 'bybit', COINBASE: 'coinbase', 'CRYPTO.COM': 'cryptocom',
  DERIBIT: 'deribit', GATEIO: 'gate', GATEIO_FUTURES: 'gate', GEMINI: 'gemini', HUOBI: 'htx', HUOBI_SWAP: 'htx', KRAKEN: 'kraken', KRAKEN_FUTURES: 'krakenfutures', KUCOIN: 'kucoin', OKX: 'okx',
}

// market is one of ccxt's market structures, from a line of `assay normalize --all`.
function market(ex, i) {
  const [pair, ...settle] = i.pair.split('.')
  const [base, quote] = pair.split('-')
  const contract = i.kind !== 'spot'
  const coin = settle[0] ?? (i.unit === 'quote' ? base : quote)
  return { ...ex.safeMarketStructure(), id: i.symbol, lowercaseId: i.symbol.toLowerCase(), symbol: contract ? `${base}/${quote}:${coin}${i.kind === 'perp' || i.kind === 'perpetual' ? '' : '-' + i.symbol}` : `${base}/${quote}`, base, quote, baseId: base, quoteId: quote,
    settle: contract ? coin : undefined, type: contract ? 'swap' : 'spot', spot: !contract, swap: contract, contract, margin: false, future: false, option: false, active: true,
    linear: contract ? coin === quote : undefined, inverse: contract ? coin === base : undefined, contractSize: contract ? 1 : undefined, precision: { price: 1e-8, amount: 1e-8 }, info: {} }
}

function make(id, tape, instruments) {
  const ex = new ccxt.pro[id]({ enableRateLimit: false, newUpdates: true })
  ex.setMarkets(instruments.map(i => market(ex, i)))
  ex.loadMarkets = async () => ex.markets
  const answers = tape.records.filter(r => r.t === 'http').map(r => ({ u: new URL(r.url), data: r.data }))
  ex.fetch = async url => {
    const u = new URL(url)
    const symbol = /[?&](?:symbol|instId|currency_pair|contract)=([^&]+)/.exec(url)?.[1]
    const a = answers.find(a => symbol && a.u.search.includes(symbol) && /depth|book/.test(a.u.pathname)) ?? answers.find(a => a.u.pathname === u.pathname)
    if (!a && u.pathname.endsWith('/bullet-public')) return { code: '200000', data: { token: 'TOKEN', instanceServers: [{ endpoint: 'wss://stub.invalid/endpoint', pingInterval: 18000, pingTimeout: 10000 }] } }
    if (!a) throw new ccxt.NetworkError('not in the recording: ' + url)
    return JSON.parse(a.data)
  }
  const client = ex.client.bind(ex)
  ex.client = url => {
    const c = client(url)
    c.connect = async () => {}
    c.send = async () => {}
    c.connected ??= Promise.resolve()
    return c
  }
  return ex
}

const tick = () => new Promise(r => setImmediate(r))
process.on('unhandledRejection', () => {})

for (const file of process.argv.slice(4)) {
  const tape = load(file)
  const id = names[tape.exchange]
  if (!id) { skip('ccxt', tape, 'no class for this protocol'); continue }
  const symbols = new Set(Object.values(tape.head.config).flat())
  const all = readFileSync(`${process.argv[3]}/${tape.name}.instruments`, 'utf8').split('\n').filter(Boolean).map(l => JSON.parse(l))
  const said = tape.records.filter(r => r.t === 'send' || r.t === 'connect').map(r => (r.data ?? '') + (r.addr ?? '')).join('\n').toLowerCase()
  const seen = new Set()
  const instruments = all.filter(i => !seen.has(i.symbol) && seen.add(i.symbol)).filter(i => said.includes(i.symbol.toLowerCase()) || symbols.has(i.pair))
  let failed = ''
  const play = async () => {
    const ex = make(id, tape, instruments)
    for (const s of Object.keys(ex.markets)) for (const what of ['watchOrderBook', 'watchTrades', 'watchTicker']) if (ex.has[what]) ex[what](s).catch(e => { failed ||= e.message })
    await tick(); await tick()
    const clients = Object.values(ex.clients ?? {})
    const byAddr = {}
    const clientOf = r => byAddr[r.addr] ??= clients.find(c => { try { return new URL(c.url).pathname === new URL(r.addr).pathname } catch { return false } }) ?? clients[0] ?? ex.client(r.addr)
    let events = 0, errors = 0, why = ''
    for (const c of clients) { const resolve = c.resolve.bind(c); c.resolve = (x, h) => { events++; return resolve(x, h) }; c.reject = e => { errors++; why ||= String(e?.message ?? e).slice(0, 80) } }
    let n = 0
    for (const r of tape.records) {
      if (r.t === 'http') { await tick(); continue }
      if (r.t !== 'recv') continue
      try {
        let m = JSON.parse(text(r))
        if (id === 'binance' && m.stream) m = m.data // ccxt subscribes without the envelope
        ex.handleMessage(clientOf(r), m)
      } catch (e) { errors++; why ||= String(e.message).slice(0, 80) }
      if (++n % 64 === 0) await tick() // its own fetches of snapshots run between messages
    }
    for (const c of clients) { c.clearConnectionTimeout?.(); c.clearPingInterval?.() }
    const books = Object.values(ex.orderbooks ?? {}).filter(b => b.bids?.length && b.asks?.length).length
    return { events, errors, why: why || failed.slice(0, 80), books }
  }
  try { await measure('ccxt', tape, Number(process.argv[2]), play) } catch (e) { skip('ccxt', tape, String(e.message).slice(0, 100)) }
}
process.exit(0)
