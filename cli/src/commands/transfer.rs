//! `hotdesk hand SLOT USER`: whose place does the other one take?

use hotdesk_slots::text::{list, shown_name};
use hotdesk_slots::{ClaimState, ClaimView, Name, Slot};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::args::{Form, Hand};
use crate::cluster::Cluster;
use crate::commands::{change, not_yours};
use crate::failure::Failure;
use crate::identity::Identity;
use crate::output::machine;
use crate::view::SlotView;

/// Hands a slot over.
///
/// # Errors
/// Whose slot it is, or whatever the server says against it.
pub(crate) async fn run(cluster: &Cluster, args: &Hand, form: Form) -> Result<String, Failure> {
    let now = cluster.now.timestamp();
    let identity = cluster.identity().await?;
    let judged = |slot: &Slot, _: &[Slot]| judge(slot, &identity, args, cluster.program, now).map(Some);
    let changed = change(cluster, &args.slot, judged).await?;
    let (was, view) =
        (SlotView::of(&changed.was, Some(&identity), now), SlotView::of(&changed.is, Some(&identity), now));
    Ok(machine(&view, form)?.unwrap_or_else(|| say(&was, &view)))
}

/// The new users, as a merge patch of the spec, or what stands in the way.
fn judge(slot: &Slot, identity: &Identity, args: &Hand, program: &str, now: Timestamp) -> Result<Value, Failure> {
    let claim_view = slot.spec.claim.as_ref().map(ClaimView::parse_lossy);
    let view = SlotView::of(slot, Some(identity), now);
    let Some(claim) = ClaimState::of(claim_view.as_ref(), now).held() else {
        let (slot, user) = (view.slot, &args.user);
        let next = format!("{user} claims it with: {program} claim {slot} --purpose …");
        return Err(Failure::Refused(format!("{slot} is free, so there is nothing to hand over. {next}")));
    };
    if !args.force && !identity.holds(claim) {
        return Err(not_yours(&view, identity, &format!("{program} hand {} {} --force", view.slot, args.user)));
    }
    let users = heirs(claim, identity, args, program)?;
    if users == claim.users {
        return Err(Failure::Refused(format!("{} is held by {} already", view.slot, args.user)));
    }
    // Aliases are those of the former users; the server finds those of the new ones. Who is in the claim already comes to
    // own it when the other leaves; only a new name is handed the slot.
    let to = (!claim.names(&args.user)).then(|| args.user.as_str());
    Ok(json!({"claim": {"users": users.iter().map(Name::as_str).collect::<Vec<_>>(), "aliases": null, "handTo": to}}))
}

/// The new user first, then everybody who was there, but the one who goes.
fn heirs(claim: &ClaimView, identity: &Identity, args: &Hand, program: &str) -> Result<Vec<Name>, Failure> {
    let goes: Vec<&Name> = match claim.users.as_slice() {
        users if args.in_place_of.is_some() => {
            let goes: Vec<&Name> = users.iter().filter(|user| Some(*user) == args.in_place_of.as_ref()).collect();
            if goes.is_empty() {
                let users: Vec<&str> = users.iter().map(Name::as_str).collect();
                let named = args.in_place_of.as_ref().map_or("", Name::as_str);
                return Err(Failure::Refused(format!(
                    "{} is held by {}, and {} is none of them",
                    args.slot.trim(),
                    list(&users),
                    shown_name(named)
                )));
            }
            goes
        }
        users if users.iter().any(|user| identity.is(user)) => users.iter().filter(|user| identity.is(user)).collect(),
        // Known by another name of theirs, as a member of a group, or an administrator.
        [owner, ..] if claim.users.len() == 1 || args.force => vec![owner],
        users => {
            let users: Vec<&str> = users.iter().map(Name::as_str).collect();
            return Err(Failure::Refused(format!(
                "{} hold it together, and you are none of them by name, so it is not clear who goes. \
                 Say whose place {user} takes: {program} hand {} {user} --in-place-of {}",
                list(&users),
                args.slot.trim(),
                claim.owner().map_or("NAME", Name::as_str),
                user = args.user,
            )));
        }
    };
    let stay = claim.users.iter().filter(|user| !goes.contains(user) && **user != args.user);
    Ok(std::iter::once(&args.user).chain(stay).cloned().collect())
}

