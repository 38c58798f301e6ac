//! `constant`: what does a server of the same parts cost that does not even look at what it is asked?
//!
//! The same actix and rustls, with the settings of the webhook's `serve` and `tls`. It takes the whole body and
//! answers with bytes that were written before it began: those with which hotdesk answered the same question.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::web::{self, Bytes, PayloadConfig};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::{Context as _, ensure};
use clap::Parser;
use hotdesk_webhook::serve::{CONNECTIONS, HANDSHAKE_TIMEOUT, HANDSHAKES, KEEP_ALIVE};
use hotdesk_webhook::tls::Certificates;

/// The largest body, as hotdesk's default.
const LARGEST: usize = 8 << 20;

/// An API server writes the request's uid this early; further on there may be others.
const UID_WITHIN: usize = 256;
const UID_KEY: &[u8] = br#""uid":""#;

/// Answers reviews without looking at them: the limit of what a server of these parts can do.
#[derive(Debug, Parser)]
struct Args {
    /// Address on which it answers, over TLS
    #[arg(long)]
    listen: SocketAddr,
    /// File with the certificate, as PEM
    #[arg(long)]
    tls_cert: PathBuf,
    /// File with its key, as PEM
    #[arg(long)]
    tls_key: PathBuf,
    /// Directory with gate.json, stamp.json and deny.json: what is answered on /gate, /stamp and /deny. On /gate-uid
    /// (also /validate), /stamp-uid (also /mutate) and /deny-uid it is answered with the request's own uid
    #[arg(long)]
    answers: PathBuf,
    /// Threads that answer
    #[arg(long, default_value = "2")]
    workers: usize,
}

/// An answer, and where in it the uid stands.
#[derive(Debug, Clone)]
struct Answer {
    whole: Bytes,
    before: Bytes,
    after: Bytes,
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let answers = ["gate", "stamp", "deny"].map(|name| Answer::read(&args.answers, name));
    let [gate, stamp, deny] = answers;
    let (gate, stamp, deny) = (gate?, stamp?, deny?);
    let certificates = Arc::new(Certificates::new(&args.tls_cert, &args.tls_key));
    ensure!(certificates.expires().is_some(), "--tls-cert and --tls-key hold no certificate with its key");
    let app = move || {
        App::new()
            .app_data(PayloadConfig::new(LARGEST))
            .service(same("/gate", &gate))
            .service(same("/stamp", &stamp))
            .service(same("/deny", &deny))
            .service(own("/gate-uid", &gate))
            .service(own("/stamp-uid", &stamp))
            .service(own("/deny-uid", &deny))
            .service(own("/validate", &gate))
            .service(own("/mutate", &stamp))
    };
    HttpServer::new(app)
        .workers(args.workers)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(KEEP_ALIVE)
        .tls_handshake_timeout(HANDSHAKE_TIMEOUT)
        .max_connections(CONNECTIONS)
        .max_connection_rate(HANDSHAKES)
        .bind_rustls_0_23(args.listen, certificates.server_config()?)?
        .run()
        .await
        .context("the server failed")
}

/// Answers with the same bytes whatever comes.
fn same(path: &str, answer: &Answer) -> actix_web::Resource {
    let answer = answer.whole.clone();
    web::resource(path).route(web::post().to(move |_body: Bytes| {
        let answer = answer.clone();
        async move { json(answer) }
    }))
}

/// Answers with the request's uid, on which an API server insists.
fn own(path: &str, answer: &Answer) -> actix_web::Resource {
    let answer = answer.clone();
    web::resource(path).route(web::post().to(move |body: Bytes| {
        let answer = uid(&body).map(|uid| [&answer.before, uid, &answer.after].concat());
        async move { answer.map_or_else(|| HttpResponse::BadRequest().finish(), |answer| json(answer.into())) }
    }))
}

fn json(answer: Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(answer)
}

/// The first uid of a body, which is the request's.
fn uid(body: &[u8]) -> Option<&[u8]> {
    let head = body.get(..UID_WITHIN.min(body.len()))?;
    let at = head.windows(UID_KEY.len()).position(|window| window == UID_KEY)? + UID_KEY.len();
    let rest = head.get(at..)?;
    rest.get(..rest.iter().position(|byte| *byte == b'"')?)
}

impl Answer {
    fn read(dir: &Path, name: &str) -> anyhow::Result<Self> {
        let path = dir.join(format!("{name}.json"));
        let whole = Bytes::from(std::fs::read(&path).with_context(|| path.display().to_string())?);
        let found = uid(&whole).with_context(|| format!("{} holds no uid at its beginning", path.display()))?.to_vec();
        let at = whole.windows(found.len()).position(|window| window == found).unwrap_or_default();
        Ok(Self { before: whole.slice(..at), after: whole.slice(at + found.len()..), whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_own_uid_is_the_first() {
        let body = br#"{"kind":"AdmissionReview","request":{"uid":"abc","object":{"metadata":{"uid":"other"}}}}"#;
        assert_eq!(uid(body), Some(b"abc".as_slice()));
        assert_eq!(uid(b"{}"), None);
        assert_eq!(uid(br#"{"uid":"cut off"#), None);
    }

    #[test]
    fn an_answer_is_cut_around_its_uid() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("gate.json"), r#"{"response":{"uid":"abc","allowed":true}}"#).unwrap();
        let answer = Answer::read(dir.path(), "gate").unwrap();
        assert_eq!(answer.before, r#"{"response":{"uid":""#);
        assert_eq!(answer.after, r#"","allowed":true}}"#);
    }
}
