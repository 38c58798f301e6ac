//! What does a review cost that holds 140,000 of something, read whole or as a stream? docs/reliability.md has the figures.
//!
//!     cargo run --release -p hotdesk-webhook --example linear
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a measurement")]

use std::io::BufReader;
use std::time::{Duration, Instant};

use hotdesk_slots::{ClaimView, IdentitySettings, Name};
use hotdesk_webhook::answer::{Context, Path, answer, answer_condensed};
use hotdesk_webhook::review::condense::condense;
use hotdesk_webhook::settings::Settings;
use hotdesk_webhook::slot_cache::{SlotCache, SlotEntry, SlotIndex};
use rustix::time::{ClockId, clock_gettime};

/// How many there are.
pub(crate) const MANY: usize = 140_000;

/// What a review holds many of.
pub(crate) struct Kind {
    /// In words.
    pub(crate) name: &'static str,
    /// What of the review's text gives way to many things.
    instead_of: &'static str,
    /// What stands there instead, with `MANY` for these.
    text: &'static str,
    /// One of them, with `N` for its number.
    one: &'static str,
    how: How,
    /// The group and the kind of the object.
    of: (&'static str, &'static str),
}

/// How a review is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Whole,
    Stream,
    Slot,
}

const LABELS: &str = r#""labels":{}"#;
const ANNOTATIONS: &str = r#""annotations":{}"#;
const GROUPS: &str = r#""groups":["a"]"#;
const EXTRA: &str = r#""extra":{}"#;

const fn kind(how: How, name: &'static str, instead_of: &'static str, text: &'static str, one: &'static str) -> Kind {
    Kind { name, instead_of, text, one, how, of: ("", "ConfigMap") }
}

const fn route(
    how: How,
    of: (&'static str, &'static str),
    name: &'static str,
    text: &'static str,
    one: &'static str,
) -> Kind {
    Kind { of, ..kind(how, name, DATA, text, one) }
}

const fn noted(
    how: How,
    of: (&'static str, &'static str),
    name: &'static str,
    text: &'static str,
    one: &'static str,
) -> Kind {
    Kind { of, ..kind(how, name, ANNOTATIONS, text, one) }
}

const DATA: &str = r#""data":{}"#;
const INGRESS: (&str, &str) = ("networking.k8s.io", "Ingress");
const TRAEFIK: (&str, &str) = ("traefik.io", "IngressRoute");
const OTHER: (&str, &str) = ("example.com", "Way");
const RULE: &str = r#""spec":{"routes":[{"match":"MANY"}]}"#;
const HOSTS: &str = r#""spec":{"rules":[MANY]}"#;
const HOST: &str = r#"{"host":"N.mew.example"}"#;
const POD_NAMES: &str = r#""annotations":{"external-dns.alpha.kubernetes.io/hostname":"MANY"}"#;
const POD_NAME: &str = r#""N.example.com/hostname":"N.mew.example""#;
const EMISSARY: &str = r#""annotations":{"getambassador.io/config":"MANY"}"#;

