//! What does an answer cost without an API server around it? Reviews go straight to each server, over TLS.

use std::path::PathBuf;
use std::rc::Rc;

use anyhow::Context as _;

use super::mib;
use crate::control_plane::chart::Chart;
use crate::control_plane::slots::{claimants, slot};
use crate::control_plane::webhook::{Ports, Webhook};
use crate::control_plane::{ControlPlane, FIRST_FREE_PORT, Namespaces};
use crate::load::{Load, PAUSE};
use crate::peers::{Form, kyverno_path, start_kyverno};
use crate::results::Results;
use crate::reviews::{Question, review};
use crate::stats::rotated;
use crate::{Bench, ask, constant};

/// As many Slots as a team has.
const SLOTS: usize = 12;
/// The slot of all reviews.
const SLOT: &str = "slot-1";

/// How large reviews are.
const SIZES: [(&str, usize); 4] = [("1 KiB", 1 << 10), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20), ("3 MiB", 3 << 20)];
/// On how many connections they come; the small ones on all of these, the others on the middle one.
const CONNECTIONS: [u32; 3] = [1, SOME, 64];
const SOME: u32 = 8;

const NOTE: &str = "Over TLS, on connections that stay open, with one uid. `gate` is a DELETE by the holder, `stamp` a CREATE by the \
    holder, `deny` a CREATE by somebody else. `constant` sends the very bytes that hotdesk answered, and looks at nothing. \
    Connections with pauses wait 1 ms before each request, which leaves the machine most of its time. `CPU` is user and kernel time of the server for each \
    request, which other work on the machine disturbs least. `peak` is \
    the most that was resident at any moment since the first review of this size. Kyverno is not sent reviews of 3 MiB; \
    `kyverno` is its policies in CEL, `kyverno-classic` its ClusterPolicy, in one process.";

/// A server under test.
struct Variant {
    name: &'static str,
    webhook: Rc<Webhook>,
    /// Where it is asked each of [`Question::ALL`].
    paths: [&'static str; 3],
    /// The largest reviews that it is sent.
    most: usize,
}

/// One question of one size.
struct Body {
    question: Question,
    bytes: usize,
    file: PathBuf,
}

/// Measures it.
///
/// # Errors
/// If a server cannot be started, answers wrongly, or fails under load.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let plane = ControlPlane::start(bench, Namespaces::NeedNotExist)?;
    plane.add_slots_kind(&Chart::render(bench)?)?;
    plane.create_slots((1..=SLOTS).map(|i| slot(&format!("slot-{i}"), &claimants(1))).collect())?;
    let variants = variants(bench, &plane)?;
    let mut results = bench.results("handler");
    results.note(NOTE);
    for (size, bytes) in SIZES {
        let bodies = bodies(&plane, bytes)?;
        let variants: Vec<&Variant> = variants.iter().filter(|variant| bytes <= variant.most).collect();
        warm_up(&variants, &bodies)?;
        for round in 0..bench.rounds {
            bench.say(&format!("reviews of {size}, round {} of {}", round + 1, bench.rounds));
            for (body, connections, pause) in loads(&bodies) {
                for variant in rotated(&variants, round) {
                    variant.measure(bench, &mut results, size, (body, connections, pause))?;
                }
            }
            note_memory(&variants, &mut results, &format!("under reviews of {size}"))?;
        }
    }
    results.save(&bench.out)
}

/// Denials come on one number of connections only: they are what happens least.
fn loads(bodies: &[Body]) -> impl Iterator<Item = (&Body, u32, u32)> {
    let full = CONNECTIONS.map(|connections| (connections, 0));
    let all = full.into_iter().chain([(SOME, PAUSE)]);
    let all =
        bodies.iter().flat_map(move |body| all.clone().map(move |(connections, pause)| (body, connections, pause)));
    all.filter(|(body, connections, pause)| {
        (*connections, *pause) == (SOME, 0) || (body.bytes == 1 << 10 && body.question != Question::Deny)
    })
}

