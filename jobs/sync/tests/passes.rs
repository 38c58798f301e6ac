//! Whole passes, from a sheet at Google's stand-in to Slots in an API server's stand-in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by a panic"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use hotdesk_http::google::Credential;
use hotdesk_slots::NameRules;
use hotdesk_sync::metrics::Metrics;
use hotdesk_sync::rows::Rules;
use hotdesk_sync::run::{PassOutcome, Settings, Sync};
use hotdesk_sync::source::Source;
use serde_json::json;
use support::cluster::Server;
use support::google::{Google, error, sheets};
use support::{Reply, clock};

const HEADER: &[&str] = &["Slot", "Emails", "Purpose"];

struct Stage {
    google: Google,
    server: Server,
    sync: Sync,
    metrics: Arc<Metrics>,
    _folder: tempfile::TempDir,
}

async fn stage(slots: &[&str]) -> Stage {
    let (google, server, folder) =
        (Google::start(clock).await.0, Server::start(slots).await, tempfile::tempdir().unwrap());
    let source = sheets(&google, Credential::Key(google.key(folder.path())), None);
    let metrics = Arc::new(Metrics::new(clock()));
    let sync = Sync::new(source, server.client(), settings(), metrics.clone(), clock);
    Stage { google, server, sync, metrics, _folder: folder }
}

fn settings() -> Settings {
    Settings {
        scope: hotdesk_sync::scope::Scope::all(),
        rules: Rules {
            limit: None,
            zone: jiff::tz::TimeZone::UTC,
            names: NameRules { unicode: true, ..NameRules::default() },
        },
        people: vec![vec!["alice@example.com".to_owned(), "octocat".to_owned()]],
        poll: Duration::from_millis(10),
        retry_delay: Duration::from_millis(1),
        stale_after: Duration::from_hours(1),
        confirmed: false,
        dry_run: false,
        claim_url: None,
    }
}

impl Stage {
    fn sheet(&self, rows: &[&[&str]]) {
        let rows: Vec<&[&str]> = std::iter::once(HEADER).chain(rows.iter().copied()).collect();
        self.google.tab("A:Z", &rows);
    }

    async fn pass(&mut self, rows: &[&[&str]]) -> PassOutcome {
        self.sheet(rows);
        self.sync.pass().await
    }

