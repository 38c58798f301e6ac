//! Which requests are read at all, and how much of them at the same time?
//!
//! A place is taken before the first byte of a body is kept, so that the memory of all reviews together
//! is bounded: one place for each MiB begun.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures::{StreamExt as _, poll};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// What one place pays for.
const PLACE: usize = 1 << 20;

/// A body that is too large is read away up to so many times the limit, so that its sender hears why.
const DISCARDED: usize = 4;

/// How much is let in.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest body.
    pub bytes: usize,
    /// Places.
    pub places: u32,
    /// How long a request waits for its place.
    pub wait: Duration,
    /// How long a body may take.
    pub read: Duration,
}

/// The door.
#[derive(Debug)]
pub struct Intake {
    limits: Limits,
    places: Semaphore,
}

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not `application/json`.
    #[error("send a review as application/json")]
    ContentType,
    /// More than the limit.
    #[error("the review is larger than this server reads; --max-review-bytes sets the limit")]
    TooLarge,
    /// No place became free.
    #[error("too many reviews at the same time; try again")]
    Busy,
    /// The body did not come in time.
    #[error("the review did not arrive in time")]
    TooSlow,
    /// The connection broke off, or the body is garbled.
    #[error("the review did not arrive whole")]
    Broken,
    /// Not a review.
    #[error("the body is not an AdmissionReview of admission.k8s.io/v1 in JSON with request.uid")]
    NotReview,
}

impl Intake {
    /// A door with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, places: Semaphore::new(limits.places as usize) }
    }

    /// Waits for a place and reads the body.
    ///
    /// # Errors
    /// If the request is not let in, or does not arrive.
    pub async fn take(&self, headers: &HeaderMap, body: &mut Payload) -> Result<(Bytes, SemaphorePermit<'_>), Refused> {
        if !is_json(headers) {
            return Err(Refused::ContentType);
        }
        let announced = announced(headers);
        if announced.is_some_and(|length| length > self.limits.bytes) {
            self.discard(body).await;
            return Err(Refused::TooLarge);
        }
        let place = self.place(self.places_for(announced.unwrap_or(self.limits.bytes))).await?;
        match within(self.limits.read, self.read(announced, body)).await {
            Ok(Ok(bytes)) => Ok((bytes, place)),
            Ok(Err(Refused::TooLarge)) => {
                drop(place);
                self.discard(body).await;
                Err(Refused::TooLarge)
            }
            Ok(Err(refused)) => Err(refused),
            Err(_) => Err(Refused::TooSlow),
        }
    }

    async fn place(&self, places: u32) -> Result<SemaphorePermit<'_>, Refused> {
        let place = within(self.limits.wait, self.places.acquire_many(places)).await;
        place.map_err(|_| Refused::Busy)?.map_err(|_| Refused::Busy)
    }

    /// One place for each MiB begun; never more than there are, or it would wait for ever.
    fn places_for(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(PLACE)).unwrap_or(u32::MAX).clamp(1, self.limits.places)
    }

    async fn read(&self, announced: Option<usize>, body: &mut Payload) -> Result<Bytes, Refused> {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| Refused::Broken)?;
            if bytes.len() + chunk.len() > self.limits.bytes {
                return Err(Refused::TooLarge);
            }
            if bytes.is_empty() && announced == Some(chunk.len()) {
                // All of it, as of nearly every review.
                return Ok(chunk);
            }
            if bytes.is_empty() {
                // Room is made as the body comes, so that a mere announcement costs no memory.
                bytes.reserve(announced.unwrap_or_default().min(PLACE));
            }
            bytes.extend_from_slice(&chunk);
        }
        if announced.is_some_and(|length| length != bytes.len()) { Err(Refused::Broken) } else { Ok(bytes.freeze()) }
    }

    /// Reads a body away. Without it the connection would be cut, and its sender would not hear why.
    async fn discard(&self, body: &mut Payload) {
        let most = self.limits.bytes.saturating_mul(DISCARDED);
        let read = async {
            let mut seen = 0;
            while let Some(Ok(chunk)) = body.next().await {
                seen += chunk.len();
                if seen > most {
                    break;
                }
            }
        };
        // A sender that is too slow even for this is cut off.
        let _too_slow = timeout(self.limits.read, read).await;
    }
}

impl Refused {
    /// The HTTP status that says so.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::NotReview => StatusCode::BAD_REQUEST,
        }
    }

    /// One word for metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ContentType => "content-type",
            Self::TooLarge => "too-large",
            Self::Busy => "busy",
            Self::TooSlow => "too-slow",
            Self::Broken => "broken",
            Self::NotReview => "not-review",
        }
    }
}

/// What is there at once needs no timer.
async fn within<F: Future>(limit: Duration, task: F) -> Result<F::Output, Elapsed> {
    let mut task = pin!(task);
    match poll!(task.as_mut()) {
        Poll::Ready(done) => Ok(done),
        Poll::Pending => timeout(limit, task).await,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
