//! Claims that people make in a sheet: a real hotdesk-sync, as its own service account, on the real cluster.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use hotdesk_e2e::sheet::{Follower, Sheet, condition, events, holders};
use hotdesk_e2e::slot::{Wish, unique};
use hotdesk_e2e::{Helm, Ran, TestSlot, admin, alice, bob, installation, until};
use hotdesk_fetch::stand_in::Reply;
use hotdesk_fetch::stand_in::google::{EMAIL, error};
use serde_json::{Value, json};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

/// Passes are frequent, so that tests are short.
const POLL: &[&str] = &["--poll", "500ms"];

#[track_caller]
fn waits_for(what: &str, limit: Duration, slot: &TestSlot, sync: &Follower, is: impl Fn() -> bool) {
    until(what, limit, || if is() { Ok(()) } else { Err(format!("{} {}", slot.object()["spec"], sync.log())) });
}

#[track_caller]
fn becomes(slot: &TestSlot, expected: &str, sync: &Follower) {
    waits_for(&format!("{} to be held by {expected:?}", slot.name()), PATIENCE, slot, sync, || {
        holders(slot) == expected
    });
}

#[track_caller]
fn has_condition(slot: &TestSlot, parts: &[&str], sync: &Follower) {
    let says = || parts.iter().all(|part| condition(slot).contains(part));
    until(&format!("the condition to say {parts:?}"), PATIENCE, || {
        if says() { Ok(()) } else { Err(format!("{}\n{}", condition(slot), sync.log())) }
    });
}

/// Long enough for a machine that builds something meanwhile; where time itself is tested, it is measured.
const PATIENCE: Duration = Duration::from_secs(30);

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

/// What Google answers, and what of it people are told.
fn troubles() -> Vec<(Reply, &'static str)> {
    let whole = || json!({"range": "A:Z", "majorDimension": "ROWS", "values": [["Slot", "Usernames", "Purpose"]]});
    vec![
        (error(500, "INTERNAL", "Internal error encountered."), "500 INTERNAL: Internal error encountered."),
        (error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"), "429 RESOURCE_EXHAUSTED: Quota exceeded"),
        (Reply::Silence, "no whole answer within 1s"),
        (Reply::Truncated(whole()), "the answer broke off"),
        (Reply::Half(whole()), "something else than a whole table"),
        (
            error(400, "INVALID_ARGUMENT", "Unable to parse range"),
            "400 INVALID_ARGUMENT: Unable to parse range; name the tab with --tab",
        ),
        (
            error(401, "UNAUTHENTICATED", "Invalid credentials"),
            "401 UNAUTHENTICATED: Invalid credentials; a new token was refused too",
        ),
        (
            error(403, "PERMISSION_DENIED", "No permission"),
            "403 PERMISSION_DENIED: No permission; share the sheet with",
        ),
        (error(404, "NOT_FOUND", "Not found."), "404 NOT_FOUND: Not found.; is --sheet the long name"),
    ]
}

#[test]
fn while_google_is_down_claims_stay_and_the_slot_and_the_metric_say_how_old_they_are() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    let sheet = Sheet::with(&[&[slot.name(), ALICE, "checkout"]]);
    let sync = sheet.follow(&[&slot], &["--poll", "500ms", "--stale-after", "500ms"]);
    becomes(&slot, ALICE, &sync);
    let claim = slot.object()["spec"].clone();
    let spec_is_the_same = || assert_eq!(slot.object()["spec"], claim, "{}", sync.log());
    let is_told = |what: &str| {
        has_condition(
            &slot,
            &["Unknown SheetUnreadable: The sheet was last read at 20", "https://sheets.example.com/slots", what],
            &sync,
        );
        let age = || sync.metric("hotdesk_sync_age_seconds");
        let (then, before) = (Instant::now(), age());
        waits_for("the age to grow", PATIENCE, &slot, &sync, || age() > before + 0.5);
        assert!(age() <= before + then.elapsed().as_secs_f64() + 1.0, "{}", sync.metrics());
        spec_is_the_same();
        assert!(slot.probe(ALICE).ok() && !slot.probe(BOB).ok(), "the gate goes by the last good state");
    };
    let is_well_again = || {
        has_condition(&slot, &["True FromSheet"], &sync);
        waits_for("a young age", PATIENCE, &slot, &sync, || sync.metric("hotdesk_sync_age_seconds") < 2.0);
        spec_is_the_same();
    };
    for (reply, what) in troubles() {
        sheet.fails_with(reply);
        is_told(what);
        sheet.is_well();
        is_well_again();
    }
    sheet.refuses_connections();
    is_told("Connection refused");
    sheet.takes_connections();
    is_well_again();
    sheet.google.with(|state| state.tokens.revoked = true);
    sync.passes_again(1);
    is_well_again();
    assert!(sync.metrics().contains("outcome=\"unreadable\""), "{}", sync.metrics());
    assert!(sync.log().contains(EMAIL), "the account to share with is named:\n{}", sync.log());
    sheet.says(&[&[slot.name(), BOB, "checkout"]]);
    becomes(&slot, BOB, &sync);
    sheet.keeps_its_secrets(&format!("{}{}{}", sync.log(), sync.metrics(), slot.object()));
}

