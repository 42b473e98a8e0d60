// Command front stands before a Notary server: it passes requests on, keeps what it has answered, and answers for a
// repository from a backup while there is one.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// trust is what is between the repository and the file in a path.
const trust = "/_trust/tuf/"

type front struct {
	directory string
	server    *httputil.ReverseProxy
	requests  io.Writer
	writing   sync.Mutex
}

// status remembers how a request was answered.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// names are the folder of a repository and the name of the file in it; none for a path that is about no file.
func names(request *http.Request) (string, string) {
	repository, file, found := strings.Cut(strings.TrimPrefix(request.URL.Path, "/v2/"), trust)
	if !found || file == "" {
		return "", ""
	}
	return url.PathEscape(repository), url.PathEscape(file)
}

func (f *front) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	answer := &status{writer, http.StatusOK}
	repository, file := names(request)
	backup := filepath.Join(f.directory, "restored", repository)
	if _, err := os.Stat(backup); repository != "" && err == nil {
		restored(answer, filepath.Join(backup, file))
	} else {
		f.server.ServeHTTP(answer, request)
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	fmt.Fprintln(f.requests, request.Method, request.URL.RequestURI(), answer.code)
}

func restored(writer http.ResponseWriter, path string) {
	content, err := os.ReadFile(path)
	if err != nil {
		writer.WriteHeader(http.StatusNotFound)
		fmt.Fprint(writer, `{"errors":[{"code":"METADATA_NOT_FOUND","message":"not in the backup","detail":null}]}`)
		return
	}
	writer.Write(content)
}

// keep writes what the server has answered to where a backup is taken from.
func (f *front) keep(response *http.Response) error {
	repository, file := names(response.Request)
	if repository == "" || response.Request.Method != http.MethodGet || response.StatusCode != http.StatusOK {
		return nil
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	response.Body = io.NopCloser(bytes.NewReader(content))
	folder := filepath.Join(f.directory, "answered", repository)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	unfinished, err := os.CreateTemp(folder, "unfinished")
	if err != nil {
		return err
	}
	defer unfinished.Close()
	if _, err := unfinished.Write(content); err != nil {
		return err
	}
	return os.Rename(unfinished.Name(), filepath.Join(folder, file))
}

func main() {
	listen := flag.String("listen", "127.0.0.1:4443", "address to serve HTTPS on")
	certificate := flag.String("cert", "", "its certificate, PEM")
	key := flag.String("key", "", "the key of the certificate, PEM")
	server := flag.String("server", "", "URL of the Notary server")
	authority := flag.String("ca", "", "the certificate authority of the Notary server, PEM")
	directory := flag.String("directory", ".", "has the folders answered and restored, one folder per repository in each")
	path := flag.String("log", os.DevNull, "file that gets one line per request")
	flag.Parse()
	requests, err := os.OpenFile(*path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(*authority)
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		log.Fatal("no certificate authority in ", *authority)
	}
	target, err := url.Parse(*server)
	if err != nil {
		log.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	all := &front{directory: *directory, server: proxy, requests: requests}
	proxy.ModifyResponse = all.keep
	log.Fatal(http.ListenAndServeTLS(*listen, *certificate, *key, all))
}
