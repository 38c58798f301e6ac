//! Claims that people make in a sheet: a real hotdesk-sync, as its own service account, on the real cluster.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use hotdesk_e2e::sheet::{PATIENCE, Sheet, becomes, condition, events, has_condition, holders, waits_for};
use hotdesk_e2e::slot::{SlotBuilder, unique};
use hotdesk_e2e::{CommandOutput, Helm, TestSlot, admin, alice, bob, installation, until};
use hotdesk_http::fake_server::google::error;
use serde_json::{Value, json};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

/// Passes are frequent, so that tests are short.
const POLL: &[&str] = &["--poll", "500ms"];

/// The sheet is edited so that somebody else holds the slot. How long is the gate still closed to them?
fn edit_until_admitted(sheet: &Sheet, slot: &TestSlot, who: &str) -> Duration {
    let edited = Instant::now();
    sheet.says(&[&[slot.name(), who, "checkout"]]);
    let mut last_denied = Duration::ZERO;
    until(&format!("{who} to be admitted"), PATIENCE, || {
        let asked = edited.elapsed();
        let probe = slot.probe(who);
        if probe.ok() {
            return Ok(());
        }
        last_denied = asked;
        Err(probe.to_string())
    });
    last_denied
}

#[test]
fn an_edit_in_the_sheet_is_an_admitted_install_within_one_poll_and_two_seconds() {
    let _held = installation::shared();
    let (slot, sheet) = (TestSlot::free(), Sheet::with(&[]));
    for (poll, rounds) in [(3, 4), (15, 1)] {
        let sync = sheet.follow(&[&slot], &["--poll", &format!("{poll}s")]);
        for round in 0..rounds {
            let who = if (round + poll) % 2 == 0 { ALICE } else { BOB };
            // What counts is when somebody was last denied: how long a question itself takes says nothing.
            let denied_for = edit_until_admitted(&sheet, &slot, who);
            println!("poll {poll} s: last denied {denied_for:.2?} after the edit");
            assert!(denied_for <= Duration::from_secs(poll + 2), "{denied_for:?}; {}", sync.log());
        }
    }
    let person = if holders(&slot) == ALICE { alice() } else { bob() };
    slot.helm_install(&person, Helm::V4, "web", "web", &[]).succeeded();
    assert_eq!(slot.get("deployment", "web")["metadata"]["annotations"]["hotdesk.dev/owner"], person.name);
}

#[test]
fn a_thousand_ragged_rows_are_applied_and_nothing_is_written_when_nothing_changed() {
    let _held = installation::shared();
    let (one, other) = (TestSlot::free(), TestSlot::free());
    let strangers: Vec<String> = (0..998).map(|n| format!("elsewhere-{n}")).collect();
    let mut rows: Vec<Vec<&str>> =
        vec![vec![one.name(), "Zolw@Example.com, yamada@example.jp", "naïve 目的"], vec![other.name()]];
    for (n, stranger) in strangers.iter().enumerate() {
        rows.push([stranger, "#REF!", "#N/A", "Loading..."][..=n % 4].to_vec());
    }
    let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
    let sheet = Sheet::with(&rows);
    // A thousand rows may take longer than the others' second while something is built beside it.
    let patient = [POLL, &["--sheets-timeout", "20s"]].concat();
    let sync = sheet.follow(&[&one, &other], &patient);
    becomes(&one, "zolw@example.com, yamada@example.jp", &sync);
    assert_eq!((sync.metric("hotdesk_sync_rows"), holders(&other).as_str()), (1000.0, ""));
    has_condition(&one, &["True FromSheet"], &sync);
    // What the first pass wrote may have been refused, for the controller wrote at that moment: then the next one writes it.
    sync.passes_again(2);
    let written = || [&one, &other].map(|slot| but_for_the_controller(slot.object()));
    let (before, told) = (written(), sync.log());
    sync.passes_again(5);
    assert_eq!(written(), before, "a Slot was written though nothing changed; {}", sync.log());
    assert_eq!(sync.log(), told, "the same is not said again and again");
}

/// A Slot without what the restamper and the controller say of it in their own time.
fn but_for_the_controller(mut slot: Value) -> Value {
    slot["metadata"]["resourceVersion"] = Value::Null;
    for field in ["phase", "lapsedUntil", "reaper", "request"] {
        slot["status"][field] = Value::Null;
    }
    if let Some(conditions) = slot["status"]["conditions"].as_array_mut() {
        conditions.retain(|condition| condition["type"] != "Stamped");
    }
    slot
}

