//! Section 3, first part: tokens and Secrets of service accounts, and what belongs to hotdesk in a slot.

use std::time::Duration;

use hotdesk_e2e::slot::unique;
use hotdesk_e2e::{TestSlot, until};
use serde_json::{Value, json};

use crate::api::{Actor, Answer, Ask, alice, bob, core, group};
use crate::stage::{World, create_config_map, text};
use crate::table::{DENIED, Row, Verdict, held, right, row};
use hotdesk_e2e::requests::is_hotdesks_denial;

pub fn rows() -> Vec<Row> {
    [durations(), secrets(), of_hotdesk(), by_mode()].into_iter().flatten().collect()
}

/// What `kubectl create token` asks for.
pub fn token(namespace: &str, account: &str, seconds: i64) -> Ask {
    let path = core(namespace, &format!("serviceaccounts/{account}/token"));
    Ask::post(path, &json!({"spec": {"expirationSeconds": seconds}}))
}

const AN_HOUR: &str = "denied: an hour at most";

fn durations() -> Vec<Row> {
    let too_long = |what: &'static str, seconds: i64| {
        row("a22", "bob", format!("makes a token for {what} in his own slot"), AN_HOUR, move |w| {
            w.api.send(&bob(), token(w.bobs().name(), "default", seconds)).denied(&["an hour at most"])
        })
    };
    vec![
        row("a21", "bob", "makes a token for an account of alice's slot", DENIED, |w| {
            w.denied(&bob(), |h| token(h.name(), "default", 3600))
        }),
        too_long("two hours", 7200),
        too_long("an hour and a second", 3601),
        too_long("136 years", 4_294_967_296),
        row("a22", "bob", "makes a token for less than no time", "refused", |w| {
            w.api.send(&bob(), token(w.bobs().name(), "default", -1)).code_of(&[403, 422])
        }),
        row(
            "a150",
            "bob",
            "makes a token that is bound to a pod of his own slot",
            "denied: kubelets ask for those",
            |w| {
                let slot = w.bobs().name();
                let bound = json!({"apiVersion": "v1", "kind": "Pod", "name": "any"});
                let ask = |bound: &Value| {
                    let path = core(slot, "serviceaccounts/default/token");
                    Ask::post(path, &json!({"spec": {"boundObjectRef": bound, "expirationSeconds": 600}}))
                };
                let of_pod = [slot, "passes for the pod's own"];
                w.api.send(&bob(), ask(&bound)).denied(&of_pod)?;
                // What runs in the slot makes none either, for itself or for another pod.
                w.api.send(&Actor::account(slot, "default").in_a_pod(), ask(&bound)).no_right_or_denied()
            },
        ),
        row("a22", "bob", "makes a token for an hour in his own slot", "control: it is made", |w| {
            w.api.send(&bob(), token(w.bobs().name(), "default", 3600)).done().map(drop)
        }),
    ]
}

fn endless(name: &str) -> Value {
    json!({"type": "kubernetes.io/service-account-token",
        "metadata": {"name": name, "annotations": {"kubernetes.io/service-account.name": "default"}}})
}

fn secrets() -> Vec<Row> {
    vec![
        row("a23", "bob", "makes a Secret that becomes a token that never expires", "denied", |w| {
            let slot = w.bobs().name();
            w.unchanged(slot, || {
                w.api
                    .send(&bob(), Ask::post(core(slot, "secrets"), &endless("endless")))
                    .denied(&[slot, "service-account-token"])
            })
        }),
        // The Secret outlives the hand-over, and what it can do is read: hotdesk deletes nothing of people's for it, but names each
        // such Secret to the next holder, with what removes it (`a24_…` in cli/src/commands/claim/trust/left/tests.rs).
        row("a24", "bob", "uses the token of such a Secret when carol holds the slot", "writes are denied", |w| {
            let slot = TestSlot::held_by("bob@example.com");
            w.bind(
                slot.name(),
                "edit",
                &json!({"kind": "ServiceAccount", "name": "default", "namespace": slot.name()}),
            );
            w.make(&core(slot.name(), "secrets"), &endless("endless"));
            let token = until("the token of the Secret", Duration::from_secs(20), || {
                let secret = w.api.set_up(Ask::get(core(slot.name(), "secrets/endless")));
                let token = base64_text(&secret["data"]["token"]);
                if token.is_empty() { Err("not yet".to_owned()) } else { Ok(token) }
            });
            slot.patch(&json!({"spec": {"claim": {"users": ["carol@example.com"]}}}));
            let own = Actor::by_token(&token);
            settled(w, &own, slot.name()).denied(&[slot.name(), "system:serviceaccount"])
        }),
    ]
}

