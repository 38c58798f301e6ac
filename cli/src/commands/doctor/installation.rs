//! Is what `charts/hotdesk` installs there, and does it fit together?

use hotdesk_slots::crd::crd;
use hotdesk_slots::text::list;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use serde_json::Value;

use super::finding::{Finding, Id};
use super::gate::{self, GATE};
use super::snapshot::Snapshot;

/// The kind Slot.
pub(super) const CRD: &str = "slots.hotdesk.dev";
/// Policies have matchConditions and parameters for good since then.
const OLDEST: (u32, u32) = (1, 30);

pub(super) const SWITCH_ON: &str =
    "helm upgrade hotdesk charts/hotdesk -n hotdesk --reset-then-reuse-values --set gate.enabled=true";
pub(super) const UPGRADE: &str =
    "helm upgrade hotdesk charts/hotdesk -n hotdesk --reset-then-reuse-values, with the chart of this version";

/// Everything of the installation, from the outside in.
pub(super) fn judge(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = vec![version(snapshot), kind(snapshot)];
    findings.extend(gate::webhooks(snapshot));
    findings.extend(gate::policies(snapshot));
    findings.extend(deployments(snapshot));
    findings
}

/// Namespace and name of the Service that the gate calls.
pub(super) fn service(configurations: &[MutatingWebhookConfiguration]) -> Option<(String, String)> {
    let hooks = configurations.iter().filter_map(|configuration| configuration.webhooks.as_ref()).flatten();
    let service = hooks.filter(|hook| hook.name == GATE).find_map(|hook| hook.client_config.service.as_ref())?;
    Some((service.namespace.clone(), service.name.clone()))
}

fn version(snapshot: &Snapshot) -> Finding {
    let subject = "the cluster";
    let mut numbers = snapshot.version.trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) < OLDEST => Finding::problem(
            Id::KubernetesVersion,
            subject,
            format!("Kubernetes {} is too old: hotdesk needs 1.30", snapshot.version),
        )
        .with_fix("upgrade Kubernetes"),
        _ => Finding::ok(
            Id::KubernetesVersion,
            subject,
            format!("Kubernetes {} at {}", snapshot.version, snapshot.server),
        ),
    }
}

fn kind(snapshot: &Snapshot) -> Finding {
    let subject = "the kind Slot";
    let crd = match &snapshot.crd {
        Err(why) => return Finding::unknown(Id::SlotKind, subject, why),
        Ok(None) => {
            return Finding::problem(Id::SlotKind, subject, format!("there is no {CRD}: hotdesk is not installed"))
                .with_fix("helm install hotdesk charts/hotdesk -n hotdesk --create-namespace");
        }
        Ok(Some(crd)) => crd,
    };
    let known = version_of_ours();
    let Some(served) = crd.spec.versions.iter().find(|version| version.name == known && version.served) else {
        return Finding::problem(Id::SlotKind, subject, format!("{CRD} does not serve {known}")).with_fix(UPGRADE);
    };
    let established = crd.status.iter().flat_map(|status| status.conditions.iter().flatten());
    if !established.clone().any(|c| c.type_ == "Established" && c.status == "True") {
        return Finding::problem(Id::SlotKind, subject, format!("{CRD} is not established"))
            .with_fix(format!("kubectl describe crd {CRD}"));
    }
    let missing = missing_fields(crd);
    if missing.is_empty() {
        Finding::ok(Id::SlotKind, subject, format!("{CRD} {} has every field that this hotdesk knows", served.name))
    } else {
        Finding::problem(
            Id::SlotKind,
            subject,
            format!("{CRD} {} is of another version and drops {}", served.name, list(&missing)),
        )
        .with_fix(UPGRADE)
    }
}

fn version_of_ours() -> String {
    crd().pointer("/spec/versions/0/name").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The fields of this program's Slot that the installed kind would drop without a word.
fn missing_fields(installed: &CustomResourceDefinition) -> Vec<String> {
    let schema = "/spec/versions/0/schema/openAPIV3Schema";
    let installed = serde_json::to_value(installed).unwrap_or_default();
    let mut missing = Vec::new();
    if let Some(ours) = crd().pointer(schema) {
        compare(ours, installed.pointer(schema).unwrap_or(&Value::Null), "", &mut missing);
    }
    missing
}

fn compare(ours: &Value, theirs: &Value, path: &str, missing: &mut Vec<String>) {
    for (name, field) in ours.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match theirs.get("properties").and_then(|properties| properties.get(name)) {
            Some(theirs) => compare(field, theirs, &path, missing),
            None => missing.push(path),
        }
    }
    if let Some(items) = ours.get("items") {
        compare(items, theirs.get("items").unwrap_or(&Value::Null), path, missing);
    }
}

/// The name that the objects of the installation begin with.
pub(super) fn fullname(configurations: &[MutatingWebhookConfiguration]) -> Option<String> {
    let gates = |c: &&MutatingWebhookConfiguration| c.webhooks.iter().flatten().any(|hook| hook.name == GATE);
    configurations.iter().find(gates).map(ResourceExt::name_any)
}

fn deployments(snapshot: &Snapshot) -> Vec<Finding> {
    let deployments = match &snapshot.deployments {
        Err(why) => return vec![Finding::unknown(Id::Programs, "the webhook", why)],
        Ok(deployments) => deployments,
    };
    let is_webhook = |d: &Deployment| d.labels().get("app.kubernetes.io/component").is_some_and(|c| c == "webhook");
    let mut findings: Vec<Finding> = deployments.iter().map(deployment).collect();
    if !deployments.iter().any(is_webhook) {
        let missing = Finding::problem(
            Id::Programs,
            "the webhook",
            "its Deployment is missing: either no write in a slot succeeds, or nothing is gated",
        );
        findings.push(missing.with_fix("helm upgrade --install hotdesk charts/hotdesk -n hotdesk"));
    }
    findings
}

fn deployment(deployment: &Deployment) -> Finding {
    let (name, namespace) = (deployment.name_any(), deployment.namespace().unwrap_or_default());
    let subject = format!("the {}", deployment.labels().get("app.kubernetes.io/component").unwrap_or(&name));
    let version = deployment.labels().get("app.kubernetes.io/version").cloned().unwrap_or_default();
    let wished = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0);
    let describe = format!("kubectl -n {namespace} describe deployment {name}");
    if ready == 0 {
        Finding::problem(Id::Programs, subject, format!("{name}: none of {wished} pods is ready")).with_fix(describe)
    } else if ready < wished {
        Finding::warning(Id::Programs, subject, format!("{name}: {ready} of {wished} pods are ready"))
            .with_fix(describe)
    } else if version != env!("CARGO_PKG_VERSION") {
        let message = format!("{name} is hotdesk {version}, and this is {}", env!("CARGO_PKG_VERSION"));
        Finding::warning(Id::Programs, subject, message).with_fix("install the same version of both")
    } else {
        Finding::ok(Id::Programs, subject, format!("{name} {version}: {ready} of {wished} pods are ready"))
    }
}

#[cfg(test)]
pub(super) mod tests;
