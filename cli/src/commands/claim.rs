//! `hotdesk claim SLOT`: may it be claimed, and what is written?

mod trust;

use hotdesk_slots::text::{list, quoted};
use hotdesk_slots::{ClaimState, ClaimView, Name, Slot};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use crate::args::{Claim, Form};
use crate::cluster::Cluster;
use crate::commands::{change, datetime, on_the_clock};
use crate::datetime as datetimes;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::output::machine;
use crate::suggest;
use crate::view::SlotView;

/// When a claim shall end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// As it was; a new claim has none.
    AsItWas,
    Never,
    At(Timestamp),
}

/// Claims a slot, or changes one's own claim.
///
/// # Errors
/// Who holds it, or whatever the server says against it.
pub(crate) async fn run(cluster: &Cluster, args: &Claim, form: Form) -> Result<String, Failure> {
    let now = cluster.now.timestamp();
    let end = match args.until.as_deref() {
        None => End::AsItWas,
        Some("never") => End::Never,
        Some(text) => {
            End::At(datetimes::parse(text, &cluster.now).map_err(|e| Failure::Usage(format!("--until: {e}")))?)
        }
    };
    let identity = cluster.identity().await?;
    let trust = trust::decided(cluster, args, &identity).await?;
    let judged = |slot: &Slot, slots: &[Slot]| {
        judge(slot, slots, &identity, args, end, now).map(|claim| Some(json!({"claim": trust::with(claim, trust)})))
    };
    let mut changed = change(cluster, &args.slot, judged).await?;
    if let Some(is) = trust::after(cluster, &changed.is, trust).await {
        changed.is = is;
    }
    let view = SlotView::of(&changed.is, Some(&identity), now);
    let local = cluster.now.time_zone();
    Ok(machine(&view, form)?.unwrap_or_else(|| next(&view, cluster.program, local, now)))
}

/// The claim to write, as a JSON merge patch, or who stands in the way.
fn judge(
    slot: &Slot,
    slots: &[Slot],
    identity: &Identity,
    args: &Claim,
    end: End,
    now: Timestamp,
) -> Result<Value, Failure> {
    let claim_view = slot.spec.claim.as_ref().map(ClaimView::parse_lossy);
    match ClaimState::of(claim_view.as_ref(), now).held() {
        None => new_claim(identity, args, end),
        Some(claim) if identity.holds(claim) => changed_claim(slot, args, end),
        Some(_) => Err(held_by_another(&SlotView::of(slot, Some(identity), now), slots, now)),
    }
}

fn new_claim(identity: &Identity, args: &Claim, end: End) -> Result<Value, Failure> {
    let Some(purpose) = &args.purpose else {
        return Err(Failure::Usage("a new claim needs a purpose: --purpose 'payments refactor'".to_owned()));
    };
    let users: Vec<&str> = match (args.users.as_slice(), identity.name()) {
        ([], Some(name)) => vec![name.as_str()],
        ([], None) => return Err(Failure::Usage("your user name cannot be a claim's: pass --user NAME".to_owned())),
        (users, _) => users.iter().map(Name::as_str).collect(),
    };
    // Null takes away what a lapsed claim left.
    let until = if let End::At(at) = end { json!(at) } else { Value::Null };
    Ok(json!({"users": users, "purpose": purpose, "until": until, "groups": null, "aliases": null, "source": null}))
}

/// Only what was typed changes.
fn changed_claim(slot: &Slot, args: &Claim, end: End) -> Result<Value, Failure> {
    let mut changes = Map::new();
    if let Some(purpose) = &args.purpose {
        changes.insert("purpose".to_owned(), json!(purpose));
    }
    match end {
        End::AsItWas => {}
        End::Never => drop(changes.insert("until".to_owned(), Value::Null)),
        End::At(at) => drop(changes.insert("until".to_owned(), json!(at))),
    }
    if !args.users.is_empty() {
        let users: Vec<&str> = args.users.iter().map(Name::as_str).collect();
        changes.insert("users".to_owned(), json!(users));
        changes.insert("aliases".to_owned(), Value::Null);
    }
    if changes.is_empty() && args.trust.said().is_none() {
        let slot = crate::view::slot_name(slot);
        return Err(Failure::Refused(format!(
            "{slot} is yours already. To change the claim, say what: --until, --purpose, --user, or \
             --trust-workloads"
        )));
    }
    Ok(Value::Object(changes))
}

fn held_by_another(view: &SlotView, slots: &[Slot], now: Timestamp) -> Failure {
    let purpose = view.purpose.as_ref().map(|purpose| format!(" for {}", quoted(purpose))).unwrap_or_default();
    let until = view.until.map(|at| format!(", until {}", datetime(at, now))).unwrap_or_default();
    Failure::Refused(format!(
        "{} is held by {}{purpose}{until}. {}",
        view.slot,
        view.holders(),
        suggest::free(slots, now)
    ))
}

