// Asks a server with the official TypeScript client: node official.mjs BASE_URL KEY
import assert from 'node:assert/strict';
import Coingecko from '@coingecko/coingecko-typescript';

const [, , baseURL, key] = process.argv;
const c = new Coingecko({ proAPIKey: key, baseURL, maxRetries: 0 });
const number = (x) => assert.equal(typeof x, 'number', `${x} is no number`);
let asked = 0;
const ask = async (name, promise, check) => {
  const answer = await promise;
  try {
    check(answer);
  } catch (e) {
    e.message = `${name}: ${e.message}`;
    throw e;
  }
  asked++;
};

await ask('ping', c.ping.get(), (r) => assert.ok(r.gecko_says));
await ask('key', c.key.get(), (r) => assert.ok(r.plan));
await ask('price', c.simple.price.get({ ids: 'bitcoin,ethereum', vs_currencies: 'usd,eur', include_market_cap: true, include_24hr_change: true }), (r) => {
  number(r.bitcoin.usd);
  number(r.ethereum.eur);
  number(r.bitcoin.usd_market_cap);
});
await ask('currencies', c.simple.supportedVsCurrencies.get(), (r) => assert.ok(r.includes('usd')));
await ask('token price', c.simple.tokenPrice.getID('ethereum', { contract_addresses: '0xdac17f958d2ee523a2206206994597c13d831ec7', vs_currencies: 'usd' }), (r) =>
  number(r['0xdac17f958d2ee523a2206206994597c13d831ec7'].usd));
await ask('list', c.coins.list.get({ include_platform: true }), (r) => assert.ok(r.find((x) => x.id === 'tether').platforms.ethereum));
await ask('markets', c.coins.markets.get({ vs_currency: 'usd', sparkline: true, price_change_percentage: '1h,24h,7d' }), (r) => {
  assert.equal(r[0].id, 'bitcoin');
  assert.equal(r[0].sparkline_in_7d.price.length, 168);
  number(r[0].price_change_percentage_7d_in_currency);
});
await ask('coin', c.coins.getID('bitcoin', { tickers: false }), (r) => number(r.market_data.current_price.usd));
await ask('tickers', c.coins.tickers.get('bitcoin', { page: 1 }), (r) => number(r.tickers[0].last));
await ask('tickers, page 2', c.coins.tickers.get('bitcoin', { page: 2 }), (r) => assert.deepEqual(r.tickers, []));
await ask('history', c.coins.history.get('bitcoin', { date: '2026-02-27' }), (r) => number(r.market_data.current_price.usd));
await ask('chart', c.coins.marketChart.get('bitcoin', { vs_currency: 'usd', days: '1' }), (r) => assert.ok(r.prices.length > 200));
await ask('chart range', c.coins.marketChart.getRange('bitcoin', { vs_currency: 'usd', from: '2026-01-01', to: '2026-02-01' }), (r) => assert.ok(r.prices.length > 700));
await ask('ohlc', c.coins.ohlc.get('bitcoin', { vs_currency: 'usd', days: '1' }), (r) => assert.equal(r[0].length, 5));
await ask('ohlc range', c.coins.ohlc.getRange('bitcoin', { vs_currency: 'usd', from: '2026-02-01', to: '2026-02-05', interval: 'daily' }), (r) => assert.equal(r.length, 4));
await ask('contract', c.coins.contract.get('0xdac17f958d2ee523a2206206994597c13d831ec7', { id: 'ethereum' }), (r) => assert.equal(r.id, 'tether'));
await ask('categories', c.coins.categories.get(), (r) => assert.ok(r.length > 0));
await ask('category list', c.coins.categories.getList(), (r) => assert.ok(r[0].category_id));
await ask('movers', c.coins.topGainersLosers.get({ vs_currency: 'usd' }), (r) => assert.ok(r.top_losers.length > 0));
await ask('exchanges', c.exchanges.get({ per_page: 5 }), (r) => assert.equal(r.length, 3));
await ask('exchange list', c.exchanges.getList(), (r) => assert.ok(r.find((x) => x.id === 'gdax')));
await ask('exchange', c.exchanges.getID('kraken'), (r) => assert.equal(r.name, 'Kraken'));
await ask('exchange tickers', c.exchanges.tickers.get('kraken'), (r) => assert.ok(r.tickers.length));
await ask('rates', c.exchangeRates.get(), (r) => number(r.rates.usd.value));
await ask('search', c.search.get({ query: 'eth' }), (r) => assert.ok(r.coins.find((x) => x.id === 'ethereum')));
await ask('trending', c.search.trending.get(), (r) => assert.equal(r.coins[0].item.id, 'bitcoin'));
await ask('global', c.global.get(), (r) => number(r.data.total_market_cap.usd));
await ask('platforms', c.assetPlatforms.get(), (r) => assert.ok(r.find((x) => x.id === 'ethereum')));

// Errors are the client's own classes, by status.
await assert.rejects(c.coins.getID('nothing'), (e) => e instanceof Coingecko.NotFoundError && e.error.error === 'coin not found');
await assert.rejects(c.coins.markets.get({ vs_currency: 'zzz' }), (e) => e instanceof Coingecko.UnprocessableEntityError);
const stranger = new Coingecko({ proAPIKey: 'wrong', baseURL, maxRetries: 0 });
await assert.rejects(stranger.ping.get(), (e) => e instanceof Coingecko.AuthenticationError && e.error.status.error_code === 10002);
const demo = new Coingecko({ demoAPIKey: key, baseURL, maxRetries: 0 });
await ask('a key under its other name', demo.ping.get(), (r) => assert.ok(r.gecko_says));

console.log(`${asked} answers`);
