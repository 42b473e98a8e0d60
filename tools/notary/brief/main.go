// Command brief serves the real Notary server's API with timestamps that live shorter than the two weeks that are built in.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"log"
	"time"

	"github.com/theupdateframework/notary"
	"github.com/theupdateframework/notary/server"
	"github.com/theupdateframework/notary/server/storage"
	"github.com/theupdateframework/notary/tuf/data"
	"github.com/theupdateframework/notary/tuf/signed"
	"github.com/theupdateframework/notary/utils"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:4443", "address to serve HTTPS on")
	certificate := flag.String("cert", "", "its certificate, PEM")
	key := flag.String("key", "", "the key of the certificate, PEM")
	lifetime := flag.Duration("timestamp", time.Minute, "how long a timestamp lives")
	flag.Parse()
	pair, err := tls.LoadX509KeyPair(*certificate, *key)
	if err != nil {
		log.Fatal(err)
	}
	lifetimes := map[data.RoleName]time.Duration{}
	for role, usual := range data.NotaryDefaultExpiries {
		lifetimes[role] = usual
	}
	lifetimes[data.CanonicalTimestampRole] = *lifetime
	data.SetDefaultExpiryTimes(lifetimes)

	state := context.WithValue(context.Background(), notary.CtxKeyKeyAlgo, data.ED25519Key)
	state = context.WithValue(state, notary.CtxKeyMetaStore, storage.NewMemStorage())
	log.Fatal(server.Run(state, server.Config{
		Addr:                         *listen,
		TLSConfig:                    &tls.Config{Certificates: []tls.Certificate{pair}},
		Trust:                        signed.NewEd25519(),
		CurrentCacheControlConfig:    utils.NewCacheControlConfig(0, true),
		ConsistentCacheControlConfig: utils.NewCacheControlConfig(0, false),
	}))
}
