//! Is what `charts/hotdesk` installs there, and does it fit together?

use hotdesk_slots::crd::crd;
use hotdesk_slots::text::list;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, WebhookClientConfig};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use serde_json::Value;

use super::Finding;
use super::facts::Facts;

/// The kind Slot.
pub(super) const CRD: &str = "slots.hotdesk.dev";
/// The entries of the webhook configurations.
const MUTATING: [&str; 3] = [GATE, "machinery.hotdesk.dev", "slots.hotdesk.dev"];
const GATE: &str = "gate.hotdesk.dev";
/// Policies have matchConditions and parameters for good since then.
const OLDEST: (u32, u32) = (1, 30);

const SWITCH_ON: &str = "helm upgrade hotdesk charts/hotdesk -n hotdesk --reuse-values --set gate.enabled=true";
const UPGRADE: &str = "helm upgrade hotdesk charts/hotdesk -n hotdesk --reuse-values, with the chart of this version";

/// An entry of a webhook configuration, of either kind.
struct Entry<'a> {
    configuration: String,
    name: &'a str,
    client: &'a WebhookClientConfig,
}

/// Everything of the installation, from the outside in.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![version(facts), kind(facts)];
    findings.extend(webhooks(facts));
    findings.extend(policies(facts));
    findings.extend(deployments(facts));
    findings
}

/// Namespace and name of the Service that the gate calls.
pub(super) fn service(configurations: &[MutatingWebhookConfiguration]) -> Option<(String, String)> {
    let hooks = configurations.iter().filter_map(|configuration| configuration.webhooks.as_ref()).flatten();
    let service = hooks.filter(|hook| hook.name == GATE).find_map(|hook| hook.client_config.service.as_ref())?;
    Some((service.namespace.clone(), service.name.clone()))
}

fn version(facts: &Facts) -> Finding {
    let about = "the cluster";
    let mut numbers = facts.version.trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) < OLDEST => {
            Finding::problem(about, format!("Kubernetes {} is too old: hotdesk needs 1.30", facts.version))
                .mended_by("upgrade Kubernetes")
        }
        _ => Finding::ok(about, format!("Kubernetes {} at {}", facts.version, facts.server)),
    }
}

