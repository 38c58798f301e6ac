//! How do reviews come in and answers go out?

use std::any::Any;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::{Extensions, Server};
use actix_web::http::{Method, StatusCode};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use hotdesk_slots::text::sanitize;
use hotdesk_slots::webhook_path::{MUTATE, SLOTS, VALIDATE};
use jiff::Timestamp;
use rustls::ServerConfig;

use crate::answer::{Answer, Context, Path, answer, answer_condensed, refusal, slots};
use crate::caller::CallerProof;
use crate::deadline::Deadline;
use crate::limiter::{self, Limiter};
use crate::metrics::Metrics;
use crate::request_gate::{Body, Refused, RequestGate, Why};
use crate::review::uid_of;
use crate::session::Field;
use crate::session::recorder::SessionRecorder;
use crate::session::write::changes;
use crate::settings::Settings;
use crate::slot_cache::SlotCache;
use crate::tls::Certificates;

pub mod strangers;

use strangers::{Stranger, Strangers};

/// API servers keep idle connections to a webhook for 90 s; we must not be the first to close, or a
/// request is lost now and then.
pub const KEEP_ALIVE: Duration = Duration::from_secs(120);
/// A handshake is a matter of two round trips.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections for each worker. API servers open a few dozen; the rest would be somebody else, and must not use them up:
/// those that are past the handshake are bounded by [`Strangers`], the others by the next line.
pub const CONNECTIONS: usize = 4096;
/// Handshakes at the same time, for each worker. Who only opens connections would have to open some hundred a second, all the
/// time, to keep an API server out.
pub const HANDSHAKES: usize = 2048;

/// What all requests share.
#[derive(Debug)]
pub struct Shared {
    /// The operator's settings.
    pub settings: Settings,
    /// The Slots.
    pub slot_cache: Arc<SlotCache>,
    /// The certificate that is shown.
    pub certificates: Arc<Certificates>,
    /// Tells API servers from everybody else.
    pub caller: Arc<dyn CallerProof>,
    /// The connections on which nobody has shown that yet.
    pub strangers: Arc<Strangers>,
    /// Lets requests in.
    pub gate: RequestGate,
    /// Counts the slots of a person, where there is a limit.
    pub limiter: Option<Limiter>,
    /// Takes the sessions of people, where they are noted.
    pub recorder: Option<Arc<SessionRecorder>>,
    /// Takes their writes.
    pub write_recorder: Option<Arc<SessionRecorder>>,
    /// The counters.
    pub metrics: Metrics,
    /// True once the process was asked to end.
    pub leaving: AtomicBool,
}

impl Shared {
    /// Everything that a server needs, at its beginning.
    #[must_use]
    pub fn new(
        settings: Settings,
        slot_cache: Arc<SlotCache>,
        certificates: Arc<Certificates>,
        caller: Arc<dyn CallerProof>,
        gate: RequestGate,
    ) -> Self {
        let (metrics, leaving) = (Metrics::default(), AtomicBool::new(false));
        let strangers = Arc::default();
        Self {
            settings,
            slot_cache,
            certificates,
            caller,
            strangers,
            gate,
            limiter: None,
            recorder: None,
            write_recorder: None,
            metrics,
            leaving,
        }
    }

    /// The same, with somebody who counts the slots of a person.
    #[must_use]
    pub fn with_limiter(self, limiter: Option<Limiter>) -> Self {
        Self { limiter, ..self }
    }

    /// The same, with somewhere to note sessions.
    #[must_use]
    pub fn with_session_recorder(self, recorder: Option<Arc<SessionRecorder>>) -> Self {
        Self { recorder, ..self }
    }

    /// The same, with somewhere to note writes.
    #[must_use]
    pub fn noting_writes(self, write_recorder: Option<Arc<SessionRecorder>>) -> Self {
        Self { write_recorder, ..self }
    }

    /// From now on: not ready.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }
}

