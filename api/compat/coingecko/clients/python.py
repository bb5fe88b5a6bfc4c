"""Asks a server with pycoingecko: python python.py BASE_URL KEY"""
import sys

from pycoingecko import CoinGeckoAPI

base, key = sys.argv[1:3]
cg = CoinGeckoAPI(api_key=key)
cg.api_base_url = base + "/"
asked = 0


def ask(name, answer, good):
    global asked
    assert good(answer), (name, answer)
    asked += 1


ask("ping", cg.ping(), lambda r: r["gecko_says"])
ask("price", cg.get_price(ids=["bitcoin", "litecoin"], vs_currencies="usd", include_market_cap=True), lambda r: r["bitcoin"]["usd"] > 0)
ask("currencies", cg.get_supported_vs_currencies(), lambda r: "usd" in r)
ask("token price", cg.get_token_price(id="ethereum", contract_addresses="0xdac17f958d2ee523a2206206994597c13d831ec7", vs_currencies="usd"), lambda r: len(r) == 1)
ask("list", cg.get_coins_list(), lambda r: any(x["id"] == "bitcoin" for x in r))
ask("markets", cg.get_coins_markets(vs_currency="usd"), lambda r: r[0]["market_cap_rank"] == 1)
ask("coin", cg.get_coin_by_id("bitcoin"), lambda r: r["market_data"]["current_price"]["usd"] > 0)
ask("tickers", cg.get_coin_ticker_by_id("bitcoin"), lambda r: r["tickers"])
ask("history", cg.get_coin_history_by_id("bitcoin", "27-02-2026"), lambda r: r["market_data"])
ask("history before anything", cg.get_coin_history_by_id("bitcoin", "10-11-2012"), lambda r: "market_data" not in r)
ask("chart", cg.get_coin_market_chart_by_id("bitcoin", "usd", "max"), lambda r: len(r["prices"]) == len(r["total_volumes"]) > 300)
ask("chart range", cg.get_coin_market_chart_range_by_id("bitcoin", "usd", 1767225600, 1769904000), lambda r: len(r["prices"]) > 700)
ask("ohlc", cg.get_coin_ohlc_by_id("bitcoin", "usd", "7"), lambda r: len(r[0]) == 5)
ask("contract", cg.get_coin_info_from_contract_address_by_id("ethereum", "0xdac17f958d2ee523a2206206994597c13d831ec7"), lambda r: r["id"] == "tether")
ask("platforms", cg.get_asset_platforms(), lambda r: r)
ask("categories", cg.get_coins_categories(), lambda r: r)
ask("category list", cg.get_coins_categories_list(), lambda r: r)
ask("exchanges", cg.get_exchanges_list(), lambda r: r)
ask("exchange ids", cg.get_exchanges_id_name_list(), lambda r: r)
ask("exchange", cg.get_exchanges_by_id("kraken"), lambda r: r["tickers"])
ask("exchange tickers", cg.get_exchanges_tickers_by_id("kraken"), lambda r: r["tickers"])
ask("rates", cg.get_exchange_rates(), lambda r: r["rates"]["usd"])
ask("search", cg.search("bit"), lambda r: r["coins"])
ask("trending", cg.get_search_trending(), lambda r: "coins" in r)
ask("global", cg.get_global(), lambda r: r["total_market_cap"]["usd"] > 0)
try:
    cg.get_coin_by_id("nothing")
    raise SystemExit("a coin that is not there was answered")
except ValueError as e:
    assert "coin not found" in str(e), e
print(asked, "answers")
