package hyperliquid

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is an account of Hyperliquid. What it holds is public: reading needs its address
// and no key. A secret, best of an agent's wallet, is needed for actions alone.
var Private = venue.Private{
	Needs:   []string{venue.FieldAccount},
	Rights:  "none: the account is its address, 0x and 40 digits, and what it holds is public",
	Sign:    signCall,
	Request: accountCall, Decode: accountAnswer, Failure: complaints.Failure, Next: accountNext,
	Stream: &accountStream,
}

// signCall signs the action that is the body of a call to /exchange, and leaves others as
// they are.
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	if c.Open || c.Path != "/exchange" {
		return c.Unsigned(), nil
	}
	packed, err := sign.Pack(c.Body)
	if err != nil {
		return venue.Signed{}, err
	}
	// The action, the nonce, and 0 for: on no vault's behalf.
	action := append(binary.BigEndian.AppendUint64(packed, uint64(m.Nonce)), 0)
	r, s, v, err := sign.Recoverable(k.Reveal(venue.FieldSecret), typed(sign.Keccak(action)))
	if err != nil {
		return venue.Signed{}, err
	}
	c.Body = `{"action":` + c.Body + `,"nonce":` + strconv.FormatInt(m.Nonce, 10) +
		`,"signature":{"r":"0x` + hex.EncodeToString(r[:]) + `","s":"0x` + hex.EncodeToString(s[:]) + `","v":` + strconv.Itoa(int(v)) + `}}`
	return c.Unsigned(), nil
}

// typed is the hash that is signed of an action: an agent of the main network ("a") that
// stands for it, as typed data (EIP-712) in the domain of the exchange.
// https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/signing (seen 2026-08)
func typed(action [32]byte) [32]byte {
	hash := func(text string) []byte { h := sign.Keccak([]byte(text)); return h[:] }
	chain := make([]byte, 32)
	binary.BigEndian.PutUint16(chain[30:], 1337)
	domain := sign.Keccak(hash("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
		hash("Exchange"), hash("1"), chain, make([]byte, 32))
	agent := sign.Keccak(hash("Agent(string source,bytes32 connectionId)"), hash("a"), action[:])
	return sign.Keccak([]byte{0x19, 0x01}, domain[:], agent[:])
}
