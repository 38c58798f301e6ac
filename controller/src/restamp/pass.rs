//! How is everything in one slot looked at, and what is wrong restamped?
//!
//! Only metadata is asked for. An empty patch goes through the webhook, and the webhook writes the stamp.

use std::pin::pin;

use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use hotdesk_runtime::client;
use hotdesk_slots::stamp::Stamp;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::Request;
use kube::{Client, Error, Resource as _};
use serde_json::json;
use tokio::sync::Semaphore;

use super::MANAGER;
use super::marked::{Marked, Meta, Page};
use super::metrics::{Metrics, Touched};
use super::needs::{needs_restamp, selector};
use super::pace::Pace;
use super::report::Report;
use super::schedule::Scan;

/// The API server gives so many objects at a time, and so many lists are read at once. Each object may have more than a
/// megabyte of labels, and what is read takes three times its size in memory.
const PAGE: u32 = 25;
const LISTS_AT_ONCE: usize = 4;

/// After so many objects that the webhook did not stamp, the others wait: it is away, or has not heard of the claim.
const UNSTAMPED_AT_MOST: u64 = 20;

/// So many patches are on their way at once, of all slots together: each waits for the webhook, and its answer may be as large
/// as an object of a list.
const PATCHES_AT_ONCE: usize = 8;

/// Patches and lists a second, of all slots together: 5,000 objects of one slot within a minute.
const PATCHES_A_SECOND: u32 = 100;
const LISTS_A_SECOND: u32 = 100;

/// How closely objects are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thoroughness {
    /// Patch what is wrong.
    Wrong(Scan),
    /// Patch everything.
    All,
}

/// What a pass goes by.
pub struct Passes {
    client: Client,
    patches: Pace,
    lists: Pace,
    reading: Semaphore,
    patching: Semaphore,
}

/// One pass over one slot.
struct Pass<'a> {
    passes: &'a Passes,
    metrics: &'a Metrics,
    slot: &'a str,
    stamp: &'a Stamp,
    how: Thoroughness,
    report: Report,
    unstamped: u64,
}

/// What is done in a slot about one kind.
#[derive(Clone, Copy)]
struct Work<'a> {
    passes: &'a Passes,
    url: &'a Request,
    kind: &'a ApiResource,
    stamp: &'a Stamp,
    how: Thoroughness,
}

/// What came of one object.
enum Came {
    /// It is right, or gone.
    Nothing,
    /// It was changed.
    Restamped,
    /// The webhook did not stamp it.
    Unstamped,
    /// It may not be changed, and why.
    Refused(String),
}

impl Passes {
    /// By a client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            patches: Pace::new(PATCHES_A_SECOND),
            lists: Pace::new(LISTS_A_SECOND),
            reading: Semaphore::new(LISTS_AT_ONCE),
            patching: Semaphore::new(PATCHES_AT_ONCE),
        }
    }

    /// Looks at the objects of these kinds in a slot, and has what does not carry the stamp stamped.
    pub async fn run(
        &self,
        metrics: &Metrics,
        kinds: &[ApiResource],
        slot: &str,
        stamp: &Stamp,
        how: Thoroughness,
    ) -> Report {
        let mut pass = Pass { passes: self, metrics, slot, stamp, how, report: Report::default(), unstamped: 0 };
        for kind in kinds {
            if pass.is_hopeless() {
                break;
            }
            pass.kind(kind).await;
        }
        pass.report
    }
}