#[test]
fn a_sheet_that_loses_most_of_its_claims_changes_nothing_until_somebody_confirms() {
    let _held = installation::shared();
    let slots = [TestSlot::free(), TestSlot::free(), TestSlot::free(), TestSlot::free()];
    let slots: Vec<&TestSlot> = slots.iter().collect();
    let rows: Vec<[&str; 3]> = slots.iter().map(|slot| [slot.name(), ALICE, "x"]).collect();
    let rows: Vec<&[&str]> = rows.iter().map(|row| &row[..]).collect();
    let sheet = Sheet::with(&rows);
    let sync = sheet.follow(&slots, &["--poll", "500ms", "--stale-after", "500ms"]);
    let all_are_held = || slots.iter().for_each(|slot| assert_eq!(holders(slot), ALICE, "{}", sync.log()));
    slots.iter().for_each(|slot| becomes(slot, ALICE, &sync));

    sheet.is(&[]);
    has_condition(slots[0], &["Unknown SheetUnreadable", "it is empty: not even the header is there"], &sync);
    all_are_held();
    sheet.is(&[&["Desk", "Who", "Purpose"], rows[0]]);
    waits_for("the log to tell", PATIENCE, slots[0], &sync, || {
        sync.log().contains("its header is lost: one of the first 10 rows must have the columns Slot, Usernames")
    });
    all_are_held();
    sheet.says(&[]);
    has_condition(slots[1], &["False ClearingHeld: the sheet has no rows any more", "--confirm-clearing"], &sync);
    all_are_held();
    // One stays, one gets another name in it: nothing of that is applied either.
    sheet.says(&[&[slots[0].name(), BOB, "x"]]);
    has_condition(
        slots[3],
        &["False ClearingHeld: 3 of 4 claims would go, so nothing is changed", "Version history"],
        &sync,
    );
    sync.passes_again(2);
    all_are_held();
    assert!(sync.metric("hotdesk_sync_held_back") > 0.0 && sync.metrics().contains("outcome=\"held-back\""));
    assert!(events(slots[3]).contains("ClearingHeld: 3 of 4 claims"), "{}", events(slots[3]));
    let unconfirmed = sheet.once(&slots, &["--once"]);
    assert_eq!(unconfirmed.code, Some(4), "{unconfirmed}");
    drop(sync);

    sheet.once(&slots, &["--once", "--confirm-clearing"]).succeeded().said(&["released"]);
    let held: Vec<String> = slots.iter().map(|slot| holders(slot)).collect();
    assert_eq!(held, [BOB, "", "", ""], "and the rest of the sheet applies too");
    assert_eq!(condition(slots[3]), "", "a free slot has nothing to do with the sheet");
}

