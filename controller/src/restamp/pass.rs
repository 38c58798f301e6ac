//! How is everything in one slot looked at, and what is wrong restamped?
//!
//! Only metadata is asked for. An empty patch goes through the webhook, and the webhook writes the stamp.

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

/// Patches and lists a second, of all slots together.
const PATCHES_A_SECOND: u32 = 20;
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

impl Passes {
    /// By a client. It must be made where timers run.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            patches: Pace::new(PATCHES_A_SECOND),
            lists: Pace::new(LISTS_A_SECOND),
            reading: Semaphore::new(LISTS_AT_ONCE),
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
        loop {
            let listed = match self.list(&url, &page).await {
                Ok(listed) => listed,
                Err(error) => return self.unlisted(kind, &error),
            };
            for object in listed.items() {
                if self.is_hopeless() {
                    return;
                }
                self.object(&url, kind, &object.metadata).await;
            }
            match listed.next() {
                Some(token) => page = page.continue_token(token),
                None => return,
            }
        }
    }

    async fn list(&self, url: &Request, page: &ListParams) -> Result<Page, Error> {
        let request = url.list_metadata(page).map_err(Error::BuildRequest)?;
        self.passes.lists.turn().await;
        let _turn = self.passes.reading.acquire().await;
        self.passes.client.request(request).await
    }

    async fn patch(&self, url: &Request, name: &str) -> Result<Meta, Error> {
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let request = url.patch_metadata(name, &parameters, &Patch::Merge(json!({})));
        let patched: Marked = self.passes.client.request(request.map_err(Error::BuildRequest)?).await?;
        Ok(patched.metadata)
    }

    async fn object(&mut self, url: &Request, kind: &ApiResource, was: &Meta) {
        let is_wrong = needs_restamp(kind, was, self.stamp);
        if !is_wrong && self.how != Thoroughness::All {
            return;
        }
        self.passes.patches.turn().await;
        let what = || format!("{} {}", plural(kind), was.name);
        match self.patch(url, &was.name).await {
            Ok(is) if needs_restamp(kind, &is, self.stamp) => {
                self.unstamped += 1;
                self.report.fail(&what(), "hotdesk's webhook did not stamp it");
                self.metrics.touched(Touched::Unstamped);
            }
            Ok(is) if is.resource_version != was.resource_version => {
                self.report.restamped += 1;
                self.metrics.touched(Touched::Restamped);
            }
            // It is right as it is, or gone.
            Ok(_) => {}
            Err(Error::Api(status)) if status.is_not_found() => {}
            Err(error) if is_wrong => {
                let why = client::reason(&error);
                self.report.fail(&what(), &why);
                self.metrics.touched(Touched::Refused);
            }
            Err(_) => {}
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

/// `configmaps`, `deployments.apps`.
fn plural(kind: &ApiResource) -> String {
    if kind.group.is_empty() { kind.plural.clone() } else { format!("{}.{}", kind.plural, kind.group) }
}
