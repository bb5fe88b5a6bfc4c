package emulator

import (
	"fmt"
	"net/http"
)

// words picks a venue's text for a denial; otherwise the one for bad signatures.
func words(m map[denial]string, d denial) string {
	if s, ok := m[d]; ok {
		return s
	}
	return m[badSignature]
}

func denyBinance(d denial, s *sealed) reply {
	status := http.StatusBadRequest
	switch d {
	case unknownKey, noRight, unsigned:
		status = http.StatusUnauthorized
	}
	if d == unsigned && s.get("X-MBX-APIKEY") != "" {
		return answer(http.StatusBadRequest, []byte(`{"code":-1102,"msg":"Mandatory parameter 'signature' was not sent, was empty/null, or malformed."}`))
	}
	return answer(status, []byte(words(map[denial]string{
		unsigned: `{"code":-2014,"msg":"API-key format invalid."}`, unknownKey: `{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}`,
		noRight: `{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}`, badSignature: `{"code":-1022,"msg":"Signature for this request is not valid."}`,
		tooLate:  `{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}`,
		tooEarly: `{"code":-1021,"msg":"Timestamp for this request was 1000ms ahead of the server's time."}`,
	}, d)))
}

func denyMEXC(d denial, _ *sealed) reply {
	status := http.StatusBadRequest
	if d == unsigned || d == unknownKey || d == noRight {
		status = http.StatusUnauthorized
	}
	return answer(status, []byte(words(map[denial]string{
		unsigned: `{"code":400,"msg":"api key required"}`, unknownKey: `{"code":10072,"msg":"Api key info invalid"}`,
		noRight: `{"code":700007,"msg":"No permission to access the endpoint."}`, badSignature: `{"code":700002,"msg":"Signature for this request is not valid."}`,
		tooLate: `{"code":700003,"msg":"Timestamp for this request is outside of the recvWindow."}`, tooEarly: `{"code":700003,"msg":"Timestamp for this request is outside of the recvWindow."}`,
	}, d)))
}

func denyBybit(d denial, s *sealed) reply {
	late := fmt.Sprintf(`10002,"retMsg":"invalid request, please check your server timestamp or recv_window param. req_timestamp[%s],recv_window[%s]"`, s.get("X-BAPI-TIMESTAMP"), s.get("X-BAPI-RECV-WINDOW"))
	return answer(200, fmt.Appendf(nil, `{"retCode":%s,"result":{},"retExtInfo":{}}`, words(map[denial]string{
		unsigned: `10003,"retMsg":"API key is invalid."`, unknownKey: `10003,"retMsg":"API key is invalid."`, badSignature: `10004,"retMsg":"error sign! please check your signature generation algorithm."`,
		noRight: `10005,"retMsg":"Permission denied, please check your API key permissions."`, tooLate: late, tooEarly: late,
	}, d)))
}

func denyOKX(d denial, _ *sealed) reply {
	return answer(http.StatusUnauthorized, fmt.Appendf(nil, `{"msg":%s,"data":[]}`, words(map[denial]string{
		unsigned: `"Request header OK-ACCESS-KEY can not be empty.","code":"50103"`, unknownKey: `"Invalid OK-ACCESS-KEY","code":"50111"`, badSignature: `"Invalid Sign","code":"50113"`,
		badPassphrase: `"Request header OK-ACCESS-PASSPHRASE incorrect.","code":"50105"`, tooLate: `"Timestamp request expired","code":"50102"`, tooEarly: `"Timestamp request expired","code":"50102"`,
		noRight: `"This API key doesn't have permission to use this function","code":"50120"`,
	}, d)))
}

func denyKraken(d denial, _ *sealed) reply {
	return answer(200, fmt.Appendf(nil, `{"error":["%s"]}`, words(map[denial]string{
		unsigned: "EAPI:Invalid key", unknownKey: "EAPI:Invalid key", badSignature: "EAPI:Invalid signature", badNonce: "EAPI:Invalid nonce", noRight: "EGeneral:Permission denied",
	}, d)))
}

