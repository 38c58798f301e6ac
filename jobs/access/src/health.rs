//! Is the controller alive, do rights follow the claims, and what has it done?

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::Server;
use actix_web::{App, HttpResponse, HttpServer, web};

use crate::metrics::Metrics;

const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Probes and scrapes come one at a time.
const CONNECTIONS: usize = 64;

/// The server of `/livez`, `/readyz` and `/metrics`.
///
/// # Errors
/// If the listener cannot be used.
pub fn health(metrics: Arc<Metrics>, listener: TcpListener) -> std::io::Result<Server> {
    let metrics = web::Data::from(metrics);
    let app = move || {
        App::new()
            .app_data(metrics.clone())
            .route("/livez", web::get().to(livez))
            .route("/readyz", web::get().to(readyz))
            .route("/metrics", web::get().to(numbers))
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

async fn livez() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

async fn readyz(metrics: web::Data<Metrics>) -> HttpResponse {
    match metrics.reason_against(Instant::now()) {
        None => HttpResponse::Ok().content_type("text/plain").body("ok\n"),
        Some(reason) => HttpResponse::ServiceUnavailable().content_type("text/plain").body(format!("{reason}\n")),
    }
}

async fn numbers(metrics: web::Data<Metrics>) -> HttpResponse {
    match metrics.encode(Instant::now()) {
        Ok(text) => {
            HttpResponse::Ok().content_type("application/openmetrics-text; version=1.0.0; charset=utf-8").body(text)
        }
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
