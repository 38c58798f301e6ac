//! The API server goes away, or the webhook cannot reach it.

use std::process::Command;

use hotdesk_e2e::people::root;
use hotdesk_e2e::{Ran, installation};

use crate::{AROUND, PER_SECOND, not_run, runs_here, under_load, webhook_addresses};

#[test]
fn the_api_server_restarts() {
    let _held = installation::exclusive();
    if !runs_here() {
        return not_run("the_api_server_restarts", "the API server is not on this machine");
    }
    let ended = under_load("API server restarted", |_, more| {
        Ran::run(Command::new(root().join("tests/cluster/restart-apiserver")), "").succeeded();
        more(2 * AROUND);
    });
    // What is lost is what reached no API server, and for half a minute what reached one that had not yet looked which kinds
    // there are: it knows no Slots then, so the policy denies (docs/reliability.md).
    let unknown_kind = |why: &&String| why.contains("paramKind");
    let denied: Vec<&String> =
        ended.failed.iter().filter(|why| why.contains("hotdesk") && !unknown_kind(why)).collect();
    assert!(denied.is_empty(), "hotdesk denied {} of the holder's writes: {:?}", denied.len(), denied.first());
    let early = ended.failed.iter().filter(unknown_kind).count();
    assert!(early < 45 * PER_SECOND, "{early} writes were denied because the API server knew no Slots");
}

/// What the packet filter drops until this goes.
struct Cut(Vec<String>);

impl Cut {
    /// Nothing of these pods reaches the API server, what they have open included.
    fn new(addresses: Vec<String>) -> Self {
        let cut = Self(addresses);
        cut.each("-I");
        cut
    }

    fn each(&self, action: &str) {
        for address in &self.0 {
            let mut command = Command::new("iptables");
            command.args(["-w", action, "INPUT", "-s", address, "-p", "tcp", "--dport", "26443", "-j", "DROP"]);
            let _done: Ran = Ran::run(command, "");
        }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.each("-D");
    }
}

#[test]
fn the_watch_of_every_webhook_is_broken() {
    let _held = installation::exclusive();
    if !runs_here() {
        return not_run("the_watch_of_every_webhook_is_broken", "the webhook's packets do not pass here");
    }
    // Fifteen thousand writes take five minutes.
    let writes = if long() { 15_000 } else { 10 * AROUND };
    under_load("watch broken", |_, more| {
        let cut = Cut::new(webhook_addresses().into_iter().map(|address| address.ip().to_string()).collect());
        more(writes);
        drop(cut);
        more(AROUND);
    })
    .holder_lost_nothing();
}

/// `make nightly` and `make chaos` give it the time that a short run has not.
#[allow(clippy::disallowed_methods)] // a test's own edge
fn long() -> bool {
    std::env::var("CHAOS_LONG").is_ok_and(|set| !set.is_empty())
}
