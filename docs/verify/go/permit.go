package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	leeway          = 60               // seconds by which the clocks may differ
	longestLifetime = 600              // from iat to exp
	remembered      = 262_144          // permits; when full, refuse: forgetting one would let it pass twice
	fetchPause      = time.Minute      // anybody can present an unknown kid: one fetch a minute at most
	keysOld         = 10 * time.Minute // a key that was withdrawn is gone after this time
)

// Claims of a permit. Times are Unix seconds; a text or a fraction in their place does not parse.
type Claims struct {
	Issuer        string   `json:"iss"`
	Audience      string   `json:"aud"`
	Agent         string   `json:"sub"`
	ID            string   `json:"jti"`
	IssuedAt      int64    `json:"iat"`
	ExpiresAt     int64    `json:"exp"`
	IntentID      string   `json:"intent_id"`
	Action        string   `json:"action"`
	RiskTier      string   `json:"risk_tier"`
	Project       string   `json:"project"`
	Method        string   `json:"htm"`
	Target        string   `json:"target"`
	ContentDigest string   `json:"content_digest"`
	Headers       []string `json:"headers"`
	HeadersDigest string   `json:"headers_digest"`
	Decision      string   `json:"decision"`
	Policy        string   `json:"policy"`
	ApprovedBy    []string `json:"approved_by"`
	ApprovedAt    int64    `json:"approved_at"`
}

// The parser leaves all claims to Verify, which knows their types.
func (Claims) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil }
func (Claims) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil }
func (Claims) GetNotBefore() (*jwt.NumericDate, error)      { return nil, nil }
func (Claims) GetIssuer() (string, error)                   { return "", nil }
func (Claims) GetSubject() (string, error)                  { return "", nil }
func (Claims) GetAudience() (jwt.ClaimStrings, error)       { return nil, nil }

// Verifier checks permits. Make one for the whole process: it remembers which permits were used.
type Verifier struct {
	JWKS, Audience, Issuer string

	mutex          sync.Mutex
	keys           map[string]key
	fetched, tried time.Time
	used           map[string]int64 // jti -> when it may be forgotten
}

// A public key, pinned to the algorithm that the gate's key set gives it.
type key struct {
	algorithm string
	public    crypto.PublicKey
}

// Verify returns the claims of the request's permit, or why there is none that holds: answer 401 then
// and do nothing. body is the raw body, as it was before any parser saw it.
func (verifier *Verifier) Verify(request *http.Request, body []byte, checkHeaders bool) (*Claims, error) {
	permits := request.Header.Values("Holdshort-Permit")
	switch {
	case len(permits) == 0:
		return nil, errors.New("no permit")
	case len(permits) > 1:
		return nil, errors.New("more than one permit")
	}
	claims := new(Claims)
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"ES256", "EdDSA", "RS256"}), jwt.WithoutClaimsValidation())
	if _, err := parser.ParseWithClaims(permits[0], claims, verifier.keyOf); err != nil {
		return nil, fmt.Errorf("the permit does not hold: %w", err)
	}
	texts := map[string]string{
		"iss": claims.Issuer, "aud": claims.Audience, "sub": claims.Agent, "jti": claims.ID,
		"intent_id": claims.IntentID, "action": claims.Action, "risk_tier": claims.RiskTier,
		"project": claims.Project, "htm": claims.Method, "target": claims.Target,
		"content_digest": claims.ContentDigest, "headers_digest": claims.HeadersDigest, "decision": claims.Decision,
	}
	for name, text := range texts {
		if text == "" {
			return nil, errors.New("the permit is malformed: " + name)
		}
	}
	now := time.Now().Unix()
	lifetime := claims.ExpiresAt - claims.IssuedAt
	switch {
	case claims.Headers == nil:
		return nil, errors.New("the permit is malformed: headers")
	case claims.IssuedAt <= 0 || claims.ExpiresAt <= 0:
		return nil, errors.New("the permit is malformed: iat or exp")
	case claims.Issuer != verifier.Issuer:
		return nil, errors.New("the permit is from another issuer: iss differs")
	case claims.Audience != verifier.Audience:
		return nil, errors.New("the permit is for another Audience: aud differs")
	case lifetime <= 0 || lifetime > longestLifetime:
		return nil, errors.New("the permit's lifetime is not one that a gate gives")
	case claims.IssuedAt > now+leeway:
		return nil, errors.New("the permit was minted in the future")
	case now >= claims.ExpiresAt+leeway:
		return nil, errors.New("the permit has expired")
	case claims.Method != request.Method:
		return nil, errors.New("the permit is for another request: htm differs")
	case claims.Target != request.RequestURI: // raw; URL.Path is decoded
		return nil, errors.New("the permit is for another request: target differs")
	case claims.ContentDigest != contentDigest(body):
		return nil, errors.New("the permit is for another request: content_digest differs")
	case checkHeaders && claims.HeadersDigest != headersDigest(claims.Headers, request):
		return nil, errors.New("the permit is for another request: headers_digest differs")
	}
	return claims, verifier.use(claims.ID, claims.ExpiresAt+leeway, now)
}