/// The server of `/mutate`, `/validate` and `/slots`, for callers that show that they are an API server.
///
/// # Errors
/// If the listener cannot be used.
pub fn reviews(
    shared: Arc<Shared>,
    listener: TcpListener,
    tls: ServerConfig,
    workers: usize,
    shutdown: Duration,
) -> std::io::Result<Server> {
    let strangers = Arc::clone(&shared.strangers);
    // A pointer of each worker's own: one of all workers would be counted up and down by all of them in each request.
    let app = move || App::new().app_data(web::Data::new(Arc::clone(&shared))).default_service(web::to(receive));
    tokio::spawn(Strangers::follow(Arc::downgrade(&strangers)));
    let patience = strangers.patience();
    let server = HttpServer::new(app)
        .workers(workers)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(patience)
        .tls_handshake_timeout(HANDSHAKE_TIMEOUT)
        .max_connections(CONNECTIONS)
        .max_connection_rate(HANDSHAKES)
        .on_connect(move |io, connection| arrive(&strangers, io, connection))
        .shutdown_timeout(shutdown.as_secs().max(1))
        .disable_signals()
        .listen_rustls_0_23(listener, tls)?;
    Ok(server.run())
}

/// Until it has shown that it is an API server's, a connection is a stranger's.
fn arrive(strangers: &Strangers, io: &dyn Any, connection: &mut Extensions) {
    let Some(tls) = io.downcast_ref::<TlsStream<rt::net::TcpStream>>() else { return };
    // A second handle of the same socket: the first is deep in the server, which has no timers once a request is there.
    match tls.get_ref().0.as_fd().try_clone_to_owned() {
        Ok(socket) => drop(connection.insert(strangers.arrive(TcpStream::from(socket), Instant::now()))),
        Err(error) => tracing::warn!(%error, "a connection is left to the server's own timers"),
    }
}

/// Nothing of a body is kept before the caller has shown that it is an API server. To everybody else it is all the same.
async fn receive(request: HttpRequest, body: web::Payload, shared: web::Data<Arc<Shared>>) -> HttpResponse {
    let route = shared.caller.route(&request);
    let path = match route {
        Some(MUTATE) => Path::Mutate,
        Some(VALIDATE) => Path::Validate,
        Some(SLOTS) => Path::Slots,
        _ => return nothing_here(body, &shared),
    };
    if let Some(stranger) = request.conn_data::<Arc<Stranger>>() {
        stranger.is_known();
    }
    if request.method() == Method::POST {
        review(path, request, body, shared).await
    } else {
        short(StatusCode::METHOD_NOT_ALLOWED, "send a review with POST")
    }
}

/// The connection ends with it: only API servers are worth one that stays.
fn nothing_here(body: web::Payload, shared: &Shared) -> HttpResponse {
    shared.metrics.refused("unknown-caller");
    let mut response = HttpResponse::NotFound().force_close().finish();
    // Alive until the answer is on its way: of a body that was let go, actix reads all that comes, however long.
    response.extensions_mut().insert(body);
    response
}

async fn review(
    path: Path,
    request: HttpRequest,
    mut body: web::Payload,
    shared: web::Data<Arc<Shared>>,
) -> HttpResponse {
    let _counted = shared.metrics.begin();
    let began = Instant::now();
    let deadline = Deadline::of(request.query_string(), began);
    // Its share of the memory is kept until the answer is there.
    let read = shared.gate.read(request.headers(), &mut body, deadline).await;
    let answered = read.as_ref().map_err(Refused::clone).and_then(|body| safely(path, body, &shared));
    match answered.or_else(denied) {
        Ok(answer) => {
            let mut answer = counted(answer, &shared, deadline).await;
            note_session(&mut answer, read.as_ref().ok(), &shared);
            shared.metrics.answered(path, &answer.note, began.elapsed());
            log(&answer);
            let mut response = HttpResponse::Ok();
            if sends_away(shared.leaving.load(Ordering::Relaxed), &shared.slot_cache, began) {
                response.force_close();
            }
            response.content_type("application/json").body(answer.reply.to_json())
        }
        Err(why) => {
            shared.metrics.refused(why.as_str());
            tracing::warn!(reason = why.as_str(), "refused a request: {}", sanitize(&why.to_string()));
            short(why.status(), &why.to_string())
        }
    }
}

/// So that the API server keeps no connection to a server that is taken from its Service: a request on one that is closed at the
/// same moment would be lost, and one that hears nothing any more will soon have to deny.
fn sends_away(leaving: bool, slot_cache: &SlotCache, now: Instant) -> bool {
    leaving || !slot_cache.hears(now)
}

/// A denial where the request's uid is known. An HTTP status alone would count as a webhook that cannot be reached, and
/// what controllers create then goes in without a stamp.
fn denied<'a>(refused: Refused) -> Result<Answer<'a>, Why> {
    let Refused { why, uid } = refused;
    let uid = uid.ok_or_else(|| why.clone())?;
    Ok(refusal(uid.into(), why.status().as_u16(), why.as_str(), &why.to_string()))
}

