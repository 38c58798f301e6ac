//! a01, a02, a12: each namespaced resource and subresource of discovery, with each verb and patch type, as a stranger.

mod asks;

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hotdesk_e2e::{TestSlot, until};
use serde_json::Value;

use self::asks::Combination;
use crate::api::{Actor, Answer, Ask, administrator, bob};
use crate::kinds::Kind;
use crate::stage::{World, lapsed_slot};
use crate::table::{Row, Verdict, held, right, row};
use hotdesk_e2e::requests::is_hotdesks_denial;

/// What is done to each resource.
#[derive(Debug, Clone, Copy)]
pub enum Family {
    Creates,
    Changes,
    Deletes,
    Subresources,
}

/// Whose slot it is.
#[derive(Debug, Clone, Copy)]
enum State {
    Held,
    Free,
    Lapsed,
}

const MUST: &str = "each denied by hotdesk, or refused by the API server itself; nothing changes";

pub fn rows() -> Vec<Row> {
    use Family::{Changes, Creates, Deletes, Subresources};
    let (mallory, bob) = (|world: &World| world.mallory(), |_: &World| bob());
    let mut rows = Vec::new();
    for (family, what) in [(Creates, "creates"), (Changes, "changes"), (Deletes, "deletes")] {
        let what = format!("sweep: {what} every kind");
        rows.push(swept("a01", "mallory", format!("{what} in a held slot"), family, State::Held, mallory));
        rows.push(swept("a01", "bob", format!("{what} in a held slot"), family, State::Held, bob));
        rows.push(swept("a02", "mallory", format!("{what} in a free slot"), family, State::Free, mallory));
        rows.push(swept("a02", "mallory", format!("{what} in a lapsed slot"), family, State::Lapsed, mallory));
    }
    for (state, name) in [(State::Held, "held"), (State::Free, "free"), (State::Lapsed, "lapsed")] {
        let what = format!("sweep: every subresource with each of its verbs in a {name} slot");
        rows.push(swept("a12", "mallory", what, Subresources, state, mallory));
    }
    let what = "sweep: every subresource with each of its verbs in a held slot".to_owned();
    rows.push(swept("a12", "bob", what, Subresources, State::Held, bob));
    rows
}

fn swept(
    id: &'static str,
    who: &'static str,
    what: String,
    family: Family,
    state: State,
    actor: impl Fn(&World) -> Actor + Send + 'static,
) -> Row {
    row(id, who, what, MUST, move |world| {
        let slots = world.swept_slots();
        let slot = slots.of(state).name();
        world.unchanged(slot, || sweep(world, &actor(world), slot, state, &asks::all(world, slots, slot, family)))
    })
}

/// Three slots with one object of every kind that an administrator can make there.
pub struct Slots {
    held: TestSlot,
    free: TestSlot,
    lapsed: TestSlot,
    victims: HashSet<(String, String)>,
}

impl Slots {
    pub fn make(world: &World) -> Self {
        let (held, free, lapsed) = (TestSlot::held_by("alice@example.com"), TestSlot::free(), lapsed_slot());
        let mut victims = HashSet::new();
        for slot in [&held, &free, &lapsed] {
            let kinds = world.kinds().iter().filter(|kind| kind.preferred && kind.can("create") && kind.can("get"));
            let kinds: Vec<&Kind> = kinds.collect();
            let create = |kind: &&Kind| {
                (administrator(), Ask::post(kind.path(slot.name(), ""), &kind.sample(slot.name(), "victim")))
            };
            let answers = world.api.send_all(&kinds.iter().map(create).collect::<Vec<_>>());
            let made = kinds.iter().zip(&answers).filter(|(_, answer)| answer.ok());
            victims.extend(made.map(|(kind, _)| (kind.group.clone(), kind.resource.clone())));
        }
        victims.insert(("hotdesk.dev".to_owned(), "slots".to_owned()));
        until_quiet(world, [&held, &free, &lapsed]);
        assert!(victims.len() >= 25, "too few objects to sweep over: {victims:?}");
        Self { held, free, lapsed, victims }
    }

    fn of(&self, state: State) -> &TestSlot {
        match state {
            State::Held => &self.held,
            State::Free => &self.free,
            State::Lapsed => &self.lapsed,
        }
    }

    /// The name of the object of this kind, if there is one.
    pub fn victim(&self, kind: &Kind) -> Option<&'static str> {
        let there = self.victims.contains(&(kind.group.clone(), kind.resource.clone()));
        there.then_some(if kind.group == "hotdesk.dev" { "slot" } else { "victim" })
    }
}

