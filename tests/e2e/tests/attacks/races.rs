//! Section 9: races, and text that leaves the cluster.

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hotdesk_e2e::people::root;
use hotdesk_e2e::reaper;
use hotdesk_e2e::slot::{SlotBuilder, unique};
use hotdesk_e2e::{CommandOutput, TestSlot, admin};
use serde_json::{Value, json};

use crate::api::{Ask, alice, bob, carol, core, slot_of};
use crate::stage::{World, create_config_map};
use crate::table::{Failure, Row, Verdict, held, right, row};

pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        row(
            "a113",
            "alice",
            "writes in three streams while she hands the slot over",
            "no write that begins a tenth of a second later is admitted",
            hands_over,
        ),
        row(
            "a114",
            "bob and carol",
            "claim the free slot at once, 20 times",
            "exactly one wins, and nothing is mixed",
            both_claim,
        ),
        row(
            "a145",
            "alice",
            "writes in three streams while an administrator takes the slot",
            "no write that begins a tenth of a second later is admitted",
            taken,
        ),
    ];
    rows.extend(texts());
    rows
}

const ROUNDS: usize = 6;
/// A change of a Slot reaches each webhook, and the policy, by a watch. What begins later than this is too late.
const SEEN_WITHIN: Duration = Duration::from_millis(100);
/// For how long the streams go on after that.
const GO_ON: Duration = Duration::from_millis(500);

fn hands_over(world: &World) -> Verdict {
    let claim = json!({"users": ["carol@example.com"], "handTo": "carol@example.com", "purpose": "search"});
    rounds(world, |slot| {
        world.api.send(&alice(), Ask::merge(slot_of(slot), &json!({"spec": {"claim": claim}}))).done().map(drop)
    })
}

fn taken(world: &World) -> Verdict {
    rounds(world, |slot| {
        world.set_slot(slot, &json!({"spec": {"claim": {"users": ["carol@example.com"]}}}));
        Ok(())
    })
}

fn rounds(world: &World, change: impl Fn(&str) -> Verdict) -> Verdict {
    let slot = TestSlot::held_by("alice@example.com");
    for round in 0..ROUNDS {
        let late = late_writes(world, slot.name(), || change(slot.name()))?;
        held(late.is_empty(), || format!("round {round}: {}", late.join("\n")))?;
        world.set_slot(slot.name(), &json!({"spec": {"claim": {"users": ["alice@example.com"]}}}));
        world.until_known("the slot to be alice's again", &alice(), slot.name(), true);
    }
    Ok(())
}

/// Writes of alice's that began when the change must have been seen, and were admitted all the same.
fn late_writes(world: &World, slot: &str, change: impl FnOnce() -> Verdict) -> Result<Vec<String>, Failure> {
    let (changed_at, flows) = (Mutex::new(None::<Instant>), AtomicBool::new(false));
    let stream = || {
        let mut late = Vec::new();
        for count in 1.. {
            let since = changed_at.lock().unwrap().map(|at| at.elapsed());
            let answer = world.api.send(&alice(), create_config_map(slot, &unique("stream")));
            let Some(since) = since else {
                flows.store(flows.load(Ordering::Relaxed) || count >= 5, Ordering::Relaxed);
                continue;
            };
            if since >= SEEN_WITHIN && answer.ok() {
                late.push(format!("{since:?} after the change: {answer}"));
            }
            if since >= SEEN_WITHIN + GO_ON {
                break;
            }
        }
        late
    };
    std::thread::scope(|scope| {
        let streams: Vec<_> = (0..3).map(|_| scope.spawn(stream)).collect();
        hotdesk_e2e::until("the streams to flow", Duration::from_secs(20), || {
            if flows.load(Ordering::Relaxed) { Ok(()) } else { Err("not yet".to_owned()) }
        });
        let changed = change();
        *changed_at.lock().unwrap() = Some(Instant::now());
        let late = streams.into_iter().flat_map(|stream| stream.join().unwrap()).collect();
        changed.map(|()| late)
    })
}

