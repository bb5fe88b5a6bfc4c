// ccxt and Binance's own connector against ASSAY_URL, changed in their addresses only.
import ccxt from 'ccxt';
import { Spot } from '@binance/spot';
import assert from 'node:assert';

const base = process.env.ASSAY_URL + '/compat/binance';
const ws = base.replace('http', 'ws');
const pause = (ms) => new Promise((r) => setTimeout(r, ms));

// --- ccxt, REST and streams
const ex = new ccxt.pro.binance({ options: { fetchMarkets: { types: ['spot'] }, fetchCurrencies: false, defaultType: 'spot' } });
ex.urls.api.public = base + '/api/v3';
ex.urls.api.ws.spot = ws + '/ws';
for (let i = 0; ; i++) { // the simulated exchanges have just been started
  const markets = await ex.loadMarkets(true);
  if (markets['BTC/USDT'] && markets['ETH/USDT']) break;
  assert(i < 30, 'no markets came');
  await pause(500);
}
await pause(2000);
const m = ex.market('BTC/USDT');
assert(m.active && m.spot && m.precision.price === 0.01, JSON.stringify(m));
const ticker = await ex.fetchTicker('BTC/USDT');
assert(ticker.last > 0 && ticker.bid < ticker.ask && ticker.baseVolume > 0, JSON.stringify(ticker));
assert.deepEqual(Object.keys(await ex.fetchTickers(['BTC/USDT', 'ETH/USDT'])).sort(), ['BTC/USDT', 'ETH/USDT']);
const book = await ex.fetchOrderBook('BTC/USDT', 5);
assert(book.bids.length === 5 && book.bids[0][0] < book.asks[0][0]);
assert((await ex.fetchTrades('BTC/USDT', undefined, 5)).length > 0);
const bars = await ex.fetchOHLCV('BTC/USDT', '1m', undefined, 5);
assert(bars.length === 5 && bars[4][0] - bars[3][0] === 60000, JSON.stringify(bars));
assert((await ex.fetchBidsAsks(['BTC/USDT']))['BTC/USDT'].bid > 0);
assert(Math.abs((await ex.fetchTime()) - Date.now()) < 60000);
await assert.rejects(ex.publicGetDepth({ symbol: 'NOPE' }), ccxt.BadSymbol);
await assert.rejects(ex.publicGetDepth({ symbol: 'BTCUSDT', x: 1 }), ccxt.BadRequest);

await ex.loadHttpProxyAgent(); // ccxt wants it before it opens ws:// and not wss://
assert((await ex.watchTicker('BTC/USDT')).last > 0);
assert((await ex.watchTrades('BTC/USDT')).length > 0);
assert((await ex.watchOHLCV('BTC/USDT', '1m')).length > 0);
let nonce = 0;
for (let i = 0; i < 20; i++) {
  const b = await ex.watchOrderBook('BTC/USDT');
  assert(b.bids[0][0] < b.asks[0][0] && b.nonce >= nonce, 'a book that crosses or goes back');
  nonce = b.nonce;
}
await ex.close();
console.log('ccxt', ccxt.version, 'REST and streams');

// --- Binance's connector, REST and streams
const client = new Spot({ configurationRestAPI: { apiKey: '', apiSecret: '', basePath: base, timeout: 5000, retries: 0 }, configurationWebsocketStreams: { wsURL: ws } });
const s = { symbol: 'BTCUSDT' };
for (const [name, args] of [['ping'], ['time'], ['exchangeInfo', { symbols: ['BTCUSDT', 'ETHUSDT'] }], ['depth', { ...s, limit: 5 }], ['getTrades', s], ['aggTrades', s], ['historicalTrades', s], ['klines', { ...s, interval: '1h' }],
  ['uiKlines', { ...s, interval: '1d' }], ['avgPrice', s], ['ticker24hr', { symbols: ['BTCUSDT'] }], ['ticker', { ...s, windowSize: '4h' }], ['tickerTradingDay', s], ['tickerPrice', {}], ['tickerBookTicker', s]]) {
  const data = await (await client.restAPI[name](args)).data();
  assert(data !== undefined, name);
}
await assert.rejects(client.restAPI.depth({ symbol: 'NOPE' }), (e) => e.code === -1121);
const streams = await client.websocketStreams.connect();
const seen = new Set();
const wanted = { trade: {}, aggTrade: {}, kline: { interval: '1m' }, miniTicker: {}, ticker: {}, bookTicker: {}, avgPrice: {}, partialBookDepth: { levels: 5, updateSpeed: '100ms' }, diffBookDepth: { updateSpeed: '100ms' }, rollingWindowTicker: { windowSize: '1h' }, allMiniTicker: {} };
for (const [name, args] of Object.entries(wanted)) streams[name]({ symbol: 'btcusdt', ...args }).on('message', () => seen.add(name));
for (let i = 0; i < 60 && seen.size < Object.keys(wanted).length; i++) await pause(500);
assert.deepEqual([...seen].sort(), Object.keys(wanted).sort());
await streams.disconnect();
console.log('@binance/spot REST and streams');
console.log('all is well');
process.exit(0);
