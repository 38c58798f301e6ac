//! How do reviews come in and answers go out?

use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use hotdesk_slots::text::harmless;
use jiff::Timestamp;
use rustls::ServerConfig;

use crate::answer::{Answer, Context, Path, answer, slots};
use crate::book::Book;
use crate::intake::{Intake, Refused};
use crate::limiter::{self, Limiter};
use crate::metrics::Metrics;
use crate::review::uid_of;
use crate::session::notebook::Notebook;
use crate::settings::Settings;
use crate::tls::Certificates;

/// API servers keep idle connections to a webhook for 90 s; whoever closes first must not be us, or a
/// request is lost now and then.
pub const KEEP_ALIVE: Duration = Duration::from_secs(120);
/// A request's headers are sent at once by any API server.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// A handshake is a matter of two round trips.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections for each worker. API servers open a few dozen; the rest would be somebody else.
pub const CONNECTIONS: usize = 1024;

/// What all requests share.
#[derive(Debug)]
pub struct Shared {
    /// The operator's settings.
    pub settings: Settings,
    /// The Slots.
    pub book: Arc<Book>,
    /// The certificate that is shown.
    pub certificates: Arc<Certificates>,
    /// The door.
    pub intake: Intake,
    /// Counts the slots of a person, where there is a limit.
    pub limiter: Option<Limiter>,
    /// Takes the sessions of people, where they are noted.
    pub notebook: Option<Arc<Notebook>>,
    /// The counters.
    pub metrics: Metrics,
    /// True once the process was asked to end.
    pub leaving: AtomicBool,
}

impl Shared {
    /// Everything that a server needs, at its beginning.
    #[must_use]
    pub fn new(settings: Settings, book: Arc<Book>, certificates: Arc<Certificates>, intake: Intake) -> Self {
        let (metrics, leaving) = (Metrics::default(), AtomicBool::new(false));
        Self { settings, book, certificates, intake, limiter: None, notebook: None, metrics, leaving }
    }

    /// The same, with somebody who counts the slots of a person.
    #[must_use]
    pub fn counting(self, limiter: Option<Limiter>) -> Self {
        Self { limiter, ..self }
    }

    /// The same, with somewhere to note sessions.
    #[must_use]
    pub fn noting(self, notebook: Option<Arc<Notebook>>) -> Self {
        Self { notebook, ..self }
    }

    /// From now on: not ready.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }
}

/// The server of `/mutate`, `/validate` and `/slots`.
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
    let app = move || {
        App::new()
            // A pointer of each worker's own: one of all workers would be counted up and down by all of them in each request.
            .app_data(web::Data::new(Arc::clone(&shared)))
            .service(resource("/mutate", Path::Mutate))
            .service(resource("/validate", Path::Validate))
            .service(resource("/slots", Path::Slots))
            .default_service(web::to(not_found))
    };
    let server = HttpServer::new(app)
        .workers(workers)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEADER_TIMEOUT)
        .tls_handshake_timeout(HANDSHAKE_TIMEOUT)
        .max_connections(CONNECTIONS)
        .shutdown_timeout(shutdown.as_secs().max(1))
        .disable_signals()
        .listen_rustls_0_23(listener, tls)?;
    Ok(server.run())
}

fn resource(pattern: &str, path: Path) -> actix_web::Resource {
    let handle = move |request: HttpRequest, body: web::Payload, shared: web::Data<Arc<Shared>>| {
        review(path, request, body, shared)
    };
    web::resource(pattern).route(web::post().to(handle)).default_service(web::to(not_allowed))
}

async fn not_found() -> HttpResponse {
    short(StatusCode::NOT_FOUND, "reviews go to /mutate, /validate and /slots")
}

async fn not_allowed() -> HttpResponse {
    short(StatusCode::METHOD_NOT_ALLOWED, "send a review with POST")
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

/// Leaves a session to be noted. Whether that works is none of the answer's business.
fn note_session(answer: &mut Answer<'_>, shared: &Shared) {
    let (Some(session), Some(notebook)) = (answer.session.take(), &shared.notebook) else { return };
    if !notebook.leave(session, Instant::now()) {
        tracing::error!(slot = %answer.note.slot, "too many sessions wait to be noted: one is lost");
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
