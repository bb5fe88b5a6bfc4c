package asset

import (
	"encoding/hex"
	"math/bits"
	"regexp"
	"strings"
	"testing"
)

func TestABrokenRowIsRefusedAndTheErrorSaysWhere(t *testing.T) {
	const btc = `{"code":"BTC","name":"Bitcoin","kind":"coin"}`
	for _, x := range []struct{ story, rows, want string }{
		{"two rows, one code", btc + "," + btc, "both have the code BTC"},
		{"a hyphen would split a pair", `{"code":"BTC-X","name":"X","kind":"coin"}`, "BTC-X"},
		{"a lower-case code", `{"code":"btc","name":"X","kind":"coin"}`, "capitals"},
		{"no name", `{"code":"X","name":"","kind":"coin"}`, "name"},
		{"an unknown kind", `{"code":"X","name":"X","kind":"share"}`, "kind"},
		{"a misspelt field", `{"code":"X","name":"X","kind":"coin","decimal":8}`, "decimal"},
		{"a class nobody knows", `{"code":"X","name":"X","kind":"coin","classes":[{"class":"meme","reason":"r","source":"s"}]}`, "taxonomy"},
		{"a class without a reason", `{"code":"X","name":"X","kind":"coin","classes":[{"class":"utility","reason":" ","source":"s"}]}`, "reason"},
		{"a class without a source", `{"code":"X","name":"X","kind":"coin","classes":[{"class":"utility","reason":"r"}]}`, "source"},
		{"one class twice", `{"code":"X","name":"X","kind":"coin","classes":[{"class":"utility","reason":"r","source":"s"},{"class":"utility","reason":"r","source":"s"}]}`, "twice"},
		{"a stablecoin of nothing", `{"code":"X","name":"X","kind":"stablecoin"}`, "peg"},
		{"a peg to a stranger", `{"code":"X","name":"X","kind":"token","peg":"USD"}`, `peg "USD"`},
		{"a peg to itself", `{"code":"X","name":"X","kind":"token","peg":"X"}`, `peg "X"`},
		{"a fork of a stranger", `{"code":"X","name":"X","kind":"coin","fork":{"of":"BTC","kind":"codebase","at":"2011-10"},"classes":[{"class":"forked","reason":"r","source":"s"}]}`, "fork.of"},
		{"a fork without its class", btc + `,{"code":"X","name":"X","kind":"coin","fork":{"of":"BTC","kind":"codebase","at":"2011-10"}}`, "forked"},
		{"migrated to where?", `{"code":"X","name":"X","kind":"coin","status":"migrated"}`, "succeeded_by"},
		{"an alias that hides a code", btc + `,{"code":"X","name":"X","kind":"coin","aliases":[{"symbol":"BTC"}]}`, "give it a venue"},
		{"an alias of two", `{"code":"X","name":"X","kind":"coin","aliases":[{"symbol":"Z"}]},{"code":"Y","name":"Y","kind":"coin","aliases":[{"symbol":"Z"}]}`, "belongs to X"},
		{"a venue's alias of two", `{"code":"X","name":"X","kind":"coin","aliases":[{"symbol":"Z","venue":"v"}]},{"code":"Y","name":"Y","kind":"coin","aliases":[{"symbol":"Z","venue":"v"}]}`, "belongs to X"},
		{"one CoinGecko id for two", `{"code":"X","name":"X","kind":"coin","coingecko_id":"x"},{"code":"Y","name":"Y","kind":"coin","coingecko_id":"x"}`, "share"},
		{"one Token Metrics id for two", `{"code":"X","name":"X","kind":"coin","tokenmetrics_id":1},{"code":"Y","name":"Y","kind":"coin","tokenmetrics_id":1}`, "share"},
		{"one contract for two", `{"code":"X","name":"X","kind":"coin","contracts":[{"chain":"ethereum","address":"0xAA","decimals":1}]},{"code":"Y","name":"Y","kind":"coin","contracts":[{"chain":"ethereum","address":"0xaa","decimals":1}]}`, "share"},
		{"a cap in words", `{"code":"X","name":"X","kind":"coin","supply":{"policy":"capped","max":"many"}}`, "many"},
		{"uncapped with a cap", `{"code":"X","name":"X","kind":"coin","supply":{"policy":"uncapped","max":"1"}}`, "uncapped"},
	} {
		if _, err := Parse([]byte("[" + x.rows + "]")); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: the error is %v, want one with %q", x.story, err, x.want)
		}
	}
	if _, err := Parse([]byte("[" + btc + "]]")); err == nil {
		t.Error("text after the list is taken")
	}
	if _, err := Parse([]byte("[" + btc + "]")); err != nil {
		t.Errorf("a sound row is refused: %v", err)
	}
}

// An address mistyped by one letter would send a reader to a stranger's
// contract; the checksums of the chains catch that.
func TestContractAddressesCarryTheirChecksum(t *testing.T) {
	evm := regexp.MustCompile(`^0x[0-9a-fA-F]{40}$`)
	const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	n := 0
	for a := range load(t).All() {
		for _, k := range a.Contracts {
			n++
			switch k.Chain {
			case "solana", "tron":
				if len(k.Address) < 32 || len(k.Address) > 44 || strings.Trim(k.Address, base58) != "" {
					t.Errorf("%s: %s is no base58 address", a.Code, k.Address)
				}
			default:
				if !evm.MatchString(k.Address) || checksummed(k.Address) != k.Address {
					t.Errorf("%s: %s on %s fails its EIP-55 checksum", a.Code, k.Address, k.Chain)
				}
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d contracts", n)
	}
}

// checksummed writes an EVM address in EIP-55 case.
func checksummed(address string) string {
	lower := strings.ToLower(address[2:])
	sum := keccak256([]byte(lower))
	digits := hex.EncodeToString(sum[:])
	out := []byte(lower)
	for i := range out {
		if out[i] >= 'a' && digits[i] >= '8' {
			out[i] -= 'a' - 'A'
		}
	}
	return "0x" + string(out)
}

// keccak256 is the hash Ethereum uses: the sponge as it was before the padding
// byte of the SHA-3 standard, for inputs shorter than one block of 136 bytes.
func keccak256(in []byte) (out [32]byte) {
	var s [25]uint64
	block := make([]byte, 136)
	copy(block, in)
	block[len(in)] ^= 0x01
	block[135] ^= 0x80
	for i := range 17 {
		for j := range 8 {
			s[i] ^= uint64(block[8*i+j]) << (8 * j)
		}
	}
	lfsr := byte(1)
	for range 24 {
		var c [5]uint64
		for i, lane := range s {
			c[i%5] ^= lane
		}
		for i := range s {
			s[i] ^= c[(i+4)%5] ^ bits.RotateLeft64(c[(i+1)%5], 1)
		}
		x, y, lane := 1, 0, s[1]
		for k := range 24 {
			x, y = y, (2*x+3*y)%5
			lane, s[x+5*y] = s[x+5*y], bits.RotateLeft64(lane, (k+1)*(k+2)/2)
		}
		for y := 0; y < 25; y += 5 {
			var row [5]uint64
			copy(row[:], s[y:y+5])
			for x := range row {
				s[y+x] = row[x] ^ ^row[(x+1)%5]&row[(x+2)%5]
			}
		}
		for j := range 7 {
			if lfsr&1 == 1 {
				s[0] ^= 1 << (1<<j - 1)
			}
			carry := lfsr >> 7
			lfsr = lfsr<<1 ^ carry*0x71
		}
	}
	for i := range out {
		out[i] = byte(s[i/8] >> (8 * (i % 8)))
	}
	return out
}