impl Pass<'_> {
    async fn kind(&mut self, kind: &ApiResource) {
        let url = Request::new(DynamicObject::url_path(kind, Some(self.slot)));
        let mut page = ListParams::default().limit(PAGE);
        if self.how == Thoroughness::Wrong(Scan::ByLabel) {
            page = page.labels(&selector(self.stamp));
        }
        let work = Work { passes: self.passes, url: &url, kind, stamp: self.stamp, how: self.how };
        let tried = work.objects(page).map_ok(|object| work.object(object)).try_buffer_unordered(PATCHES_AT_ONCE);
        let mut tried = pin!(tried);
        while let Some(tried) = tried.next().await {
            match tried {
                Ok((name, came)) => self.note(kind, &name, came),
                Err(error) => self.unlisted(kind, &error),
            }
            if self.is_hopeless() {
                return;
            }
        }
    }

    /// Counts what came of one object.
    fn note(&mut self, kind: &ApiResource, name: &str, came: Came) {
        let what = || format!("{} {name}", plural(kind));
        match came {
            Came::Nothing => {}
            Came::Restamped => {
                self.report.restamped += 1;
                self.metrics.touched(Touched::Restamped);
            }
            Came::Unstamped => {
                self.unstamped += 1;
                self.report.fail(&what(), "hotdesk's webhook did not stamp it");
                self.metrics.touched(Touched::Unstamped);
            }
            Came::Refused(why) => {
                self.report.fail(&what(), &why);
                self.metrics.touched(Touched::Refused);
            }
        }
    }

    fn unlisted(&mut self, kind: &ApiResource, error: &Error) {
        // A kind that is gone since it was offered has no objects.
        let gone = matches!(error, Error::Api(status) if status.is_not_found() || status.code == 405);
        if !gone {
            self.report.fail(&plural(kind), &client::reason(error));
        }
    }

    fn is_hopeless(&self) -> bool {
        self.unstamped >= UNSTAMPED_AT_MOST
    }
}

impl<'a> Work<'a> {
    /// The objects, a page at a time: the next one is asked for when the last of this one is on its way.
    fn objects(self, first: ListParams) -> impl Stream<Item = Result<Meta, Error>> + Send + 'a {
        let pages = stream::try_unfold(Some(first), move |page| async move {
            let Some(page) = page else { return Ok::<_, Error>(None) };
            let listed = self.list(&page).await?;
            let next = listed.next().map(|token| page.clone().continue_token(token));
            Ok(Some((stream::iter(listed.into_items()).map(Ok), next)))
        });
        pages.try_flatten()
    }

    async fn list(self, page: &ListParams) -> Result<Page, Error> {
        let request = self.url.list_metadata(page).map_err(Error::BuildRequest)?;
        self.passes.lists.turn().await;
        let _turn = self.passes.reading.acquire().await;
        self.passes.client.request(request).await
    }

    async fn patch(self, name: &str) -> Result<Meta, Error> {
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let request = self.url.patch_metadata(name, &parameters, &Patch::Merge(json!({})));
        let request = request.map_err(Error::BuildRequest)?;
        // First a place, then a turn: who waits for a slow answer books no turns.
        let _place = self.passes.patching.acquire().await;
        self.passes.patches.turn().await;
        let patched: Marked = self.passes.client.request(request).await?;
        Ok(patched.metadata)
    }

    /// The name of an object, and what came of it.
    async fn object(self, was: Meta) -> Result<(String, Came), Error> {
        let is_wrong = needs_restamp(self.kind, &was, self.stamp);
        if !is_wrong && self.how != Thoroughness::All {
            return Ok((was.name, Came::Nothing));
        }
        let came = match self.patch(&was.name).await {
            Ok(is) if needs_restamp(self.kind, &is, self.stamp) => Came::Unstamped,
            Ok(is) if is.resource_version != was.resource_version => Came::Restamped,
            // It is right as it is, or gone.
            Ok(_) => Came::Nothing,
            Err(Error::Api(status)) if status.is_not_found() => Came::Nothing,
            Err(error) if is_wrong => Came::Refused(client::reason(&error)),
            Err(_) => Came::Nothing,
        };
        Ok((was.name, came))
    }
}

/// `configmaps`, `deployments.apps`.
fn plural(kind: &ApiResource) -> String {
    if kind.group.is_empty() { kind.plural.clone() } else { format!("{}.{}", kind.plural, kind.group) }
}