/// Everything that there can be many of.
pub(crate) const KINDS: &[Kind] = &[
    kind(How::Whole, "labels", LABELS, r#""labels":{MANY}"#, r#""app-N":"x""#),
    kind(How::Whole, "reserved labels", LABELS, r#""labels":{MANY}"#, r#""hotdesk.dev/N":"x""#),
    kind(How::Whole, "annotations", ANNOTATIONS, r#""annotations":{MANY}"#, r#""app-N":"x""#),
    kind(How::Whole, "reserved annotations", ANNOTATIONS, r#""annotations":{MANY}"#, r#""hotdesk.dev/N":"x""#),
    kind(How::Whole, "groups", GROUPS, r#""groups":[MANY]"#, r#""g-N""#),
    kind(How::Whole, "keys of extra", EXTRA, r#""extra":{MANY}"#, r#""k-N":["v"]"#),
    kind(How::Whole, "names in extra", EXTRA, r#""extra":{"names":[MANY]}"#, r#""n-N""#),
    kind(How::Whole, "keys of data", r#""data":{}"#, r#""data":{MANY}"#, r#""k-N":"v""#),
    kind(How::Stream, "labels, as a stream", LABELS, r#""labels":{MANY}"#, r#""app-N":"x""#),
    kind(How::Stream, "reserved labels, as a stream", LABELS, r#""labels":{MANY}"#, r#""hotdesk.dev/N":"""#),
    kind(How::Stream, "groups, as a stream", GROUPS, r#""groups":[MANY]"#, r#""N""#),
    kind(How::Stream, "keys of extra, as a stream", EXTRA, r#""extra":{MANY}"#, r#""N":[]"#),
    route(How::Whole, INGRESS, "hosts of an Ingress", HOSTS, HOST),
    route(How::Whole, TRAEFIK, "hosts of a rule", RULE, "Host(`N.mew.example`)"),
    route(How::Whole, OTHER, "texts of another kind", r#""spec":{MANY}"#, r#""a.N":"N.mew.example""#),
    route(How::Whole, OTHER, "priorities in another kind", r#""a":[MANY]"#, r#"{"priorityClassName":"system-N"}"#),
    route(How::Whole, OTHER, "addresses in another kind", r#""a":[MANY]"#, r#"{"externalIPs":["N"]}"#),
    route(How::Whole, OTHER, "priorities in a patch", r#""spec":{"a":"MANY"}"#, "priorityClassName: N"),
    route(How::Whole, OTHER, "endings of hosts", r#""spec":{"a":"MANY"}"#, "*N.mew.example b"),
    route(How::Whole, TRAEFIK, "alternatives of a rule", RULE, "(Host(`N.a`)||Path(`/`))"),
    route(How::Whole, OTHER, "words of another kind", r#""spec":{"a":"MANY"}"#, "N.mew.example b.N"),
    noted(How::Whole, INGRESS, "annotations of an Ingress", r#""annotations":{MANY}"#, r#""a/N":"N.mew.example x""#),
    route(How::Stream, INGRESS, "hosts, as a stream", HOSTS, r#"{"host":"N.mew"}"#),
    noted(How::Whole, ("", "Pod"), "names of a pod", POD_NAMES, "N.mew.example"),
    noted(How::Whole, ("", "Pod"), "annotations with names of a pod", r#""annotations":{MANY}"#, POD_NAME),
    noted(How::Stream, ("", "Pod"), "names of a pod, as a stream", POD_NAMES, "N.mew"),
    noted(How::Whole, ("", "Service"), "words of Emissary's", EMISSARY, r"host: N\\x2emew.example"),
    kind(How::Slot, "labels of a Slot", LABELS, r#""labels":{MANY}"#, r#""app-N":"x""#),
    kind(How::Slot, "reserved labels of a Slot", LABELS, r#""labels":{MANY}"#, r#""hotdesk.dev/N":"x""#),
    kind(How::Slot, "reserved annotations of a Slot", ANNOTATIONS, r#""annotations":{MANY}"#, r#""hotdesk.dev/N":"x""#),
    kind(How::Slot, "users of a Slot", r#""users":["alice"]"#, r#""users":[MANY]"#, r#""n-N""#),
    kind(How::Slot, "names of who writes a Slot", EXTRA, r#""extra":{"names":[MANY]}"#, r#""n-N""#),
];

/// The CPU time in which a review with so many of a kind is read and answered: of a claimant or of a stranger, whichever is more.
pub(crate) fn cost(kind: &Kind, many: usize) -> Duration {
    let things: Vec<String> = (0..many).map(|number| kind.one.replace('N', &number.to_string())).collect();
    let text = kind.text.replace("MANY", &things.join(","));
    let review = review(kind).replace(kind.instead_of, &text);
    assert!(review.contains(&things[many - 1]), "{}", kind.name);
    ["alice", "bob"].into_iter().map(|user| answered(kind, &review.replace("USER", user))).max().unwrap()
}

fn answered(kind: &Kind, review: &str) -> Duration {
    let began = Instant::now();
    let slot_cache = slot_cache(began);
    let identity = IdentitySettings { extra_keys: vec!["names".to_owned()], ..IdentitySettings::default() };
    let settings = Settings { identity, max_slots: 3, ..Settings::default() };
    let now = "2026-11-23T15:00:00Z".parse().unwrap();
    let context = Context { settings: &settings, slot_cache: &slot_cache, now, monotonic: began };
    let before = cpu_time();
    let json = match kind.how {
        How::Whole => answer(Path::Mutate, review.as_bytes(), &context).unwrap().reply.to_json(),
        How::Slot => answer(Path::Slots, review.as_bytes(), &context).unwrap().reply.to_json(),
        How::Stream => {
            let short = condense(BufReader::new(review.as_bytes())).unwrap();
            answer_condensed(Path::Mutate, &short, None, &context).unwrap().reply.to_json()
        }
    };
    let after = cpu_time();
    assert!(!String::from_utf8_lossy(&json).contains("cannot judge"), "{} cannot be read", kind.name);
    after - before
}

/// Slots that alice and many others hold: a claim has up to 256 names.
fn slot_cache(now: Instant) -> SlotCache {
    let mut index = SlotIndex::default();
    for slot in ["pikachu", "mew", "onix"] {
        let others = (0..255).map(|i| format!("colleague-{i}@example.com"));
        let users = std::iter::once("alice".to_owned()).chain(others).map(|name| Name::parse(&name).unwrap()).collect();
        let groups = (0..64).map(|i| format!("team-{i}")).collect();
        let host = format!("{slot}.example");
        let entry = SlotEntry::new(slot, Some(ClaimView { users, groups, ..ClaimView::default() }), None);
        index.put(slot, entry.host(Some(&host)));
    }
    let slot_cache = SlotCache::new(now);
    slot_cache.replace(index, now);
    slot_cache
}

fn review(kind: &Kind) -> String {
    let (group, name) = kind.of;
    let (group, resource, operation, object, old) = if kind.how == How::Slot {
        let lapsed = slot(r#"{"users":["carol"],"until":"2026-01-01T00:00:00Z"}"#);
        // What is stored already never has so many: that is what is tried here.
        let lapsed = lapsed.replace(LABELS, r#""labels":null"#).replace(ANNOTATIONS, r#""annotations":null"#);
        ("hotdesk.dev", "slots", "UPDATE", slot(r#"{"users":["alice"]}"#), lapsed)
    } else {
        let object = format!(r#"{{"metadata":{{"name":"web",{LABELS},{ANNOTATIONS}}},{DATA}}}"#);
        (group, "objects", "CREATE", object, "null".to_owned())
    };
    [
        r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u-1","#,
        &format!(
            r#""kind":{{"group":"{group}","kind":"{name}"}},"resource":{{"group":"{group}","resource":"{resource}"}},"#
        ),
        &format!(r#""name":"web","namespace":"pikachu","operation":"{operation}","#),
        &format!(r#""userInfo":{{"username":"USER",{GROUPS},{EXTRA}}},"object":{object},"oldObject":{old}}}}}"#),
    ]
    .concat()
}

fn slot(claim: &str) -> String {
    format!(
        r#"{{"apiVersion":"hotdesk.dev/v1alpha1","kind":"Slot","metadata":{{"name":"slot","namespace":"pikachu",{LABELS},{ANNOTATIONS}}},"spec":{{"claim":{claim}}}}}"#
    )
}

/// The CPU time of this thread so far.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

fn main() {
    for kind in KINDS {
        let least = (0..10).map(|_| cost(kind, MANY)).min().unwrap();
        println!("{:30} {:6.1} ms", kind.name, least.as_secs_f64() * 1000.0);
    }
}
