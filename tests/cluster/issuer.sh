# shellcheck shell=bash
# Who signs the tokens that the API server takes as GitHub's? A key of the cluster's own, published by nginx as GitHub
# publishes its keys. Sourced; needs common.sh, daemons.sh and pki.sh.
#
# The API server runs with the configuration that the documentation gives to users. Only where the keys are fetched
# differs, so a token bears GitHub's name as its issuer.

ISSUER_EXAMPLE=$ROOT/docs/examples/authentication.yaml
ISSUER=$STATE/issuer
AUTHENTICATION_CONFIG=$ISSUER/authentication.yaml
ISSUER_URL=https://127.0.0.1:$ISSUER_PORT
ISSUER_KEY_ID=hotdesk-test

base64url() { basenc --base64url -w0 | tr -d '='; }

# The key is for tests that sign tokens: in the form that they read without a parser.
make_issuer_key() {
  openssl genrsa -out "$PKI/issuer.key" 2048 2>/dev/null
  openssl pkcs8 -topk8 -nocrypt -in "$PKI/issuer.key" -outform DER -out "$PKI/issuer.pk8"
  make_cert issuer-tls /CN=hotdesk-test-issuer serverAuth IP:127.0.0.1
}

# The two documents, by the names under which GitHub serves them.
write_issuer_documents() {
  local documents=$ISSUER/www/.well-known name
  name=$(sed -nE 's/^ *(- )?url: *//p' "$ISSUER_EXAMPLE")
  [ -n "$name" ] || die "$ISSUER_EXAMPLE names no issuer"
  mkdir -p "$documents"
  cat >"$documents/openid-configuration" <<JSON
{
  "issuer": "$name",
  "jwks_uri": "$ISSUER_URL/.well-known/jwks",
  "response_types_supported": ["id_token"],
  "subject_types_supported": ["public", "pairwise"],
  "id_token_signing_alg_values_supported": ["RS256"]
}
JSON
  local modulus
  modulus=$(openssl rsa -in "$PKI/issuer.key" -noout -modulus | sed 's/^Modulus=//' | basenc --base16 -d | base64url)
  cat >"$documents/jwks" <<JSON
{"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "$ISSUER_KEY_ID", "n": "$modulus", "e": "AQAB"}]}
JSON
}

# The documentation's file, and where this cluster fetches the keys.
write_authentication_config() {
  {
    echo "      discoveryURL: $ISSUER_URL/.well-known/openid-configuration"
    echo "      certificateAuthority: |"
    sed 's/^/        /' "$PKI/ca.crt"
  } >"$ISSUER/keys.yaml"
  sed -E "/^      url: /r $ISSUER/keys.yaml" "$ISSUER_EXAMPLE" >"$AUTHENTICATION_CONFIG"
}

# One process: with a master, the workers' command lines would not show whose they are.
write_issuer_server() {
  cat >"$ISSUER/nginx.conf" <<NGINX
daemon off;
master_process off;
pid $ISSUER/nginx.pid;
error_log stderr;
events {}
http {
  access_log /dev/stdout;
  default_type application/json;
  client_body_temp_path $ISSUER/tmp;
  proxy_temp_path $ISSUER/tmp;
  fastcgi_temp_path $ISSUER/tmp;
  uwsgi_temp_path $ISSUER/tmp;
  scgi_temp_path $ISSUER/tmp;
  server {
    listen 127.0.0.1:$ISSUER_PORT ssl;
    ssl_certificate $PKI/issuer-tls.crt;
    ssl_certificate_key $PKI/issuer-tls.key;
    root $ISSUER/www;
  }
}
NGINX
}

issuer_answers() {
  curl -sSf --max-time 5 --noproxy '*' --cacert "$PKI/ca.crt" "$ISSUER_URL/.well-known/jwks"
}

# Before the API server, which asks for the keys as it starts and then only every ten seconds.
start_issuer() {
  (umask 077 && mkdir -p "$ISSUER/tmp" && make_issuer_key)
  write_issuer_documents
  write_authentication_config
  write_issuer_server
  start issuer "$(command -v nginx)" -e stderr -c "$ISSUER/nginx.conf"
  wait_for 30 "the issuer of tokens answers" "$LOGS/issuer.log" issuer_answers
}