func denyCoinbase(d denial, _ *sealed) reply {
	if d == noRight {
		return answer(http.StatusForbidden, []byte(`{"error":"PERMISSION_DENIED","error_details":"Missing required scopes","message":"Missing required scopes"}`))
	}
	return reply{status: http.StatusUnauthorized, mime: "text/plain", body: []byte("Unauthorized\n")}
}

func denyExchange(d denial, _ *sealed) reply {
	status := http.StatusUnauthorized
	if d == noRight {
		status = http.StatusForbidden
	}
	return answer(status, fmt.Appendf(nil, `{"message":"%s"}`, words(map[denial]string{
		unsigned: "CB-ACCESS-KEY header is required", unknownKey: "Invalid API Key", badSignature: "invalid signature", badPassphrase: "Invalid Passphrase",
		tooLate: "request timestamp expired", tooEarly: "request timestamp expired", noRight: "Forbidden",
	}, d)))
}

func denyBitstamp(d denial, _ *sealed) reply {
	return answer(http.StatusForbidden, fmt.Appendf(nil, `{"status":"error",%s}`, words(map[denial]string{
		unsigned:   `"reason":"Missing key, signature and nonce parameters","code":"API0001"`,
		unknownKey: `"reason":"API key not found","code":"API0001"`, badSignature: `"reason":"Invalid signature","code":"API0005"`, replayed: `"reason":"Invalid nonce","code":"API0004"`,
		tooLate: `"reason":"X-Auth-Timestamp header is not within the allowed time","code":"API0017"`, tooEarly: `"reason":"X-Auth-Timestamp header is not within the allowed time","code":"API0017"`,
		noRight: `"reason":"No permission found","code":"API0011"`,
	}, d)))
}

func denyKuCoin(d denial, _ *sealed) reply {
	status := http.StatusUnauthorized
	if d == noRight {
		status = http.StatusForbidden
	}
	return answer(status, fmt.Appendf(nil, `{"code":%s}`, words(map[denial]string{
		unsigned: `"400001","msg":"Please check the header of your request for KC-API-KEY, KC-API-SIGN, KC-API-TIMESTAMP, KC-API-PASSPHRASE"`, unknownKey: `"400003","msg":"KC-API-KEY not exists"`,
		badSignature: `"400005","msg":"Invalid KC-API-SIGN"`, badPassphrase: `"400004","msg":"Invalid KC-API-PASSPHRASE"`, tooLate: `"400002","msg":"Invalid KC-API-TIMESTAMP"`,
		tooEarly: `"400002","msg":"Invalid KC-API-TIMESTAMP"`, noRight: `"400007","msg":"Access denied, require more permission."`,
	}, d)))
}

func denyGate(d denial, _ *sealed) reply {
	status := http.StatusUnauthorized
	switch d {
	case unsigned:
		status = http.StatusBadRequest
	case noRight, tooLate, tooEarly:
		status = http.StatusForbidden
	}
	return answer(status, fmt.Appendf(nil, `{"label":%s}`, words(map[denial]string{
		unsigned: `"MISSING_REQUIRED_HEADER","message":"Missing required header: KEY"`, unknownKey: `"INVALID_KEY","message":"Invalid key provided"`, badSignature: `"INVALID_SIGNATURE","message":"Signature mismatch"`,
		tooLate: `"REQUEST_EXPIRED","message":"gap between request Timestamp and server time exceeds 60"`, tooEarly: `"REQUEST_EXPIRED","message":"gap between request Timestamp and server time exceeds 60"`,
		noRight: `"FORBIDDEN","message":"API key does not have the permission"`,
	}, d)))
}

func denyBitget(d denial, _ *sealed) reply {
	return answer(http.StatusBadRequest, fmt.Appendf(nil, `{"code":%s,"data":null}`, words(map[denial]string{
		unsigned: `"40001","msg":"ACCESS_KEY cannot be empty"`, unknownKey: `"40006","msg":"Invalid ACCESS_KEY"`, badSignature: `"40009","msg":"sign signature error"`,
		badPassphrase: `"40012","msg":"apikey/password is incorrect"`, tooLate: `"40008","msg":"Request timestamp expired"`, tooEarly: `"40008","msg":"Request timestamp expired"`,
		noRight: `"40014","msg":"Incorrect permissions, need spot trade write permissions"`,
	}, d)))
}