#[test]
fn a_bad_row_names_its_cell_and_changes_nothing_about_its_slot_while_the_good_rows_apply() {
    let _held = installation::shared();
    let (one, other, third) = (TestSlot::free(), TestSlot::free(), TestSlot::free());
    let sheet = Sheet::with(&[&[one.name(), ALICE, "x"], &[other.name(), "", ""], &[third.name(), "", ""]]);
    let sync = sheet.follow(&[&one, &other, &third], &["--poll", "500ms", "--max-claims", "1"]);
    becomes(&one, ALICE, &sync);
    let before = one.object()["spec"].clone();
    sheet.says(&[
        &[one.name(), "alice smith", "#REF!", "tomorrow"],
        &[other.name(), BOB, "x"],
        &["nowhere", "carol@example.com", "x"],
        &[third.name(), BOB, "y"],
    ]);
    becomes(&other, BOB, &sync);
    let problems = ["False RowRefused: B2: \"alice smith\"", "C2: it shows #REF!", "D2: cannot read \"tomorrow\""];
    has_condition(&one, &problems, &sync);
    let limit = format!("B5: {BOB} holds {} already, and 1 slot is the most: release one", other.name());
    has_condition(&third, &["False RowRefused", &limit], &sync);
    assert_eq!((one.object()["spec"].clone(), holders(&third).as_str()), (before, ""));
    until("the Event", PATIENCE, || {
        let told = events(&one);
        if told.contains("RowRefused: B2: \"alice smith\"") { Ok(()) } else { Err(told) }
    });
    for (kind, count) in [("name", 1.0), ("error-cell", 1.0), ("date", 1.0), ("slot", 1.0), ("limit", 1.0)] {
        let name = format!("hotdesk_sync_problems{{kind=\"{kind}\"}}");
        let line = sync.metrics().lines().find(|line| line.starts_with(&name)).map(str::to_owned).unwrap();
        assert_eq!(line.rsplit(' ').next().unwrap().parse::<f64>().unwrap(), count, "{line}");
    }
    assert!(sync.log().contains("A4: there is no slot \"nowhere\""), "{}", sync.log());
    sheet.says(&[&[one.name(), ALICE, "x"], &[other.name(), BOB, "x"], &[third.name(), "", ""]]);
    has_condition(&one, &["True FromSheet: The claim is what the sheet says."], &sync);
}

#[test]
fn a_thousand_ragged_rows_are_applied_and_nothing_is_written_when_nothing_changed() {
    let _held = installation::shared();
    let (one, other) = (TestSlot::free(), TestSlot::free());
    let strangers: Vec<String> = (0..998).map(|n| format!("elsewhere-{n}")).collect();
    let mut rows: Vec<Vec<&str>> =
        vec![vec![one.name(), "Żółw@Example.com, 山田@例え.jp", "naïve 目的"], vec![other.name()]];
    for (n, stranger) in strangers.iter().enumerate() {
        rows.push([stranger, "#REF!", "#N/A", "Loading..."][..=n % 4].to_vec());
    }
    let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
    let sheet = Sheet::with(&rows);
    let sync = sheet.follow(&[&one, &other], POLL);
    becomes(&one, "Żółw@example.com, 山田@例え.jp", &sync);
    assert_eq!((sync.metric("hotdesk_sync_rows"), holders(&other).as_str()), (1000.0, ""));
    has_condition(&one, &["True FromSheet"], &sync);
    let versions = || [&one, &other].map(|slot| slot.object()["metadata"]["resourceVersion"].clone());
    let (before, told) = (versions(), sync.log());
    sync.passes_again(5);
    assert_eq!(versions(), before, "a Slot was written though nothing changed; {}", sync.log());
    assert_eq!(sync.log(), told, "the same is not said again and again");
}

#[test]
fn spellings_of_one_slot_and_of_one_person_are_one_and_nobody_matches_by_prefix() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    let longer = Wish::free().named(&format!("{}-two", slot.name())).make();
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