fn both_claim(world: &World) -> Verdict {
    let slot = TestSlot::free();
    for round in 0..20 {
        let claim = |user: &str, purpose: &str| {
            Ask::merge(slot_of(slot.name()), &json!({"spec": {"claim": {"users": [user], "purpose": purpose}}}))
        };
        let asks = [(bob(), claim("bob@example.com", "bob's")), (carol(), claim("carol@example.com", "carol's"))];
        let answers = world.api.send_all(&asks);
        let won: Vec<bool> = answers.iter().map(crate::api::Answer::ok).collect();
        let stored = world.slot(slot.name())["spec"]["claim"].clone();
        let whole = [("bob@example.com", "bob's"), ("carol@example.com", "carol's")]
            .map(|(user, purpose)| stored["users"] == json!([user]) && stored["purpose"] == purpose);
        held(won == whole && won.iter().filter(|won| **won).count() == 1, || {
            format!("round {round}: {stored}\n{}\n{}", answers[0], answers[1])
        })?;
        right(answers.iter().all(|answer| answer.ok() || [403, 409].contains(&answer.code)), || {
            format!("{answers:?}")
        })?;
        world.set_slot(slot.name(), &json!({"spec": {"claim": null}}));
    }
    Ok(())
}

fn texts() -> Vec<Row> {
    const UNKNOWN: &str = "Unknown, nothing is cleared";
    vec![
        row("a118", "alice", "forges the record of a release --kubeconfig=x", UNKNOWN, option_as_a_name),
        row("a118", "alice", "forges a record that unpacks to more than 64 MiB", UNKNOWN, bomb),
        row(
            "a115",
            "the sheet",
            "slips lines into the environment of a workflow",
            "refused by cell; nothing is written",
            sheet,
        ),
        row(
            "a116",
            "a workflow",
            "gives inputs of the Action that a shell would run",
            "nothing is run, nothing is written",
            action,
        ),
        row(
            "a117",
            "a holder",
            "gives a purpose that a spreadsheet would run",
            "an apostrophe stands before it",
            |_| {
                let slot = TestSlot::held_by("alice@example.com");
                for purpose in ["=HYPERLINK(\"http://x\")", "+1", "-1", "@SUM(1)"] {
                    slot.patch(&json!({"spec": {"claim": {"purpose": purpose}}}));
                    let listed = admin().hotdesk(&["list", "-o", "csv"]).succeeded().stdout;
                    let line = listed.lines().find(|line| line.starts_with(slot.name())).unwrap_or_default();
                    let quoted = format!("'{}", purpose.replace('"', "\"\""));
                    held(line.contains(&quoted), || format!("{purpose}: {line}"))?;
                }
                Ok(())
            },
        ),
    ]
}

/// As helm packs a record: JSON, gzip, base64; the Secret adds base64 of its own.
fn packed(json: &str) -> String {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(json.as_bytes()).unwrap();
    BASE64_STANDARD.encode(BASE64_STANDARD.encode(gzip.finish().unwrap()))
}

/// A slot that alice has given back to be cleared, with this record of hers: whatever can be cleared goes.
fn reaped(world: &World, name: &str, json: &str) -> Result<reaper::Run, Failure> {
    let window = json!({"window": "1s", "trial": true, "officeHours": []});
    let slot = SlotBuilder::held_by(&["alice@example.com"]).reaper(window).make();
    let labels = json!({"owner": "helm", "name": name, "status": "deployed", "version": "1"});
    let metadata = json!({"name": format!("sh.helm.release.v1.{name}.v1"), "labels": labels});
    let record = json!({"type": "helm.sh/release.v1", "metadata": metadata, "data": {"release": packed(json)}});
    world.api.send(&alice(), Ask::post(core(slot.name(), "secrets"), &record)).done()?;
    // Her write is use as well, for as long as the window.
    reaper::until_older_than(&slot, "lastWrite", 1);
    world.set_slot(slot.name(), &json!({"spec": {"claim": null, "clearAfter": "2026-01-01T00:00:00Z"}}));
    let run = reaper::run(&slot);
    let kept = slot.names("secrets").contains(&format!("sh.helm.release.v1.{name}.v1"));
    held(kept, || format!("the record is gone: {run:?}"))?;
    Ok(run)
}

