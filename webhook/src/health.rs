//! Is the webhook alive, may it be sent reviews, and what has it done?

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix_web::dev::Server;
use actix_web::{App, HttpResponse, HttpServer, web};
use jiff::Timestamp;

use crate::serve::Shared;

const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Probes and scrapes come one at a time.
const CONNECTIONS: usize = 128;

/// The server of `/livez`, `/readyz` and `/metrics`.
///
/// # Errors
/// If the listener cannot be used.
pub fn health(shared: Arc<Shared>, listener: TcpListener) -> std::io::Result<Server> {
    let shared = web::Data::from(shared);
    let app = move || {
        App::new()
            .app_data(shared.clone())
            .route("/livez", web::get().to(livez))
            .route("/readyz", web::get().to(readyz))
            .route("/metrics", web::get().to(metrics))
            .default_service(web::to(not_found))
    };
    let server = HttpServer::new(app)
        .workers(1)
        .client_request_timeout(HEADER_TIMEOUT)
        .max_connections(CONNECTIONS)
        .shutdown_timeout(1)
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}

/// Why no reviews should be sent here; empty if they should.
#[must_use]
pub fn reasons_against(shared: &Shared, now: Timestamp, steady: Instant) -> Vec<&'static str> {
    let book = &shared.book;
    let (expires, unproven) = (shared.certificates.expires(), shared.caller.missing());
    let reasons = [
        (shared.leaving.load(Ordering::Acquire), "shutting down"),
        (!book.was_read(), "the Slots have not been read yet"),
        (book.was_read() && !book.is_synced(steady), "the API server has not been heard of for a minute"),
        (unproven.is_some(), unproven.unwrap_or_default()),
        (expires.is_none(), "there is no certificate yet"),
        (expires.is_some_and(|end| end <= now), "the certificate has expired"),
    ];
    reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect()
}

async fn livez() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

async fn readyz(shared: web::Data<Shared>) -> HttpResponse {
    #[expect(clippy::disallowed_methods, reason = "the edge")]
    let now = Timestamp::now();
    let reasons = reasons_against(&shared, now, Instant::now());
    if reasons.is_empty() {
        HttpResponse::Ok().content_type("text/plain").body("ok\n")
    } else {
        HttpResponse::ServiceUnavailable()
            .content_type("text/plain")
            .body(format!("not ready: {}\n", reasons.join("; ")))
    }
}

async fn metrics(shared: web::Data<Shared>) -> HttpResponse {
    match shared.metrics.encode(&shared.book, shared.certificates.expires(), Instant::now()) {
        Ok(text) => {
            HttpResponse::Ok().content_type("application/openmetrics-text; version=1.0.0; charset=utf-8").body(text)
        }
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/plain").body("here are /livez, /readyz and /metrics\n")
}