/// Answers, and answers with a denial even if we stumble.
fn safely<'a>(path: Path, body: &'a Body<'_>, shared: &Shared) -> Result<Answer<'a>, Refused> {
    let uid = || match body {
        Body::Whole(bytes, _) => uid_of(bytes),
        Body::Condensed(review, ..) => review.uid(),
    };
    guarded(uid, || {
        #[expect(clippy::disallowed_methods, reason = "the edge: a request's time is read here, once")]
        let now = Timestamp::now();
        let context =
            Context { settings: &shared.settings, slot_cache: &shared.slot_cache, now, monotonic: Instant::now() };
        let answered = match body {
            Body::Whole(bytes, _) => answer(path, bytes, &context),
            Body::Condensed(review, exceeded, _) => answer_condensed(path, review, *exceeded, &context),
        };
        answered.map_err(|_| Why::NotReview.into())
    })
}

/// Leaves a session or a write to be noted, if there is such a slot. Whether that works is none of the answer's business.
fn note_session(answer: &mut Answer<'_>, body: Option<&Body<'_>>, shared: &Shared) {
    let Some(session) = answer.session.take() else { return };
    let is_slots = || shared.slot_cache.knows(&session.slot);
    match (session.field, &shared.recorder, &shared.write_recorder) {
        (Field::Session, Some(recorder), _) if is_slots() => recorder.leave(session),
        (Field::Write(_), _, Some(recorder)) => {
            // To compare two objects takes longer than the answer, so it is done once a minute and slot.
            let same = || matches!(body, Some(Body::Whole(bytes, _)) if !changes(bytes));
            if recorder.wants(&session.slot, session.time) && is_slots() && !same() {
                recorder.leave(session);
            }
        }
        _ => {}
    }
}

/// The answer, denied after all if somebody would hold too many slots by it.
async fn counted<'a>(mut answer: Answer<'a>, shared: &Shared, deadline: Deadline) -> Answer<'a> {
    let Some(acquisition) = answer.acquisition.take() else { return answer };
    #[expect(clippy::disallowed_methods, reason = "the edge: a request's time is read here, once")]
    let now = Timestamp::now();
    let admitted = match &shared.limiter {
        Some(limiter) => {
            let with_limiter = limiter.admit(&acquisition, &shared.slot_cache, now, Instant::now());
            deadline.within(with_limiter).await.unwrap_or_else(|_| Err(uncounted("it took too long")))
        }
        None => Err(uncounted("there is nothing to count with")),
    };
    match admitted {
        Ok(()) => answer,
        Err(refused) => {
            if let limiter::Refused::Uncounted(why) = &refused {
                tracing::error!(slot = %acquisition.slot, error = %sanitize(why), "a claim could not be counted");
            }
            slots::beyond(answer, &acquisition, &refused, &shared.settings)
        }
    }
}

fn uncounted(why: &str) -> limiter::Refused {
    limiter::Refused::Uncounted(why.to_owned())
}

fn guarded<'a>(
    uid: impl Fn() -> Option<String>,
    judge: impl FnOnce() -> Result<Answer<'a>, Refused>,
) -> Result<Answer<'a>, Refused> {
    // Nothing that a request shares with others is written while it is judged.
    catch_unwind(AssertUnwindSafe(judge)).unwrap_or_else(|_| Err(Refused { why: Why::Panic, uid: uid() }))
}

fn short(status: StatusCode, text: &str) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(format!("{text}\n"))
}

/// One line for each denial and each use of break-glass, and for what a mode let pass.
fn log(answer: &Answer<'_>) {
    let note = &answer.note;
    let (slot, requester, resource) = (&note.slot, &note.requester, &note.target);
    let (operation, reason) = (note.operation, note.reason);
    match (note.decision, reason) {
        ("deny", _) => {
            let code = answer.reply.denial.as_ref().map_or(0, |denial| denial.code);
            tracing::info!(%slot, %requester, operation, %resource, reason, code, "denied");
        }
        ("allow", "break-glass") => tracing::warn!(%slot, %requester, operation, %resource, "let in by break-glass"),
        ("allow", _) => tracing::debug!(%slot, %requester, operation, %resource, reason, "allowed"),
        (mode, _) => tracing::info!(%slot, %requester, operation, %resource, reason, mode, "would deny"),
    }
}

#[cfg(test)]
mod tests;
