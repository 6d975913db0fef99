#!/bin/bash
# usage: data/ima/make_modsig_chains.sh
# Makes keys/modsig-chain-*: signatures over `content` that carry their certificates, and the authorities. Keys are new each time.
set -euo pipefail
keys=$(cd "$(dirname "$0")/keys" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

issue() {  # NAME ISSUER EXTENSION...
    local name=$1 issuer=$2 signer
    shift 2
    printf '%s\n' "$@" > "$name.ext"
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$name.key"
    openssl req -new -key "$name.key" -subj "/CN=$name" -out "$name.csr"
    if [ "$issuer" = self ]; then signer=(-signkey "$name.key"); else signer=(-CA "$issuer.pem" -CAkey "$issuer.key" -CAcreateserial); fi
    openssl x509 -req -in "$name.csr" "${signer[@]}" -days 36500 -extfile "$name.ext" -out "$name.pem" 2> /dev/null
}

sign() {  # NAME [CERTIFICATE]
    printf content | openssl cms -sign -noattr -binary -md sha256 -outform DER -signer "$1.pem" -inkey "$1.key" ${2:+-certfile "$2.pem"} \
        -out "$keys/modsig-chain-${3:-$1}.der"
}

issue root self basicConstraints=critical,CA:true keyUsage=keyCertSign
issue middle root basicConstraints=critical,CA:true keyUsage=keyCertSign
issue good middle keyUsage=digitalSignature extendedKeyUsage=codeSigning
issue any-use middle extendedKeyUsage=serverAuth,anyExtendedKeyUsage
issue no-usage middle basicConstraints=CA:false
issue server middle keyUsage=digitalSignature extendedKeyUsage=serverAuth
issue encipher middle keyUsage=keyEncipherment
issue end root basicConstraints=CA:false keyUsage=digitalSignature
issue below-end end keyUsage=digitalSignature
for name in good any-use no-usage server encipher; do sign "$name" middle; done
sign below-end end
sign good "" without-middle
cp root.pem "$keys/modsig-root.pem"
cp end.pem "$keys/modsig-end.pem"
