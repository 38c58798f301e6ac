//! The attack table: who tries what at the gate, by which request, and what must happen. Each row is a test.
//!
//! Rows run as the weakest account that makes sense: a person with the role `edit` in the slot, else mallory, who is
//! cluster-admin for RBAC and nothing for hotdesk. A row that expects a denial asserts who is named in it, and that
//! nothing in the slot is another than before.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by a panic"
)]

mod api;
mod expect;
mod gated;
mod kinds;
mod snapshot;
mod stage;
mod table;
mod tls;

mod accounts;
mod configuration;
mod impersonation;
mod names;
mod neighbours;
mod port;
mod races;
mod slot;
mod stamp;
mod subresources;
mod sweep;
mod templates;
mod tokens;
mod workloads;
mod writes;

use std::process::ExitCode;
use std::sync::Arc;

use hotdesk_e2e::installation;
use libtest_mimic::{Arguments, Trial};

use self::stage::World;
use self::table::{Row, Tally};

/// The sections of the table, in its order.
fn table() -> Vec<Row> {
    [
        writes::rows(),
        sweep::rows(),
        subresources::rows(),
        tokens::rows(),
        workloads::rows(),
        impersonation::rows(),
        accounts::rows(),
        slot::rows(),
        names::rows(),
        stamp::rows(),
        templates::rows(),
        port::rows(),
        neighbours::rows(),
        configuration::rows(),
        races::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(4);
    let (rows, world, tally) = (table(), Arc::new(World::default()), Arc::new(Tally::default()));
    let trials = rows.into_iter().map(|row| {
        let (world, tally) = (Arc::clone(&world), Arc::clone(&tally));
        Trial::test(row.name(), move || table::judge(row, &world, &tally))
    });
    let listed = arguments.list;
    // Nobody takes hotdesk apart while it runs.
    let _held = (!listed).then(installation::shared);
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    if !listed {
        say(&world.swept.to_string());
        say(&tally.to_string());
    }
    conclusion.exit_code()
}

#[allow(clippy::print_stdout, reason = "the counts are what this program is for")]
fn say(line: &str) {
    println!("{line}");
}
