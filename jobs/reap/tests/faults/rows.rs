//! What can go wrong: one row each.

mod acts;
mod api;
mod counters;
mod inconclusive;
mod lines;
mod observer;
mod pod_usage;
mod sessions;
mod sources;
mod uses;
mod ways_in;
mod work;

use hotdesk_http::fake_server::Reply;
use serde_json::json;

use crate::world::{FakeCluster, RunOutcome, failure};

/// What a row must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// It is reaped: nothing is wrong with it.
    Reaped,
    /// It is not reaped.
    Kept,
    /// It is not reaped, and the run says that it cannot know: exit code 3, and Unknown in the status if it can be written.
    Unknown,
    /// It is not reaped, for something else than the slot is wrong: this exit code, and the status does not know.
    Failed(i32),
    /// It is idle, and its reap cannot finish: the run says so, exit code 4, and the Slot remembers it.
    Unfinished,
}

/// One row.
pub(crate) struct Row {
    pub name: String,
    pub expect: Expect,
    pub play: Box<dyn FnOnce() -> RunOutcome + Send>,
}

fn row(name: impl Into<String>, expect: Expect, world: FakeCluster) -> Row {
    Row { name: name.into(), expect, play: Box::new(move || world.run()) }
}

/// All rows.
pub(crate) fn all() -> Vec<Row> {
    let mut rows = vec![row("control: nothing is wrong, and it is reaped", Expect::Reaped, crate::world::idle())];
    rows.extend(api::rows());
    rows.extend(inconclusive::logs());
    rows.extend(inconclusive::controllers());
    rows.extend(lines::rows());
    rows.extend(acts::meanwhile());
    rows.extend(acts::logs_before_the_act());
    rows.extend(acts::helm());
    rows.extend(acts::unfit());
    rows.extend(acts::killed());
    rows.extend(acts::requests());
    rows.extend(acts::saves());
    rows.extend(sources::rows());
    rows.extend(ways_in::rows());
    rows.extend(work::rows());
    rows.extend(uses::rows());
    rows.extend(counters::rows());
    rows.extend(pod_usage::rows());
    rows.extend(sessions::rows());
    rows.extend(observer::rows());
    rows
}

/// How a server fails.
fn ways() -> Vec<(&'static str, Reply)> {
    vec![
        ("answers 401", failure(401, "Unauthorized", "Unauthorized")),
        ("answers 403", failure(403, "Forbidden", "forbidden")),
        ("answers 404", failure(404, "NotFound", "not found")),
        ("answers 429", failure(429, "TooManyRequests", "too many requests")),
        ("answers 500", failure(500, "InternalError", "etcdserver: request timed out")),
        ("never answers", Reply::Silence),
        ("breaks off", Reply::Truncated(json!({"metadata": {}, "items": []}))),
        ("gives half of its JSON", Reply::Half(json!({"metadata": {}, "items": []}))),
        ("answers something else", Reply::Text(200, "<html>sign in</html>".to_owned())),
    ]
}
