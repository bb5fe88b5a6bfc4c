package emulator

import (
	"encoding/json"

	"github.com/assayhq/assay/market"
)

// someMarkets keeps long stories light.
var someMarkets = []market.Pair{"LTC-USDT", "LTC-USD"}

func num(x any) int64 {
	n, _ := x.(json.Number).Int64()
	return n
}