#[test]
fn spellings_of_one_slot_and_of_one_person_are_one_and_nobody_matches_by_prefix() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    let longer = SlotBuilder::free().named(&format!("{}-two", slot.name())).make();
    let sheet = Sheet::with(&[]);
    let sync = sheet.follow(&[&slot, &longer], POLL);
    let loud = slot.name().to_uppercase();
    for spelling in [&format!("{loud} "), &format!(" {}", slot.name()), &loud] {
        sheet.says(&[&[spelling, " alice@Example.com ", spelling]]);
        becomes(&slot, ALICE, &sync);
        sheet.says(&[&[spelling, "", ""]]);
        becomes(&slot, "", &sync);
    }
    sheet.says(&[&[&loud, "al@example.com", "x"]]);
    becomes(&slot, "al@example.com", &sync);
    slot.wait_until_known();
    assert!(slot.probe("al@example.com").ok());
    for other in [ALICE, "al@example.co", "al", "al@example.com.evil.org", "bal@example.com"] {
        slot.probe(other).failed_saying(&["is held by al@example.com", &format!("you are {other}")]);
    }
    assert_eq!(holders(&longer), "", "a longer name is another slot");
    sheet.says(&[&[&loud, ALICE, "x"], &[slot.name(), BOB, "x"]]);
    has_condition(&slot, &["RowRefused", &format!("A2: {} is also in row 3: one row a slot", slot.name())], &sync);
    assert_eq!(holders(&slot), "al@example.com", "neither row is better");
}

fn patch(slot: &TestSlot, who: &hotdesk_e2e::Person, patch: &Value) -> CommandOutput {
    slot.kubectl(who, &["patch", "slot", "slot", "--type=merge", "-p", &patch.to_string()])
}

#[test]
fn what_the_sheet_claims_is_changed_in_the_sheet_by_kubectl_and_hotdesk_alike() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    let sheet = Sheet::with(&[&[slot.name(), ALICE, "checkout"]]);
    let sync = sheet.follow(&[&slot], POLL);
    becomes(&slot, ALICE, &sync);
    let told = "it comes from a sheet, and is changed there, not here: edit https://sheets.example.com/slots";
    patch(&slot, &alice(), &json!({"spec": {"claim": {"purpose": "mine"}}})).failed_saying(&[told]);
    patch(&slot, &alice(), &json!({"spec": {"claim": null}})).failed_saying(&[told]);
    patch(&slot, &bob(), &json!({"spec": {"claim": {"users": [BOB]}}})).failed_saying(&[told, "is held by alice"]);
    let name = slot.name();
    alice()
        .hotdesk(&["claim", name, "--purpose", "mine"])
        .failed_saying(&["sheet", "https://sheets.example.com/slots"]);
    alice().hotdesk(&["release", name]).failed_saying(&["sheet", "https://sheets.example.com/slots"]);
    alice().hotdesk(&["hand", name, BOB]).failed_saying(&["sheet", "https://sheets.example.com/slots"]);
    alice().hotdesk(&["why", name]).succeeded().said(&["The claim was made in the sheet, and is changed there."]);
    assert_eq!(slot.object()["spec"]["claim"]["purpose"], "checkout");
}

