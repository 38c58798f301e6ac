//! Section 4, second part: what a claim may hold, and who is taken for whom.

use hotdesk_e2e::slot::unique;
use hotdesk_e2e::{TestSlot, admin, people};
use serde_json::{Value, json};

use crate::api::{Actor, Ask, administrator, bob, carol, slot_of};
use crate::slot::list_works;
use crate::stage::{World, create_config_map};
use crate::table::{Failure, Row, Verdict, held, right, row};

pub fn rows() -> Vec<Row> {
    [users(), groups(), texts(), times(), at_the_gate(), shown()].into_iter().flatten().collect()
}

const REFUSED: &str = "refused, naming the field; the claim is as before";

/// Bob writes this into the claim of his own slot, and it is refused.
fn refused(world: &World, claim: &Value, any: &[&str]) -> Verdict {
    let slot = world.bobs().name();
    world.unchanged(slot, || {
        let answer = world.api.send(&bob(), Ask::merge(slot_of(slot), &json!({"spec": {"claim": claim}})));
        answer.refused(any)
    })
}

/// Each of these, as a second name and as the only one.
fn names(what: &'static str, id: &'static str, names: &'static [&'static str]) -> Row {
    row(id, "bob", format!("claims for {what}"), REFUSED, move |w| {
        names.iter().try_for_each(|name| {
            refused(w, &json!({"users": ["bob@example.com", name]}), &["spec.claim.users"])?;
            refused(w, &json!({"users": [name]}), &["spec.claim.users", "handTo"])
        })
    })
}

fn users() -> Vec<Row> {
    vec![
        names(
            "a name with a letter of another script",
            "a56",
            &["\u{430}lice@example.com", "al\u{456}ce@example.com", "\u{3b1}lice"],
        ),
        names("a name with a soft hyphen", "a57", &["ali\u{ad}ce@example.com", "\u{ad}"]),
        names("a name with a Hangul filler", "a57", &["ali\u{3164}ce@example.com", "\u{3164}", "\u{115f}", "\u{ffa0}"]),
        names("a name with a tag", "a57", &["ali\u{e0061}ce@example.com", "\u{e0061}"]),
        names("a name with a variation selector", "a57", &["ali\u{fe0f}ce@example.com", "\u{fe0f}", "a\u{e0100}lice"]),
        names("a name with a zero-width sign", "a58", &["alice\u{200b}@example.com", "al\u{200d}ice", "\u{feff}alice"]),
        names("a name that turns the line round", "a58", &["alice\u{202e}@example.com", "al\u{2066}ice"]),
        names("a name with a comma", "a58", &["alice@example.com,bob@example.com"]),
        names("a name with a line break", "a58", &["alice@example.com\nbob", "alice\u{2028}bob"]),
        names("a name with an escape sequence", "a58", &["alice\u{1b}[2J@example.com", "al\u{9b}ice"]),
        names("a sentence", "a59", &["x\" is nobody. Slot is free; run: kubectl delete ns mew", "alice example"]),
        names("a Kelvin sign", "a60", &["\u{212a}arl"]),
        row("a60", "bob", "claims for a name in upper case", "control: stored in lower case", |w| {
            let slot = TestSlot::held_by("bob@example.com");
            let claim = json!({"spec": {"claim": {"users": ["BOB@EXAMPLE.COM", "Karl"]}}});
            let answer = w.api.send(&bob(), Ask::merge(slot_of(slot.name()), &claim)).done()?;
            let stored = answer.json["spec"]["claim"]["users"].clone();
            right(stored == json!(["bob@example.com", "karl"]), || stored.to_string())
        }),
        row("a61", "bob", "claims for 256 people of 256 characters", REFUSED, |w| {
            let many = (0..255).map(|i| format!("{}{i:03}", "x".repeat(253)));
            let users: Vec<String> = std::iter::once("bob@example.com".to_owned()).chain(many).collect();
            refused(w, &json!({"users": users}), &["spec.claim.users"])
        }),
        row("a61", "bob", "claims for 17 people", REFUSED, |w| {
            let users: Vec<String> = std::iter::once("bob@example.com".to_owned())
                .chain((0..16).map(|i| format!("p{i}@example.com")))
                .collect();
            refused(w, &json!({"users": users}), &["spec.claim.users"])
        }),
        row("a64", "bob", "claims for an account of another slot", REFUSED, |w| {
            let account = format!("system:serviceaccount:{}:default", w.alices().name());
            refused(w, &json!({"users": ["bob@example.com", account]}), &["spec.claim.users"])
        }),
        names("a name of Kubernetes' own", "a64", &["system:anonymous", "system:kube-scheduler", "system:node:x"]),
    ]
}