fn say(was: &SlotView, is: &SlotView) -> String {
    let (slot, holders) = (&is.slot, is.holders());
    let mine = |view: &SlotView| view.mine == Some(true);
    let yours = match (mine(was), mine(is)) {
        (true, false) => "You can't deploy there any more; its new holder can hand it back.\n",
        (true, true) => "You can still deploy there.\n",
        (false, _) => "",
    };
    format!("{slot} is held by {holders} now. What is deployed there stays.\n{yours}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::{claimed, slot};

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    fn held(users: &[&str], aliases: &[&str], groups: &[&str]) -> Slot {
        let mut slot = claimed("mew", "x");
        let claim = json!({"users": users, "aliases": aliases, "groups": groups});
        slot.spec.claim = serde_json::from_value(claim).unwrap();
        slot
    }

    #[track_caller]
    fn check(slot: &Slot, to: &str, force: bool, expected: Result<&[&str], &str>) {
        check_for(slot, to, None, force, expected);
    }

    #[track_caller]
    fn check_for(slot: &Slot, to: &str, goes: Option<&str>, force: bool, expected: Result<&[&str], &str>) {
        let in_place_of = goes.map(|name| Name::parse(name).unwrap());
        let args = Hand { slot: "mew".to_owned(), user: Name::parse(to).unwrap(), in_place_of, force };
        let judged = judge(slot, &Identity::test("Alice"), &args, "hotdesk", now());
        let known = slot.spec.claim.as_ref().is_some_and(|claim| claim.users.iter().any(|user| user == to));
        let hand_to = (!known).then_some(to);
        let patch = expected.map(|users| json!({"claim": {"users": users, "aliases": null, "handTo": hand_to}}));
        assert_eq!(judged.map_err(|e| e.to_string()), patch.map_err(str::to_owned));
    }

    #[test]
    fn the_other_takes_my_place_and_the_others_stay() {
        // Who is in the claim already is not handed the slot: they are left with it.
        check(&held(&["alice"], &[], &[]), "bob", false, Ok(&["bob"]));
        check(&held(&["carol", "alice"], &[], &[]), "bob", false, Ok(&["bob", "carol"]));
        check(&held(&["alice", "bob"], &[], &[]), "bob", false, Ok(&["bob"]));
        check(&held(&["a@example.com"], &["alice"], &[]), "bob", false, Ok(&["bob"]));
    }

    #[test]
    fn nobody_is_left_out_by_guessing() {
        let expected = "a@example.com and carol hold it together, and you are none of them by name, so it is not clear \
                        who goes. Say whose place bob takes: hotdesk hand mew bob --in-place-of a@example.com";
        let together = held(&["a@example.com", "carol"], &["alice"], &[]);
        check(&together, "bob", false, Err(expected));
        check_for(&together, "bob", Some("A@example.com"), false, Ok(&["bob", "carol"]));
        check_for(&together, "bob", Some("carol"), false, Ok(&["bob", "a@example.com"]));
        let nobody = "mew is held by a@example.com and carol, and dan is none of them";
        check_for(&together, "bob", Some("dan"), false, Err(nobody));
    }

    #[test]
    fn only_ones_own_slot_is_handed_over_unless_forced() {
        let expected = "mew is held by carol, and you are alice. If you run this cluster: hotdesk hand mew bob --force";
        let judged = |args: &Hand| judge(&held(&["carol"], &[], &[]), &Identity::test("alice"), args, "hotdesk", now());
        let args = Hand { slot: "mew".to_owned(), user: Name::parse("bob").unwrap(), in_place_of: None, force: false };
        assert_eq!(judged(&args).unwrap_err().to_string(), expected);
        check(&held(&["carol", "dan"], &[], &[]), "bob", true, Ok(&["bob", "dan"]));
    }

    #[test]
    fn what_is_nobodys_or_theirs_already_is_said() {
        let free = "mew is free, so there is nothing to hand over. bob claims it with: hotdesk claim mew --purpose …";
        check(&slot("mew"), "bob", false, Err(free));
        check(&held(&["alice"], &[], &[]), "ALICE", false, Err("mew is held by alice already"));
    }

    #[test]
    fn whoever_hands_over_is_told_what_it_means_for_them() {
        let rows = |users: &[&str]| SlotView::of(&held(users, &[], &[]), Some(&Identity::test("alice")), now());
        for (was, is, says) in [
            (rows(&["alice"]), rows(&["bob"]), "You can't deploy there any more; its new holder can hand it back.\n"),
            (rows(&["alice"]), rows(&["bob", "alice"]), "You can still deploy there.\n"),
            (rows(&["carol"]), rows(&["bob"]), "stays.\n"),
        ] {
            assert!(say(&was, &is).ends_with(says), "{}", say(&was, &is));
        }
    }
}
