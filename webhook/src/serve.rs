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
use hotdesk_slots::text::harmless;
use hotdesk_slots::webhook_path::{MUTATE, SLOTS, VALIDATE};
use jiff::Timestamp;
use rustls::ServerConfig;

use crate::answer::{Answer, Context, Path, answer, slots};
use crate::book::Book;
use crate::caller::CallerProof;
use crate::intake::{Intake, Refused};
use crate::limiter::{self, Limiter};
use crate::metrics::Metrics;
use crate::review::uid_of;
use crate::session::recorder::SessionRecorder;
use crate::settings::Settings;
use crate::tls::Certificates;

pub mod strangers;

use strangers::{Stranger, Strangers};

/// API servers keep idle connections to a webhook for 90 s; whoever closes first must not be us, or a
/// request is lost now and then.
pub const KEEP_ALIVE: Duration = Duration::from_secs(120);
/// A request's headers are sent at once by any API server.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
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
    pub book: Arc<Book>,
    /// The certificate that is shown.
    pub certificates: Arc<Certificates>,
    /// Tells API servers from everybody else.
    pub caller: Arc<dyn CallerProof>,
    /// The connections on which nobody has shown that yet.
    pub strangers: Arc<Strangers>,
    /// The door.
    pub intake: Intake,
    /// Counts the slots of a person, where there is a limit.
    pub limiter: Option<Limiter>,
    /// Takes the sessions of people, where they are noted.
    pub recorder: Option<Arc<SessionRecorder>>,
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
        book: Arc<Book>,
        certificates: Arc<Certificates>,
        caller: Arc<dyn CallerProof>,
        intake: Intake,
    ) -> Self {
        let (metrics, leaving) = (Metrics::default(), AtomicBool::new(false));
        let strangers = Arc::default();
        Self {
            settings,
            book,
            certificates,
            caller,
            strangers,
            intake,
            limiter: None,
            recorder: None,
            metrics,
            leaving,
        }
    }

    /// The same, with somebody who counts the slots of a person.
    #[must_use]
    pub fn counting(self, limiter: Option<Limiter>) -> Self {
        Self { limiter, ..self }
    }

    /// The same, with somewhere to note sessions.
    #[must_use]
    pub fn noting(self, recorder: Option<Arc<SessionRecorder>>) -> Self {
        Self { recorder, ..self }
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
    let server = HttpServer::new(app)
        .workers(workers)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEADER_TIMEOUT)
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
    // The place is kept until the answer is there.
    let taken = shared.intake.take(request.headers(), &mut body).await;
    match taken.as_ref().map_err(|refused| *refused).and_then(|(bytes, _place)| safely(path, bytes, &shared)) {
        Ok(answer) => {
            let mut answer = counted(answer, &shared).await;
            note_session(&mut answer, &shared);
            shared.metrics.answered(path, &answer.note, began.elapsed());
            log(&answer);
            send(&answer)
        }
        Err(refused) => {
            shared.metrics.refused(refused.word());
            tracing::warn!(reason = refused.word(), "refused a request: {refused}");
            short(refused.status(), &refused.to_string())
        }
    }
}

/// Answers, and answers with a denial even if we stumble.
fn safely<'a>(path: Path, body: &'a [u8], shared: &Shared) -> Result<Answer<'a>, Refused> {
    guarded(body, || {
        #[expect(clippy::disallowed_methods, reason = "the edge: a request's time is read here, once")]
        let now = Timestamp::now();
        let context = Context { settings: &shared.settings, book: &shared.book, now, steady: Instant::now() };
        answer(path, body, &context).map_err(|_| Refused::NotReview)
    })
}

/// Leaves a session to be noted, if there is such a slot. Whether that works is none of the answer's business.
fn note_session(answer: &mut Answer<'_>, shared: &Shared) {
    let (Some(session), Some(recorder)) = (answer.session.take(), &shared.recorder) else { return };
    if shared.book.knows(&session.slot) {
        recorder.leave(session);
    }
}

/// The answer, denied after all if somebody would hold too many slots by it.
async fn counted<'a>(mut answer: Answer<'a>, shared: &Shared) -> Answer<'a> {
    let Some(gain) = answer.gain.take() else { return answer };
    #[expect(clippy::disallowed_methods, reason = "the edge: a request's time is read here, once")]
    let now = Timestamp::now();
    let admitted = match &shared.limiter {
        Some(limiter) => limiter.admit(&gain, &shared.book, now, Instant::now()).await,
        None => Err(limiter::Refused::Uncounted("there is nothing to count with".to_owned())),
    };
    match admitted {
        Ok(()) => answer,
        Err(refused) => {
            if let limiter::Refused::Uncounted(why) = &refused {
                tracing::error!(slot = %gain.slot, error = %harmless(why), "a claim could not be counted");
            }
            slots::beyond(answer, &gain, &refused, &shared.settings)
        }
    }
}

fn guarded<'a>(body: &[u8], judge: impl FnOnce() -> Result<Answer<'a>, Refused>) -> Result<Answer<'a>, Refused> {
    // Nothing that a request shares with others is written while it is judged.
    catch_unwind(AssertUnwindSafe(judge)).unwrap_or_else(|_| {
        let uid = uid_of(body).ok_or(Refused::NotReview)?;
        Ok(crate::answer::refusal(uid.into(), 500, "panic", "an error of hotdesk itself; its log says more"))
    })
}

fn send(answer: &Answer<'_>) -> HttpResponse {
    match answer.reply.to_json() {
        Ok(json) => HttpResponse::Ok().content_type("application/json").body(json),
        Err(_) => short(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written"),
    }
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
