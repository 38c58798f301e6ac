//! Many claims at the same moment.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hotdesk_e2e::concurrent_users::{Crowd, Told, Write};
use hotdesk_e2e::people::{cluster_dir, root};
use hotdesk_e2e::slot::unique;
use hotdesk_e2e::{CommandOutput, TestSlot, admin, installation, until};
use serde_json::{Value, json};

const LIMIT: usize = 2;
const WEBHOOK: &str = "deployment/hotdesk-webhook";

#[test]
fn of_two_hundred_people_who_claim_a_slot_at_once_one_holds_it_and_the_others_are_told_who() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    let people: Vec<String> = (0..200).map(|i| format!("person-{i:03}@example.com")).collect();
    let writes: Vec<Write> = people.iter().map(|who| Write::claim(who, slot.name())).collect();
    let concurrent_users = Crowd::gather();
    let began = Instant::now();
    let told = concurrent_users.write(&writes);
    let took = began.elapsed();
    let holders: Vec<&Told> = told.iter().filter(|told| told.code == 200).collect();
    let [holder] = holders[..] else { panic!("{} hold it: {holders:?}", holders.len()) };
    assert_eq!(slot.object()["spec"]["claim"]["users"], json!([holder.who]));
    // A conflict says only that somebody was faster. The one who meets it asks again, as `hotdesk claim` does.
    let (conflicts, denied): (Vec<&Told>, Vec<&Told>) =
        told.iter().filter(|told| told.code != 200).partition(|told| told.code == 409);
    let again: Vec<Write> = conflicts.iter().map(|told| Write::claim(&told.who, slot.name())).collect();
    let again = concurrent_users.write(&again);
    eprintln!("200 claims in {took:?}: 1 held, {} denied at once, {} after a conflict", denied.len(), again.len());
    let losers: Vec<&Told> = denied.into_iter().chain(&again).collect();
    assert_eq!(losers.len(), 199);
    for loser in losers {
        assert_eq!(loser.code, 403, "{loser:?}");
        let says = format!("it is held by {} (\"crowd\"), and you are {}", holder.who, loser.who);
        assert!(loser.message.contains(&says), "{loser:?} does not say {says}");
    }
}

/// Somebody with a kubeconfig of their own, whom the administrator impersonates.
fn kubeconfig_of(who: &str, folder: &Path) -> std::path::PathBuf {
    let mut config = admin().kubectl(&["config", "view", "--raw", "-o", "json"]).succeeded().json();
    config["users"][0]["user"]["as"] = json!(who);
    config["users"][0]["user"]["as-groups"] = json!(["developers"]);
    let path = folder.join(who);
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

#[test]
fn of_twenty_who_type_hotdesk_claim_at_once_one_holds_it_and_the_others_read_who() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    let folder = tempfile::tempdir().unwrap();
    let people: Vec<String> = (0..20).map(|i| format!("typist-{i:02}@example.com")).collect();
    let configs: Vec<_> = people.iter().map(|who| kubeconfig_of(who, folder.path())).collect();
    let ran: Vec<CommandOutput> = std::thread::scope(|scope| {
        let slot = slot.name();
        let typed = configs.iter().map(|config| {
            scope.spawn(move || {
                let mut command = Command::new(root().join("target/debug/hotdesk"));
                command.env("KUBECONFIG", config).args(["claim", slot, "--purpose", "race"]);
                CommandOutput::run(command, "")
            })
        });
        let typed: Vec<_> = typed.collect();
        typed.into_iter().map(|typist| typist.join().unwrap()).collect()
    });
    let holder = slot.object()["spec"]["claim"]["users"][0].as_str().unwrap().to_owned();
    let won: Vec<&CommandOutput> = ran.iter().filter(|ran| ran.ok()).collect();
    assert_eq!(won.len(), 1, "{won:?}");
    for (who, ran) in people.iter().zip(&ran).filter(|(who, _)| **who != holder) {
        assert_eq!(ran.code, Some(1), "{who}: {ran}");
        ran.clone().failed_saying(&[&format!("held by {holder}")]);
    }
}

/// hotdesk with a limit, and as `tests/install` makes it when the test ends.
struct Limited;

