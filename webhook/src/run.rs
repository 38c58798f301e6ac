//! How does the webhook start, and how does it end?
//!
//! Everything that can be wrong with the configuration is found before a port is bound. The first
//! signal ends the process gracefully, the second at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::FutureExt as _;
use futures::future::{join, join_all};
use hotdesk_runtime::health::{self, Server, bind};
use hotdesk_runtime::process::{End, Signals};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::args::Args;
use crate::caller::SecretPaths;
use crate::limiter::Limiter;
use crate::limiter::store::InCluster;
use crate::request_gate::{Limits, RequestGate};
use crate::serve::Shared;
use crate::session::record::keeper::RecordKeeper;
use crate::session::recorder::{SessionRecorder, status};
use crate::slot_cache::SlotCache;
use crate::tls::Certificates;
use crate::{serve, watch};

/// What connections need, and twice as much to spare.
const OPEN_FILES: u64 = 1 << 15;
/// However long the reviews take to end, so long there is at least for the sessions that are still to be noted. The pod's grace
/// period has 5 s more than the two times that the flags set.
const LAST_SESSIONS: Duration = Duration::from_secs(3);
/// And then for the record of this webhook.
const LAST_RECORD: Duration = Duration::from_millis(1500);

/// Runs until a signal.
///
/// # Errors
/// If the configuration is wrong, a port cannot be bound, or a server fails.
pub async fn run(args: &Args) -> anyhow::Result<End> {
    let settings = args.settings()?;
    let config = kube::Config::infer()
        .await
        .context("no cluster to read Slots from: run in a pod with a service account, or set KUBECONFIG")?;
    let slot_cache = Arc::new(SlotCache::new(Instant::now()));
    let most = settings.max_slots;
    let limiter = (most > 0).then(|| InCluster::new(config.clone(), &args.claims_config_map)).transpose();
    let limiter = limiter.context("the cluster's address or certificate cannot be used")?;
    let statuses = settings.session_user.is_some().then(|| status::InCluster::new(config.clone())).transpose();
    let statuses = statuses.context("the cluster's address or certificate cannot be used")?;
    let of_records = config.clone();
    let client =
        watch::client(config, slot_cache.clone()).context("the cluster's address or certificate cannot be used")?;
    let certificates = Arc::new(Certificates::new(&args.tls_cert, &args.tls_key));
    let paths = Arc::new(SecretPaths::new(&args.path_dir));
    let tls = certificates.server_config()?;
    let gate = RequestGate::new(Limits { review: args.max_review_bytes, budget: args.body_budget_bytes });
    let shared = Shared::new(settings, slot_cache.clone(), certificates.clone(), paths.clone(), gate);
    let recorder = statuses.is_some().then(|| Arc::new(SessionRecorder::default()));
    let write_recorder = statuses.is_some().then(|| Arc::new(SessionRecorder::default()));
    let shared =
        shared.with_limiter(limiter.map(|store| Limiter::new(store, most))).with_session_recorder(recorder.clone());
    let shared = shared.noting_writes(write_recorder.clone());
    let shared = Arc::new(shared);
    let keeper = keeper(of_records, args, &shared).context("the cluster's address or certificate cannot be used")?;

    let mut signals = Signals::new()?;
    allow_connections();
    let (plain, listener) = (bind(args.health_listen, "--health-listen")?, bind(args.listen, "--listen")?);
    let (health_at, reviews_at) = (plain.local_addr()?, listener.local_addr()?);
    let health = health::serve(shared.clone(), plain)?;
    let reviews = serve::reviews(shared.clone(), listener, tls, args.workers.into(), args.shutdown_timeout)?;
    tracing::info!(reviews = %reviews_at, health = %health_at, version = env!("CARGO_PKG_VERSION"), "listening");

    tokio::spawn(watch::follow(client, slot_cache));
    let writes = write_recorder.zip(statuses.as_ref().map(status::InCluster::of_writes));
    let recording =
        [("sessions", recorder.zip(statuses)), ("writes", writes)].into_iter().filter_map(|(of, recording)| {
            let (recorder, statuses) = recording?;
            Some(Recording::begin(of, recorder, statuses))
        });
    let recording = Noting { recordings: recording.collect(), keeper: keeper.clone() };
    tokio::spawn(async move {
        if let Some(keeper) = keeper {
            keeper.follow().await;
        }
    });
    let every = args.tls_reload_interval;
    tokio::spawn(async move { tokio::join!(certificates.follow(every), paths.follow(every)) });
    until_signal(reviews, health, &mut signals, &shared, recording, args).await
}

