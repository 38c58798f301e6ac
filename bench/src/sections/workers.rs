//! How many workers suit one core, and two?

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::control_plane::chart::Chart;
use crate::control_plane::slots::{claimants, slot};
use crate::control_plane::webhook::{Ports, Webhook};
use crate::control_plane::{ControlPlane, FIRST_FREE_PORT, Namespaces};
use crate::load::{Load, PAUSE};
use crate::results::Results;
use crate::reviews::{Question, review};
use crate::stats::rotated;
use crate::{Bench, ask};

/// The slot of all reviews.
const SLOT: &str = "slot-1";
/// On how many connections they come, and how long each waits between them, in milliseconds.
const LOADS: [(u32, u32); 3] = [(8, 0), (64, 0), (8, PAUSE)];
/// Which cores the webhook may use, as taskset names them.
const CORES: [(&str, &str); 2] = [("one core", "0"), ("two cores", "0,1")];
/// How many workers it has. Two are the default.
const WORKERS: [(&str, u16); 3] = [("1 worker", 1), ("2 workers", 2), ("4 workers", 4)];

const NOTE: &str = "Stamps of 1 KiB, straight to the handler. The webhook has one core or two; the load generator takes its share of both.";

/// A webhook with so many workers on these cores.
struct Variant {
    name: &'static str,
    cores: &'static str,
    webhook: Webhook,
}

/// Measures it.
///
/// # Errors
/// If a program cannot be started, or a request fails.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let plane = ControlPlane::start(bench, Namespaces::NeedNotExist)?;
    plane.add_slots_kind(&Chart::render(bench)?)?;
    plane.create_slots(vec![slot(SLOT, &claimants(1))])?;
    let file = plane.dir().join("stamp.json");
    std::fs::write(&file, review(Question::Stamp, SLOT, 1 << 10)).with_context(|| file.display().to_string())?;
    let variants = variants(bench, &plane, &file)?;
    let mut results = bench.results("workers");
    results.note(NOTE);
    for round in 0..bench.rounds {
        bench.say(&format!("workers, round {} of {}", round + 1, bench.rounds));
        for load in LOADS {
            for variant in rotated(&variants, round) {
                variant.measure(bench, &mut results, &file, load)?;
            }
        }
    }
    results.save(&bench.out)
}

fn variants(bench: &Bench, plane: &ControlPlane, file: &Path) -> anyhow::Result<Vec<Variant>> {
    let mut variants = Vec::new();
    let mut port = FIRST_FREE_PORT;
    for (cores, list) in CORES {
        for (name, workers) in WORKERS {
            let mut command = Command::new("taskset");
            let program = bench.release("hotdesk-webhook")?;
            command.args(["--cpu-list", list]).arg(program).arg(format!("--workers={workers}"));
            let ports = Ports { reviews: port, health: port + 1 };
            let webhook =
                plane.start_hotdesk_by(bench, command, ports).with_context(|| format!("{name} on {cores}"))?;
            let variant = Variant { name, cores, webhook };
            ask::check(&variant.url(), Question::Stamp, file)?;
            variants.push(variant);
            port += 2;
        }
    }
    Ok(variants)
}

impl Variant {
    fn measure(
        &self,
        bench: &Bench,
        results: &mut Results,
        body: &Path,
        (connections, pause): (u32, u32),
    ) -> anyhow::Result<()> {
        let pauses = if pause > 0 { " with pauses" } else { "" };
        let case = &format!("{}, {connections} connections{pauses}", self.cores);
        let load = Load { url: &self.url(), body, token: None, connections, seconds: bench.seconds, pause };
        let run = load.run().with_context(|| format!("{} {case}", self.name))?;
        results.add(case, self.name, "requests/s", run.per_second);
        results.add(case, self.name, "p99 ms", run.p99);
        Ok(())
    }

    fn url(&self) -> String {
        format!("{}{}", self.webhook.address, Question::Stamp.path())
    }
}
