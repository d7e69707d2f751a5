// go_grpc server PORT, which answers health checks; or go_grpc front PORT SERVER [GATE]: net/http, which asks SERVER for its health
// before it answers. Its channel is made by the first request; one for a path that ends in /held waits for the file GATE.
// With TLS_CERTIFICATE (certificate and key in one file), gRPC goes over TLS.
package main

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

var certificate = os.Getenv("TLS_CERTIFICATE")

func server(address string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	var options []grpc.ServerOption
	if certificate != "" {
		keys, err := credentials.NewServerTLSFromFile(certificate, certificate)
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, grpc.Creds(keys))
	}
	server := grpc.NewServer(options...)
	healthpb.RegisterHealthServer(server, health.NewServer())
	log.Fatal(server.Serve(listener))
}

var channel *grpc.ClientConn
var once sync.Once

func ask(writer http.ResponseWriter, request *http.Request) {
	once.Do(func() {
		options := grpc.WithInsecure()
		if certificate != "" {
			options = grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}))
		}
		var err error
		if channel, err = grpc.Dial(os.Args[3], options); err != nil {
			log.Fatal(err)
		}
	})
	client := healthpb.NewHealthClient(channel)
	if _, err := client.Check(request.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		http.Error(writer, err.Error(), http.StatusBadGateway)
		return
	}
	for strings.HasSuffix(request.URL.Path, "/held") {
		if _, err := os.Stat(os.Args[4]); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	io.WriteString(writer, "hello\n")
}

func main() {
	address := "127.0.0.1:" + os.Args[2]
	if os.Args[1] == "server" {
		server(address)
	}
	http.HandleFunc("/", ask)
	log.Fatal(http.ListenAndServe(address, nil))
}
