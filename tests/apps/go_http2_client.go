// go_http2_client AUTHORITY PATH...: asks for each path after the other over one connection by HTTP/2 in clear text, and prints the answers.
package main

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"

	"golang.org/x/net/http2"
)

func main() {
	transport := &http2.Transport{
		AllowHTTP: true,
		DialTLS: func(network, address string, _ *tls.Config) (net.Conn, error) {
			return net.Dial(network, address)
		},
	}
	client := http.Client{Transport: transport}
	for _, path := range os.Args[2:] {
		answer, err := client.Get("http://" + os.Args[1] + path)
		if err != nil {
			panic(err)
		}
		if _, err := io.Copy(os.Stdout, answer.Body); err != nil {
			panic(err)
		}
	}
}
