package emulator

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/sha3"
)

// claimHyperliquid finds out who signed: the account is the address that the signature of
// an action gives. https://hyperliquid.gitbook.io/hyperliquid-docs, seen 2026-08.
func claimHyperliquid(s *sealed) (claim, bool) {
	var m struct {
		Action    json.RawMessage
		Nonce     int64
		Vault     string `json:"vaultAddress"`
		Signature *struct {
			R, S string
			V    byte
		}
	}
	if json.Unmarshal([]byte(s.body), &m) != nil || m.Signature == nil {
		return claim{}, false
	}
	c := claim{at: time.UnixMilli(m.Nonce), once: strconv.FormatInt(m.Nonce, 10), seal: func(*Key) bool { return true }}
	packed, ok := msgpack(m.Action)
	if !ok {
		return c, true
	}
	packed = binary.BigEndian.AppendUint64(packed, uint64(m.Nonce))
	if m.Vault == "" {
		packed = append(packed, 0)
	} else {
		v, _ := hex.DecodeString(strings.TrimPrefix(m.Vault, "0x"))
		packed = append(append(packed, 1), v...)
	}
	r, errR := hex.DecodeString(padded(m.Signature.R))
	t, errS := hex.DecodeString(padded(m.Signature.S))
	if errR != nil || errS != nil || len(r) != 32 || len(t) != 32 {
		return c, true
	}
	compact := append(append([]byte{m.Signature.V}, r...), t...)
	public, _, err := ecdsa.RecoverCompact(compact, agentHash(keccak(packed)))
	if err != nil {
		return c, true
	}
	c.key = "0x" + hex.EncodeToString(keccak(public.SerializeUncompressed()[1:])[12:])
	return c, true
}

func padded(s string) string {
	s = strings.TrimPrefix(s, "0x")
	return strings.Repeat("0", max(0, 64-len(s))) + s
}

func keccak(parts ...[]byte) []byte {
	h := sha3.NewLegacyKeccak256()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// agentHash is the typed data of an agent that stands for an action on the main network.
func agentHash(action []byte) []byte {
	var zero [32]byte
	chain := zero
	binary.BigEndian.PutUint64(chain[24:], 1337)
	domain := keccak(keccak([]byte("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")),
		keccak([]byte("Exchange")), keccak([]byte("1")), chain[:], zero[:])
	message := keccak(keccak([]byte("Agent(string source,bytes32 connectionId)")), keccak([]byte("a")), action)
	return keccak([]byte("\x19\x01"), domain, message)
}

// msgpack packs JSON, members in their order.
func msgpack(text []byte) ([]byte, bool) {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	return pack(d, nil)
}

func pack(d *json.Decoder, b []byte) ([]byte, bool) {
	t, err := d.Token()
	if err != nil {
		return b, false
	}
	switch t := t.(type) {
	case json.Delim:
		n, inner, ok := 0, []byte(nil), true
		for ; d.More() && ok; n++ {
			if t == '{' {
				inner, ok = pack(d, inner)
			}
			if ok {
				inner, ok = pack(d, inner)
			}
		}
		if _, err := d.Token(); err != nil || !ok {
			return b, false
		}
		small, wide := byte(0x90), byte(0xdc)
		if t == '{' {
			small, wide = 0x80, 0xde
		}
		if n < 16 {
			b = append(b, small|byte(n))
		} else {
			b = binary.BigEndian.AppendUint16(append(b, wide), uint16(n))
		}
		return append(b, inner...), n < 1<<16
	case string:
		switch n := len(t); {
		case n < 32:
			b = append(b, 0xa0|byte(n))
		case n < 256:
			b = append(b, 0xd9, byte(n))
		default:
			b = binary.BigEndian.AppendUint16(append(b, 0xda), uint16(n))
		}
		return append(b, t...), len(t) < 1<<16
	case bool:
		if t {
			return append(b, 0xc3), true
		}
		return append(b, 0xc2), true
	case json.Number:
		n, err := strconv.ParseUint(t.String(), 10, 64)
		if err != nil {
			return b, false
		}
		switch {
		case n < 128:
			return append(b, byte(n)), true
		case n < 1<<8:
			return append(b, 0xcc, byte(n)), true
		case n < 1<<16:
			return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(n)), true
		case n < 1<<32:
			return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(n)), true
		}
		return binary.BigEndian.AppendUint64(append(b, 0xcf), n), true
	}
	return append(b, 0xc0), true
}