fn base64_text(value: &Value) -> String {
    use base64::Engine as _;
    let bytes = base64::prelude::BASE64_STANDARD.decode(text(value)).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// What hotdesk answers once it has seen the Slot as it is now: the first denial, or what it still says after a while.
pub fn settled(world: &World, who: &Actor, namespace: &str) -> Answer {
    let mut last = None;
    for _ in 0..40 {
        let answer = world.api.send(who, create_config_map(namespace, &unique("late")).dry());
        if !answer.ok() {
            // The same without a dry run: what is judged and what is done must be one.
            return world.api.send(who, create_config_map(namespace, &unique("late")));
        }
        last = Some(answer);
        #[allow(clippy::disallowed_methods)] // the pause between two looks at a condition
        std::thread::sleep(Duration::from_millis(150));
    }
    last.expect("it was asked")
}

/// What is said of what the charts put into a slot, in the singular and the plural.
pub const OF_HOTDESK: &str = " to hotdesk, not to the holder of the slot";

const NOBODYS: &str = "denied, or there is no such account";

fn of_hotdesk() -> Vec<Row> {
    ["hotdesk-reaper", "hotdesk-reviver", "hotdesk-access"]
        .into_iter()
        .map(|account| {
            row("a25", "bob", format!("makes a token for {account} in his own slot"), NOBODYS, move |w| {
                let answer = w.api.send(&bob(), token(w.bobs().name(), account, 3600));
                held(!answer.ok(), || answer.to_string())?;
                let absent = answer.code == 404 && answer.message().contains("not found");
                right(absent || answer.code == 403 && is_hotdesks_denial(answer.message()), || answer.to_string())
            })
        })
        .chain([row(
            "a25",
            "bob",
            "makes a token for the reaper in hotdesk's own namespace",
            "he lacks the right",
            |w| {
                let account = format!("reaper-{}", w.bobs().name());
                w.api.send(&bob(), token("hotdesk-jobs", &account, 3600)).no_right()
            },
        )])
        .collect()
}

/// Slots in which nobody is turned away for being a stranger.
fn by_mode() -> Vec<Row> {
    let mut rows = Vec::new();
    for mode in ["warn", "audit"] {
        rows.push(row("a35", "bob", format!("makes a token for a month in mode {mode}"), AN_HOUR, move |w| {
            let slot = in_mode(w, mode);
            w.api.send(&bob(), token(slot.name(), "default", 2_592_000)).denied(&["an hour at most"])
        }));
        rows.push(row(
            "a36",
            "mallory",
            format!("changes what belongs to hotdesk in mode {mode}"),
            "denied: it belongs to hotdesk",
            move |w| fixtures(w, &in_mode(w, mode)),
        ));
    }
    rows.push(row("a35", "bob", "uses in mode enforce a token that he made in mode warn", "denied", |w| {
        let slot = in_mode(w, "warn");
        w.bind(slot.name(), "edit", &json!({"kind": "ServiceAccount", "name": "default", "namespace": slot.name()}));
        let made = w.api.send(&bob(), token(slot.name(), "default", 3600)).done()?;
        let own = Actor::by_token(text(&made.json["status"]["token"]));
        w.until_known("the token to work in mode warn", &own, slot.name(), true);
        slot.patch(&json!({"spec": {"mode": "enforce"}}));
        settled(w, &own, slot.name()).denied(&[slot.name(), "system:serviceaccount"])
    }));
    rows
}

/// A slot of alice's in this mode, once a stranger's write is admitted there.
pub fn in_mode(world: &World, mode: &str) -> TestSlot {
    let slot = TestSlot::held_by("alice@example.com");
    slot.patch(&json!({"spec": {"mode": mode}}));
    world.until_known(&format!("mode {mode} to be seen"), &bob(), slot.name(), true);
    slot
}

fn fixtures(world: &World, slot: &TestSlot) -> Verdict {
    let (mallory, binding) =
        (world.mallory(), group("rbac.authorization.k8s.io/v1", slot.name(), "rolebindings/hotdesk-edit"));
    let subjects = json!({"subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "mallory"}]});
    let annotated = json!({"metadata": {"annotations": {"a": "b"}}});
    let belongs = [OF_HOTDESK];
    world.unchanged(slot.name(), || {
        world.api.send(&mallory, Ask::merge(&binding, &subjects)).denied(&belongs)?;
        world.api.send(&mallory, Ask::merge(&binding, &annotated)).denied(&belongs)?;
        world.api.send(&mallory, Ask::delete(&binding)).denied(&belongs)?;
        world.api.send(&alice(), token(slot.name(), "hotdesk-reaper", 600)).code_of(&[403, 404])
    })
}
