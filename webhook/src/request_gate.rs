//! Which requests are read, how, and how many of them at the same time?
//!
//! All bodies together have one budget of memory. A quarter of it is reserved for small reviews, which are nearly all, and
//! the rest is for large ones: so large ones wait for each other, and small ones never wait for large ones. What an API
//! server sends of an ordinary object is read whole; what is larger still (an object full of characters that JSON
//! escapes, with its old self beside it) is read as a stream that keeps only what the gate reads.
//!
//! A share of the budget is taken when the first bytes of a body are there: an idle connection holds none.

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::deadline::Deadline;
use crate::review::condense::Condensed;
use crate::review::uid_of;

mod stream;

/// What one permit pays for.
const PERMIT: usize = 1 << 10;
/// What a review costs at least, besides its body.
const LEAST: usize = 16 << 10;
/// The largest review that counts as small.
const SMALL: usize = 256 << 10;
/// The largest review that is read whole. An API server takes 3 MiB, so this is any object of plain text, or a Slot
/// with its old self.
const WHOLE: usize = 4 << 20;
/// What a review costs that is read as a stream: all that is kept of it, and what is under way.
const STREAM: usize = 8 << 20;

/// For how much of its time, in per cent, a request waits for memory. In the rest its body is taken from the connection
/// all the same, and it is told why: a sender whose body nobody reads hears nothing.
const WAIT: u32 = 67;
/// For how much of the time that is left then a body may take to arrive. It holds memory, and those who wait for it wait
/// longer than that.
pub(crate) const ARRIVE: u32 = 50;

/// How much is let in.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest review that is judged like any other.
    pub review: usize,
    /// The memory of all bodies together.
    pub budget: usize,
}

/// Lets requests in.
#[derive(Debug)]
pub struct RequestGate {
    limits: Limits,
    small: Semaphore,
    large: Arc<Semaphore>,
    large_permits: u32,
}

/// A body, with its share of the budget.
#[derive(Debug)]
pub enum Body<'g> {
    /// All of it.
    Whole(Bytes, SemaphorePermit<'g>),
    /// What is kept of a large one, and the limit if it was larger than that.
    Condensed(Condensed, Option<usize>, OwnedSemaphorePermit),
}

/// Why a request is not judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    /// The reason.
    pub why: Why,
    /// Which request it is, if that much could be read: then it can be denied in the form that an API server expects.
    pub uid: Option<String>,
}

/// Why a request is not judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Not `application/json`.
    #[error("send a review as application/json")]
    ContentType,
    /// What it says about its user does not fit.
    #[error("the request says more about its user (groups and extra) than hotdesk reads, 2 MiB")]
    TooLarge,
    /// No share of the budget became free.
    #[error(
        "too many large objects were sent at the same time; try again. If it stays so, an administrator raises webhook.bodyBudgetBytes"
    )]
    Busy,
    /// The body did not come in time.
    #[error("the review did not arrive in time; try again")]
    TooSlow,
    /// The connection broke off.
    #[error("the review did not arrive whole")]
    Broken,
    /// Not a review.
    #[error("the body is not an AdmissionReview of admission.k8s.io/v1 in JSON with request.uid")]
    NotReview,
    /// A review that cannot be read. The text may quote it: sanitise before showing.
    #[error("{0}")]
    Unreadable(String),
    /// A bug.
    #[error("an error of hotdesk itself; its log says more")]
    Panic,
}

/// As much of a body as has come.
#[derive(Debug, PartialEq, Eq)]
enum Collected {
    /// All of it.
    All(Bytes),
    /// More than is read whole.
    More(Bytes),
}