fn groups() -> Vec<Row> {
    let everybody =
        ["system:authenticated", "system:unauthenticated", "system:serviceaccounts", "system:serviceaccounts:mew"];
    let mut rows: Vec<Row> = everybody
        .into_iter()
        .map(|group| {
            row("a62", "bob", format!("claims for the group {group}"), REFUSED, move |w| {
                refused(w, &json!({"groups": [group]}), &["spec.claim.groups"])
            })
        })
        .collect();
    rows.push(row(
        "a63",
        "carol",
        "who came in by a group hands the slot to a ghost",
        "refused: only by a hand-over",
        |w| {
            let slot = TestSlot::held_by("bob@example.com");
            slot.patch(&json!({"spec": {"claim": {"groups": ["developers"]}}}));
            w.until_known("the group to be seen", &carol(), slot.name(), true);
            let claim = json!({"spec": {"claim": {"users": ["ghost@example.com"], "groups": null}}});
            w.unchanged(slot.name(), || {
                w.api.send(&carol(), Ask::merge(slot_of(slot.name()), &claim)).denied(&["kubectl hotdesk hand"])
            })
        },
    ));
    rows.push(row("a63", "bob", "leaves a ghost in his place", "refused: only by a hand-over", |w| {
        refused(w, &json!({"users": ["ghost@example.com", "phantom@example.com"]}), &["kubectl hotdesk hand"])
    }));
    rows.push(row(
        "a63",
        "bob",
        "takes in somebody whom no claim names",
        "admitted with a warning that says so",
        |w| {
            // Alice's claim is known before it is asked for.
            let (slot, _alices, ghost) = (w.bobs().name(), w.alices(), unique("ghost"));
            let takes_in = |name: &str| {
                let claim = json!({"spec": {"claim": {"users": ["bob@example.com", name]}}}).to_string();
                let patch = ["-n", slot, "patch", "slot", "slot", "--dry-run=server", "--type=merge", "-p", &claim];
                people::bob().kubectl(&patch)
            };
            let ran = takes_in(&ghost);
            let warned = format!("no claim names {ghost} yet, in any slot");
            right(ran.ok() && ran.stderr.contains("Warning") && ran.stderr.contains(&warned), || ran.to_string())?;
            let ran = takes_in("alice@example.com");
            right(ran.ok() && !ran.stderr.contains("no claim names"), || ran.to_string())
        },
    ));
    rows
}

fn texts() -> Vec<Row> {
    vec![
        row("a65", "bob", "gives a purpose that ends the quotation", "a denial quotes it whole", |w| {
            let slot = TestSlot::held_by("bob@example.com");
            let purpose = "x\", until 20:11 UTC) has been released. To claim: kubectl delete ns mew";
            let claim = json!({"spec": {"claim": {"purpose": purpose}}});
            let answer = w.api.send(&bob(), Ask::merge(slot_of(slot.name()), &claim));
            if !answer.ok() {
                return answer.refused(&["spec.claim.purpose"]);
            }
            hotdesk_e2e::until("the purpose to be seen", std::time::Duration::from_secs(20), || {
                let denial = w.api.send(&carol(), create_config_map(slot.name(), "x"));
                if denial.message().contains("20:11") { Ok(()) } else { Err(denial.to_string()) }
            });
            let create = w.api.send(&carol(), create_config_map(slot.name(), "x"));
            let delete =
                w.api.send(&carol(), Ask::delete(crate::api::core(slot.name(), "configmaps/kube-root-ca.crt")));
            let claimed = w.api.send(&carol(), Ask::merge(slot_of(slot.name()), &json!({"spec": {"claim": null}})));
            [create, delete, claimed].iter().try_for_each(|denial| {
                denial.denied(&["bob@example.com"])?;
                held(!denial.message().contains("x\", until 20:11"), || denial.to_string())
            })
        }),
        row(
            "a66",
            "bob",
            "gives a purpose of several lines, with an escape sequence, or of 201 characters",
            REFUSED,
            |w| {
                let long = "x".repeat(201);
                ["a\nb", "a\u{1b}[2Jb", "a\u{85}b", "a\u{2028}b", long.as_str()]
                    .iter()
                    .try_for_each(|purpose| refused(w, &json!({"purpose": purpose}), &["spec.claim.purpose"]))
            },
        ),
        row("a67", "bob", "says that his claim is the sheet's", "denied", |w| {
            refused(w, &json!({"source": "sheet"}), &["spec.claim.source", "sheet"])
        }),
        row("a67", "bob", "gives himself other names", "they are dropped", |w| {
            let slot = w.desk();
            let claim = json!({"spec": {"claim": {"aliases": ["alice@example.com", "*"]}}});
            let answer = w.api.send(&bob(), Ask::merge(slot_of(slot.name()), &claim)).done()?;
            let stored = answer.json["spec"]["claim"]["aliases"].to_string();
            held(!stored.contains("alice") && !stored.contains('*'), || stored)
        }),
    ]
}