fn kind(facts: &Facts) -> Finding {
    let about = "the kind Slot";
    let crd = match &facts.crd {
        Err(why) => return Finding::unseen(about, why),
        Ok(None) => {
            return Finding::problem(about, format!("there is no {CRD}: hotdesk is not installed"))
                .mended_by("helm install hotdesk charts/hotdesk -n hotdesk --create-namespace");
        }
        Ok(Some(crd)) => crd,
    };
    let known = version_of_ours();
    let Some(served) = crd.spec.versions.iter().find(|version| version.name == known && version.served) else {
        return Finding::problem(about, format!("{CRD} does not serve {known}")).mended_by(UPGRADE);
    };
    let established = crd.status.iter().flat_map(|status| status.conditions.iter().flatten());
    if !established.clone().any(|c| c.type_ == "Established" && c.status == "True") {
        return Finding::problem(about, format!("{CRD} is not established"))
            .mended_by(format!("kubectl describe crd {CRD}"));
    }
    let missing = missing_fields(crd);
    if missing.is_empty() {
        Finding::ok(about, format!("{CRD} {} has every field that this hotdesk knows", served.name))
    } else {
        Finding::problem(about, format!("{CRD} {} is of another version and drops {}", served.name, list(&missing)))
            .mended_by(UPGRADE)
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

fn webhooks(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &facts.mutating {
        Err(why) => findings.push(Finding::unseen("the mutating webhooks", why)),
        Ok(configurations) => {
            let entries = configurations.iter().flat_map(|c| {
                c.webhooks.iter().flatten().map(|hook| Entry {
                    configuration: c.name_any(),
                    name: &hook.name,
                    client: &hook.client_config,
                })
            });
            findings.extend(entries_are_there("the mutating webhooks", &entries.collect::<Vec<_>>(), &MUTATING));
        }
    }
    match &facts.validating {
        Err(why) => findings.push(Finding::unseen("the validating webhook", why)),
        Ok(configurations) => {
            let entries = configurations.iter().flat_map(|c| {
                c.webhooks.iter().flatten().map(|hook| Entry {
                    configuration: c.name_any(),
                    name: &hook.name,
                    client: &hook.client_config,
                })
            });
            findings.extend(entries_are_there("the validating webhook", &entries.collect::<Vec<_>>(), &[GATE]));
        }
    }
    findings
}

fn entries_are_there(about: &str, entries: &[Entry<'_>], expected: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let of = |name: &str| entries.iter().filter(|entry| entry.name == name).collect::<Vec<_>>();
    let missing: Vec<&str> = expected.iter().copied().filter(|name| of(name).is_empty()).collect();
    if !missing.is_empty() {
        let says = format!("{} not there: that is not gated", are(&missing));
        findings.push(Finding::problem(about, says).mended_by(SWITCH_ON));
    }
    let found: Vec<&Entry<'_>> = expected.iter().flat_map(|name| of(name)).collect();
    let untrusted: Vec<&str> = found.iter().filter(|entry| !has_ca(entry.client)).map(|entry| entry.name).collect();
    if !untrusted.is_empty() {
        let says = format!("{} without a CA bundle: the API server trusts no webhook there", are(&untrusted));
        let fix =
            "kubectl -n hotdesk create job certs-now --from=cronjob/hotdesk-certs (or see cert-manager's CA injector)";
        findings.push(Finding::problem(about, says).mended_by(fix));
    }
    if found.len() + missing.len() > expected.len() {
        let says = "there are two installations of hotdesk; each write is judged by both";
        findings.push(Finding::warning(about, says).mended_by("helm list -A, and uninstall one"));
    }
    if findings.is_empty() {
        let configuration = found.first().map(|entry| entry.configuration.clone()).unwrap_or_default();
        findings.push(Finding::ok(about, format!("{} in {configuration}, each with a CA bundle", list(expected))));
    }
    findings
}

/// `a is`, `a and b are`.
fn are(names: &[&str]) -> String {
    format!("{} {}", list(names), if names.len() == 1 { "is" } else { "are" })
}

fn has_ca(client: &WebhookClientConfig) -> bool {
    // A webhook by URL may be trusted by the system's own certificates.
    client.url.is_some()
        || client.ca_bundle.as_ref().is_some_and(|bundle| bundle.0.starts_with(b"-----BEGIN CERTIFICATE"))
}

fn policies(facts: &Facts) -> Vec<Finding> {
    let about = "the policies";
    let (policies, bindings) = match (&facts.policies, &facts.bindings) {
        (Ok(policies), Ok(bindings)) => (policies, bindings),
        (Err(why), _) | (_, Err(why)) => return vec![Finding::unseen(about, why)],
    };
    let mut findings = Vec::new();
    let fullname = facts.mutating.as_deref().ok().and_then(fullname).unwrap_or_else(|| "hotdesk".to_owned());
    let names = [format!("{fullname}-gate"), format!("{fullname}-namespaces")];
    for name in &names {
        let Some(policy) = policies.iter().find(|policy| policy.name_any() == *name) else {
            findings.push(
                Finding::problem(about, format!("there is no ValidatingAdmissionPolicy {name}")).mended_by(SWITCH_ON),
            );
            continue;
        };
        let denies = |action: &String| action == "Deny";
        let bound = bindings.iter().filter_map(|binding| binding.spec.as_ref()).any(|spec| {
            spec.policy_name.as_deref() == Some(name) && spec.validation_actions.iter().flatten().any(denies)
        });
        if !bound {
            let says = format!("the policy {name} is not bound, so it denies nothing");
            findings.push(Finding::problem(about, says).mended_by(SWITCH_ON));
        }
        let checked = policy.status.iter().filter_map(|status| status.type_checking.as_ref());
        let warnings: Vec<&str> = checked
            .flat_map(|checking| checking.expression_warnings.iter().flatten())
            .map(|w| w.warning.as_str())
            .collect();
        if !warnings.is_empty() {
            findings.push(Finding::warning(about, format!("the API server says of {name}: {}", warnings.join("; "))));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(about, format!("{} are there and bound", list(&names))));
    }
    findings
}

fn fullname(configurations: &[MutatingWebhookConfiguration]) -> Option<String> {
    let gates = |c: &&MutatingWebhookConfiguration| c.webhooks.iter().flatten().any(|hook| hook.name == GATE);
    configurations.iter().find(gates).map(ResourceExt::name_any)
}

fn deployments(facts: &Facts) -> Vec<Finding> {
    let deployments = match &facts.deployments {
        Err(why) => return vec![Finding::unseen("the webhook", why)],
        Ok(deployments) => deployments,
    };
    let is_webhook = |d: &Deployment| d.labels().get("app.kubernetes.io/component").is_some_and(|c| c == "webhook");
    let mut findings: Vec<Finding> = deployments.iter().map(deployment).collect();
    if !deployments.iter().any(is_webhook) {
        let missing = Finding::problem(
            "the webhook",
            "its Deployment is not there: nobody writes in a slot, or nothing is gated",
        );
        findings.push(missing.mended_by("helm upgrade --install hotdesk charts/hotdesk -n hotdesk"));
    }
    findings
}

fn deployment(deployment: &Deployment) -> Finding {
    let (name, namespace) = (deployment.name_any(), deployment.namespace().unwrap_or_default());
    let about = format!("the {}", deployment.labels().get("app.kubernetes.io/component").unwrap_or(&name));
    let version = deployment.labels().get("app.kubernetes.io/version").cloned().unwrap_or_default();
    let wished = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0);
    let describe = format!("kubectl -n {namespace} describe deployment {name}");
    if ready == 0 {
        Finding::problem(about, format!("{name}: none of {wished} pods is ready")).mended_by(describe)
    } else if ready < wished {
        Finding::warning(about, format!("{name}: {ready} of {wished} pods are ready")).mended_by(describe)
    } else if version != env!("CARGO_PKG_VERSION") {
        let says = format!("{name} is hotdesk {version}, and this is {}", env!("CARGO_PKG_VERSION"));
        Finding::warning(about, says).mended_by("install the same version of both")
    } else {
        Finding::ok(about, format!("{name} {version}: {ready} of {wished} pods are ready"))
    }
}

#[cfg(test)]
#[path = "installation_tests.rs"]
mod tests;