impl RequestGate {
    /// Lets requests in within these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let all = permits(limits.budget);
        let small = all / 4;
        let large_permits = all - small;
        let semaphore = |permits: u32| Semaphore::new(permits as usize);
        Self { limits, small: semaphore(small), large: Arc::new(semaphore(large_permits)), large_permits }
    }

    /// Reads a body, as soon as there is memory for it.
    ///
    /// # Errors
    /// If the request is not let in, or does not arrive in time.
    pub async fn read(&self, headers: &HeaderMap, body: &mut Payload, deadline: Deadline) -> Result<Body<'_>, Refused> {
        if !is_json(headers) {
            return Err(Why::ContentType.into());
        }
        let announced = announced(headers);
        let first = match deadline.within(body.next()).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(None) => Bytes::new(),
            Ok(Some(Err(_))) => return Err(Why::Broken.into()),
            Err(_) => return Err(Why::TooSlow.into()),
        };
        // Whose length is not known may be anything that is read whole.
        let length = announced.unwrap_or(WHOLE);
        if length > WHOLE {
            return self.stream(announced, first, body, deadline).await;
        }
        let Some(permit) = self.permit(length, deadline).await else {
            return Err(busy(&first, body, deadline).await);
        };
        if first.len() == length {
            // All of it, as of nearly every review.
            return Ok(Body::Whole(first, permit));
        }
        let mut bytes = BytesMut::from(&*first);
        drop(first);
        match deadline.share(Instant::now(), ARRIVE).within(collect(announced, &mut bytes, body)).await {
            Ok(Ok(Collected::All(bytes))) => Ok(Body::Whole(bytes, permit)),
            Ok(Ok(Collected::More(bytes))) => {
                drop(permit);
                self.stream(announced, bytes, body, deadline).await
            }
            Ok(Err(why)) => Err(Refused::of(why, &bytes)),
            Err(_) => Err(Refused::of(Why::TooSlow, &bytes)),
        }
    }

    /// Waits for the share of a body of this length.
    async fn permit(&self, length: usize, deadline: Deadline) -> Option<SemaphorePermit<'_>> {
        let wanted = permits(length.max(LEAST));
        let patience = deadline.share(Instant::now(), WAIT);
        let permit = if length <= SMALL {
            patience.within(self.small.acquire_many(wanted)).await
        } else {
            patience.within(self.large.acquire_many(wanted.min(self.large_permits))).await
        };
        permit.ok()?.ok()
    }

    /// Reads a body without keeping it, the first bytes of which have come.
    async fn stream(
        &self,
        announced: Option<usize>,
        first: Bytes,
        body: &mut Payload,
        deadline: Deadline,
    ) -> Result<Body<'_>, Refused> {
        let wanted = permits(STREAM).min(self.large_permits);
        let patience = deadline.share(Instant::now(), WAIT);
        let Ok(Ok(permit)) = patience.within(self.large.clone().acquire_many_owned(wanted)).await else {
            return Err(busy(&first, body, deadline).await);
        };
        let read = stream::read(announced, first, body, permit, deadline).await?;
        let exceeded = Some(self.limits.review).filter(|limit| read.length > *limit);
        Ok(Body::Condensed(read.review, exceeded, read.permit))
    }
}

/// The refusal of a request for which there was no memory, when its body is out of the way.
async fn busy(first: &[u8], body: &mut Payload, deadline: Deadline) -> Refused {
    let away = async { while let Some(Ok(_)) = body.next().await {} };
    // A sender that is too slow even for this may not hear why.
    let _late = deadline.within(away).await;
    Refused::of(Why::Busy, first)
}

/// Reads what is still to come of a body that is not expected to be larger than what is read whole.
async fn collect(announced: Option<usize>, bytes: &mut BytesMut, body: &mut Payload) -> Result<Collected, Why> {
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| Why::Broken)?;
        bytes.extend_from_slice(&chunk);
        if bytes.len() > WHOLE {
            return Ok(Collected::More(bytes.split().freeze()));
        }
    }
    if announced.is_some_and(|length| length != bytes.len()) {
        return Err(Why::Broken);
    }
    Ok(Collected::All(bytes.split().freeze()))
}

impl Refused {
    /// A refusal of the request that begins so.
    fn of(why: Why, body: &[u8]) -> Self {
        Self { why, uid: uid_of(body) }
    }
}

impl From<Why> for Refused {
    fn from(why: Why) -> Self {
        Self { why, uid: None }
    }
}

impl Why {
    /// The HTTP status, and the code of a denial, that says so.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::NotReview | Self::Unreadable(_) => StatusCode::BAD_REQUEST,
            Self::Panic => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// One word for metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ContentType => "content-type",
            Self::TooLarge => "too-large",
            Self::Busy => "busy",
            Self::TooSlow => "too-slow",
            Self::Broken => "broken",
            Self::NotReview => "not-review",
            Self::Unreadable(_) => "unreadable",
            Self::Panic => "panic",
        }
    }
}

fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PERMIT)).unwrap_or(u32::MAX)
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
