//! Does the webhook stay as it is: for ordinary reviews while somebody attacks it, and after two million of them?

use std::net::TcpStream;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::mib;
use crate::control_plane::chart::Chart;
use crate::control_plane::slots::{claimants, slot};
use crate::control_plane::webhook::{Ports, Webhook};
use crate::control_plane::{ControlPlane, FIRST_FREE_PORT, Namespaces};
use crate::load::{Load, PAUSE, Run};
use crate::reviews::{Question, review};
use crate::{Bench, ask};

const SLOT: &str = "slot-1";
/// The largest review that an API server sends, within what the webhook takes.
const LARGEST: usize = 27 << 20;
/// Reviews of that size in flight all the time.
const LARGE_AT_A_TIME: u32 = 4;
/// Connections on which nothing is ever sent.
const IDLE: usize = 64;
/// Seconds of load at least: in less, the 99th of 100 shows one hiccup of the machine.
const ATTACK_SECONDS: u64 = 5;
/// By what the 99th of 100 ordinary answers may be slower under attack, in the median of the rounds.
const MOST_TIMES: f64 = 3.0;
/// How many ordinary reviews the soak asks for, and after how many its memory is first looked at.
const SOAK: u64 = 2_000_000;
const SETTLED: u64 = 100_000;

const UNDER_ATTACK: &str = "Stamps of 1 KiB on 8 connections with pauses of 1 ms, straight to the handler, for 5 s at least: alone, and while 64 connections \
    are idle and 4 reviews of 27 MiB are in flight all the time. The attacker's own work is done on the same two cores, in the time that nobody else wants.";
const SOAKED: &str = "Gates, stamps and denials of 1 KiB in turn, on 8 connections, straight to the handler: what is resident after the \
    first 100,000 and after 2,000,000.";

/// Measures p99 of ordinary reviews under attack, beside that in quiet.
///
/// # Errors
/// If a program cannot be started, or a request fails.
pub fn attack(bench: &Bench) -> anyhow::Result<()> {
    let site = Site::start(bench)?;
    let stamp = site.body(Question::Stamp, 1 << 10)?;
    let large = site.body(Question::Stamp, LARGEST)?;
    let mut results = bench.results("attack");
    results.note(UNDER_ATTACK);
    let seconds = bench.seconds.max(ATTACK_SECONDS);
    let mut times = Vec::new();
    for round in 0..bench.rounds {
        bench.say(&format!("under attack, round {} of {}", round + 1, bench.rounds));
        let quiet = site.ordinary(&stamp, seconds)?;
        let idle =
            (0..IDLE).map(|_| TcpStream::connect(("127.0.0.1", FIRST_FREE_PORT))).collect::<Result<Vec<_>, _>>()?;
        let attacked = std::thread::scope(|scope| {
            let attacker = scope.spawn(|| site.attack(&large, seconds + 2));
            let attacked = site.ordinary(&stamp, seconds);
            attacker.join().map_err(|_| anyhow::anyhow!("the attacker ended early"))??;
            attacked
        })?;
        drop(idle);
        times.push(attacked.p99 / quiet.p99);
        for (variant, run) in [("quiet", quiet), ("attacked", attacked)] {
            results.add("stamp 1 KiB", variant, "p99 ms", run.p99);
            results.add("stamp 1 KiB", variant, "p50 ms", run.p50);
        }
        let memory = site.webhook.program.memory()?;
        results.add("four of the largest", "attacked", "peak MiB", mib(memory.peak));
    }
    results.save(&bench.out)?;
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().context("nothing was measured")?;
    ensure!(median <= MOST_TIMES, "p99 under attack is {median:.1} times that in quiet, and may be {MOST_TIMES}");
    Ok(())
}

/// Measures what is resident after two million reviews.
///
/// # Errors
/// If a program cannot be started, or a request fails.
pub fn soak(bench: &Bench) -> anyhow::Result<()> {
    let site = Site::start(bench)?;
    let bodies: Vec<(Question, PathBuf)> =
        Question::ALL.into_iter().map(|q| Ok((q, site.body(q, 1 << 10)?))).collect::<anyhow::Result<_>>()?;
    let mut results = bench.results("soak");
    results.note(SOAKED);
    let (mut asked, mut early) = (0, None);
    while asked < SOAK {
        for (question, body) in &bodies {
            ask::check(&site.url(*question), *question, body)?;
            let url = site.url(*question);
            let load = Load { url: &url, body, token: None, connections: 8, seconds: bench.seconds, pause: 0 };
            asked += load.run()?.requests;
            let resident = site.webhook.program.memory()?.resident;
            if early.is_none() && asked >= SETTLED {
                early = Some(resident);
            }
            bench.say(&format!("{asked} of {SOAK} reviews, {:.1} MiB resident", mib(resident)));
        }
    }
    let early = early.context("nothing was asked")?;
    let late = site.webhook.program.memory()?.resident;
    results.add("gates, stamps and denials", "first 100,000", "resident MiB", mib(early));
    results.add("gates, stamps and denials", "2,000,000", "resident MiB", mib(late));
    results.save(&bench.out)?;
    ensure!(mib(late) <= mib(early) * 1.05, "{:.1} MiB at first, {:.1} MiB at the end", mib(early), mib(late));
    Ok(())
}

/// One webhook with one slot.
struct Site {
    plane: ControlPlane,
    webhook: Webhook,
}

impl Site {
    fn start(bench: &Bench) -> anyhow::Result<Self> {
        let plane = ControlPlane::start(bench, Namespaces::NeedNotExist)?;
        plane.add_slots_kind(&Chart::render(bench)?)?;
        plane.create_slots(vec![slot(SLOT, &claimants(1))])?;
        let webhook = plane.start_hotdesk(bench, Ports { reviews: FIRST_FREE_PORT, health: FIRST_FREE_PORT + 1 })?;
        Ok(Self { plane, webhook })
    }

    fn body(&self, question: Question, bytes: usize) -> anyhow::Result<PathBuf> {
        let file = self.plane.dir().join(format!("{}-{bytes}.json", question.name()));
        std::fs::write(&file, review(question, SLOT, bytes)).with_context(|| file.display().to_string())?;
        ask::check(&self.url(question), question, &file)?;
        Ok(file)
    }

    fn url(&self, question: Question) -> String {
        format!("{}{}", self.webhook.address, question.path())
    }

    fn attack(&self, body: &Path, seconds: u64) -> anyhow::Result<Run> {
        let url = self.url(Question::Stamp);
        Load { url: &url, body, token: None, connections: LARGE_AT_A_TIME, seconds, pause: 0 }.run_in_spare_time()
    }

    fn ordinary(&self, body: &Path, seconds: u64) -> anyhow::Result<Run> {
        let url = self.url(Question::Stamp);
        Load { url: &url, body, token: None, connections: 8, seconds, pause: PAUSE }.run()
    }
}