fn option_as_a_name(world: &World) -> Verdict {
    let info = json!({"status": "deployed", "last_deployed": "2020-01-01T00:00:00Z"});
    let forged = json!({"name": "--kubeconfig=x", "version": 1, "info": info, "manifest": "",
        "chart": {"metadata": {"name": "x", "version": "1.0.0"}}});
    let run = reaped(world, "option", &forged.to_string())?;
    right(run.exit_code == 3 && run.message.contains("it says that it is revision 1 of --kubeconfig=x"), || {
        format!("{run:?}")
    })
}

fn bomb(world: &World) -> Verdict {
    let run = reaped(world, "bomb", &" ".repeat((64 << 20) + 1))?;
    right(run.exit_code == 3 && run.message.contains("unpacks to more than 64 MiB"), || format!("{run:?}"))
}

/// A workflow reads its environment by lines, and commands in what a step prints.
fn sheet(_: &World) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    let (environment, output) = (folder.path().join("env"), folder.path().join("output"));
    let rows = [
        "\"mew\nKUBE_NAMESPACE=pikachu\",octocat,x",
        "mew::set-env name=A::b,octocat,x",
        "\"::add-mask::mew\",octocat,x",
        "mew,octocat,\"x\n::error::y\",\"a.example.com\nHOST=evil.example.com\"",
    ];
    for line in rows {
        let csv = folder.path().join("slots.csv");
        std::fs::write(&csv, format!("Slot,Usernames,Purpose,Host\n{line}\n")).unwrap();
        let mut command = std::process::Command::new(root().join("target/debug/hotdesk"));
        command.args(["resolve", "--user", "octocat", "--csv"]).arg(&csv);
        command.env("GITHUB_ENV", &environment).env("GITHUB_OUTPUT", &output);
        let ran = CommandOutput::run(command, "");
        let written = std::fs::read_to_string(&environment).unwrap_or_default()
            + &std::fs::read_to_string(&output).unwrap_or_default();
        held(!ran.ok() && written.is_empty(), || format!("{line}: {ran}\n{written}"))?;
        let lines = format!("{}\n{}", ran.stdout, ran.stderr);
        held(!lines.lines().any(|line| line.starts_with("::add-mask") || line.starts_with("::set-env")), || {
            ran.to_string()
        })?;
    }
    Ok(())
}

/// The script of `action.yml` with odd inputs, as GitHub runs it.
fn action(_: &World) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(root().join("action.yml")).unwrap();
    let action: Value = serde_saphyr::from_str(&text).unwrap();
    let step = &action["runs"]["steps"][0];
    for evil in ["$(touch pwned)", "`touch pwned`", "\"; touch pwned; \"", "--csv=x", "a\nKUBE_NAMESPACE=mew"] {
        let mut command = std::process::Command::new("bash");
        command.args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"].as_str().unwrap()]);
        command
            .current_dir(folder.path())
            .env("GITHUB_ENV", folder.path().join("env"))
            .env("GITHUB_OUTPUT", folder.path().join("output"));
        command.env("PATH", format!("{}:/usr/bin:/bin", root().join("target/debug").display()));
        for variable in step["env"].as_object().unwrap().keys() {
            let value = match variable.as_str() {
                "INPUT_PROGRAM" => "hotdesk",
                "INPUT_CSV" => "missing.csv",
                "INPUT_USER" | "INPUT_SLOT" | "INPUT_CLAIM_URL" => evil,
                _ => "",
            };
            command.env(variable, value);
        }
        let ran = CommandOutput::run(command, "");
        held(!folder.path().join("pwned").exists() && !ran.ok(), || ran.to_string())?;
        let written = std::fs::read_to_string(folder.path().join("env")).unwrap_or_default();
        held(written.is_empty(), || written.clone())?;
    }
    Ok(())
}