#[test]
fn an_administrators_change_is_shown_and_comes_back_unless_the_slot_is_taken_out_of_the_sheet() {
    let _held = installation::shared();
    let (slot, other) = (TestSlot::free(), TestSlot::free());
    let row: &[&str] = &[other.name(), ALICE, "x"];
    let sheet = Sheet::with(&[&[slot.name(), ALICE, "checkout"], row]);
    let sync = sheet.follow(&[&slot, &other], POLL);
    becomes(&slot, ALICE, &sync);
    becomes(&other, ALICE, &sync);
    let bobs = json!({"spec": {"claim": {"users": [BOB]}}});

    sheet.fails_with(error(500, "INTERNAL", "Internal error encountered."));
    sync.passes_again(1);
    let warned = patch(&slot, &admin(), &bobs).succeeded();
    warned.said(&["this claim comes from a sheet, and comes back when", "edit https://sheets.example.com/slots"]);
    let shown = alice().hotdesk(&["why", slot.name()]).succeeded();
    shown.said(&["is held by bob@example.com", "But it was changed here since, by an administrator (kubectl-patch)"]);
    sheet.is_well();
    becomes(&slot, ALICE, &sync);
    until("the Event", PATIENCE, || {
        let told = events(&slot);
        let restored = "ClaimRestored: The claim comes from a sheet, and kubectl-patch changed it here";
        if told.contains(restored) { Ok(()) } else { Err(told) }
    });
    let why = alice().hotdesk(&["why", slot.name()]).succeeded();
    assert!(!why.stdout.contains("changed here since"), "{why}");

    sheet.fails_with(error(500, "INTERNAL", "Internal error encountered."));
    sync.passes_again(1);
    patch(&slot, &admin(), &bobs).succeeded();
    sheet.says(&[row]);
    sheet.is_well();
    waits_for("the claim to be the sheet's no more", PATIENCE, &slot, &sync, || {
        slot.object()["spec"]["claim"]["source"].is_null()
    });
    sync.passes_again(1);
    assert_eq!((holders(&slot).as_str(), condition(&slot).as_str()), (BOB, ""), "it is bob's now; {}", sync.log());
    patch(&slot, &bob(), &json!({"spec": {"claim": {"purpose": "mine"}}})).succeeded();
}

#[test]
fn a_slot_whose_row_goes_is_freed_and_one_that_never_had_one_keeps_its_own_claim() {
    let _held = installation::shared();
    let (sheets, own, kept) = (TestSlot::free(), TestSlot::held_by(BOB), TestSlot::free());
    let stays: &[&str] = &[kept.name(), ALICE, "x"];
    let sheet = Sheet::with(&[&[sheets.name(), ALICE, "x"], stays]);
    let sync = sheet.follow(&[&sheets, &own, &kept], POLL);
    becomes(&sheets, ALICE, &sync);
    sheet.says(&[stays]);
    becomes(&sheets, "", &sync);
    alice().hotdesk(&["claim", sheets.name(), "--purpose", "by hand"]).succeeded();
    sync.passes_again(2);
    assert_eq!((holders(&own).as_str(), holders(&sheets).as_str(), holders(&kept).as_str()), (BOB, ALICE, ALICE));
    sheet.says(&[&[own.name(), ALICE, "x"], stays]);
    let conflict = format!("B2: {} is held by {BOB}, who claimed it outside the sheet", own.name());
    has_condition(&own, &["False RowRefused", &conflict], &sync);
    assert_eq!(holders(&own), BOB, "nobody loses a claim that was made by hand");
    sheet.says(&[&[own.name(), &format!("{ALICE}, {BOB}"), "x"], stays]);
    sync.passes_again(2);
    has_condition(&own, &["False RowRefused", &conflict], &sync);
    assert_eq!(holders(&own), BOB, "nor to those who name the holder beside themselves");
    sheet.says(&[&[own.name(), BOB, "x"], stays]);
    waits_for("the row to be in order", PATIENCE, &own, &sync, || condition(&own).is_empty());
    assert!(own.object()["spec"]["claim"]["source"].is_null(), "it stays bob's own");
    bob().hotdesk(&["release", own.name()]).succeeded();
    becomes(&own, BOB, &sync);
    assert_eq!(own.object()["spec"]["claim"]["source"], json!("sheet"), "docs/claims.md: how to hand it to the sheet");
}

#[test]
fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let _held = installation::shared();
    let (slot, bad) = (TestSlot::free(), TestSlot::free());
    let sheet = Sheet::with(&[&[slot.name(), ALICE, "checkout"], &[bad.name(), "bob smith", "x"]]);
    let before = slot.object();
    let plan = sheet.once(&[&slot, &bad], &["--dry-run"]);
    assert_eq!(plan.code, Some(3), "{plan}");
    let line = plan.stdout.lines().find(|line| line.starts_with(slot.name())).unwrap_or_else(|| panic!("{plan}"));
    assert!(line.contains("claim") && line.contains(ALICE) && line.contains("checkout"), "{plan}");
    assert!(plan.stdout.contains("B3: \"bob smith\" is neither an e-mail nor a login"), "{plan}");
    assert_eq!(slot.object(), before, "nothing is written");
    sheet.once(&[&slot, &bad], &["--once"]);
    let plan = sheet.once(&[&slot], &["--dry-run"]);
    assert!(plan.stdout.contains("would change nothing"), "{plan}");
}