fn patch(slot: &TestSlot, who: &hotdesk_e2e::Person, patch: &Value) -> Ran {
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
    waits_for("the claim to be no more the sheet's", PATIENCE, &slot, &sync, || {
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
    assert!(plan.stdout.contains("B3: \"bob smith\" is no e-mail"), "{plan}");
    assert_eq!(slot.object(), before, "nothing is written");
    sheet.once(&[&slot, &bad], &["--once"]);
    let plan = sheet.once(&[&slot], &["--dry-run"]);
    assert!(plan.stdout.contains("would change nothing"), "{plan}");
}

#[test]
fn the_sync_and_resolve_show_no_credential_and_no_sheet_whatever_goes_wrong() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    let row: &[&str] = &[slot.name(), "Carol.Secret@Example.com", "hush-hush"];
    let sheet = Sheet::with(&[row]);
    let debug = ["--once", "--log-level", "trace,kube=trace,hyper=trace,tower=trace,rustls=trace"];
    sheet.once(&[&slot], &debug).succeeded();
    let mut replies: Vec<Reply> = troubles().into_iter().map(|(reply, _)| reply).collect();
    replies.push(Reply::Json(302, json!({"access_token": "ya29.moved"})));
    for reply in replies {
        sheet.fails_with(reply);
        let ran = sheet.once(&[&slot], &debug);
        assert_eq!(ran.code, Some(1), "{ran}");
        sheet.keeps_its_secrets(&format!("{}{}", ran.stdout, ran.stderr));
        assert!(!ran.stderr.contains("hush-hush"), "a cell is in the log:\n{ran}");
    }
    sheet.is_well();
    let token = |reply| sheet.google.with(|state| state.token_faults.push_back(reply));
    token(Reply::Json(400, json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."})));
    let ran = sheet.once(&[&slot], &debug).failed_saying(&["invalid_grant: Invalid JWT Signature."]);
    sheet.keeps_its_secrets(&format!("{}{}", ran.stdout, ran.stderr));
    until("the claim to be known", PATIENCE, || {
        let ran = alice().hotdesk(&["resolve", "--user", "carol.secret@example.com"]);
        if ran.ok() { Ok(()) } else { Err(ran.to_string()) }
    });
    let stranger = alice().hotdesk(&["resolve", "--user", &unique("nobody")]).failed_saying(&["holds no slot"]);
    assert!(!stranger.to_string().contains("carol.secret") && !stranger.to_string().contains("hush"), "{stranger}");
}

#[test]
fn resolve_reads_the_sheet_itself_and_prints_nothing_of_it_whatever_goes_wrong() {
    let others: &[&str] = &["onix", "eve.secret@example.com", "hush-hush", "next secret", ""];
    let header: &[&str] = &["Slot", "Usernames", "Purpose", "Until", "Host"];
    let sheet = Sheet::with(&[]);
    let discreet = |ran: &Ran| {
        let said = format!("{}{}", ran.stdout, ran.stderr);
        sheet.keeps_its_secrets(&said);
        assert!(!said.contains("secret") && !said.contains("hush"), "somebody else's row is printed:\n{ran}");
    };
    sheet.is(&[header, others, &["Mew ", "Bob, alice@Example.com", "x", "", "mew.dev.example.com"]]);
    let found = sheet.resolve(ALICE, &[]).succeeded();
    assert_eq!(found.stdout, "KUBE_NAMESPACE=mew\nHOST=mew.dev.example.com\n");
    discreet(&found);
    discreet(&sheet.resolve("al@example.com", &[]).failed_saying(&["al@example.com holds no slot"]));
    sheet.is(&[header, others, &["mew", "alice@example.com, hush hush", "secret", "secretly", "not secret"]]);
    let bad = sheet.resolve(ALICE, &[]).failed_saying(&["B3: one of the names is neither", "D3: ", "E3: "]);
    discreet(&bad);
    let heads: [(&[&[&str]], &str); 3] = [
        (&[], "it is empty"),
        (&[others], "its header is lost"),
        (&[&["Slot", "Users", "Purpose", "Emails"], others], "columns B and D both are Usernames"),
    ];
    for (rows, problem) in heads {
        sheet.is(rows);
        discreet(&sheet.resolve(ALICE, &[]).failed_saying(&["cannot read the sheet", problem]));
    }
    sheet.google.tab("'People'", &[&["eve.secret@example.com", "al"], &["al", "hush-hush"]]);
    sheet.is(&[header, others]);
    discreet(
        &sheet
            .resolve(ALICE, &["--people-tab", "People"])
            .failed_saying(&["people, row 2: each name stands in one row"]),
    );
    // The others pass in the same way as the first of these, after as many seconds of patience.
    for (reply, what) in troubles().into_iter().skip(4) {
        sheet.fails_with(reply);
        discreet(&sheet.resolve(ALICE, &[]).failed_saying(&["cannot read the sheet", what.split(';').next().unwrap()]));
    }
}

/// The Deployment of the chart, which reads a table in a ConfigMap for the slots named `sheet-*`.
#[test]
fn the_charts_own_deployment_brings_a_table_in_a_config_map_to_the_slots() {
    let _held = installation::shared();
    let slot = Wish::free().named(&unique("sheet")).make();
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