fn variants(bench: &Bench, plane: &ControlPlane) -> anyhow::Result<Vec<Variant>> {
    let ports = |n: u16| Ports { reviews: FIRST_FREE_PORT + 2 * n, health: FIRST_FREE_PORT + 2 * n + 1 };
    let paths = Question::ALL.map(Question::path);
    let hotdesk = plane.start_hotdesk(bench, ports(0))?;
    let constant = constant::start(bench, plane, ports(1).reviews, &hotdesk, SLOT)?;
    let reference = plane.start_reference(bench, ports(2))?;
    let most = usize::MAX;
    let mut variants = vec![
        Variant { name: "hotdesk", webhook: hotdesk.into(), paths, most },
        Variant { name: "constant", webhook: constant.into(), paths: ["/gate", "/stamp", "/deny"], most },
        Variant { name: "reference", webhook: reference.into(), paths, most },
    ];
    if bench.kyverno {
        let forms = [("kyverno", Form::Cel), ("kyverno-classic", Form::ClusterPolicy)];
        let webhook = Rc::new(start_kyverno(bench, plane, &forms.map(|(_, form)| (form, SLOT)), ports(3))?);
        variants.extend(forms.map(|(name, form)| {
            let paths = Question::ALL.map(|question| kyverno_path(form, question));
            // Eight reviews of 3 MiB at once take it longer than a measurement lasts.
            Variant { name, webhook: Rc::clone(&webhook), paths, most: 1 << 20 }
        }));
    }
    Ok(variants)
}

fn bodies(plane: &ControlPlane, bytes: usize) -> anyhow::Result<Vec<Body>> {
    let write = |question: Question| {
        let file = plane.dir().join(format!("{}-{bytes}.json", question.name()));
        std::fs::write(&file, review(question, SLOT, bytes)).with_context(|| file.display().to_string())?;
        Ok(Body { question, bytes, file })
    };
    Question::ALL.into_iter().map(write).collect()
}

/// Each answers rightly, and has room for reviews of this size; what came before does not count for its memory.
fn warm_up(variants: &[&Variant], bodies: &[Body]) -> anyhow::Result<()> {
    for variant in variants {
        for body in bodies {
            ask::check(&variant.url(body.question), body.question, &body.file)?;
            load(&variant.url(body.question), (body, SOME, 0), variant.patience(body.bytes)).run()?;
        }
        variant.webhook.program.forget_peak()?;
    }
    Ok(())
}

fn note_memory(variants: &[&Variant], results: &mut Results, case: &str) -> anyhow::Result<()> {
    for variant in variants {
        let memory = variant.webhook.program.memory()?;
        results.add(case, variant.name, "resident MiB", mib(memory.resident));
        results.add(case, variant.name, "peak MiB", mib(memory.peak));
    }
    Ok(())
}

impl Variant {
    fn measure(
        &self,
        bench: &Bench,
        results: &mut Results,
        size: &str,
        (body, connections, pause): (&Body, u32, u32),
    ) -> anyhow::Result<()> {
        let noun = if connections == 1 { "connection" } else { "connections" };
        let pauses = if pause > 0 { " with pauses" } else { "" };
        let case = &format!("{} {size}, {connections} {noun}{pauses}", body.question.name());
        let url = self.url(body.question);
        let load = load(&url, (body, connections, pause), bench.seconds);
        let before = self.webhook.program.cpu()?;
        let run = load.run().with_context(|| format!("{} {case}", self.name))?;
        let took = self.webhook.program.cpu()?.saturating_sub(before);
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52 requests")]
        let each = took.as_secs_f64() * 1e6 / run.requests as f64;
        results.add(case, self.name, "requests/s", run.per_second);
        results.add(case, self.name, "CPU µs", each);
        results.add(case, self.name, "p50 ms", run.p50);
        results.add(case, self.name, "p99 ms", run.p99);
        Ok(())
    }

    /// For how many times as long it is measured, so that some requests are answered while it runs.
    fn patience(&self, bytes: usize) -> u64 {
        if bytes >= self.most { 3 } else { 1 }
    }

    fn url(&self, question: Question) -> String {
        let [gate, stamp, deny] = self.paths;
        let path = match question {
            Question::Gate => gate,
            Question::Stamp => stamp,
            Question::Deny => deny,
        };
        format!("{}{path}", self.webhook.address)
    }
}

fn load<'a>(url: &'a str, (body, connections, pause): (&'a Body, u32, u32), seconds: u64) -> Load<'a> {
    Load { url, body: &body.file, token: None, connections, seconds, pause }
}