impl Limited {
    fn to(most: usize) -> Self {
        let limited = Self;
        let args = ["upgrade", "hotdesk", "charts/hotdesk", "-n", "hotdesk", "--reuse-values", "--force-conflicts"];
        let mut upgrade = Command::new(cluster_dir().join("bin/helm"));
        upgrade.current_dir(root()).env("KUBECONFIG", admin().kubeconfig()).args(args);
        upgrade.args(["--server-side=true", "--wait", "--timeout=3m", "--set", &format!("maxSlotsPerPerson={most}")]);
        CommandOutput::run(upgrade, "").succeeded();
        until_only_the_new_ones_answer();
        limited
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        let mut install = Command::new(root().join("tests/install"));
        install.arg("hotdesk");
        let ran = CommandOutput::run(install, "");
        let ready = in_hotdesk(&["rollout", "status", WEBHOOK, "--timeout=120s"]);
        assert!(std::thread::panicking() || (ran.ok() && ready.ok()), "{ran}\n{ready}");
        if !std::thread::panicking() {
            until_only_the_new_ones_answer();
        }
    }
}

/// A webhook that is ending still answers what reaches it.
fn until_only_the_new_ones_answer() {
    until("the webhooks of before to be gone", Duration::from_secs(60), || {
        let pods = in_hotdesk(&["get", "pods", "-l", "app.kubernetes.io/component=webhook", "-o", "name"]).stdout;
        if pods.lines().count() == 2 { Ok(()) } else { Err(pods) }
    });
}

fn in_hotdesk(args: &[&str]) -> CommandOutput {
    admin().kubectl(&[&["-n", "hotdesk"], args].concat())
}

/// Many slots at once, without reapers; they go when the test ends.
struct Slots(Vec<String>);

impl Slots {
    fn make(count: usize) -> Self {
        let prefix = unique("race");
        let slots = Self((0..count).map(|i| format!("{prefix}-{i:02}")).collect());
        let entries: Vec<Value> = slots.0.iter().map(|name| json!({"name": name})).collect();
        let values = json!({"slots": entries, "editors": {"groups": ["developers"]}, "reaper": {"enabled": false}});
        let mut template = Command::new(cluster_dir().join("bin/helm"));
        template.args(["template", "slots", "-n", "hotdesk", "-f", "-"]).arg(root().join("charts/slots"));
        let manifest = CommandOutput::run(template, &values.to_string()).succeeded().stdout;
        admin().kubectl_with(&["apply", "-f", "-"], &manifest).succeeded();
        slots
    }

    /// Which of them this person owns.
    fn of(&self, who: &str) -> Vec<String> {
        let listed = admin().kubectl(&["get", "slots", "-A", "-o", "json"]).succeeded().json();
        let owned = listed["items"].as_array().unwrap().iter().filter(|slot| slot["spec"]["claim"]["users"][0] == who);
        let names = owned.map(|slot| slot["metadata"]["namespace"].as_str().unwrap().to_owned());
        names.filter(|name| self.0.contains(name)).collect()
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        let names: Vec<&str> = self.0.iter().map(String::as_str).collect();
        drop(admin().kubectl(&[&["delete", "namespace", "--wait=false", "--ignore-not-found"][..], &names].concat()));
    }
}

/// What each webhook has counted of this reason.
fn counted(reason: &str) -> Vec<u64> {
    let pods =
        in_hotdesk(&["get", "pods", "-l", "app.kubernetes.io/component=webhook", "-o", "json"]).succeeded().json();
    let running = pods["items"].as_array().unwrap().iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    running
        .map(|pod| {
            let name = pod["metadata"]["name"].as_str().unwrap();
            let path = format!("/api/v1/namespaces/hotdesk/pods/{name}:8080/proxy/metrics");
            let text = admin().kubectl(&["get", "--raw", &path]).succeeded().stdout;
            let lines = text.lines().filter(|line| line.contains(&format!("reason=\"{reason}\"")));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
        })
        .collect()
}

/// Looks at the Slots again and again while something goes on: how many this person owned at most.
fn most_seen(slots: &Slots, who: &str, act: impl FnOnce()) -> usize {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let mut most = 0;
            while !over.load(Ordering::Relaxed) {
                most = most.max(slots.of(who).len());
            }
            most
        });
        act();
        over.store(true, Ordering::Relaxed);
        looks.join().unwrap()
    })
}

