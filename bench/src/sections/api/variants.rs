//! What stands between a request and its answer? Each variant has a namespace of its own, so that all of them are there at once.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::objects::Object;
use crate::Bench;
use crate::control_plane::chart::Chart;
use crate::control_plane::slots::marks;
use crate::control_plane::{ControlPlane, Person};
use crate::peers::{Form, kyverno_denial};
use crate::programs::finished;

/// Who looks at a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// Nobody.
    None,
    /// hotdesk's webhook, and its policy.
    Hotdesk,
    /// hotdesk's policy; the object carries its stamp already.
    Policy,
    /// A server that always answers with hotdesk's stamp, and hotdesk's policy: the limit.
    Constant,
    /// The same gate and stamp in Go, and hotdesk's policy.
    Reference,
    /// The same in Go without a policy of hotdesk's: a webhook that changes and, since others may change more after it, one
    /// that judges what comes out, as controller-runtime's own scaffolds have it.
    ReferenceTwice,
    /// Kyverno with the same two rules in CEL.
    Kyverno,
    /// The same Kyverno, with them as `ClusterPolicy`.
    KyvernoClassic,
}

/// Those that are always there.
pub(super) const ALWAYS: [Variant; 6] =
    [Variant::None, Variant::Hotdesk, Variant::Policy, Variant::Constant, Variant::Reference, Variant::ReferenceTwice];

impl Variant {
    /// As a table shows it.
    #[must_use]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hotdesk => "hotdesk",
            Self::Policy => "policy",
            Self::Constant => "constant",
            Self::Reference => "reference",
            Self::ReferenceTwice => "reference-twice",
            Self::Kyverno => "kyverno",
            Self::KyvernoClassic => "kyverno-classic",
        }
    }

    /// Whether a webhook in Go, one of the peers, stands there.
    #[must_use]
    pub(super) fn is_in_go(self) -> bool {
        matches!(self, Self::Reference | Self::ReferenceTwice | Self::Kyverno | Self::KyvernoClassic)
    }

    /// Where it stands.
    #[must_use]
    pub(super) fn namespace(self) -> String {
        format!("bench-{}", self.name())
    }

    /// What is written there.
    #[must_use]
    pub(super) fn object(self, object: Object) -> Value {
        let namespace = self.namespace();
        let mut value = object.in_namespace(&namespace);
        let metadata = value.get_mut("metadata").and_then(Value::as_object_mut);
        if let (Self::Policy, Some(metadata)) = (self, metadata) {
            let (labels, annotations) = marks(&namespace);
            metadata.extend([("labels".to_owned(), labels), ("annotations".to_owned(), annotations)]);
        }
        value
    }

    /// What a stranger's denial must say: whose it is.
    fn denial(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Hotdesk | Self::Reference | Self::ReferenceTwice => {
                Some("admission webhook \"gate.hotdesk.dev\" denied the request")
            }
            Self::Policy | Self::Constant => Some("ValidatingAdmissionPolicy 'hotdesk-gate-"),
            Self::Kyverno => Some(kyverno_denial(Form::Cel)),
            Self::KyvernoClassic => Some(kyverno_denial(Form::ClusterPolicy)),
        }
    }
}

/// What is registered for a variant whose webhook listens at this address: the webhook as the chart has it, and its policy.
///
/// # Errors
/// If the chart lacks an object.
pub(super) fn registration(
    chart: &Chart,
    plane: &ControlPlane,
    variant: Variant,
    address: &str,
) -> anyhow::Result<Vec<Value>> {
    let namespace = variant.namespace();
    let mut webhooks = chart.webhooks(&namespace, address, plane.authority())?;
    if variant == Variant::ReferenceTwice {
        webhooks.iter_mut().for_each(judge_what_is_written);
        return Ok(webhooks.into());
    }
    Ok(webhooks.into_iter().chain(chart.policy(&namespace)?).collect())
}

/// Lets a validating webhook see what is created and changed, too.
fn judge_what_is_written(configuration: &mut Value) {
    if configuration.get("kind").is_none_or(|kind| kind != "ValidatingWebhookConfiguration") {
        return;
    }
    let webhooks = configuration.get_mut("webhooks").and_then(Value::as_array_mut);
    let rules = webhooks.into_iter().flatten().filter_map(|webhook| webhook.get_mut("rules")?.as_array_mut());
    for operations in rules.flatten().filter_map(|rule| rule.get_mut("operations")?.as_array_mut()) {
        operations.extend([json!("CREATE"), json!("UPDATE")]);
    }
}

/// The namespaces.
#[must_use]
pub(super) fn namespaces(variants: &[Variant]) -> Vec<Value> {
    let namespace =
        |variant: &Variant| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": variant.namespace()}});
    variants.iter().map(namespace).collect()
}

/// Fails unless the variant does what it is there for: Bob is denied, by whom he should be, and Alice's object is stamped.
///
/// # Errors
/// With the API server's words, if it does something else.
pub(super) fn check(bench: &Bench, plane: &ControlPlane, variant: Variant, body: &Path) -> anyhow::Result<()> {
    let create = |person| {
        let mut command = Command::new(bench.cluster_program("kubectl")?);
        command.args(["create", "--dry-run=server", "--output=json", "-f"]).arg(body);
        finished(plane.as_person(person, &mut command))
    };
    let (alice, bob) = (create(Person::Alice)?, create(Person::Bob)?);
    let name = variant.name();
    let said = String::from_utf8_lossy(&bob.stderr).into_owned();
    let denied = variant.denial();
    ensure!(bob.status.success() == denied.is_none(), "{name}: a stranger's write ended with {}: {said}", bob.status);
    ensure!(denied.is_none_or(|by| said.contains(by)), "{name}: a stranger was denied by something else: {said}");
    let said = String::from_utf8_lossy(&alice.stderr).into_owned();
    ensure!(alice.status.success(), "{name}: Alice may not write: {said}");
    let created: Value = serde_json::from_slice(&alice.stdout).context("kubectl wrote no JSON")?;
    let found = created.pointer("/metadata/labels/hotdesk.dev~1owner");
    ensure!(found.is_some() == denied.is_some(), "{name}: the owner of Alice's object is {found:?}");
    Ok(())
}
