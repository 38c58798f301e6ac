//! A sheet in trouble: claims stay, people are told what to do, and nobody is told what they must not see.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use hotdesk_e2e::sheet::{PATIENCE, Sheet, becomes, condition, events, has_condition, holders, waits_for};
use hotdesk_e2e::slot::unique;
use hotdesk_e2e::{CommandOutput, TestSlot, alice, installation, until};
use hotdesk_http::fake_server::Reply;
use hotdesk_http::fake_server::google::{EMAIL, error};
use serde_json::json;

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

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
    // The controller notes that the slot is free at the same moment; what the sync could not write then, its next pass does.
    until("a free slot to have nothing to do with the sheet", Duration::from_secs(30), || {
        sheet.once(&slots, &["--once"]);
        let condition = condition(slots[3]);
        if condition.is_empty() { Ok(()) } else { Err(condition) }
    });
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
    let discreet = |ran: &CommandOutput| {
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
