// Command tokens gives out the bearer tokens that a Notary server asks for, to users with a password. Every path but
// /token is the Notary server's, as where one address has both.
package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"flag"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"
)

// user is an entry of the file of users. The file is read for every request, so that a user can lose the right to ask.
type user struct {
	Password string
	// Seconds that the tokens live; a negative number makes tokens that have expired already.
	Seconds int64
}

type access struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

type tokens struct {
	users       string
	issuer      string
	key         *ecdsa.PrivateKey
	certificate []byte
}

func (t *tokens) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	name, password, _ := request.BasicAuth()
	users := map[string]user{}
	content, err := os.ReadFile(t.users)
	if err == nil {
		err = json.Unmarshal(content, &users)
	}
	if err != nil {
		http.Error(writer, err.Error(), http.StatusInternalServerError)
		return
	}
	known, found := users[name]
	if !found || known.Password != password {
		writer.Header().Set("WWW-Authenticate", `Basic realm="tokens"`)
		http.Error(writer, `{"errors":[{"code":"UNAUTHORIZED","message":"wrong name or password"}]}`, http.StatusUnauthorized)
		return
	}
	token, err := t.token(name, request.URL.Query().Get("service"), scopes(request), known.Seconds)
	if err != nil {
		http.Error(writer, err.Error(), http.StatusInternalServerError)
		return
	}
	writer.Header().Set("Content-Type", "application/json")
	json.NewEncoder(writer).Encode(map[string]any{"token": token, "access_token": token, "expires_in": max(known.Seconds, 60)})
}

// scopes are what the request asks for: TYPE:NAME:ACTIONS, where a name may have colons of its own.
func scopes(request *http.Request) []access {
	all := []access{}
	for _, scope := range strings.Fields(strings.Join(request.URL.Query()["scope"], " ")) {
		first, last := strings.Index(scope, ":"), strings.LastIndex(scope, ":")
		if first < last {
			all = append(all, access{scope[:first], scope[first+1 : last], strings.Split(scope[last+1:], ",")})
		}
	}
	return all
}

// token is a JWT whose header has the certificate of the key that signs it.
func (t *tokens) token(name, service string, wanted []access, seconds int64) (string, error) {
	now := time.Now().Unix()
	header := map[string]any{"typ": "JWT", "alg": "ES256", "x5c": []string{base64.StdEncoding.EncodeToString(t.certificate)}}
	claims := map[string]any{
		"iss": t.issuer, "sub": name, "aud": service, "jti": rand.Text(), "access": wanted,
		"iat": min(now, now+seconds), "nbf": min(now, now+seconds), "exp": now + seconds,
	}
	parts := []string{}
	for _, part := range []any{header, claims} {
		encoded, err := json.Marshal(part)
		if err != nil {
			return "", err
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(encoded))
	}
	digest := sha256.Sum256([]byte(strings.Join(parts, ".")))
	r, s, err := ecdsa.Sign(rand.Reader, t.key, digest[:])
	if err != nil {
		return "", err
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return strings.Join(append(parts, base64.RawURLEncoding.EncodeToString(signature)), "."), nil
}

func main() {
	listen := flag.String("listen", "127.0.0.1:5556", "address to serve HTTPS on")
	certificate := flag.String("cert", "", "its certificate, PEM, which is also that of the tokens")
	key := flag.String("key", "", "the key of the certificate, PEM, on P-256")
	issuer := flag.String("issuer", "tokens", "as whom it signs")
	server := flag.String("server", "", "URL of the Notary server")
	authority := flag.String("ca", "", "the certificate authority of the Notary server, PEM")
	users := flag.String("users", "users.json", "names, passwords and how long their tokens live")
	flag.Parse()
	pair, err := tls.LoadX509KeyPair(*certificate, *key)
	if err != nil {
		log.Fatal(err)
	}
	private, p256 := pair.PrivateKey.(*ecdsa.PrivateKey)
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil || !p256 {
		log.Fatal("no P-256 key and certificate in ", *certificate)
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
	http.Handle("/", proxy)
	http.Handle("/token", &tokens{*users, *issuer, private, leaf.Raw})
	log.Fatal(http.ListenAndServeTLS(*listen, *certificate, *key, nil))
}
