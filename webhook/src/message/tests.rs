use hotdesk_slots::{Name, Requester};

use super::*;
use crate::review::templates::Reserved;

fn some(names: &[&str], more: usize) -> Truncated {
    Truncated { names: names.iter().map(|n| (*n).to_owned()).collect(), more }
}

fn bobs() -> ClaimView {
    ClaimView {
        users: vec![Name::parse("bob@example.com").unwrap()],
        purpose: "checkout".to_owned(),
        until: Some("2026-11-27T18:00:00Z".parse().unwrap()),
        ..ClaimView::default()
    }
}

fn tell(reason: Reason, username: &str, claim: Option<&ClaimView>, listing: &Listing, url: Option<&str>) -> String {
    let requester = Requester { username: username.to_owned().into(), ..Requester::default() };
    let facts = Facts { namespace: "pikachu", requester: &requester, deployed_for: Some("carol"), own: None };
    let now = "2026-11-23T15:00:00Z".parse().unwrap();
    denial(reason, &facts, &Context { claim, listing, claim_url: url, now })
}

#[test]
fn a_denial_says_who_holds_the_slot_and_what_to_do() {
    let listing = Listing { yours: some(&["eevee"], 0), free: some(&["mew", "onix"], 0) };
    assert_eq!(
        tell(Reason::Held, "alice@example.com", Some(&bobs()), &listing, Some("https://sheet.example.com")),
        "slot \"pikachu\" is held by bob@example.com (\"checkout\", until Fri 18:00 UTC) and you are alice@example.com. \
         You hold: eevee. Free: mew, onix. Claim one: kubectl hotdesk claim mew, or edit https://sheet.example.com"
    );
}

#[test]
fn many_free_slots_are_counted_and_none_is_said() {
    let many = Listing { yours: some(&[], 0), free: some(&["a", "b", "c", "d", "e"], 7) };
    let message = tell(Reason::Held, "alice", Some(&bobs()), &many, None);
    assert!(message.contains("You hold: none. Free: a, b, c, d, e and 7 more."), "{message}");
    let message = tell(Reason::Held, "alice", Some(&bobs()), &Listing::default(), None);
    assert!(message.ends_with("Free: none. Ask the holder to hand it over or to release it"), "{message}");
}

#[test]
fn every_reason_has_a_sentence_of_its_own_that_says_what_to_do() {
    for (reason, parts) in [
        (Reason::Free, ["slot \"pikachu\" is free", "kubectl hotdesk claim pikachu"]),
        (Reason::Lapsed, ["the claim of bob@example.com", "kubectl hotdesk claim pikachu"]),
        (Reason::NoToken, ["no token of a pod", "Send it from a pod"]),
        (Reason::UntrustedWorkload, ["does not trust", "kubectl get all -n pikachu"]),
        (Reason::ForStranger, ["deploys for \"carol\"", "Deploy for a claimant"]),
        (Reason::DeployerUnclaimed, ["only where somebody does", "kubectl hotdesk claim pikachu"]),
        (Reason::DeployerNotListed, ["is listed neither for", "trustedDeployers"]),
        (Reason::NotSynced, ["cannot see the Slots", "Try again"]),
        (Reason::NoSlot, ["has no Slot", "An administrator creates"]),
        (Reason::UnreadableSlot, ["cannot be read", "kubectl edit slot slot -n pikachu"]),
        (Reason::NoNamespace, ["without a namespace", "scope Namespaced"]),
    ] {
        let message = tell(reason, "alice", Some(&bobs()), &Listing::default(), None);
        for part in parts {
            assert!(message.contains(part), "{reason:?}: {message:?} does not say {part:?}");
        }
    }
}

#[test]
fn a_new_holder_is_told_how_to_trust_what_runs() {
    let who = "system:serviceaccount:pikachu:web";
    assert_eq!(
        tell(Reason::UntrustedWorkload, who, Some(&bobs()), &Listing::default(), None),
        "slot \"pikachu\" is held by bob@example.com (\"checkout\", until Fri 18:00 UTC), and the claim does not trust what \
         runs there, such as system:serviceaccount:pikachu:web. It may run from before the slot changed hands. See what runs: \
         kubectl get all -n pikachu. Delete what is not yours, and trust the rest: kubectl patch slot slot -n pikachu \
         --type merge -p '{\"spec\":{\"claim\":{\"trustWorkloads\":true}}}'"
    );
}

#[test]
fn every_rule_has_a_sentence_that_names_what_breaks_it() {
    let requester = Requester { username: "bob".into(), ..Requester::default() };
    let facts = Facts { namespace: "pikachu", requester: &requester, deployed_for: None, own: None };
    let found = Reserved { template: "spec.template", map: "labels", key: "hotdesk.dev/\u{1b}x" };
    for (broken, parts) in [
        (
            Broken::Fixture("hotdesk-edit", "rolebindings"),
            ["hotdesk-edit (rolebindings) belongs to hotdesk", "you are bob"],
        ),
        (Broken::TokenLifetime, ["an hour at most", "--duration"]),
        (Broken::TokenOfPod, ["passes for the pod's own", "--bound-object-kind"]),
        (Broken::TokenSecret, ["kubernetes.io/service-account-token", "kubectl create token ACCOUNT -n pikachu"]),
        (
            Broken::ReservedKey(found),
            ["spec.template.metadata.labels has the key hotdesk.dev/\u{fffd}x", "Take it out"],
        ),
    ] {
        let message = rule(broken, &facts);
        for part in parts {
            assert!(message.contains(part) && message.starts_with("slot \"pikachu\": "), "{message:?}: no {part:?}");
        }
    }
}

#[test]
fn what_people_wrote_cannot_harm_a_terminal() {
    let claim = ClaimView { purpose: "\u{1b}[2J\u{202e}x".to_owned(), ..bobs() };
    let message = tell(Reason::Held, "eve\n\u{1b}]0;x\u{7}", Some(&claim), &Listing::default(), None);
    assert!(!message.contains(|c: char| c.is_control() || c == '\u{202e}'), "{message:?}");
}

#[test]
fn a65_a_purpose_or_a_stored_name_cannot_end_its_quotation() {
    let evil = "x\", until 20:11 UTC) has been released. To claim: kubectl delete ns mew";
    let claim = ClaimView { purpose: evil.to_owned(), ..bobs() };
    let message = tell(Reason::Held, "alice", Some(&claim), &Listing::default(), None);
    let quoted = "(\"x', until 20:11 UTC) has been released. To claim: kubectl delete ns mew\", until Fri 18:00 UTC)";
    assert!(message.contains(quoted), "{message}");
    let sentence = Name::parse("x\" is nobody. slot is free; run: y").unwrap();
    let message =
        tell(Reason::Held, "alice", Some(&ClaimView { users: vec![sentence], ..bobs() }), &Listing::default(), None);
    assert!(message.contains("is held by \"x' is nobody. slot is free; run: y\" (\"checkout\""), "{message}");
    let message = tell(Reason::Held, "eve. Slot \"pikachu\" is yours", Some(&bobs()), &Listing::default(), None);
    assert!(message.contains("you are \"eve. Slot 'pikachu' is yours\"."), "{message}");
}
