//! Is the sync alive, has it read the sheet, and what has it done?

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{App, HttpResponse, HttpServer, web};
use jiff::{SignedDuration, Timestamp};

use crate::metrics::Metrics;

const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Probes and scrapes come one at a time.
const CONNECTIONS: usize = 64;
/// The longest that a pass may take with every time limit used up, beside the wait before it.
const STUCK: SignedDuration = SignedDuration::from_mins(15);

/// What the handlers need.
struct Shared {
    metrics: Arc<Metrics>,
    clock: fn() -> Timestamp,
    stuck: SignedDuration,
}

/// The server of `/livez`, `/readyz` and `/metrics`, of a sync that makes a pass so often.
///
/// # Errors
/// If the listener cannot be used.
pub fn health(
    metrics: Arc<Metrics>,
    clock: fn() -> Timestamp,
    listener: TcpListener,
    poll: Duration,
) -> std::io::Result<Server> {
    let poll = SignedDuration::try_from(poll).unwrap_or(SignedDuration::MAX);
    let shared = web::Data::new(Shared { metrics, clock, stuck: STUCK.saturating_add(poll) });
    let app = move || {
        App::new()
            .app_data(shared.clone())
            .route("/livez", web::get().to(livez))
            .route("/readyz", web::get().to(readyz))
            .route("/metrics", web::get().to(metrics_text))
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

async fn livez(shared: web::Data<Shared>) -> HttpResponse {
    let silent = (shared.clock)().duration_since(shared.metrics.last_sign());
    if silent > shared.stuck { unavailable("not alive: no pass has ended for a long time") } else { ok() }
}

async fn readyz(shared: web::Data<Shared>) -> HttpResponse {
    shared.metrics.reason_against().map_or_else(ok, |reason| unavailable(&format!("not ready: {reason}")))
}

async fn metrics_text(shared: web::Data<Shared>) -> HttpResponse {
    match shared.metrics.encode((shared.clock)()) {
        Ok(text) => {
            HttpResponse::Ok().content_type("application/openmetrics-text; version=1.0.0; charset=utf-8").body(text)
        }
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/plain").body("here are /livez, /readyz and /metrics\n")
}

fn ok() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

fn unavailable(why: &str) -> HttpResponse {
    HttpResponse::ServiceUnavailable().content_type("text/plain").body(format!("{why}\n"))
}
