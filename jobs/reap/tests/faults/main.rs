//! The fault table: the whole program against a cluster and sources in which one thing is wrong. None of it ever reaps.
//!
//! Each row is a test. The API server is a stand-in, so that it can fail as none does on request; helm is a tripwire that
//! notes each uninstall. Rows named `control` prove that the wire is live: the same slot without a fault is reaped. What each
//! says, its exit code, and the verdict in the Slot's status stand in `expected.txt`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by a panic")]

#[path = "../../../../crates/traffic/tests/support/cases.rs"]
mod cases;
mod expected;
mod kubelet;
mod objects;
#[path = "../support/pod_log.rs"]
mod pod_log;
mod rows;
mod world;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Failed, Trial};

use self::rows::{Expect, Row};

fn main() -> ExitCode {
    let wrong = Arc::new(AtomicUsize::new(0));
    let (expected, told) = (Arc::new(expected::read()), Arc::new(Mutex::new(BTreeMap::new())));
    let all = rows::all();
    let names: Vec<String> = all.iter().map(|row| row.name.clone()).collect();
    let faults = all.iter().filter(|row| row.expect != Expect::Reaped).count();
    let trials = all.into_iter().map(|row| {
        let (wrong, expected, told) = (wrong.clone(), expected.clone(), told.clone());
        let name = row.name.clone();
        Trial::test(name.clone(), move || {
            let said = judge(row, &wrong)?;
            told.lock().unwrap().insert(name.clone(), said.clone());
            match expected.get(&name) {
                _ if expected::is_to_be_written() => Ok(()),
                Some(expected) if *expected == said => Ok(()),
                Some(expected) => Err(format!("it says\n  {said}\ninstead of\n  {expected}").into()),
                None => Err(format!("expected.txt does not say what it says: {said}").into()),
            }
        })
    });
    let mut arguments = Arguments::from_args();
    // They mostly wait for what does not answer.
    arguments.test_threads.get_or_insert(8);
    let filtered = arguments.filter.is_some() || arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    if !filtered {
        if expected::is_to_be_written() {
            expected::write(&told.lock().unwrap());
        }
        let gone = expected.keys().filter(|name| !names.contains(name)).collect::<Vec<_>>();
        assert!(expected::is_to_be_written() || gone.is_empty(), "expected.txt has rows that there are not: {gone:?}");
        say(&format!("{faults} faults, {} wrong reaps", wrong.load(Ordering::Relaxed)));
    }
    conclusion.exit_code()
}

/// What the row says, if it is judged as it must be.
fn judge(row: Row, wrong: &AtomicUsize) -> Result<String, Failed> {
    let Row { name, expect, play } = row;
    let ran = play();
    let reaped = !ran.uninstalls.is_empty();
    if !matches!(expect, Expect::Reaped | Expect::Unfinished) && reaped {
        wrong.fetch_add(1, Ordering::Relaxed);
    }
    let told = ran.message.lines().next().unwrap_or_default().trim_start_matches("mew is not known to be idle: ");
    say(&format!("{name:<66} {}", told.chars().take(110).collect::<String>()));
    let verdict = ran.verdict.as_deref();
    match expect {
        Expect::Reaped if reaped => Ok(expected::told(&ran)),
        Expect::Kept if !reaped && !told.is_empty() => Ok(expected::told(&ran)),
        Expect::Unknown if !reaped && ran.code == Some(3) && verdict.is_none_or(|is| is == "Unknown") => {
            Ok(expected::told(&ran))
        }
        Expect::Failed(code) if !reaped && ran.code == Some(code) && verdict == Some("Unknown") => {
            Ok(expected::told(&ran))
        }
        Expect::Unfinished if ran.code == Some(4) && ran.message.contains("Nothing of web is gone: helm ") => {
            Ok(expected::told(&ran))
        }
        _ => Err(format!("expected {expect:?}, and it was otherwise: {ran:?}\n{}", ran.log).into()),
    }
}

#[allow(clippy::print_stdout, reason = "the table is what this program is for")]
fn say(line: &str) {
    println!("{line}");
}
