package grade

// part is one number that formulas use. Its place in parts is its identity.
type part int

const (
	pMomentum part = iota
	pCrossover
	pRSI
	pChannel
	pVolume
	pSharpe // the six of quant keep their order, and those of quant-long follow it
	pSortino
	pDrawdown
	pVolatility
	pTail
	pProfit
	pSharpeLong
	pSortinoLong
	pDrawdownLong
	pVolatilityLong
	pTailLong
	pProfitLong
	pTurnover
	pCommits
	pAuthors
	pTopAuthor
	pReleases
	pNVT
	pMVRVZ
	pFDVCap
	pFDVTVL
	pVenues
	pHolders
	pAddresses
	pFees
	pUnlocks
	pSentiment
	partCount
)

// partSheet describes a part.
type partSheet struct {
	name    string
	formula string
	inputs  []string
	source  string
	rank    int    // +1: percentile in the universe; -1: of the negative; 0: the score is the formula's
	how     string // how to give the input when there is none
}

const (
	taWindow   = 330 // daily bars that TA looks at: RSI and EMA have settled to 1e-6 in them
	quantDays  = 365
	longDays   = 3 * 365
	quantLeast = 30 // returns
	shrinkDays = 90
	// MinPeers is the least number of assets that a percentile is told among.
	MinPeers = 5
	year     = 365.0
)

const (
	needBars     = "needs more closed daily bars: let it run, or give a history with `assay import`"
	needActivity = "no developer activity: set insight.activity to a CSV file (repo,day,commits,merge_commits,authors)"
	needChain    = "no on-chain metrics: set insight.onchain to a CSV file or a folder of them with Coin Metrics' column names"
	needPeers    = "a percentile needs at least 5 assets with this input on the day"
)

func sheets() [partCount]partSheet {
	bars, returns := []string{"close"}, []string{"daily returns"}
	risk := "W. F. Sharpe 1994; F. Sortino 1991; as docs/insight defines them, 365 days a year"
	s := [partCount]partSheet{
		pMomentum:  {"momentum-20d", "100 Phi(r20 / (s sqrt 20)); r20 = ln(C[t]/C[t-20]), s = sample deviation of the last 30 daily log returns", bars, "time-series momentum: Moskowitz, Ooi, Pedersen 2012", 0, needBars},
		pCrossover: {"ema-crossover", "100 Phi((EMA12 - EMA26) / ATR14)", []string{"high", "low", "close"}, "G. Appel 1979; J. W. Wilder 1978", 0, needBars},
		pRSI:       {"rsi-14", "RSI14 as TA-Lib", bars, "J. W. Wilder 1978", 0, needBars},
		pChannel:   {"donchian-55", "100 (C - L55) / (H55 - L55); H55 and L55 = highest high and lowest low of 55 bars; 50 when they are equal", []string{"high", "low", "close"}, "R. Donchian; 55 days as the Turtles", 0, needBars},
		pVolume:    {"volume-confirmation", "100 Phi(sign(r7) z); z = (mean volume of 7 bars - mean of 90) / sample deviation of 90; closed days only", []string{"close", "volume"}, "own", 0, needBars},

		pTurnover:  {"turnover-30d", "percentile of the mean of close x volume over 30 bars", []string{"close", "volume"}, "own; the volume of the candles' venue", 1, needBars},
		pCommits:   {"commits-90d", "percentile of commits without merges in 90 days", []string{"activity"}, "the table of developer activity", 1, needActivity},
		pAuthors:   {"author-days-90d", "percentile of the sum over 90 days of authors per day", []string{"activity"}, "the table of developer activity", 1, needActivity},
		pTopAuthor: {"top-author-share", "percentile of minus the share of the busiest author in the commits of 90 days", []string{"activity.top_author_share"}, "the table of developer activity", -1, "the activity table has no column top_author_share"},
		pReleases:  {"release-interval", "percentile of minus the mean days between releases in 365 days", []string{"activity.releases"}, "the table of developer activity", -1, "the activity table has no column releases with two days or more in a year"},
		pNVT:       {"nvt-90d", "percentile of minus NVT = capitalisation / mean of 90 days of adjusted transfer value", []string{"CapMrktCurUSD", "TxTfrValAdjUSD"}, "W. Woo 2017; Coin Metrics NVTAdj90", -1, needChain},
		pMVRVZ:     {"mvrv-z", "percentile of minus (capitalisation - realised capitalisation) / sample deviation of all capitalisations until then", []string{"CapMrktCurUSD", "CapRealUSD"}, "M. Mahmudov, D. Puell 2018", -1, needChain},
		pFDVCap:    {"fdv-to-cap", "percentile of minus maximum supply / current supply", []string{"maximum supply", "SplyCur"}, "the catalogue of assets; Coin Metrics", -1, "no maximum supply in the catalogue, or no current supply: set insight.onchain"},
		pFDVTVL:    {"fdv-to-tvl", "percentile of minus diluted capitalisation / value locked", []string{"value locked"}, "none connected", -1, "no source of value locked is connected; this version has none"},
		pVenues:    {"venues", "percentile of how many venues have stored candles of it on the day", []string{"stored candles"}, "this installation", 1, needBars},
		pHolders:   {"holder-concentration", "percentile of minus the part of the supply in the 100 largest addresses", []string{"SplyAdrTop100", "SplyCur"}, "Coin Metrics", -1, needChain},
		pAddresses: {"address-growth", "percentile of active addresses, mean of 30 days, over the same 90 days before, minus 1", []string{"AdrActCnt"}, "Coin Metrics", 1, needChain},
		pFees:      {"fees-30d", "percentile of the mean of 30 days of fees in USD", []string{"FeeTotUSD"}, "Coin Metrics", 1, "no fees: insight.onchain needs the column FeeTotUSD"},
		pUnlocks:   {"unlocks", "percentile of minus the part of the supply that unlocks within 90 days", []string{"unlock schedule"}, "none connected", -1, "no schedule of unlocks is connected; this version has none"},
		pSentiment: {"sentiment", "index of sentiment, 0 to 100", []string{"texts"}, "none connected", 0, "no source of sentiment is connected; this version has none"},
	}
	six := [6]partSheet{
		{name: "sharpe", formula: "percentile of mean(r) / sd(r) x sqrt 365", rank: 1},
		{name: "sortino", formula: "percentile of mean(r) / sqrt(sum(min(r,0)^2)/n) x sqrt 365", rank: 1},
		{name: "max-drawdown", formula: "percentile of minus the deepest fall from a high of the compounded curve", rank: -1},
		{name: "volatility", formula: "percentile of minus sd(r) x sqrt 365", rank: -1},
		{name: "tail-ratio", formula: "percentile of |95 % quantile of r| / |5 % quantile of r|", rank: 1},
		{name: "profit-factor", formula: "percentile of sum of gains / |sum of losses|", rank: 1},
	}
	for i, x := range six {
		x.inputs, x.source, x.how = returns, risk, needBars
		y := x
		x.name += "-365d"
		y.name += "-3y"
		s[int(pSharpe)+i], s[int(pSharpeLong)+i] = x, y
	}
	return s
}
