//! `hotdesk list --watch`: when is the table shown again, and how?

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use futures::StreamExt as _;
use hotdesk_slots::Slot;
use kube::runtime::watcher::Event;

use crate::args::{Form, List};
use crate::cluster::{self, Cluster};
use crate::failure::Failure;
use crate::identity::Identity;
use crate::output;
use crate::view::{SlotView, slot_name};

/// Changes that come together are shown together.
const BEAT: Duration = Duration::from_millis(300);
/// On a terminal, `12 min ago` grows old by itself.
const BEATS_A_REFRESH: u32 = 100;
/// Cursor home, and everything below it cleared.
const CLEAR: &[u8] = b"\x1b[H\x1b[2J";

/// The Slots as they are known; a new listing takes the place of the old when it is complete.
#[derive(Default)]
struct Known {
    slots: BTreeMap<String, Slot>,
    coming: BTreeMap<String, Slot>,
}

/// Shows the slots, and again whenever one changes, until nobody reads any more.
///
/// # Errors
/// When it cannot be shown.
pub(super) async fn run(
    cluster: &Cluster,
    slots: Vec<Slot>,
    identity: Option<&Identity>,
    args: &List,
    form: Form,
) -> Result<String, Failure> {
    let terminal = std::io::stdout().is_terminal();
    let mut known = Known { slots: keyed(slots), ..Known::default() };
    let (mut shown, mut stale, mut failing) = (None::<Vec<SlotView>>, 0, false);
    let mut events = std::pin::pin!(cluster.follow());
    let mut beat = tokio::time::interval(BEAT);
    loop {
        tokio::select! {
            Some(event) = events.next() => match event {
                Ok(event) => {
                    failing = false;
                    known.note(event);
                }
                Err(_) if failing => {}
                Err(_) => {
                    failing = true;
                    warn();
                }
            },
            _ = beat.tick() => {
                let now = cluster::clock().timestamp();
                let slots: Vec<Slot> = known.slots.values().cloned().collect();
                let rows = super::rows(&slots, identity, args, now);
                stale += 1;
                if shown.as_ref() == Some(&rows) && !(terminal && !failing && stale >= BEATS_A_REFRESH) {
                    continue;
                }
                let text = super::table(&rows, &slots, args, form, cluster.program, now);
                match draw(&text, terminal, shown.is_some()) {
                    Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => return Ok(String::new()),
                    drawn => drawn.map_err(|e| Failure::Refused(format!("cannot write the output: {e}")))?,
                }
                (shown, stale) = (Some(rows), 0);
            }
        }
    }
}

impl Known {
    fn note(&mut self, event: Event<Slot>) {
        match event {
            Event::Init => self.coming.clear(),
            Event::InitApply(slot) => drop(self.coming.insert(slot_name(&slot).to_owned(), slot)),
            Event::InitDone => self.slots = std::mem::take(&mut self.coming),
            Event::Apply(slot) => drop(self.slots.insert(slot_name(&slot).to_owned(), slot)),
            Event::Delete(slot) => drop(self.slots.remove(slot_name(&slot))),
        }
    }
}

fn keyed(slots: Vec<Slot>) -> BTreeMap<String, Slot> {
    slots.into_iter().map(|slot| (slot_name(&slot).to_owned(), slot)).collect()
}

/// A terminal shows the table in one place; a file or a pipe gets one after the other.
fn draw(text: &str, terminal: bool, again: bool) -> std::io::Result<()> {
    if terminal {
        std::io::stdout().lock().write_all(CLEAR)?;
    } else if again {
        output::show("\n")?;
    }
    output::show(text)
}

/// Once an outage; the watch goes on by itself.
fn warn() {
    // Where even this cannot be written, nobody reads it.
    let _unwritable =
        writeln!(anstream::stderr(), "warning: the cluster does not answer; this may be old. Trying again …");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::{claimed, slot};

    fn names(known: &Known) -> Vec<&str> {
        known.slots.keys().map(String::as_str).collect()
    }

    #[test]
    fn changes_are_followed_one_by_one() {
        let mut known = Known { slots: keyed(vec![slot("mew"), slot("onix")]), ..Known::default() };
        known.note(Event::Apply(claimed("abra", "alice")));
        known.note(Event::Delete(slot("mew")));
        assert_eq!(names(&known), ["abra", "onix"]);
    }

    #[test]
    fn a_new_listing_replaces_the_old_only_when_it_is_complete() {
        let mut known = Known { slots: keyed(vec![slot("mew"), slot("onix")]), ..Known::default() };
        known.note(Event::Init);
        known.note(Event::InitApply(slot("abra")));
        assert_eq!(names(&known), ["mew", "onix"], "a listing that is under way shows nothing");
        known.note(Event::InitDone);
        assert_eq!(names(&known), ["abra"]);
    }
}