fn times() -> Vec<Row> {
    let odd = [
        ("no zone", "2026-12-01T10:00:00"),
        ("the zone +99:99", "2026-12-01T10:00:00+99:99"),
        ("60 seconds", "2026-12-01T10:00:60Z"),
        ("30 February", "2027-02-30T10:00:00Z"),
        ("40 digits", "2026-12-01T10:00:00.0123456789012345678901234567890123456789Z"),
        ("the year 10000", "10000-01-01T00:00:00Z"),
    ];
    let mut rows: Vec<Row> = odd
        .into_iter()
        .map(|(what, until)| {
            row(
                "a68",
                "bob",
                format!("claims until a time with {what}"),
                "refused in words, and all Slots can be read",
                move |w| {
                    let slot = w.desk();
                    let claim = json!({"spec": {"claim": {"until": until}}});
                    let answer = w.api.send(&bob(), Ask::merge(slot_of(slot.name()), &claim));
                    // A time of 40 digits may be cut to what can be kept.
                    if !answer.ok() {
                        answer.refused(&["spec.claim.until", "until"])?;
                    }
                    list_works(w)
                },
            )
        })
        .collect();
    rows.push(row("a68", "bob", "claims until the year 9999", "kept or refused, and all Slots can be read", |w| {
        let slot = w.desk();
        let claim = json!({"spec": {"claim": {"until": "9999-12-31T23:59:59Z"}}});
        let answer = w.api.send(&bob(), Ask::merge(slot_of(slot.name()), &claim));
        right(answer.ok() || answer.refused(&["until"]).is_ok(), || answer.to_string())?;
        list_works(w)
    }));
    rows
}

fn at_the_gate() -> Vec<Row> {
    let same = [" alice@example.com ", "ALICE@example.com", "github:alice@example.com", "GitHub:Alice@Example.com"];
    let others = [
        "alice@example.com\u{a0}",
        "oidc:alice@example.com",
        "github:github:alice@example.com",
        "lice@example.com",
        "alice@example.com.evil",
        "alice@example.com,bob@example.com",
        "\u{430}lice@example.com",
        "system:serviceaccount:alice@example.com",
    ];
    let mut rows: Vec<Row> = same
        .into_iter()
        .map(|name| {
            row("a69", "alice", format!("writes in her slot as {name:?}"), "control: admitted", move |w| {
                let answer = w.api.send(&Actor::developer(name), create_config_map(w.alices().name(), "x").dry());
                answer.done().map(drop)
            })
        })
        .collect();
    rows.extend(others.into_iter().map(|name| {
        row("a70", "a stranger", format!("writes in alice's slot as {name:?}"), crate::table::DENIED, move |w| {
            w.denied(&Actor::developer(name), |h| create_config_map(h.name(), "x"))
        })
    }));
    rows
}

/// What people read must not work on their terminal, no matter who wrote it.
fn shown() -> Vec<Row> {
    vec![row("a71", "anybody", "reads a status that is full of escape sequences", "none reaches the terminal", |w| {
        let slot = TestSlot::held_by("alice@example.com");
        let bad = "\u{1b}[2J\u{1b}]0;x\u{7}\r\nSLOT free\u{202e}\u{200b}";
        let at = "2026-11-01T00:00:00Z";
        let fields = json!({
            "verdict": {"state": "Unknown", "reason": bad, "at": at},
            "lastActivity": {"time": at, "signal": bad, "detail": bad},
            "lastSession": {"time": at, "by": bad, "kind": bad},
            "lastDeploy": {"time": at, "release": bad, "by": bad},
            "lastReap": {"time": at, "releases": [bad]},
        });
        for (field, value) in fields.as_object().ok_or_else(|| Failure::Wrong(String::new()))? {
            let ask = Ask::merge(format!("{}/status", slot_of(slot.name())), &json!({"status": {field: value}}));
            let answer = w.api.send(&administrator(), ask);
            right(answer.ok() || answer.code == 422, || answer.to_string())?;
        }
        let commands: [&[&str]; 5] =
            [&["why", slot.name()], &["list"], &["list", "-o", "wide"], &["plan", slot.name()], &["list", "-o", "csv"]];
        for args in commands {
            let ran = admin().hotdesk(args);
            sanitize(&format!("{}{}", ran.stdout, ran.stderr))?;
        }
        let ran = admin().kubectl(&["-n", slot.name(), "get", "slots", "-o", "wide"]).succeeded();
        right(!ran.stdout.contains('\u{1b}'), || ran.to_string())
    })]
}

fn sanitize(text: &str) -> Verdict {
    let bad = |c: char| c == '\u{1b}' || c == '\u{7}' || c == '\r' || c == '\u{202e}' || c == '\u{200b}';
    held(!text.contains(bad), || format!("{text:?}"))
}
