// go_service PORT [NEXT]: net/http as server, and as client of the service at the URL NEXT, which it asks for the same path before
// it answers, but for /alone. With TLS_CERTIFICATE (certificate and key in one file) it serves HTTPS; over HTTPS it asks by HTTP/2 if
// HTTP2 is set.
package main

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"os"
)

var client = &http.Client{Transport: &http.Transport{
	TLSClientConfig:     &tls.Config{InsecureSkipVerify: true},
	ForceAttemptHTTP2:   os.Getenv("HTTP2") != "",
	MaxIdleConnsPerHost: 100,
}}

func answer(writer http.ResponseWriter, request *http.Request) {
	if len(os.Args) > 2 && request.URL.Path != "/alone" {
		asked, err := client.Get(os.Args[2] + request.URL.Path)
		if err != nil {
			http.Error(writer, err.Error(), http.StatusBadGateway)
			return
		}
		io.Copy(io.Discard, asked.Body)
		asked.Body.Close()
	}
	io.WriteString(writer, "hello\n")
}

func main() {
	http.HandleFunc("/", answer)
	address := "127.0.0.1:" + os.Args[1]
	if certificate := os.Getenv("TLS_CERTIFICATE"); certificate != "" {
		log.Fatal(http.ListenAndServeTLS(address, certificate, certificate, nil))
	}
	log.Fatal(http.ListenAndServe(address, nil))
}
