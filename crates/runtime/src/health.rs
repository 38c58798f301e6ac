//! Is the program alive, can it do its work, and what has it done?

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

pub use actix_web::dev::Server;
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;

const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Probes and scrapes come one at a time.
const CONNECTIONS: usize = 128;
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a program says of itself.
pub trait Health: Send + Sync + 'static {
    /// Why it should be restarted, if it should.
    fn not_alive(&self) -> Option<String> {
        None
    }

    /// Why it cannot do its work at the moment, if it cannot.
    fn not_ready(&self) -> Option<String>;

    /// The text that Prometheus reads.
    ///
    /// # Errors
    /// Never for a text in memory; the encoder asks for it.
    fn metrics(&self) -> Result<String, std::fmt::Error>;
}

/// A port of this machine.
///
/// # Errors
/// Names the flag, where it cannot be bound.
pub fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("{flag} {address} cannot be bound: is another process there?"))
}

/// The server of `/livez`, `/readyz` and `/metrics`.
///
/// # Errors
/// If the listener cannot be used.
pub fn serve<H: Health>(health: Arc<H>, listener: TcpListener) -> std::io::Result<Server> {
    let health = web::Data::from(health);
    let app = move || {
        App::new()
            .app_data(health.clone())
            .route("/livez", web::get().to(livez::<H>))
            .route("/readyz", web::get().to(readyz::<H>))
            .route("/metrics", web::get().to(metrics::<H>))
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

async fn livez<H: Health>(health: web::Data<H>) -> HttpResponse {
    answer("not alive", health.not_alive())
}

async fn readyz<H: Health>(health: web::Data<H>) -> HttpResponse {
    answer("not ready", health.not_ready())
}

async fn metrics<H: Health>(health: web::Data<H>) -> HttpResponse {
    match health.metrics() {
        Ok(text) => HttpResponse::Ok().content_type(OPEN_METRICS).body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/plain").body("here are /livez, /readyz and /metrics\n")
}

fn answer(what: &str, reason: Option<String>) -> HttpResponse {
    match reason {
        None => HttpResponse::Ok().content_type("text/plain").body("ok\n"),
        Some(reason) => {
            HttpResponse::ServiceUnavailable().content_type("text/plain").body(format!("{what}: {reason}\n"))
        }
    }
}

#[cfg(test)]
mod tests;