    fn metric(&self, name: &str) -> String {
        let text = self.metrics.encode(clock()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{text}"));
        line.trim().to_owned()
    }

    fn notes(&self) -> String {
        self.server.with(|state| state.events.iter().map(|e| format!("{} {}\n", e["reason"], e["note"])).collect())
    }
}

#[tokio::test]
async fn a_sheet_becomes_claims_and_nothing_is_written_twice() {
    let mut stage = stage(&["abra", "mew", "onix"]).await;
    let rows: &[&[&str]] = &[&["Mew ", "Octocat, bob@Example.com", "payments"], &["abra", "", ""]];
    assert_eq!(stage.pass(rows).await, PassOutcome::Done(0));
    assert_eq!(stage.server.users("mew"), "alice@example.com bob@example.com");
    let claim = stage.server.with(|state| state.slots["mew"]["spec"]["claim"].clone());
    assert_eq!(
        (&claim["source"], &claim["aliases"], &claim["purpose"]),
        (&json!("sheet"), &json!(["octocat"]), &json!("payments"))
    );
    assert_eq!(stage.server.condition("mew"), "True FromSheet: The claim is what the sheet says.");
    assert!(stage.server.with(|state| state.slots["mew"]["status"]["claimedAt"].is_string()));
    assert_eq!(stage.server.writes(), ["mew spec apply-patch+yaml", "mew status merge-patch+json"]);
    for _ in 0..3 {
        assert_eq!(stage.pass(rows).await, PassOutcome::Done(0));
    }
    assert!(stage.server.writes().is_empty(), "nothing is written when nothing changed");
    assert_eq!(
        (stage.metric("hotdesk_sync_rows "), stage.metric("hotdesk_sync_slots ")),
        ("2".to_owned(), "1".to_owned())
    );
    assert_eq!(stage.metric("hotdesk_sync_claims_written_total{what=\"claimed\"}"), "1");
}

/// So soon that the token of before is still good.
fn later() -> jiff::Timestamp {
    clock() + jiff::SignedDuration::from_mins(30)
}

fn claimed_at(stage: &Stage, slot: &str) -> Option<jiff::Timestamp> {
    stage.server.with(|state| state.slots[slot]["status"]["claimedAt"].as_str().map(|at| at.parse().unwrap()))
}

#[tokio::test]
async fn the_time_of_a_claim_outlasts_a_conflict_of_the_status() {
    let mut stage = stage(&["mew"]).await;
    stage.server.with(|state| state.status_race.push("mew".to_owned()));
    let alice: &[&[&str]] = &[&["mew", "alice@example.com", "x"]];
    assert_eq!(stage.pass(alice).await, PassOutcome::Done(0));
    assert_eq!(claimed_at(&stage, "mew"), None, "somebody else wrote the status at the same time");
    let claimed_by = clock();
    stage.sync.clock = later;
    assert_eq!(stage.pass(alice).await, PassOutcome::Done(0));
    let noted = claimed_at(&stage, "mew").expect("the next pass notes it");
    assert!(noted <= claimed_by, "{noted}: when the claim was made, not when it was noted");
    stage.pass(&[&["mew", "alice@example.com", "another purpose"]]).await;
    assert_eq!(claimed_at(&stage, "mew"), Some(noted), "a change is not a claim");
    stage.pass(&[&["mew", "bob", "x"]]).await;
    assert!(claimed_at(&stage, "mew").is_some_and(|at| at > claimed_by), "bob's claim has a time of its own");
}

#[tokio::test]
async fn the_time_of_a_claim_is_noted_where_only_the_answer_was_lost() {
    let mut stage = stage(&["mew"]).await;
    stage.server.with(|state| state.lost.push("mew".to_owned()));
    assert_eq!(stage.pass(&[&["mew", "alice@example.com", "x"]]).await, PassOutcome::Done(0));
    assert_eq!(stage.server.users("mew"), "alice@example.com");
    assert!(claimed_at(&stage, "mew").is_some_and(|at| at <= clock()), "{:?}", claimed_at(&stage, "mew"));
}

#[tokio::test]
async fn a_claim_that_was_given_back_leaves_no_time_for_the_next_one() {
    let mut stage = stage(&["mew", "onix"]).await;
    stage.server.with(|state| state.status_race.push("mew".to_owned()));
    stage.pass(&[&["mew", "alice@example.com", "x"], &["onix", "", ""]]).await;
    stage.pass(&[&["mew", "", ""], &["onix", "", ""]]).await;
    stage.sync.clock = later;
    stage.pass(&[&["mew", "bob", "x"], &["onix", "", ""]]).await;
    assert!(claimed_at(&stage, "mew").is_some_and(|at| at > clock()), "{:?}", claimed_at(&stage, "mew"));
}

#[tokio::test]
async fn edits_and_releases_follow_the_sheet() {
    let mut stage = stage(&["mew", "onix"]).await;
    stage.pass(&[&["mew", "octocat", "x"], &["onix", "", ""]]).await;
    assert_eq!(stage.pass(&[&["mew", "carol", ""], &["onix", "", ""]]).await, PassOutcome::Done(0));
    let claim = stage.server.with(|state| state.slots["mew"]["spec"]["claim"].clone());
    assert_eq!(claim, json!({"users": ["carol"], "aliases": [], "source": "sheet"}), "nothing of alice is left");
    assert_eq!(stage.pass(&[&["mew", "", ""], &["onix", "", ""]]).await, PassOutcome::Done(0));
    assert!(stage.server.with(|state| state.slots["mew"]["spec"].get("claim").is_none()));
    assert_eq!(stage.server.condition("mew"), "");
}

#[tokio::test]
async fn a_bad_row_is_told_on_its_slot_and_the_good_rows_apply() {
    let mut stage = stage(&["abra", "mew"]).await;
    stage.pass(&[&["mew", "alice@example.com", "x"]]).await;
    stage.server.writes();
    let bad: &[&[&str]] = &[&["mew", "alice smith", "#REF!"], &["abra", "bob", "x"], &["nope", "carol", "x"]];
    assert_eq!(stage.pass(bad).await, PassOutcome::Done(3));
    assert_eq!((stage.server.users("mew").as_str(), stage.server.users("abra").as_str()), ("alice@example.com", "bob"));
    let condition = stage.server.condition("mew");
    assert!(condition.starts_with("False RowRefused: B2: ") && condition.contains("C2: it shows #REF!"), "{condition}");
    let notes = stage.notes();
    assert!(notes.contains("B2: \\\"alice smith\\\"") && notes.contains("there is no slot \\\"nope\\\""), "{notes}");
    assert_eq!(stage.metric("hotdesk_sync_problems{kind=\"slot\"}"), "1");
    stage.pass(bad).await;
    assert_eq!(stage.notes(), notes, "told once");
    stage.pass(&[&["mew", "alice@example.com", "x"], &["abra", "bob", "x"]]).await;
    assert!(stage.server.condition("mew").starts_with("True FromSheet"));
}

#[tokio::test]
async fn what_cannot_be_read_changes_nothing_and_says_how_old_it_is() {
    let mut stage = stage(&["mew"]).await;
    stage.pass(&[&["mew", "alice@example.com", "x"]]).await;
    stage.server.writes();
    stage.google.fail((0..4).map(|_| error(500, "INTERNAL", "Internal error encountered.")));
    assert_eq!(stage.sync.pass().await, PassOutcome::Unreadable(true));
    assert!(stage.server.writes().is_empty(), "a short outage is not worth a write");
    stage.sync.settings.stale_after = Duration::from_nanos(1);
    for _ in 0..2 {
        stage.google.fail([error(403, "PERMISSION_DENIED", "The caller does not have permission")]);
        assert_eq!(stage.sync.pass().await, PassOutcome::Unreadable(false));
    }
    assert_eq!(stage.server.users("mew"), "alice@example.com");
    let condition = stage.server.condition("mew");
    assert!(condition.starts_with("Unknown SheetUnreadable: The sheet was last read at 20"), "{condition}");
    assert_eq!(stage.server.writes(), ["mew status merge-patch+json"], "told once");
    assert_eq!(stage.notes().matches("SheetUnreadable").count(), 1);
    assert_eq!(stage.metric("hotdesk_sync_passes_total{outcome=\"unreadable\"}"), "3");
    assert_eq!(stage.sync.pass().await, PassOutcome::Done(0));
    assert!(stage.server.condition("mew").starts_with("True FromSheet"));
}

#[tokio::test]
async fn an_error_that_passes_is_asked_away_within_the_pass() {
    let mut stage = stage(&["mew"]).await;
    let whole = json!({"range": "A:Z", "majorDimension": "ROWS", "values": [HEADER]});
    stage.google.fail([error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"), Reply::Truncated(whole), Reply::Silence]);
    assert_eq!(stage.pass(&[&["mew", "alice@example.com", "x"]]).await, PassOutcome::Done(0));
    assert_eq!(stage.google.with(|state| state.reads), 4);
    assert_eq!(stage.server.users("mew"), "alice@example.com");
}

#[tokio::test]
async fn a_sheet_that_lost_its_header_or_its_rows_changes_nothing() {
    let mut stage = stage(&["abra", "mew", "onix"]).await;
    stage.pass(&[&["mew", "a", "x"], &["abra", "b", "x"], &["onix", "c", "x"]]).await;
    stage.server.writes();
    for tab in [&[][..], &[&["mew", "z", "x"][..]], &[&["Slot", "Who", "Purpose"], &["mew", "z", "x"]]] {
        stage.google.tab("A:Z", tab);
        assert_eq!(stage.sync.pass().await, PassOutcome::Unreadable(false), "{tab:?}");
    }
    assert!(stage.server.writes().is_empty());
    assert_eq!(stage.pass(&[]).await, PassOutcome::HeldBack);
    assert_eq!(stage.pass(&[&["mew", "", ""], &["abra", "", ""], &["onix", "", ""]]).await, PassOutcome::HeldBack);
    assert_eq!(stage.server.users("onix"), "c");
    assert!(stage.server.condition("onix").contains("False ClearingHeld: 3 of 3 claims would go"));
    assert_eq!(stage.metric("hotdesk_sync_held_back "), "1");
    stage.sync.settings.confirmed = true;
    assert_eq!(stage.sync.pass().await, PassOutcome::Done(0));
    assert_eq!(["mew", "abra", "onix"].map(|slot| stage.server.users(slot)).concat(), "");
}

#[tokio::test]
async fn whoever_claims_at_the_same_time_is_not_overwritten() {
    let mut stage = stage(&["mew"]).await;
    let theirs = json!({"claim": {"users": ["bob"], "purpose": "first"}});
    stage.server.with(|state| state.race.push(("mew".to_owned(), theirs)));
    assert_eq!(stage.pass(&[&["mew", "alice@example.com", "x"]]).await, PassOutcome::Done(1));
    assert_eq!(stage.server.users("mew"), "bob");
    assert!(stage.server.condition("mew").contains("mew is held by bob"), "{}", stage.server.condition("mew"));
}

#[tokio::test]
async fn naming_the_holder_beside_oneself_takes_no_slot() {
    let mut stage = stage(&["mew"]).await;
    stage.server.with(|state| state.put("mew", json!({"claim": {"users": ["alice@example.com"]}})));
    for users in ["mallory@example.com, alice@example.com", "mallory@example.com"] {
        assert_eq!(stage.pass(&[&["mew", users, "x"]]).await, PassOutcome::Done(1), "{users}");
        let claim = stage.server.with(|state| state.slots["mew"]["spec"]["claim"].clone());
        assert_eq!(claim, json!({"users": ["alice@example.com"]}), "{users}");
        assert!(stage.server.condition("mew").contains("mew is held by alice@example.com, who claimed it outside"));
    }
    assert_eq!(stage.pass(&[&["mew", "alice@example.com", "x"]]).await, PassOutcome::Done(0));
    stage.server.with(|state| state.put("mew", json!({})));
    assert_eq!(stage.sync.pass().await, PassOutcome::Done(0));
    let claim = stage.server.with(|state| state.slots["mew"]["spec"]["claim"].clone());
    assert_eq!(claim["source"], "sheet", "once they release it, the row counts");
}

#[tokio::test]
async fn a_row_takes_no_host_of_a_slot_that_the_sheet_is_not_for() {
    let mut stage = stage(&["pikachu", "mew"]).await;
    stage.sync.settings.scope = hotdesk_sync::scope::Scope::of(&["pikachu".to_owned()]).unwrap();
    stage.server.with(|state| state.put("mew", json!({"host": "mew.dev.example.com"})));
    for host in ["mew.dev.example.com", "api.mew.dev.example.com", "example.com", "com"] {
        for user in ["bob", ""] {
            let header: &[&str] = &["Slot", "Emails", "Purpose", "Host"];
            stage.google.tab("A:Z", &[header, &["pikachu", user, "x", host]]);
            assert_eq!(stage.sync.pass().await, PassOutcome::Done(1), "{host}");
            let spec = stage.server.with(|state| state.slots["pikachu"]["spec"].clone());
            assert_eq!(spec, json!({}), "{host} {user:?}");
            assert!(stage.server.condition("pikachu").contains("False RowRefused: D2: "), "{host}");
        }
    }
}

#[tokio::test]
async fn the_list_of_people_makes_no_one_of_two_who_hold_slots() {
    let mut stage = stage(&["pikachu", "mew"]).await;
    let (file, people) = (stage._folder.path().join("slots.csv"), stage._folder.path().join("people.csv"));
    std::fs::write(&file, "Slot,Users,Purpose\npikachu,mallory,x\nmew,bob,x\n").unwrap();
    std::fs::write(&people, "").unwrap();
    stage.sync.source = Source::File { slots: file.clone(), people: Some(people.clone()) };
    assert_eq!(stage.sync.pass().await, PassOutcome::Done(0));
    std::fs::write(&people, "mallory,bob\n").unwrap();
    assert_eq!(stage.sync.pass().await, PassOutcome::Done(1));
    assert_eq!((stage.server.users("pikachu"), stage.server.users("mew")), ("mallory".into(), "bob".into()));
    let aliases = |slot: &str| stage.server.with(|state| state.slots[slot]["spec"]["claim"]["aliases"].clone());
    assert_eq!((aliases("pikachu"), aliases("mew")), (json!([]), json!([])));
    let notes = stage.notes();
    assert!(notes.contains("people, row 1: it makes one person of mallory, who holds pikachu, and bob"), "{notes}");
    assert_eq!(stage.metric("hotdesk_sync_problems{kind=\"people\"}"), "1");
    std::fs::write(&file, "Slot,Users,Purpose\npikachu,mallory,x\nmew,,\n").unwrap();
    assert_eq!(stage.sync.pass().await, PassOutcome::Done(1));
    assert_eq!(stage.sync.pass().await, PassOutcome::Done(0), "bob holds nothing now");
    assert_eq!(stage.server.with(|state| state.slots["pikachu"]["spec"]["claim"]["aliases"].clone()), json!(["bob"]));
}

#[tokio::test]
async fn a_write_that_is_denied_is_told_and_tried_again() {
    let mut stage = stage(&["mew"]).await;
    stage.server.with(|state| state.deny = Some("admission webhook denied the request: no".to_owned()));
    assert_eq!(stage.pass(&[&["mew", "alice@example.com", "x"]]).await, PassOutcome::Cluster);
    assert!(stage.server.condition("mew").contains("admission webhook denied"), "{}", stage.server.condition("mew"));
    stage.server.with(|state| state.deny = None);
    assert_eq!(stage.sync.pass().await, PassOutcome::Done(0));
    assert!(stage.server.condition("mew").starts_with("True"));
    stage.server.with(|state| state.down = true);
    assert_eq!(stage.sync.pass().await, PassOutcome::Cluster);
}

#[tokio::test]
async fn a_thousand_rows_take_one_pass() {
    let slots: Vec<String> = (0..1000).map(|n| format!("slot-{n}")).collect();
    let names: Vec<&str> = slots.iter().map(String::as_str).collect();
    let mut stage = stage(&names).await;
    let rows: Vec<[&str; 3]> = names.iter().map(|slot| [*slot, "żółw@例え.jp", "目的"]).collect();
    let rows: Vec<&[&str]> = rows.iter().map(<[&str; 3]>::as_slice).collect();
    assert_eq!(stage.pass(&rows).await, PassOutcome::Done(0));
    assert_eq!(stage.server.users("slot-999"), "żółw@例え.jp");
    assert_eq!(stage.server.writes().len(), 2000);
    assert_eq!(stage.pass(&rows).await, PassOutcome::Done(0));
    assert!(stage.server.writes().is_empty());
}

#[tokio::test]
async fn a_csv_file_does_as_well_and_a_dry_run_writes_nothing() {
    let mut stage = stage(&["mew"]).await;
    let file = stage._folder.path().join("slots.csv");
    std::fs::write(&file, "Slot;Users;Purpose;Host\nMEW;octocat;x;mew.example.com\n").unwrap();
    stage.sync.source = Source::File { slots: file.clone(), people: None };
    stage.sync.settings.dry_run = true;
    assert_eq!(stage.sync.pass().await, PassOutcome::Done(0));
    assert!(stage.server.writes().is_empty());
    stage.sync.settings.dry_run = false;
    assert_eq!(stage.sync.pass().await, PassOutcome::Done(0));
    assert_eq!(stage.server.users("mew"), "alice@example.com");
    assert_eq!(stage.server.with(|state| state.slots["mew"]["spec"]["host"].clone()), json!("mew.example.com"));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(stage.sync.pass().await, PassOutcome::Unreadable(true));
}

#[tokio::test]
async fn a_list_of_people_in_which_a_login_is_two_people_changes_nothing() {
    let mut stage = stage(&["mew"]).await;
    let [file, people] = ["slots.csv", "people.csv"].map(|name| stage._folder.path().join(name));
    std::fs::write(&people, "alice@example.com,ali\nbob,ali\n").unwrap();
    std::fs::write(&file, "Slot,Users,Purpose\nmew,ali,x\n").unwrap();
    stage.sync.source = Source::File { slots: file, people: Some(people) };
    assert_eq!(stage.sync.pass().await, PassOutcome::Unreadable(false), "ali is two people");
    assert!(stage.server.writes().is_empty());
}

#[tokio::test]
async fn slots_that_the_sheet_is_not_for_are_left_alone() {
    let mut stage = stage(&["mew", "onix"]).await;
    let both: &[&[&str]] = &[&["mew", "alice@example.com", "x"], &["onix", "alice@example.com", "x"]];
    stage.pass(both).await;
    stage.sync.settings.scope = hotdesk_sync::scope::Scope::of(&["m*".to_owned()]).unwrap();
    assert_eq!(stage.pass(&[&["mew", "bob", "x"], &["onix", "b o b", "x"]]).await, PassOutcome::Done(0));
    assert_eq!((stage.server.users("mew"), stage.server.users("onix")), ("bob".into(), "alice@example.com".into()));
    assert_eq!(stage.metric("hotdesk_sync_rows "), "1");
}