/// A container may come with a limit of 1,024 open files, and one more connection would then be one too many for everybody.
fn allow_connections() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(OPEN_FILES).min(OPEN_FILES);
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
        if let Err(error) = raised {
            tracing::warn!(%error, wanted, "the limit of open files cannot be raised");
        }
    }
}

/// Says where sessions are noted that they are.
fn keeper(config: kube::Config, args: &Args, shared: &Arc<Shared>) -> kube::Result<Option<Arc<RecordKeeper>>> {
    let recorders: Vec<_> = [&shared.recorder, &shared.write_recorder].into_iter().flatten().cloned().collect();
    if recorders.is_empty() {
        return Ok(None);
    }
    let place = (args.jobs_namespace.as_str(), args.pod.as_str());
    RecordKeeper::new(config, place, shared.clone(), recorders).map(|keeper| Some(Arc::new(keeper)))
}

/// What is still to be written when the reviews are answered.
struct Noting {
    recordings: Vec<Recording>,
    keeper: Option<Arc<RecordKeeper>>,
}

impl Noting {
    /// Writes all that is left, if there is time for it, and then that it is.
    async fn end(self, until: tokio::time::Instant, all_answered: bool) {
        join_all(self.recordings.into_iter().map(|recording| recording.end(until))).await;
        let Some(keeper) = self.keeper else { return };
        if tokio::time::timeout(LAST_RECORD, keeper.end(all_answered)).await.is_err() {
            tracing::error!("the end of this webhook could not be noted in time");
        }
    }
}

/// A task that notes sessions, or writes.
struct Recording {
    /// Of what: `sessions` or `writes`.
    of: &'static str,
    recorder: Arc<SessionRecorder>,
    task: tokio::task::JoinHandle<()>,
}

impl Recording {
    fn begin(of: &'static str, recorder: Arc<SessionRecorder>, statuses: status::InCluster) -> Self {
        let written = recorder.clone();
        Self { of, recorder, task: tokio::spawn(async move { written.write_all(&statuses).await }) }
    }

    /// Writes all that is left, if there is time for it.
    async fn end(self, until: tokio::time::Instant) {
        self.recorder.close();
        if tokio::time::timeout_at(until, self.task).await.is_err() {
            let lost = self.recorder.waiting();
            tracing::error!(lost, "{} could not be noted in time: the reaper does not know of them", self.of);
        }
    }
}

async fn until_signal(
    reviews: Server,
    health: Server,
    signals: &mut Signals,
    shared: &Shared,
    with_session_recorder: Noting,
    args: &Args,
) -> anyhow::Result<End> {
    let handles = (reviews.handle(), health.handle());
    let mut servers = std::pin::pin!(async { tokio::try_join!(reviews, health) }.fuse());
    tokio::select! {
        ended = &mut servers => { ended.context("a server failed")?; anyhow::bail!("a server ended by itself") }
        _ = signals.next() => {}
    }
    shared.leave();
    tracing::info!(delay = ?args.shutdown_delay, "asked to end: not ready any more");
    let leave = async {
        tokio::time::sleep(args.shutdown_delay).await;
        tracing::info!("draining");
        let until = tokio::time::Instant::now() + args.shutdown_timeout;
        // The health port stays until the reviews are done, so that a probe sees a draining server, not a dead one.
        let drained = tokio::time::timeout(args.shutdown_timeout, handles.0.stop(true)).await;
        if drained.is_err() {
            tracing::warn!("some reviews did not end in time");
            handles.0.stop(false).await;
        }
        let last = until.max(tokio::time::Instant::now() + LAST_SESSIONS);
        with_session_recorder.end(last, drained.is_ok()).await;
        handles.1.stop(false).await;
    };
    // The servers must be polled to drain; that they end is not the news here.
    let end = signals.drain(join(leave, servers).map(drop)).await;
    if end == End::Drained {
        tracing::info!("ended");
    }
    Ok(end)
}
