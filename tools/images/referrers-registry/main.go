// Command referrers-registry serves an in-memory registry that has the referrers API.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

// logged writes "METHOD PATH STATUS" before the client sees the status, so that a reader never misses an answered request.
type logged struct {
	http.ResponseWriter
	request *http.Request
	log     io.Writer
}

func (l logged) WriteHeader(status int) {
	fmt.Fprintln(l.log, l.request.Method, l.request.URL.RequestURI(), status)
	l.ResponseWriter.WriteHeader(status)
}

func main() {
	listen := flag.String("listen", "127.0.0.1:5000", "address to serve plain HTTP on")
	path := flag.String("log", os.DevNull, "file that gets one line per request")
	flag.Parse()
	file, err := os.OpenFile(*path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	images := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	fmt.Println(*listen)
	log.Fatal(http.ListenAndServe(*listen, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		images.ServeHTTP(logged{w, r, file}, r)
	})))
}