#[test]
fn hotdesk_sync_is_one_pass_by_hand_with_the_rights_of_whoever_types_it() {
    let _held = installation::shared();
    let (slot, folder) = (TestSlot::free(), tempfile::tempdir().unwrap());
    let csv = folder.path().join("slots.csv");
    std::fs::write(&csv, format!("Slot;Emails;Purpose\n{};{ALICE};by hand\n", slot.name())).unwrap();
    let args = ["sync", "--csv", csv.to_str().unwrap(), "--slots", slot.name()];
    let with = |who: &hotdesk_e2e::Person, flag: &str| who.hotdesk(&[&args[..], &[flag]].concat());
    assert_eq!(admin().hotdesk(&args).failed_saying(&["add --dry-run to see", "or --once to write"]).code, Some(2));
    with(&admin(), "--dry-run")
        .succeeded()
        .said(&["claim for alice@example.com (\"by hand\")", "1 Slot would be written"]);
    let told = ["some changes failed: see above", "spec.claim.source: only hotdesk's sync sets it"];
    with(&alice(), "--once").failed_saying(&told);
    assert_eq!(holders(&slot), "");
    with(&admin(), "--once").succeeded();
    assert_eq!((holders(&slot).as_str(), &slot.object()["spec"]["claim"]["source"]), (ALICE, &json!("sheet")));
    with(&admin(), "--dry-run").succeeded().said(&["1 row read: this would change nothing."]);
}

/// The Deployment of the chart, which reads a table in a ConfigMap for the slots named `sheet-*`.
#[test]
fn the_charts_own_deployment_brings_a_table_in_a_config_map_to_the_slots() {
    let _held = installation::shared();
    let slot = SlotBuilder::free().named(&unique("sheet")).make();
    let write = |rows: &str| {
        let table = format!("Slot,Usernames,Purpose\n{rows}");
        let patch = json!({"data": {"slots.csv": table}}).to_string();
        admin().kubectl(&["-n", "hotdesk", "patch", "configmap", "claims", "--type=merge", "-p", &patch]).succeeded();
        // The kubelet brings a ConfigMap to a pod when it next looks at the pod; so it looks now.
        let touch = ["-n", "hotdesk", "annotate", "pod", "--overwrite", "-l", "app.kubernetes.io/component=sync"];
        admin().kubectl(&[&touch[..], &[&format!("hotdesk-test/touched={}", unique("t"))]].concat()).succeeded();
    };
    let log = || admin().kubectl(&["-n", "hotdesk", "logs", "deploy/hotdesk-sync", "--tail=50"]).to_string();
    // Without the kubelet's help, a change of a ConfigMap takes up to a minute and a half.
    let becomes = |users: &str| {
        until(&format!("{users:?} to hold it"), Duration::from_secs(120), || {
            if holders(&slot) == users { Ok(()) } else { Err(format!("{}\n{}", slot.object()["spec"], log())) }
        });
    };
    let name = slot.name().to_uppercase();
    write(&format!("{name} ,\"{ALICE}, Octocat\",\"a table, in a file\"\n"));
    becomes(&format!("{ALICE}, carol@example.com"));
    assert_eq!(slot.object()["spec"]["claim"]["aliases"], json!(["octocat"]), "the installation's people are known");
    assert_eq!(slot.object()["spec"]["claim"]["purpose"], "a table, in a file");
    slot.wait_until_known();
    slot.helm_install(&alice(), Helm::V4, "web", "web", &[]).succeeded();
    assert!(!slot.probe(BOB).ok());
    let confirm =
        ["-n", "hotdesk", "exec", "deploy/hotdesk-sync", "--", "hotdesk-sync", "--once", "--confirm-clearing"];
    write("");
    until("the table to be empty", Duration::from_secs(120), || {
        let told = condition(&slot);
        if told.contains("ClearingHeld: the sheet has no rows any more") { Ok(()) } else { Err(told + &log()) }
    });
    admin().kubectl(&confirm).succeeded();
    assert_eq!(holders(&slot), "", "docs/claims.md: how to confirm");
}
