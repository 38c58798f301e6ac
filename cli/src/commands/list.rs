//! `hotdesk list`: who holds which slot, and is it in use?

mod sheet;
mod watch;

use anstyle::{AnsiColor, Style};
use hotdesk_slots::text::{human_duration, human_time};
use hotdesk_slots::{Slot, VerdictState};
use jiff::Timestamp;

use crate::args::{Form, List};
use crate::cluster::Cluster;
use crate::commands::relative;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::output::machine;
use crate::table::{self, Cell};
use crate::view::{Phase, SlotView};

/// A longer purpose is cut, so that a line fits a screen; `wide` shows it whole.
const PURPOSE: usize = 40;

/// Shows the slots.
///
/// # Errors
/// Why they cannot be read.
pub(crate) async fn run(cluster: &Cluster, args: &List, form: Form) -> Result<String, Failure> {
    if args.watch && !matches!(form, Form::Table | Form::Wide) {
        return Err(Failure::Usage("--watch shows a table; use it with -o table or -o wide".to_owned()));
    }
    let slots = cluster.slots().await?;
    // Not to know who asks spoils nothing but `--mine`.
    let identity = match cluster.identity().await {
        Ok(identity) => Some(identity),
        Err(failure) if args.mine => return Err(failure),
        Err(_no_matter) => None,
    };
    if args.watch {
        return watch::run(cluster, slots, identity.as_ref(), args, form).await;
    }
    let now = cluster.now.timestamp();
    let rows = rows(&slots, identity.as_ref(), args, now);
    match form {
        Form::Csv => sheet::write(&rows),
        _ => Ok(machine(&rows, form)?.unwrap_or_else(|| table(&rows, &slots, args, form, cluster.program, now))),
    }
}

fn table(rows: &[SlotView], slots: &[Slot], args: &List, form: Form, program: &str, now: Timestamp) -> String {
    if rows.is_empty() { nothing(slots, args, program) } else { show(rows, form == Form::Wide, now) }
}

fn rows(slots: &[Slot], identity: Option<&Identity>, args: &List, now: Timestamp) -> Vec<SlotView> {
    let all = slots.iter().map(|slot| SlotView::of(slot, identity, now));
    all.filter(|view| (!args.mine || view.mine == Some(true)) && (!args.free || view.is_free())).collect()
}

fn nothing(slots: &[Slot], args: &List, program: &str) -> String {
    if slots.is_empty() {
        "There are no slots yet. Make some: helm install slots charts/slots -n hotdesk\n".to_owned()
    } else if args.mine {
        format!("You hold no slot. See what is free: {program} list --free\n")
    } else {
        format!("No slot is free. See who holds which, and until when: {program} list\n")
    }
}

fn show(rows: &[SlotView], wide: bool, now: Timestamp) -> String {
    let mut header = vec!["SLOT", "OWNER", "PURPOSE", "UNTIL", "LAST ACTIVITY", "VERDICT", "REAP AT"];
    if wide {
        header.extend(["USERS", "KEEP UNTIL", "HOST", "REASON"]);
    }
    let lines: Vec<Vec<Cell>> = rows.iter().map(|view| line(view, wide, now)).collect();
    table::render(&header, &lines)
}

fn line(view: &SlotView, wide: bool, now: Timestamp) -> Vec<Cell> {
    let time = |at: Option<Timestamp>| Cell::new(at.map(|at| human_time(at, now)).unwrap_or_default());
    let purpose = view.purpose.clone().unwrap_or_default();
    let mut cells = vec![
        Cell::new(&view.slot).styled(if view.mine == Some(true) { Style::new().bold() } else { Style::new() }),
        owner(view),
        Cell::new(if wide { purpose } else { cut(&purpose) }),
        time(view.until),
        Cell::new(view.last_activity.as_ref().map(|seen| relative(seen.time, now)).unwrap_or_default()),
        verdict(view),
        reap_at(view, now),
    ];
    if wide {
        let reason = view.verdict.as_ref().map(|verdict| verdict.reason.clone()).unwrap_or_default();
        let users = view.users.iter().cloned().chain(view.groups.iter().map(|group| format!("group:{group}")));
        cells.push(Cell::new(users.collect::<Vec<_>>().join(",")));
        cells.extend([time(view.keep_until), Cell::new(view.host.clone().unwrap_or_default()), Cell::new(reason)]);
    }
    cells
}

/// The owner, and how many share the slot.
fn owner(view: &SlotView) -> Cell {
    let mut name = view.users.first().or(view.groups.first()).cloned().unwrap_or_default();
    if view.users.len() > 1 {
        name = format!("{name} +{}", view.users.len() - 1);
    }
    match view.phase {
        Phase::Free => Cell::new("(free)").styled(Style::new().fg_color(Some(AnsiColor::Green.into()))),
        Phase::Lapsed => Cell::new(format!("{name} (lapsed)")).styled(Style::new().dimmed()),
        Phase::Held if view.mine == Some(true) => Cell::new(format!("{name} (you)")).styled(Style::new().bold()),
        Phase::Held => Cell::new(name),
    }
}

