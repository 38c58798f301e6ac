//! What does hotdesk add to helm's install, upgrade and uninstall, where nothing else takes time?
//!
//! The same chart of sixty objects goes into a namespace that is a slot and into one that is none, by turns. helm does not wait for
//! pods, and there are no controllers, so what is measured is helm, the API server and hotdesk. Where pods run, and helm waits
//! for them, is [`wait`].

use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::control_plane::chart::Chart;
use crate::control_plane::slots::{claimants, slot};
use crate::control_plane::webhook::{Ports, Webhook};
use crate::control_plane::{ControlPlane, FIRST_FREE_PORT, Namespaces, Person};
use crate::programs::output;
use crate::results::Results;
use crate::reviews::Sent;
use crate::stats::rotated;
use crate::{Bench, constant};

mod sixty;
pub mod wait;

/// Where the chart is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    /// In a namespace that nobody looks at.
    None,
    /// In a slot of Alice's.
    Hotdesk,
    /// In a slot of Alice's whose webhook looks at nothing: what any webhook costs.
    Constant,
}

impl Variant {
    const ALL: [Self; 3] = [Self::None, Self::Hotdesk, Self::Constant];
    const SLOTS: [Self; 2] = [Self::Hotdesk, Self::Constant];

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hotdesk => "hotdesk",
            Self::Constant => "constant",
        }
    }

    fn namespace(self) -> String {
        format!("bench-{}", self.name())
    }

    /// Who denies a stranger there first.
    fn denial(self) -> &'static str {
        match self {
            Self::Constant => "ValidatingAdmissionPolicy 'hotdesk-gate-",
            Self::None | Self::Hotdesk => "admission webhook \"gate.hotdesk.dev\" denied the request",
        }
    }
}

/// Measures it.
///
/// # Errors
/// If a program cannot be started, helm fails, or hotdesk does not do what it is there for.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let plane = ControlPlane::start(bench, Namespaces::MustExist)?;
    let _webhooks = set_up(bench, &plane)?;
    let mut results = bench.results("helm");
    results.note(
        "Wall time of install, upgrade (which changes every object) and uninstall of a chart of 60 objects, by a claimant, on an API \
         server without controllers, without --wait. `none` is a namespace that is not a slot. `constant` is asked as hotdesk is, answers \
         creates always with the same stamp and everything else with yes, and is followed by the same policy.",
    );
    // helm's first run writes caches, and the API server's first write of each kind is slow.
    for (program, shown) in sixty::HELMS {
        let mut unused = bench.results("helm");
        Variant::ALL.into_iter().try_for_each(|variant| once(bench, &plane, program, shown, variant, &mut unused))?;
    }
    for round in 0..bench.rounds {
        bench.say(&format!("round {} of {}", round + 1, bench.rounds));
        for (program, shown) in sixty::HELMS {
            for variant in rotated(&Variant::ALL, round) {
                once(bench, &plane, program, shown, *variant, &mut results)?;
            }
        }
    }
    results.save(&bench.out)
}

/// Registers the webhooks, each for its namespace, and waits until Bob is denied in both.
fn set_up(bench: &Bench, plane: &ControlPlane) -> anyhow::Result<[Webhook; 3]> {
    let chart = Chart::render(bench)?;
    plane.add_slots_kind(&chart)?;
    let namespace =
        |variant: Variant| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": variant.namespace()}});
    plane.apply(&Variant::ALL.map(namespace))?;
    plane.create_slots(Variant::SLOTS.map(|variant| slot(&variant.namespace(), &claimants(1))).into())?;
    let ports = Ports { reviews: FIRST_FREE_PORT, health: FIRST_FREE_PORT + 1 };
    let hotdesk = plane.start_hotdesk(bench, ports)?;
    let constant =
        |port, sent| constant::start_for(bench, plane, (port, sent), &hotdesk, &Variant::Constant.namespace());
    let annotated = constant(FIRST_FREE_PORT + 2, Sent::Annotated)?;
    let labelled = constant(FIRST_FREE_PORT + 3, Sent::Labelled)?;
    for variant in Variant::SLOTS {
        let slot = variant.namespace();
        let webhooks = |webhook: &Webhook| chart.webhooks(&slot, &webhook.address, plane.authority());
        let mut registered: Vec<Value> = chart.policy(&slot)?.into();
        match variant {
            Variant::Constant => registered.extend(constant_registration(webhooks(&annotated)?, webhooks(&labelled)?)?),
            Variant::None | Variant::Hotdesk => registered.extend(webhooks(&hotdesk)?),
        }
        plane.apply(&registered)?;
        plane.wait_until_denied(&slot, variant.denial())?;
    }
    Ok([hotdesk, annotated, labelled])
}

/// What hotdesk would answer: a stamp for what is created, nothing for what is changed, which carries its stamp still, and
/// a stamp for helm's records, which helm writes again each time, without annotations: another server's patch fits those.
fn constant_registration(annotated: [Value; 2], labelled: [Value; 2]) -> anyhow::Result<[Value; 4]> {
    let ([mut created, deleted], [mut records, _]) = (annotated, labelled);
    let mut changed = created.clone();
    narrow(&mut created, "created", ("NotIn", &["CREATE"]))?;
    narrow(&mut changed, "changed", ("NotIn", &["UPDATE"]))?;
    narrow(&mut records, "records", ("In", &["CREATE", "UPDATE"]))?;
    let url = changed.pointer_mut("/webhooks/0/clientConfig/url").context("a webhook without a url")?;
    *url = url.as_str().unwrap_or_default().replace("/mutate", "/validate").into();
    Ok([created, changed, records, deleted])
}

/// Only the gate, only for helm's records or only for the rest, and only for these operations.
fn narrow(configuration: &mut Value, name: &str, (operator, operations): (&str, &[&str])) -> anyhow::Result<()> {
    let missing = || format!("{name}: the webhook configuration has no such entry");
    *configuration.pointer_mut("/metadata/name").with_context(missing)? = format!("hotdesk-bench-{name}").into();
    let webhooks = configuration.get_mut("webhooks").and_then(Value::as_array_mut).with_context(missing)?;
    webhooks.truncate(1);
    let gate = webhooks.first_mut().with_context(missing)?;
    *gate.pointer_mut("/rules/0/operations").with_context(missing)? = json!(operations);
    let selector = json!({"matchExpressions": [{"key": "owner", "operator": operator, "values": ["helm"]}]});
    gate.as_object_mut().with_context(missing)?.insert("objectSelector".to_owned(), selector);
    Ok(())
}

fn once(
    bench: &Bench,
    plane: &ControlPlane,
    program: &str,
    shown: &str,
    variant: Variant,
    results: &mut Results,
) -> anyhow::Result<()> {
    let namespace = variant.namespace();
    for verb in sixty::VERBS {
        let mut helm = Command::new(bench.cluster_program(program)?);
        plane.as_person(Person::Alice, &mut helm);
        sixty::tell(&mut helm, bench, verb, &namespace);
        let began = Instant::now();
        output(&mut helm).with_context(|| format!("{shown} {verb} {}", variant.name()))?;
        results.add(&format!("{shown} {verb}"), variant.name(), "seconds", began.elapsed().as_secs_f64());
        sixty::check(verb, &namespace, variant != Variant::None, |arguments| plane.kubectl(Person::Admin, arguments))?;
    }
    Ok(())
}