// RFC 9530.
func contentDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

func headersDigest(names []string, request *http.Request) string {
	names = append([]string(nil), names...)
	sort.Strings(names)
	var text strings.Builder
	for _, name := range names {
		values := request.Header.Values(name)
		if name == "host" { // which net/http keeps apart
			values = []string{request.Host}
		}
		for _, value := range values {
			text.WriteString(name + ":" + strings.Trim(value, " \t") + "\n")
		}
	}
	return contentDigest([]byte(text.String()))
}

func (verifier *Verifier) use(jti string, until, now int64) error {
	verifier.mutex.Lock()
	defer verifier.mutex.Unlock()
	if verifier.used == nil {
		verifier.used = make(map[string]int64)
	}
	if len(verifier.used) >= remembered {
		for jti, until := range verifier.used {
			if until <= now {
				delete(verifier.used, jti)
			}
		}
	}
	if _, found := verifier.used[jti]; found {
		return errors.New("the permit was used before")
	}
	if len(verifier.used) >= remembered {
		return errors.New("too many permits in use")
	}
	verifier.used[jti] = until
	return nil
}

// keyOf finds the key that must have signed the token, and refuses any algorithm but the key's.
func (verifier *Verifier) keyOf(token *jwt.Token) (interface{}, error) {
	if token.Header["typ"] != "permit+jwt" {
		return nil, errors.New("the permit is of another kind")
	}
	for _, name := range []string{"jku", "jwk", "x5u", "x5c", "crit"} {
		if _, found := token.Header[name]; found {
			return nil, errors.New("the permit's header names a key or an extension of its own")
		}
	}
	kid, _ := token.Header["kid"].(string)

	verifier.mutex.Lock()
	defer verifier.mutex.Unlock()
	found, known := verifier.keys[kid]
	now := time.Now()
	if (!known || now.Sub(verifier.fetched) > keysOld) && now.Sub(verifier.tried) > fetchPause {
		verifier.tried = now
		// Where this fails the keys stay as they are; an unknown one stays unknown.
		if keys, err := fetch(verifier.JWKS); err == nil {
			verifier.keys, verifier.fetched = keys, now
		}
		found, known = verifier.keys[kid]
	}
	if !known {
		return nil, errors.New("the permit's key is unknown")
	}
	if token.Method.Alg() != found.algorithm {
		return nil, errors.New("the permit's algorithm is not the one of its key")
	}
	return found.public, nil
}

func fetch(url string) (map[string]key, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(answer.Status)
	}
	var set struct {
		Keys []struct{ Kid, Kty, Crv, Alg, X, Y, N, E string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&set); err != nil {
		return nil, err
	}
	keys := make(map[string]key)
	for _, jwk := range set.Keys {
		bytes := func(text string) []byte {
			decoded, _ := base64.RawURLEncoding.DecodeString(text)
			return decoded
		}
		number := func(text string) *big.Int { return new(big.Int).SetBytes(bytes(text)) }
		switch {
		case jwk.Kid == "":
		case jwk.Alg == "ES256" && jwk.Kty == "EC" && jwk.Crv == "P-256":
			public := &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(jwk.X), Y: number(jwk.Y)}
			if public.Curve.IsOnCurve(public.X, public.Y) {
				keys[jwk.Kid] = key{jwk.Alg, public}
			}
		case jwk.Alg == "EdDSA" && jwk.Kty == "OKP" && jwk.Crv == "Ed25519":
			if public := bytes(jwk.X); len(public) == ed25519.PublicKeySize {
				keys[jwk.Kid] = key{jwk.Alg, ed25519.PublicKey(public)}
			}
		case jwk.Alg == "RS256" && jwk.Kty == "RSA":
			public := &rsa.PublicKey{N: number(jwk.N), E: int(number(jwk.E).Int64())}
			if public.N.BitLen() >= 2048 && public.E >= 3 {
				keys[jwk.Kid] = key{jwk.Alg, public}
			}
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("a key set without a key")
	}
	return keys, nil
}
