//! The API server goes away, or the webhook cannot reach it.

use std::process::Command;
use std::time::{Duration, Instant};

use hotdesk_e2e::people::root;
use hotdesk_e2e::requests::is_hotdesks_denial;
use hotdesk_e2e::{CommandOutput, installation, until};

use crate::{AROUND, PER_SECOND, not_run, runs_here, told_by_each, under_load, webhook_addresses};

#[test]
fn the_api_server_restarts() {
    let _held = installation::exclusive();
    if !runs_here() {
        return not_run("the_api_server_restarts", "the API server is not on this machine");
    }
    let ended = under_load("API server restarted", |_, more| {
        CommandOutput::run(Command::new(root().join("tests/cluster/restart-apiserver")), "").succeeded();
        more(2 * AROUND);
    });
    // What is lost is what reached no API server, and for half a minute what reached one that had not yet looked which kinds
    // there are: it knows no Slots then, so the policy denies (docs/reliability.md).
    let unknown_kind = |why: &&String| why.contains("paramKind");
    let denied: Vec<&String> =
        ended.failed.iter().filter(|why| is_hotdesks_denial(why) && !unknown_kind(why)).collect();
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
            let _done: CommandOutput = CommandOutput::run(command, "");
        }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.each("-D");
    }
}

fn addresses() -> Vec<String> {
    webhook_addresses().into_iter().map(|address| address.ip().to_string()).collect()
}

/// For as long as claims count as known without news of them.
#[test]
fn the_watch_of_every_webhook_is_broken() {
    let _held = installation::exclusive();
    if !runs_here() {
        return not_run("the_watch_of_every_webhook_is_broken", "the webhook's packets do not pass here");
    }
    under_load("every watch broken for twenty seconds", |_, more| {
        let cut = Cut::new(addresses());
        more(10 * AROUND);
        drop(cut);
        more(AROUND);
    })
    .holder_lost_nothing();
}

/// One that hears nothing is sent nothing before it would have to deny.
#[test]
fn the_watch_of_one_webhook_is_broken_until_it_is_trusted_no_longer() {
    let _held = installation::exclusive();
    if !runs_here() {
        return not_run(
            "the_watch_of_one_webhook_is_broken_until_it_is_trusted_no_longer",
            "the webhook's packets do not pass here",
        );
    }
    let minutes = if long() { 5 } else { 0 };
    under_load("one watch broken for longer than it is trusted", |_, more| {
        let _cut = Cut::new(addresses().into_iter().take(1).collect());
        until("the Slots to be unknown to one webhook", Duration::from_secs(120), || {
            let told = told_by_each("hotdesk_webhook_synced ")?;
            if told.iter().any(|told| told.ends_with(" 0")) { Ok(()) } else { Err(format!("{told:?}")) }
        });
        (0..minutes).for_each(|_| more(60 * PER_SECOND as u64));
        more(AROUND);
    })
    .holder_lost_nothing();
}

/// Claims may change until then, so after a minute nobody is admitted; and soon after it is over everybody is who was before.
#[test]
fn the_watch_of_every_webhook_is_broken_for_five_minutes() {
    let _held = installation::exclusive();
    if !long() {
        return not_run("the_watch_of_every_webhook_is_broken_for_five_minutes", "`make chaos` has the time");
    }
    if !runs_here() {
        return not_run(
            "the_watch_of_every_webhook_is_broken_for_five_minutes",
            "the webhook's packets do not pass here",
        );
    }
    let ended = under_load("every watch broken for five minutes", |_, more| {
        let cut = Cut::new(addresses());
        let begun = Instant::now();
        until("five minutes to pass", Duration::from_secs(310), || {
            let left = Duration::from_secs(300).saturating_sub(begun.elapsed());
            if left.is_zero() { Ok(()) } else { Err(format!("{left:?} are left")) }
        });
        drop(cut);
        // A connection that heard nothing is given up after 40 seconds, and a new one is tried every 5.
        let begun = Instant::now();
        more(AROUND);
        assert!(begun.elapsed() < Duration::from_secs(60), "the Slots were unknown for {:?} more", begun.elapsed());
    });
    let trusted = ended.admitted as usize;
    assert!(trusted > 45 * PER_SECOND, "only {trusted} of the holder's writes were admitted, in a minute of trust");
    let others = |why: &&String| !why.contains("cannot see the Slots") && !why.contains("hotdesk-webhook");
    let others: Vec<&String> = ended.failed.iter().filter(others).collect();
    assert!(others.is_empty(), "{} writes were lost for another reason: {:?}", others.len(), others.first());
}

/// `make nightly` and `make chaos` give it the time that a short run has not.
#[allow(clippy::disallowed_methods)] // a test's own edge
fn long() -> bool {
    std::env::var("CHAOS_LONG").is_ok_and(|set| !set.is_empty())
}