/// Waits until the controllers have done what they do with new objects.
fn until_quiet(world: &World, slots: [&TestSlot; 3]) {
    let look = || slots.map(|slot| world.snapshot(slot.name()));
    let (mut last, mut same) = (look(), 0);
    until("the controllers to be done with the new objects", Duration::from_secs(60), || {
        let now = look();
        let changes: Vec<String> = last.iter().zip(&now).flat_map(|(last, now)| last.changes(now)).collect();
        same = if changes.is_empty() { same + 1 } else { 0 };
        last = now;
        if same >= 5 { Ok(()) } else { Err(changes.join("\n")) }
    });
}

/// How many combinations were tried, and what they came to.
#[derive(Debug, Default)]
pub struct Swept {
    denied: AtomicUsize,
    refused: AtomicUsize,
    admitted: AtomicUsize,
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [denied, refused, admitted] =
            [&self.denied, &self.refused, &self.admitted].map(|count| count.load(Ordering::Relaxed));
        let all = denied + refused + admitted;
        write!(
            f,
            "sweep: {all} combinations of resource and verb, {denied} denied by hotdesk, {refused} refused by the API \
             server, {admitted} admitted"
        )
    }
}

fn sweep(world: &World, who: &Actor, slot: &str, state: State, combinations: &[Combination]) -> Verdict {
    let (mut breaches, mut wrong) = (Vec::new(), Vec::new());
    for some in combinations.chunks(8) {
        let asks: Vec<_> = some.iter().map(|c| (who.clone(), c.ask.clone())).collect();
        for (combination, answer) in some.iter().zip(world.api.send_all(&asks)) {
            let is_question = world.gated().questions.contains(&combination.group);
            let came = if is_question { Came::Refused } else { classify(combination, &answer, slot, state) };
            let (counter, list) = match came {
                Came::Denied => (&world.swept.denied, None),
                Came::Refused => (&world.swept.refused, None),
                Came::Wrong => (&world.swept.refused, Some(&mut wrong)),
                Came::Admitted => (&world.swept.admitted, Some(&mut breaches)),
            };
            counter.fetch_add(1, Ordering::Relaxed);
            if let Some(list) = list {
                list.push(format!("{}: {answer}", combination.name));
            }
        }
    }
    held(breaches.is_empty(), || format!("{} were admitted:\n{}", breaches.len(), breaches.join("\n")))?;
    right(wrong.is_empty(), || format!("{} were refused for another reason:\n{}", wrong.len(), wrong.join("\n")))
}

enum Came {
    Denied,
    /// By the API server itself: there is no such verb here, or no such object, or Kubernetes' own authorization says no.
    Refused,
    Wrong,
    Admitted,
}

fn classify(combination: &Combination, answer: &Answer, slot: &str, state: State) -> Came {
    let message = answer.message();
    if answer.ok() || answer.code == 101 {
        let nothing = combination.of_collection && is_empty_list(&answer.json);
        return if nothing { Came::Refused } else { Came::Admitted };
    }
    if answer.code == 403 && is_hotdesks_denial(message) {
        let named = combination.resource == "slots" || says_whose(message, slot, state);
        return if answer.reason() == "Forbidden" && named { Came::Denied } else { Came::Wrong };
    }
    if answer.code == 403 && message.contains(" cannot ") {
        return Came::Refused;
    }
    // The API server offers to apply the scale of a custom resource, and cannot convert it.
    if answer.code == 500 && message.contains("failed to convert new object") {
        return Came::Refused;
    }
    // Where the API server offers the verb and there is an object, it must have been hotdesk that said no.
    match answer.code {
        404 | 405 | 409 | 415 if !combination.reaches_admission => Came::Refused,
        400 | 422 if !combination.reaches_admission => Came::Refused,
        415 => Came::Refused,
        _ => Came::Wrong,
    }
}

/// The answer of a collection that held nothing to delete.
fn is_empty_list(answer: &Value) -> bool {
    let items = answer.get("items");
    items.is_some_and(|items| items.is_null() || items.as_array().is_some_and(Vec::is_empty))
}

fn says_whose(message: &str, slot: &str, state: State) -> bool {
    message.contains(&format!("slot \"{slot}\""))
        && match state {
            State::Held => message.contains("is held by alice@example.com"),
            State::Free => message.contains("is free"),
            State::Lapsed => message.contains("alice@example.com"),
        }
}
