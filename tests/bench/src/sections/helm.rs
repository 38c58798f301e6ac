//! What does hotdesk add to helm's install, upgrade and uninstall?
//!
//! The same chart of sixty objects goes into a namespace that is a slot and into one that is none, by turns. helm does not wait for
//! pods, and there are no controllers, so what is measured is helm, the API server and hotdesk.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::Bench;
use crate::control_plane::chart::Chart;
use crate::control_plane::slots::{claimants, slot};
use crate::control_plane::webhook::{Ports, Webhook};
use crate::control_plane::{ControlPlane, FIRST_FREE_PORT, Namespaces, Person};
use crate::programs::output;
use crate::results::Results;
use crate::stats::rotated;

/// A program of the test cluster, and what a table calls it.
const HELMS: [(&str, &str); 2] = [("helm", "helm 4"), ("helm3", "helm 3")];
/// How many objects the chart has.
const OBJECTS: usize = 60;
/// All kinds of objects that the chart has.
const KINDS: &str = "configmaps,cronjobs,deployments,ingresses,rolebindings,roles,secrets,serviceaccounts,services";
const RELEASE: &str = "web";

/// Where the chart is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    /// In a namespace that nobody looks at.
    None,
    /// In a slot of Alice's.
    Hotdesk,
}

impl Variant {
    const ALL: [Self; 2] = [Self::None, Self::Hotdesk];

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hotdesk => "hotdesk",
        }
    }

    fn namespace(self) -> String {
        format!("bench-{}", self.name())
    }

    /// How many of the chart's objects carry hotdesk's stamp.
    fn stamped(self) -> usize {
        match self {
            Self::None => 0,
            // And helm's record of the release.
            Self::Hotdesk => OBJECTS + 1,
        }
    }
}

/// Measures it.
///
/// # Errors
/// If a program cannot be started, helm fails, or hotdesk does not do what it is there for.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let plane = ControlPlane::start(bench, Namespaces::MustExist)?;
    let _webhook = set_up(bench, &plane)?;
    let mut results = bench.results("helm");
    results.note(
        "Wall time of install, upgrade (which changes every object) and uninstall of a chart of 60 objects, by a claimant, without \
         --wait. `none` is a namespace that is no slot.",
    );
    // helm's first run writes caches, and the API server's first write of each kind is slow.
    for (program, shown) in HELMS {
        let mut unused = bench.results("helm");
        Variant::ALL.into_iter().try_for_each(|variant| once(bench, &plane, program, shown, variant, &mut unused))?;
    }
    for round in 0..bench.rounds {
        bench.say(&format!("round {} of {}", round + 1, bench.rounds));
        for (program, shown) in HELMS {
            for variant in rotated(&Variant::ALL, round) {
                once(bench, &plane, program, shown, *variant, &mut results)?;
            }
        }
    }
    results.save(&bench.out)
}

/// Registers hotdesk for its namespace, and waits until it denies Bob there.
fn set_up(bench: &Bench, plane: &ControlPlane) -> anyhow::Result<Webhook> {
    let chart = Chart::render(bench)?;
    plane.add_slots_kind(&chart)?;
    let namespace =
        |variant: Variant| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": variant.namespace()}});
    plane.apply(&Variant::ALL.map(namespace))?;
    let slot_namespace = Variant::Hotdesk.namespace();
    plane.create_slots(vec![slot(&slot_namespace, &claimants(1))])?;
    let webhook = plane.start_hotdesk(bench, Ports { reviews: FIRST_FREE_PORT, health: FIRST_FREE_PORT + 1 })?;
    let webhooks = chart.webhooks(&slot_namespace, &webhook.address, plane.authority())?;
    let registered: Vec<Value> = webhooks.into_iter().chain(chart.policy(&slot_namespace)?).collect();
    plane.apply(&registered)?;
    plane.wait_until_denied(&slot_namespace, "admission webhook \"gate.hotdesk.dev\" denied the request")?;
    Ok(webhook)
}

fn once(
    bench: &Bench,
    plane: &ControlPlane,
    program: &str,
    shown: &str,
    variant: Variant,
    results: &mut Results,
) -> anyhow::Result<()> {
    let chart = bench.root.join("tests/bench/charts/sixty");
    let namespace = format!("--namespace={}", variant.namespace());
    for verb in ["install", "upgrade", "uninstall"] {
        let mut helm = helm(bench, plane, program)?;
        helm.args([verb, RELEASE, &namespace]);
        match verb {
            "install" => helm.arg(&chart),
            "upgrade" => helm.arg(&chart).arg("--set-string=revision=2"),
            _ => &mut helm,
        };
        let began = Instant::now();
        output(&mut helm).with_context(|| format!("{shown} {verb} {}", variant.name()))?;
        results.add(&format!("{shown} {verb}"), variant.name(), "seconds", began.elapsed().as_secs_f64());
        check(plane, variant, verb)?;
    }
    Ok(())
}

/// All objects are there after an install, stamped where they should be, and gone after an uninstall.
fn check(plane: &ControlPlane, variant: Variant, verb: &str) -> anyhow::Result<()> {
    let count = |selector: &str| -> anyhow::Result<usize> {
        let namespace = format!("--namespace={}", variant.namespace());
        let arguments = ["get", KINDS, &namespace, "--output=name", "--selector", selector];
        Ok(plane.kubectl(Person::Admin, &arguments)?.lines().count())
    };
    let there = count("app.kubernetes.io/managed-by=Helm")?;
    let stamped = count("hotdesk.dev/owner")?;
    let expected = match verb {
        "install" => (OBJECTS, variant.stamped()),
        // With one more record.
        "upgrade" => (OBJECTS, variant.stamped() + usize::from(variant == Variant::Hotdesk)),
        _ => (0, 0),
    };
    ensure!(
        (there, stamped) == expected,
        "{}: after {verb}, {there} objects, {stamped} of them stamped",
        variant.name()
    );
    Ok(())
}

fn helm(bench: &Bench, plane: &ControlPlane, program: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(bench.cluster_program(program)?);
    plane.as_person(Person::Alice, &mut command);
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_NAMESPACE", "HELM_DRIVER"] {
        command.env_remove(variable);
    }
    Ok(command)
}