/// What was done, and what to do next.
fn next(view: &SlotView, program: &str, local: &TimeZone, now: Timestamp) -> String {
    let slot = &view.slot;
    let whose = if view.mine == Some(true) { "yours".to_owned() } else { format!("held by {}", view.holders()) };
    let until =
        view.until.map_or("with no end date".to_owned(), |at| format!("until {}", on_the_clock(at, local, now)));
    let others: Vec<String> = view.users.iter().skip(1).cloned().collect();
    let with = if others.is_empty() { String::new() } else { format!(" Shared with {}.", list(&others)) };
    format!(
        "{slot} is {whose}, {until}.{with}\n\
         \n\
         Deploy there:       helm install NAME CHART -n {slot}\n\
         See how it stands:  {program} why {slot}\n\
         When you are done:  {program} release {slot}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::{claimed, slot};

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    fn args(purpose: Option<&str>, users: &[&str]) -> Claim {
        Claim {
            slot: "mew".to_owned(),
            purpose: purpose.map(str::to_owned),
            until: None,
            users: users.iter().map(|user| Name::parse(user).unwrap()).collect(),
            trust: crate::args::Trust::default(),
        }
    }

    #[track_caller]
    fn check(slot: &Slot, args: &Claim, end: End, expected: Result<Value, &str>) {
        let slots = [slot.clone(), crate::view::tests::slot("onix")];
        let judged = judge(slot, &slots, &Identity::test("Alice"), args, end, now());
        assert_eq!(judged.map_err(|e| e.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn a_free_slot_becomes_mine() {
        let until: Timestamp = "2026-11-27T18:00:00Z".parse().unwrap();
        let claim = json!({
            "users": ["alice"], "purpose": "demo", "until": "2026-11-27T18:00:00Z", "groups": null, "aliases": null, "source": null,
        });
        check(&slot("mew"), &args(Some("demo"), &[]), End::At(until), Ok(claim));
    }

    #[test]
    fn a_lapsed_claim_leaves_nothing_behind() {
        let mut lapsed = claimed("mew", "bob");
        lapsed.spec.claim.as_mut().unwrap().until = serde_json::from_value("2026-11-23T14:00:00Z".into()).unwrap();
        let claim = json!({"users": ["carol", "dan"], "purpose": "demo", "until": null, "groups": null, "aliases": null, "source": null});
        check(&lapsed, &args(Some("demo"), &["carol", "dan"]), End::AsItWas, Ok(claim));
    }

    #[test]
    fn anothers_slot_is_refused_with_the_holders_name() {
        let expected = "mew is held by bob for \"payments refactor\". Free: onix";
        check(&claimed("mew", "bob"), &args(Some("demo"), &[]), End::AsItWas, Err(expected));
    }

    #[test]
    fn of_my_own_claim_only_what_i_typed_changes() {
        let mine = claimed("mew", "alice");
        let until: Timestamp = "2026-11-27T18:00:00Z".parse().unwrap();
        check(&mine, &args(None, &[]), End::At(until), Ok(json!({"until": "2026-11-27T18:00:00Z"})));
        check(&mine, &args(None, &[]), End::Never, Ok(json!({"until": null})));
        check(&mine, &args(Some("other"), &[]), End::AsItWas, Ok(json!({"purpose": "other"})));
        let nothing =
            "mew is yours already. To change the claim, say what: --until, --purpose, --user, or --trust-workloads";
        check(&mine, &args(None, &[]), End::AsItWas, Err(nothing));
    }

    #[test]
    fn a_new_claim_says_what_it_is_for() {
        let expected = "a new claim needs a purpose: --purpose 'payments refactor'";
        check(&slot("mew"), &args(None, &[]), End::AsItWas, Err(expected));
    }

    #[test]
    fn what_to_do_next_is_said() {
        let mut mine = claimed("mew", "alice");
        mine.spec.claim.as_mut().unwrap().until = serde_json::from_value("2026-11-27T18:00:00Z".into()).unwrap();
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let text = next(&SlotView::of(&mine, Some(&Identity::test("alice")), now()), "kubectl hotdesk", &berlin, now());
        assert!(
            text.starts_with("mew is yours, until Fri 18:00 UTC (in 4 d 3 h), which is Fri 19:00 here.\n"),
            "{text}"
        );
        for says in ["helm install NAME CHART -n mew", "kubectl hotdesk release mew"] {
            assert!(text.contains(says), "{text}");
        }
    }
}
