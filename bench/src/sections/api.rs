//! What does a write cost through the API server?
//!
//! Dry-run creates, so that nothing is stored and nothing grows. All variants are registered at once, each for a namespace of
//! its own; a write into one of them is looked at by nobody but that one.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use self::objects::Object;
use self::variants::Variant;
use crate::control_plane::chart::Chart;
use crate::control_plane::slots::{claimants, slot};
use crate::control_plane::webhook::{Ports, Webhook};
use crate::control_plane::{ControlPlane, FIRST_FREE_PORT, Namespaces, Person};
use crate::load::{Load, Run};
use crate::peers::Form;
use crate::results::Results;
use crate::stats::rotated;
use crate::{Bench, constant, peers};

mod objects;
mod variants;

/// How many connections write at the same time.
const CONNECTIONS: [u32; 3] = [1, 4, 16];
/// A new registration reaches the API server's own copy within a second or two.
const EFFECT: Duration = Duration::from_secs(30);

/// What is measured: one row of a table.
struct Case {
    object: Object,
    connections: u32,
}

/// Everything that runs.
struct Setting {
    // Before the API server: a webhook that loses it says so in its log, for nobody.
    _webhooks: Vec<Webhook>,
    plane: ControlPlane,
    variants: Vec<Variant>,
}

/// Measures it.
///
/// # Errors
/// If a program cannot be started, a variant does not do what it is there for, or a request fails.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let setting = set_up(bench)?;
    let mut results = bench.results("api");
    results.note(
        "Dry-run creates by a claimant, over HTTP/1.1 with a bearer token. The API server, etcd, the webhook and wrk share \
         the cores. `constant` is registered as hotdesk is, always answers with hotdesk's own stamp, and is followed by the same \
         policy; `policy` is that policy alone. `reference` is followed by that policy as well; `reference-twice` is not: a second \
         call of its own judges what comes out, as controller-runtime's scaffolds have it.",
    );
    results.note("API server CPU ms: its CPU time for one write, no matter what else was busy.");
    for round in 0..bench.rounds {
        for object in objects::ALL {
            for variant in &setting.variants {
                variants::check(bench, &setting.plane, *variant, &setting.body(*variant, object))?;
            }
            for connections in CONNECTIONS {
                bench.say(&format!("round {}: {}", round + 1, Case { object, connections }.name()));
                for variant in rotated(&setting.variants, round) {
                    setting.measure(bench, *variant, &Case { object, connections }, &mut results)?;
                }
            }
        }
    }
    results.save(&bench.out)
}

impl Setting {
    fn body(&self, variant: Variant, object: Object) -> PathBuf {
        self.plane.dir().join(format!("{}-{object:?}.json", variant.name()))
    }

    fn measure(&self, bench: &Bench, variant: Variant, case: &Case, results: &mut Results) -> anyhow::Result<()> {
        let url = format!("{}{}", self.plane.url(), case.object.path(&variant.namespace()));
        let seconds = bench.seconds.max(case.object.least_seconds());
        let load = Load {
            url: &url,
            body: &self.body(variant, case.object),
            token: Some(Person::Alice.token()),
            connections: case.connections,
            seconds,
            pause: 0,
        };
        let (run, spent) = self.bear(&load).or_else(|error| {
            // A Go webhook closes a connection that was idle for 90 s, just when the API server is about to, and a write is
            // lost now and then if it comes in that moment. hotdesk and the constant close later.
            if !variant.is_in_go() {
                return Err(error);
            }
            bench.say(&format!("once more, since a request failed at {}: {error:#}", variant.name()));
            self.bear(&load)
        })?;
        #[expect(clippy::cast_precision_loss, reason = "a minute has few seconds")]
        let writes = run.per_second * seconds as f64;
        let (row, name) = (case.name(), variant.name());
        results.add(&row, name, "requests/s", run.per_second);
        results.add(&row, name, "p99 ms", run.p99);
        results.add(&row, name, "API server CPU ms", spent / writes);
        Ok(())
    }

    /// Puts a load on, and says how much CPU time it took the API server, in milliseconds.
    fn bear(&self, load: &Load<'_>) -> anyhow::Result<(Run, f64)> {
        let before = self.plane.process().cpu()?;
        let run = load.run()?;
        Ok((run, self.plane.process().cpu()?.saturating_sub(before).as_secs_f64() * 1e3))
    }

    /// Writes down what is posted, and waits until each variant does what it is there for.
    fn prepare(&self, bench: &Bench) -> anyhow::Result<()> {
        for variant in &self.variants {
            for object in objects::ALL {
                let path = self.body(*variant, object);
                std::fs::write(&path, variant.object(object).to_string())
                    .with_context(|| path.display().to_string())?;
            }
            let body = self.body(*variant, Object::ConfigMap);
            let mut last = Ok(());
            let ready = self.plane.process().wait_until("told of all variants", EFFECT, || {
                last = variants::check(bench, &self.plane, *variant, &body);
                last.is_ok()
            });
            last.and(ready.map(drop))?;
        }
        Ok(())
    }
}

impl Case {
    fn name(&self) -> String {
        let noun = if self.connections == 1 { "connection" } else { "connections" };
        format!("{}, {} {noun}", self.object.name(), self.connections)
    }
}

fn set_up(bench: &Bench) -> anyhow::Result<Setting> {
    let kyverno = if bench.kyverno { &[Variant::Kyverno, Variant::KyvernoClassic][..] } else { &[] };
    let variants: Vec<Variant> = variants::ALWAYS.iter().chain(kyverno).copied().collect();
    let plane = ControlPlane::start(bench, Namespaces::MustExist)?;
    let chart = Chart::render(bench)?;
    plane.add_slots_kind(&chart)?;
    plane.apply(&variants::namespaces(&variants))?;
    let slots = variants.iter().map(|variant| slot(&variant.namespace(), &claimants(1)));
    plane.create_slots(slots.collect())?;
    let mut webhooks = Vec::new();
    let mut registered = Vec::new();
    for (variant, port) in variants.iter().zip((FIRST_FREE_PORT..).step_by(2)) {
        let ports = Ports { reviews: port, health: port + 1 };
        let webhook = match variant {
            Variant::None => continue,
            // It registers itself, for both.
            Variant::Kyverno => {
                let (cel, classic) = (variant.namespace(), Variant::KyvernoClassic.namespace());
                let rules = [(Form::Cel, &*cel), (Form::ClusterPolicy, &*classic)];
                webhooks.push(peers::start_kyverno(bench, &plane, &rules, ports)?);
                continue;
            }
            Variant::KyvernoClassic => continue,
            Variant::Policy => {
                registered.extend(chart.policy(&variant.namespace())?);
                continue;
            }
            Variant::Hotdesk => plane.start_hotdesk(bench, ports)?,
            Variant::Reference | Variant::ReferenceTwice => plane.start_reference(bench, ports)?,
            Variant::Constant => {
                let hotdesk = webhooks.first().context("hotdesk comes first: its answers are the constant")?;
                constant::start(bench, &plane, port, hotdesk, &variant.namespace())?
            }
        };
        registered.extend(variants::registration(&chart, &plane, *variant, &webhook.address)?);
        webhooks.push(webhook);
    }
    plane.apply(&registered)?;
    let setting = Setting { _webhooks: webhooks, plane, variants };
    setting.prepare(bench)?;
    Ok(setting)
}
