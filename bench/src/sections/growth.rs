//! What do many Slots and many claimants cost?
//!
//! Three API servers beside each other, with a few, many and very many Slots, and a webhook at each, so that each round
//! measures all of them side by side.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::mib;
use crate::Bench;
use crate::control_plane::chart::Chart;
use crate::control_plane::slots::{claimants, slot};
use crate::control_plane::webhook::{Ports, Webhook};
use crate::control_plane::{ControlPlane, Namespaces};
use crate::load::{Load, PAUSE};
use crate::results::Results;
use crate::reviews::{Question, review};
use crate::stats::rotated;

mod change;

/// How many Slots there are, and how that column is called.
const FEW: (usize, &str) = (12, "12 Slots");
const MANY: (usize, &str) = (1_000, "1,000 Slots");
const VERY_MANY: (usize, &str) = (100_000, "100,000 Slots");

/// On how many connections reviews come.
const CONNECTIONS: u32 = 8;
/// How large they are.
const BYTES: usize = 1 << 10;
/// How often the slot changes hands in each round.
const CHANGES: usize = 4;

const NOTE: &str = "Reviews of 1 KiB go straight to the handler, on 8 connections, at full load or with pauses of 1 ms; each names another \
    slot, any of all. `ready` is from the \
    start of the process until `/readyz` answers 200. A change is a claim that is given to somebody else by a PATCH: the time is until the \
    handler's first answer by the new claim, from the PATCH's answer and from its sending. `peak` is since the process began. With 200 \
    claimants, 100,000 Slots are a section of their own: the API server needs 8 GiB for them.";
const NOTE_LARGEST: &str = "As above, with 20 million claimants.";

/// An API server with its Slots.
struct Site {
    slots: usize,
    name: &'static str,
    plane: ControlPlane,
}

/// A webhook at one of them.
struct Gate<'a> {
    site: &'a Site,
    webhook: Webhook,
}

/// Measures it.
///
/// # Errors
/// If a program cannot be started, or a request fails.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let mut results = bench.results("growth");
    results.note(NOTE);
    measure(bench, &mut results, &[FEW, MANY, VERY_MANY], 1)?;
    measure(bench, &mut results, &[FEW, MANY], 200)?;
    results.save(&bench.out)
}

/// Measures the largest: it takes some 14 GiB, so nobody measures it who did not ask for it.
///
/// # Errors
/// If a program cannot be started, or a request fails.
pub fn run_largest(bench: &Bench) -> anyhow::Result<()> {
    let mut results = bench.results("growth-largest");
    results.note(NOTE_LARGEST);
    measure(bench, &mut results, &[FEW, VERY_MANY], 200)?;
    results.save(&bench.out)
}

fn measure(
    bench: &Bench,
    results: &mut Results,
    sizes: &[(usize, &'static str)],
    claimants: usize,
) -> anyhow::Result<()> {
    let chart = Chart::render(bench)?;
    let site = |(number, &(slots, name)): (usize, &(usize, &'static str))| {
        Site::start(bench, &chart, u16::try_from(number)?, (slots, name), claimants)
    };
    let sites: Vec<Site> = sizes.iter().enumerate().map(site).collect::<anyhow::Result<_>>()?;
    let noun = if claimants == 1 { "claimant" } else { "claimants" };
    let with = format!("{claimants} {noun} a Slot");
    for round in 0..bench.rounds {
        bench.say(&format!("{with}, round {} of {}", round + 1, bench.rounds));
        let mut gates = Vec::new();
        for site in rotated(&sites, round) {
            gates.push(site.open(bench, results, &with)?);
        }
        for question in [Question::Stamp, Question::Deny] {
            for gate in rotated(&gates, round) {
                gate.bear(bench, results, question, &with)?;
            }
        }
        for gate in &gates {
            gate.weigh(results, &format!("under load, {with}"))?;
            gate.change(results, &with)?;
        }
    }
    Ok(())
}

impl Site {
    fn start(
        bench: &Bench,
        chart: &Chart,
        number: u16,
        (slots, name): (usize, &'static str),
        people: usize,
    ) -> anyhow::Result<Self> {
        bench.say(&format!("{name} with {people} claimants"));
        let plane = ControlPlane::start_beside(bench, Namespaces::NeedNotExist, number)?;
        plane.add_slots_kind(chart)?;
        let users = claimants(people);
        plane.create_slots((0..slots).map(|i| slot(&namespace(i), &users)).collect())?;
        for question in [Question::Stamp, Question::Deny] {
            let path = body(&plane, question);
            std::fs::write(&path, review(question, &namespace(0), BYTES))
                .with_context(|| path.display().to_string())?;
        }
        Ok(Self { slots, name, plane })
    }

    fn open(&self, bench: &Bench, results: &mut Results, with: &str) -> anyhow::Result<Gate<'_>> {
        let port = self.plane.first_free_port();
        let webhook = self.plane.start_hotdesk(bench, Ports { reviews: port, health: port + 1 })?;
        results.add(with, self.name, "ready s", webhook.ready.as_secs_f64());
        let gate = Gate { site: self, webhook };
        gate.weigh(results, &format!("idle, {with}"))?;
        Ok(gate)
    }
}

impl Gate<'_> {
    fn bear(&self, bench: &Bench, results: &mut Results, question: Question, with: &str) -> anyhow::Result<()> {
        let url = format!("{}{}", self.webhook.address, question.path());
        let body = body(&self.site.plane, question);
        for (pause, pauses) in [(0, ""), (PAUSE, " with pauses")] {
            let load =
                Load { url: &url, body: &body, token: None, connections: CONNECTIONS, seconds: bench.seconds, pause };
            let run = load.run_over(self.site.slots)?;
            let case = format!("{}{pauses}, {with}", question.name());
            results.add(&case, self.site.name, "requests/s", run.per_second);
            results.add(&case, self.site.name, "p50 ms", run.p50);
            results.add(&case, self.site.name, "p99 ms", run.p99);
        }
        Ok(())
    }

    fn weigh(&self, results: &mut Results, case: &str) -> anyhow::Result<()> {
        let memory = self.webhook.program.memory()?;
        results.add(case, self.site.name, "resident MiB", mib(memory.resident));
        results.add(case, self.site.name, "peak MiB", mib(memory.peak));
        Ok(())
    }

    fn change(&self, results: &mut Results, with: &str) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let body = std::fs::read(body(&self.site.plane, Question::Deny))?;
        let (plane, address) = (&self.site.plane, &self.webhook.address);
        let changes = runtime.block_on(change::measured(plane, address, &namespace(0), &body, CHANGES))?;
        for change in changes {
            let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
            results.add(&format!("from the answer, {with}"), self.site.name, "change ms", ms(change.since_answer));
            results.add(&format!("from the sending, {with}"), self.site.name, "change ms", ms(change.since_sending));
        }
        Ok(())
    }
}

fn namespace(number: usize) -> String {
    format!("slot-{number:06}")
}

fn body(plane: &ControlPlane, question: Question) -> PathBuf {
    Path::join(plane.dir(), format!("{}.json", question.name()))
}

fn elapsed(later: Instant, earlier: Instant) -> Duration {
    later.saturating_duration_since(earlier)
}
