// service PORT BACK: net/http as server and client; a goroutine for each connection, and for each parallel call.
package main

import (
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"math/rand"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 600}}

// No byte of the path says which request it belongs to: FNV-1a, 64 bits, of `ID:CALL`.
func call(id string, number int) {
	hash := fnv.New64a()
	fmt.Fprintf(hash, "%s:%d", id, number)
	answer, err := client.Get(fmt.Sprintf("%s/back/%016x", os.Args[2], hash.Sum64()))
	if err != nil {
		log.Print(err)
		return
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
}

func pause() {
	time.Sleep(time.Duration(rand.Intn(20000)) * time.Microsecond)
}

func front(answer http.ResponseWriter, request *http.Request) {
	parts := strings.Split(request.URL.Path, "/")
	kind, id := parts[2], parts[3]
	switch kind {
	case "one":
		call(id, 1)
	case "seq":
		call(id, 1)
		call(id, 2)
	case "par":
		var both sync.WaitGroup
		for number := 1; number <= 2; number++ {
			both.Add(1)
			go func(number int) {
				defer both.Done()
				call(id, number)
			}(number)
		}
		both.Wait()
	case "wait":
		pause()
		call(id, 1)
	case "after":
		defer func() { go call(id, 1) }()
	case "later":
		defer func() {
			go func() {
				pause()
				call(id, 1)
			}()
		}()
	}
	answer.Header().Set("Content-Length", "3")
	io.WriteString(answer, "ok\n")
	if kind == "after" || kind == "later" {
		answer.(http.Flusher).Flush()
	}
}

func main() {
	http.HandleFunc("/front/", front)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
