//! How does the webhook start, and how does it end?
//!
//! Everything that can be wrong with the configuration is found before a port is bound. The first
//! signal ends the process gracefully, the second at once.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Instant;

use actix_web::dev::Server;
use anyhow::Context as _;
use futures::FutureExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::Args;
use crate::book::Book;
use crate::limiter::Limiter;
use crate::limiter::shelf::InCluster;
use crate::request_gate::{Limits, RequestGate};
use crate::serve::Shared;
use crate::session::notebook::{Notebook, status};
use crate::tls::Certificates;
use crate::{health, serve, watch};

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// After one signal: everything under way was answered, or had its time.
    Graceful,
    /// After a second one: at once.
    Hurried,
}

/// SIGTERM and SIGINT.
struct Signals(Signal, Signal);

/// Runs until a signal.
///
/// # Errors
/// If the configuration is wrong, a port cannot be bound, or a server fails.
pub async fn run(args: &Args) -> anyhow::Result<End> {
    let settings = args.settings()?;
    let config = kube::Config::infer()
        .await
        .context("no cluster to read Slots from: run in a pod with a service account, or set KUBECONFIG")?;
    let book = Arc::new(Book::new(Instant::now()));
    let most = settings.max_slots;
    let limiter = (most > 0).then(|| InCluster::new(config.clone(), &args.claims_config_map)).transpose();
    let limiter = limiter.context("the cluster's address or certificate cannot be used")?;
    let notes = settings.session_user.is_some().then(|| status::InCluster::new(config.clone())).transpose();
    let notes = notes.context("the cluster's address or certificate cannot be used")?;
    let client = watch::client(config, book.clone()).context("the cluster's address or certificate cannot be used")?;
    let certificates = Arc::new(Certificates::new(&args.tls_cert, &args.tls_key));
    let tls = certificates.server_config()?;
    let gate = RequestGate::new(Limits { review: args.max_review_bytes, budget: args.body_budget_bytes });
    let shared = Shared::new(settings, book.clone(), certificates.clone(), gate);
    let notebook = notes.is_some().then(|| Arc::new(Notebook::default()));
    let shared = shared.counting(limiter.map(|shelf| Limiter::new(shelf, most))).noting(notebook.clone());
    let shared = Arc::new(shared);

    let mut signals = Signals::new()?;
    let (plain, listener) = (bind(args.health_listen, "--health-listen")?, bind(args.listen, "--listen")?);
    let (health_at, reviews_at) = (plain.local_addr()?, listener.local_addr()?);
    let health = health::health(shared.clone(), plain)?;
    let reviews = serve::reviews(shared.clone(), listener, tls, args.workers.into(), args.shutdown_timeout)?;
    tracing::info!(reviews = %reviews_at, health = %health_at, version = env!("CARGO_PKG_VERSION"), "listening");

    tokio::spawn(watch::follow(client, book));
    if let (Some(notebook), Some(slate)) = (notebook, notes) {
        tokio::spawn(async move { notebook.write_all(&slate).await });
    }
    let every = args.tls_reload_interval;
    tokio::spawn(async move { certificates.follow(every).await });
    until_signal(reviews, health, &mut signals, &shared, args).await
}

async fn until_signal(
    reviews: Server,
    health: Server,
    signals: &mut Signals,
    shared: &Shared,
    args: &Args,
) -> anyhow::Result<End> {
    let handles = (reviews.handle(), health.handle());
    let mut servers = std::pin::pin!(async { tokio::try_join!(reviews, health) }.fuse());
    tokio::select! {
        ended = &mut servers => { ended.context("a server failed")?; anyhow::bail!("a server ended by itself") }
        () = signals.next() => {}
    }
    shared.leave();
    tracing::info!(delay = ?args.shutdown_delay, "asked to end: not ready any more");
    let leave = async {
        tokio::time::sleep(args.shutdown_delay).await;
        tracing::info!("draining");
        // The health port stays until the reviews are done, so that a probe sees a draining server, not a dead one.
        let drained = tokio::time::timeout(args.shutdown_timeout, handles.0.stop(true)).await;
        if drained.is_err() {
            tracing::warn!("some reviews did not end in time");
            handles.0.stop(false).await;
        }
        handles.1.stop(false).await;
    };
    // The servers must be polled to drain; that they end is not the news here.
    let drain = async { tokio::join!(leave, servers.map(drop)) };
    tokio::select! {
        _ = drain => { tracing::info!("ended"); Ok(End::Graceful) }
        () = signals.next() => { tracing::warn!("asked again: ending at once"); Ok(End::Hurried) }
    }
}

fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("{flag} {address} cannot be bound: is another process there?"))
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be received");
        Ok(Self(listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?))
    }

    async fn next(&mut self) {
        tokio::select! { _ = self.0.recv() => {}, _ = self.1.recv() => {} }
    }
}