#[test]
fn a_person_who_claims_twenty_slots_at_once_through_two_webhooks_gets_as_many_as_the_limit() {
    let _held = installation::exclusive();
    let slots = Slots::make(20);
    let _limited = Limited::to(LIMIT);
    let concurrent_users = Crowd::gather();
    for round in 0..3 {
        let who = format!("{}@example.com", unique("greedy"));
        let writes: Vec<Write> = slots.0.iter().map(|slot| Write::claim(&who, slot)).collect();
        let mut told = Vec::new();
        let most = most_seen(&slots, &who, || told = concurrent_users.write(&writes));
        let (won, lost): (Vec<&Told>, Vec<&Told>) = told.iter().partition(|told| told.code == 200);
        let owned = slots.of(&who);
        assert!(most <= LIMIT, "round {round}: {most} at once");
        assert_eq!((won.len(), owned.len()), (LIMIT, LIMIT), "round {round}: {told:?}");
        for loser in lost {
            let ending = format!(
                "you hold {} and {}, and the limit here is 2: release one first: kubectl hotdesk release {}",
                owned[0], owned[1], owned[0]
            );
            assert_eq!(loser.code, 403, "{loser:?}");
            assert!(loser.message.contains(&ending), "{loser:?} does not say {ending}");
        }
        // One goes, and another comes at once: what was noted about the first does not stand in the way.
        let free = slots.0.iter().find(|slot| !owned.contains(slot)).unwrap();
        for write in [Write::release(&who, &owned[0]), Write::claim(&who, free)] {
            let told = concurrent_users.write(&[write]);
            assert_eq!(told[0].code, 200, "{told:?}");
        }
        let releases: Vec<Write> = slots.of(&who).iter().map(|slot| Write::release(&who, slot)).collect();
        assert!(concurrent_users.write(&releases).iter().all(|told| told.code == 200));
    }
    let counts = counted("limit");
    assert!(counts.len() == 2 && counts.iter().all(|count| *count > 0), "two webhooks were to take part: {counts:?}");
    the_limit_is_about_the_owner(&slots, &concurrent_users);
}

/// In the same installation, for it costs a roll-out: who counts, and who does not get round it.
fn the_limit_is_about_the_owner(slots: &Slots, concurrent_users: &Crowd) {
    let [alice, bob] = [unique("alice"), unique("bob")];
    let write = |who: &str, slot: &str, claim: Value| {
        let patch = json!({"spec": {"claim": claim}});
        concurrent_users.write(&[Write { who: who.to_owned(), slot: slot.to_owned(), patch }]).remove(0)
    };
    let users = |users: &[&str]| json!({"users": users, "purpose": "crowd"});
    let [a, b, c, d] = [&slots.0[0], &slots.0[1], &slots.0[2], &slots.0[3]];
    // To be named second costs nothing, so nobody is kept from claiming by a colleague.
    for slot in [a, b] {
        assert_eq!(write(&bob, slot, users(&[&bob, &alice])).code, 200);
    }
    for slot in [c, d] {
        assert_eq!(write(&alice, slot, users(&[&alice])).code, 200);
    }
    let e = &slots.0[4];
    let full = format!("you hold {c} and {d}, and the limit here is 2");
    for (who, slot, claim, says) in [
        (&alice, e, users(&[&alice]), full.as_str()),
        (&alice, c, users(&["ghost", &alice]), "is handed over to one person alone"),
        (&alice, c, json!({"users": [&bob], "purpose": "crowd", "handTo": &bob}), "holds"),
        (&alice, a, users(&[&alice, &bob]), &full),
    ] {
        let told = write(who, slot, claim);
        assert!(told.code == 403 && told.message.contains(says), "{told:?} does not say {says}");
    }
    // An administrator may, and a dry run is told the same and leaves no note.
    let claim = json!({"spec": {"claim": users(&[&alice])}}).to_string();
    let patch = ["-n", e, "patch", "slot", "slot", "--type=merge", "-p", &claim];
    let dry = ["--dry-run=server", "--as", &alice, "--as-group", "developers"];
    admin().kubectl(&[&patch[..], &dry].concat()).failed_saying(&[&full]);
    admin().kubectl(&patch).succeeded();
    until("the release to free a place", Duration::from_secs(10), || {
        for slot in [c, d, e] {
            drop(concurrent_users.write(&[Write::release(&alice, slot)]));
        }
        let told = write(&alice, c, users(&[&alice]));
        if told.code == 200 { Ok(()) } else { Err(format!("{told:?}")) }
    });
}