fn verdict(view: &SlotView) -> Cell {
    let Some(verdict) = &view.verdict else { return Cell::new("") };
    let (name, colour) = match verdict.state {
        VerdictState::Active => ("Active", AnsiColor::Green),
        VerdictState::Idle => ("Idle", AnsiColor::Yellow),
        VerdictState::Kept => ("Kept", AnsiColor::Cyan),
        VerdictState::Unknown => ("Unknown", AnsiColor::Red),
    };
    // `why` says which, and why.
    let failed = view.failed_reaps.len();
    let back = view.last_reap.as_ref().is_some_and(|reap| reap.restored_at.is_some());
    let name = match failed {
        0 if back => format!("{name} (brought back)"),
        0 => name.to_owned(),
        _ => format!("{name} ({failed} failed)"),
    };
    Cell::new(name).styled(Style::new().fg_color(Some(colour.into())))
}

/// A reap that should have been by now is said to be due: the reaper runs once an hour.
fn reap_at(view: &SlotView, now: Timestamp) -> Cell {
    Cell::new(match view.reap_at {
        None => String::new(),
        Some(at) if at <= now => format!("due for {}", human_duration(now.duration_since(at))),
        Some(at) => human_time(at, now),
    })
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(PURPOSE) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::{claimed, slot};
    use hotdesk_slots::SlotStatus;

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    fn slots() -> Vec<Slot> {
        let mut lapsed = claimed("abra", "carol@example.com");
        lapsed.spec.claim = serde_json::from_value(serde_json::json!({
            "users": ["carol@example.com"], "until": "2026-11-23T14:00:00Z",
        }))
        .unwrap();
        let mut used = claimed("mew", "alice@example.com");
        used.status = serde_json::from_value::<Option<SlotStatus>>(serde_json::json!({
            "lastActivity": {"time": "2026-11-23T14:48:00Z", "signal": "traffic", "detail": "web"},
            "verdict": {"state": "Active", "reason": "14 requests", "at": "2026-11-23T14:50:00Z"},
            "nextReapAt": "2026-11-23T16:00:00Z",
        }))
        .unwrap();
        vec![lapsed, used, slot("onix")]
    }

    fn shown(args: &List, wide: bool) -> String {
        let identity = Identity::test("alice@example.com");
        let text = show(&rows(&slots(), Some(&identity), args, now()), wide, now());
        anstream::adapter::strip_str(&text).to_string()
    }

    const ALL: List = List { mine: false, free: false, watch: false };

    #[test]
    fn u12_a_release_that_could_not_be_cleared_shows_in_the_verdict() {
        let mut stuck = claimed("mew", "alice@example.com");
        stuck.status = serde_json::from_value(serde_json::json!({
            "verdict": {"state": "Kept", "reason": "x", "at": "2026-11-23T14:50:00Z"},
            "failedReaps": [{"release": "web", "revision": 1, "times": 1, "at": "2026-11-23T14:50:00Z", "reason": "x"}],
        }))
        .unwrap();
        let text = show(&rows(&[stuck], None, &ALL, now()), false, now());
        assert!(anstream::adapter::strip_str(&text).to_string().contains("Kept (1 failed)"), "{text}");
    }

    #[test]
    fn what_was_brought_back_shows_in_the_verdict() {
        let mut back = claimed("mew", "alice@example.com");
        back.status = serde_json::from_value(serde_json::json!({
            "verdict": {"state": "Active", "reason": "x", "at": "2026-11-23T14:50:00Z"},
            "lastReap": {"time": "2026-11-23T12:00:00Z", "releases": ["web"], "restoredAt": "2026-11-23T13:00:00Z"},
        }))
        .unwrap();
        let text = show(&rows(&[back], None, &ALL, now()), false, now());
        assert!(anstream::adapter::strip_str(&text).to_string().contains("Active (brought back)"), "{text}");
    }

    #[test]
    fn the_table_says_who_why_until_when_and_whether_it_is_used() {
        assert_eq!(
            shown(&ALL, false),
            "\
SLOT  OWNER                       PURPOSE            UNTIL      LAST ACTIVITY  VERDICT  REAP AT
abra  carol@example.com (lapsed)  -                  14:00 UTC  -              -        -
mew   alice@example.com (you)     payments refactor  -          12 min ago     Active   16:00 UTC
onix  (free)                      -                  -          -              -        -
"
        );
    }

    #[test]
    fn wide_adds_everybody_and_the_reason() {
        let text = shown(&ALL, true);
        assert!(text.contains("USERS") && text.contains("14 requests"), "{text}");
    }

    #[test]
    fn free_shows_what_may_be_claimed_and_mine_what_i_hold() {
        let names = |args: &List| -> Vec<String> {
            let identity = Identity::test("alice@example.com");
            rows(&slots(), Some(&identity), args, now()).into_iter().map(|view| view.slot).collect()
        };
        assert_eq!(names(&List { mine: false, free: true, watch: false }), ["abra", "onix"]);
        assert_eq!(names(&List { mine: true, free: false, watch: false }), ["mew"]);
    }

    #[test]
    fn an_escape_sequence_in_a_purpose_does_not_reach_the_terminal() {
        let mut evil = claimed("mew", "alice@example.com");
        evil.spec.claim.as_mut().unwrap().purpose = Some("\u{1b}]0;owned\u{7}\u{9b}2J".to_owned());
        let text = show(&[SlotView::of(&evil, None, now())], true, now());
        let text = anstream::adapter::strip_str(&text).to_string();
        assert!(text.contains("\u{fffd}]0;owned\u{fffd}\u{fffd}2J"), "{text:?}");
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{9b}']), "{text:?}");
    }

    #[test]
    fn a_long_purpose_is_cut_in_the_table() {
        assert_eq!(cut(&"x".repeat(41)), format!("{}…", "x".repeat(40)));
        assert_eq!(cut(&"x".repeat(40)), "x".repeat(40));
    }
}
