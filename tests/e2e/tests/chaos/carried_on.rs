//! With `availability: continue` the holder loses nothing at all, whatever becomes of the webhooks; strangers are admitted in none of it,
//! for the policy goes on.

use hotdesk_e2e::{CommandOutput, installation};

use crate::upgrade::script;
use crate::{kill_both, kill_one, stop_for_a_while, under_load, webhook_processes};

/// Puts the installation back as it is for every other test.
struct Strict;

impl Drop for Strict {
    fn drop(&mut self) {
        let _restored: CommandOutput = script("tests/install", &["hotdesk"]);
    }
}

#[test]
fn whatever_becomes_of_the_webhooks_a_holder_goes_on() {
    let _held = installation::exclusive();
    let _strict = Strict;
    script("tests/install", &["hotdesk", "--set=availability=continue"]).succeeded();
    under_load("one replica killed (continue)", |_, _| kill_one()).holder_lost_nothing();
    under_load("both replicas killed (continue)", |_, _| kill_both()).holder_lost_nothing();
    if let Some(pid) = webhook_processes().first().copied() {
        under_load("one replica stopped (continue)", |_, _| stop_for_a_while(pid)).holder_lost_nothing();
    }
}