func denyHTX(d denial, _ *sealed) reply {
	return answer(200, fmt.Appendf(nil, `{"status":"error","err-code":%s,"data":null}`, words(map[denial]string{
		unsigned: `"login-required","err-msg":"Login is required"`, unknownKey: `"api-signature-not-valid","err-msg":"Signature not valid: Incorrect Access key"`,
		badSignature: `"api-signature-not-valid","err-msg":"Signature not valid: Verification failure"`, tooLate: `"api-signature-not-valid","err-msg":"Signature not valid: Invalid submission time"`,
		tooEarly: `"api-signature-not-valid","err-msg":"Signature not valid: Invalid submission time"`, noRight: `"forbidden-trade-for-open-protect","err-msg":"The key has no right to trade"`,
	}, d)))
}

func denyBitfinex(d denial, _ *sealed) reply {
	return answer(http.StatusInternalServerError, []byte(words(map[denial]string{
		unsigned: `["error",10100,"apikey: invalid"]`, unknownKey: `["error",10100,"apikey: invalid"]`, badSignature: `["error",10100,"apikey: digest invalid"]`,
		badNonce: `["error",10114,"nonce: small"]`, noRight: `["error",10001,"action: denied"]`,
	}, d)))
}

func denyGemini(d denial, _ *sealed) reply {
	status, reason := http.StatusBadRequest, words(map[denial]string{
		unsigned: "MissingApikeyHeader", unknownKey: "InvalidSignature", badSignature: "InvalidSignature", badNonce: "InvalidNonce", noRight: "MissingRole",
	}, d)
	if d == noRight {
		status = http.StatusForbidden
	}
	return answer(status, fmt.Appendf(nil, `{"result":"error","reason":"%s","message":"%s"}`, reason, reason))
}

func denyCryptoCom(d denial, _ *sealed) reply {
	if d == tooLate || d == tooEarly {
		return answer(http.StatusBadRequest, []byte(`{"code":40102,"message":"INVALID_NONCE"}`))
	}
	return answer(http.StatusUnauthorized, []byte(`{"code":40101,"message":"UNAUTHORIZED"}`))
}

func denyKorean(d denial, _ *sealed) reply {
	return answer(http.StatusUnauthorized, fmt.Appendf(nil, `{"error":{"name":"%s","message":"The request was refused."}}`, words(map[denial]string{
		unsigned: "no_authorization_token", unknownKey: "invalid_access_key", badSignature: "jwt_verification", replayed: "nonce_used", noRight: "out_of_scope",
	}, d)))
}

func denyDeribit(d denial, _ *sealed) reply {
	if d == noRight {
		return answer(http.StatusForbidden, []byte(`{"jsonrpc":"2.0","error":{"code":13021,"message":"forbidden"}}`))
	}
	return answer(http.StatusBadRequest, fmt.Appendf(nil, `{"jsonrpc":"2.0","error":{"code":%s}}`, words(map[denial]string{
		unsigned: `13009,"message":"unauthorized"`, badSignature: `13004,"message":"invalid_credentials"`,
	}, d)))
}

func denyKrakenFutures(d denial, _ *sealed) reply {
	return answer(200, fmt.Appendf(nil, `{"result":"error","error":"%s"}`, words(map[denial]string{badSignature: "authenticationError", replayed: "nonceDuplicate"}, d)))
}

func denyHyperliquid(d denial, _ *sealed) reply {
	return answer(200, fmt.Appendf(nil, `{"status":"err","response":"%s"}`, words(map[denial]string{
		badSignature: "User or API Wallet does not exist.", replayed: "Invalid nonce: duplicate nonce", tooLate: "Invalid nonce", tooEarly: "Invalid nonce",
	}, d)))
}
