//! The API server fails.

use hotdesk_http::fake_server::{Reply, Request};
use jiff::SignedDuration;
use serde_json::json;

use super::{Expect, Row, row, ways};
use crate::world::{clock, idle};

type Asks = fn(&Request) -> bool;

pub(crate) fn rows() -> Vec<Row> {
    let paths: [(&str, Asks); 10] = [
        ("the clock", |r| r.path() == "/version"),
        ("the Slot", |r| r.method == "GET" && r.path().ends_with("/slots/slot")),
        ("the list of Slots", |r| r.path() == "/apis/hotdesk.dev/v1alpha1/slots"),
        ("helm's records", |r| r.path().ends_with("/mew/secrets")),
        ("the Services", |r| r.path().ends_with("/mew/services")),
        ("the Ingresses", |r| r.path().ends_with("/ingresses")),
        ("the claims of volumes", |r| r.path().ends_with("/persistentvolumeclaims")),
        ("the controller's pods", |r| r.path().ends_with("/ingress-nginx/pods")),
        ("the controller's ReplicaSets", |r| r.path().ends_with("/replicasets")),
        ("the controller's log", |r| r.path().ends_with("/log")),
    ];
    let mut rows = Vec::new();
    for (what, is) in paths {
        for (how, reply) in ways() {
            // The clock is read from a header, whatever the answer says.
            if what == "the clock" && how != "never answers" {
                continue;
            }
            let world = idle().fault(move |_, request| is(request).then(|| reply.clone()));
            rows.push(row(format!("API server, {what}: {how}"), Expect::Unknown, world));
        }
    }
    for hours in [-2, 2] {
        let world = idle().fault(move |_, request| {
            let at = clock() + SignedDuration::from_hours(hours);
            let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            (request.path() == "/version").then(|| Reply::Headed(200, vec![("date", date)], json!({})))
        });
        rows.push(row(format!("API server: its clock is {hours} h off"), Expect::Unknown, world));
    }
    for (what, part) in [("pods", "/ingress-nginx/pods"), ("records", "/mew/secrets"), ("Services", "/mew/services")] {
        let world = idle().fault(move |_, request| {
            let list = json!({"metadata": {"continue": "abc"}, "items": []});
            request.path().ends_with(part).then_some(Reply::Json(200, list))
        });
        rows.push(row(format!("API server: only the first page of the {what}"), Expect::Unknown, world));
    }
    rows
}
