// A service that does nothing without a permit.
//
//	go run . -jwks http://127.0.0.1:8081/.well-known/jwks.json \
//	    -audience payments -issuer http://127.0.0.1:8081 -port 9000
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"
)

const largestBody = 1024 * 1024

func main() {
	jwks := flag.String("jwks", "", "URL of the gate's key set")
	audience := flag.String("audience", "", "the upstream's name in the gate's configuration")
	issuer := flag.String("issuer", "", "the gate's admin URL")
	port := flag.Int("port", 9000, "")
	checkHeaders := flag.Bool("check-headers", false, "also require the approved headers")
	flag.Parse()
	if *jwks == "" || *audience == "" || *issuer == "" {
		log.Fatal("-jwks, -audience and -issuer are needed")
	}
	verifier := &Verifier{JWKS: *jwks, Audience: *audience, Issuer: *issuer}
	var executed int64

	// A handler, not a ServeMux: the mux redirects paths that it would write in another way.
	handler := http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, largestBody))
		if err != nil {
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				problem(response, http.StatusRequestEntityTooLarge, "the body is larger than this service reads")
			} else {
				problem(response, http.StatusBadRequest, "the body could not be read to its end")
			}
			return
		}
		claims, err := verifier.Verify(request, body, *checkHeaders)
		if err != nil {
			problem(response, http.StatusUnauthorized, err.Error())
			return
		}
		// From here on it is this service's own work.
		count := atomic.AddInt64(&executed, 1)
		answer(response, http.StatusOK, "application/json", map[string]interface{}{
			"intent_id": claims.IntentID, "executed": count,
		})
	})

	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	log.Fatal(http.Serve(listener, handler))
}

func problem(response http.ResponseWriter, status int, detail string) {
	answer(response, status, "application/problem+json", map[string]interface{}{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": "Not executed: " + detail,
	})
}

func answer(response http.ResponseWriter, status int, contentType string, content map[string]interface{}) {
	response.Header().Set("Content-Type", contentType)
	response.WriteHeader(status)
	_ = json.NewEncoder(response).Encode(content)
}
