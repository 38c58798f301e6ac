//! Are the Jobs that hotdesk's controller makes held to the slot's CronJob? `charts/slots` binds the policy for that once a slot.

use hotdesk_slots::keys;
use hotdesk_slots::text::list;
use k8s_openapi::api::admissionregistration::v1::{
    MatchResources, ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicyBindingSpec,
};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;

use super::finding::{Finding, Id};
use super::places::{Reaper, reaps};

/// The policy. Its name is the same in every installation, for another chart binds it.
pub(super) const POLICY: &str = "hotdesk-jobs-as-cronjob";

const UPGRADE: &str =
    "with the chart of this version: helm upgrade slots charts/slots -n hotdesk --reset-then-reuse-values";

/// The slots for which it is not bound as the chart binds it.
pub(super) fn judge(
    bindings: &[ValidatingAdmissionPolicyBinding],
    reapers: &[Reaper],
    cron_jobs: &[CronJob],
) -> Vec<Finding> {
    let of_policy = |binding: &&ValidatingAdmissionPolicyBinding| {
        binding.spec.as_ref().and_then(|spec| spec.policy_name.as_deref()) == Some(POLICY)
    };
    let bindings: Vec<_> = bindings.iter().filter(of_policy).collect();
    let mut unbound = Vec::new();
    let mut findings = Vec::new();
    for slot in reapers.iter().map(|reaper| reaper.slot.as_str()) {
        let Some(cron_job) = cron_jobs.iter().find(|job| reaps(job, slot)) else { continue };
        let of_slot: Vec<_> = bindings.iter().filter(|binding| names(binding, slot)).collect();
        let wrong: Vec<_> =
            of_slot.iter().map(|binding| (binding.name_any(), wrong(binding, slot, cron_job))).collect();
        if wrong.iter().any(|(_, wrong)| wrong.is_none()) {
            continue;
        }
        match wrong.into_iter().find_map(|(name, wrong)| Some((name, wrong?))) {
            Some((name, wrong)) => {
                let says =
                    format!("the binding {name} of {POLICY} {wrong}, so it does not hold the Jobs of slot {slot}");
                findings.push(problem(says));
            }
            None => unbound.push(slot),
        }
    }
    if !unbound.is_empty() {
        let slots = if unbound.len() == 1 { "slot" } else { "the slots" };
        let says = format!(
            "the policy {POLICY} is not bound for {slots} {}: a Job of hotdesk's controller may run anything as their accounts",
            list(&unbound)
        );
        findings.push(problem(says));
    }
    findings
}

fn problem(says: String) -> Finding {
    Finding::problem(Id::Policies, "the policies", says).mended_by(UPGRADE)
}

/// True for a binding that is meant for this slot.
fn names(binding: &ValidatingAdmissionPolicyBinding, slot: &str) -> bool {
    let selector = binding.spec.as_ref().and_then(|spec| spec.match_resources.as_ref()?.object_selector.as_ref());
    selector.and_then(|selector| selector.match_labels.as_ref()?.get(keys::SLOT)).is_some_and(|label| label == slot)
}

/// What of a binding lets Jobs of the slot past; nothing if it is as the chart makes it.
fn wrong(binding: &ValidatingAdmissionPolicyBinding, slot: &str, cron_job: &CronJob) -> Option<&'static str> {
    let spec = binding.spec.as_ref()?;
    if !spec.validation_actions.iter().flatten().any(|action| action == "Deny") {
        return Some("does not deny");
    }
    if !is_judged_by(spec, cron_job) {
        return Some("does not name the slot's CronJob as its parameter");
    }
    spec.match_resources.as_ref().filter(|matched| !is_every_job(matched, slot)).map(|_| "is narrowed")
}

/// Where the CronJob is not there, nothing of the slot's may run.
fn is_judged_by(spec: &ValidatingAdmissionPolicyBindingSpec, cron_job: &CronJob) -> bool {
    spec.param_ref.as_ref().is_some_and(|param| {
        param.name == cron_job.metadata.name
            && param.namespace == cron_job.metadata.namespace
            && param.parameter_not_found_action.as_deref() == Some("Deny")
    })
}

fn is_every_job(matched: &MatchResources, slot: &str) -> bool {
    let labels = [(keys::SLOT.to_owned(), slot.to_owned())].into();
    let of_slot = LabelSelector { match_labels: Some(labels), ..LabelSelector::default() };
    let is_empty = |selector: &LabelSelector| *selector == LabelSelector::default();
    matched.object_selector.as_ref() == Some(&of_slot)
        && matched.namespace_selector.as_ref().is_none_or(is_empty)
        && matched.resource_rules.as_ref().is_none_or(Vec::is_empty)
        && matched.exclude_resource_rules.as_ref().is_none_or(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cron_job(slot: &str) -> CronJob {
        let template =
            json!({"spec": {"containers": [{"name": "reaper"}], "serviceAccountName": format!("reaper-{slot}")}});
        serde_json::from_value(json!({
            "metadata": {"name": format!("reap-{slot}"), "namespace": "hotdesk-jobs", "labels": {"hotdesk.dev/slot": slot}},
            "spec": {"schedule": "7 * * * *", "jobTemplate": {"spec": {"template": template}}},
        }))
        .unwrap()
    }

    /// A binding as the chart makes it, and the API server stores it.
    fn binding(slot: &str) -> Value {
        json!({"metadata": {"name": format!("slots-jobs-{slot}")}, "spec": {
            "policyName": "hotdesk-jobs-as-cronjob", "validationActions": ["Deny"],
            "paramRef": {"namespace": "hotdesk-jobs", "name": format!("reap-{slot}"), "parameterNotFoundAction": "Deny"},
            "matchResources": {
                "namespaceSelector": {}, "objectSelector": {"matchLabels": {"hotdesk.dev/slot": slot}}, "matchPolicy": "Equivalent",
            },
        }})
    }

    fn found(bindings: &[Value]) -> Vec<String> {
        let cron_jobs = ["mew", "onix"].map(cron_job);
        let reapers: Vec<Reaper> = cron_jobs.iter().filter_map(|job| Reaper::read(job, &[])).collect();
        let bindings: Vec<_> =
            bindings.iter().map(|binding| serde_json::from_value(binding.clone()).unwrap()).collect();
        judge(&bindings, &reapers, &cron_jobs).into_iter().map(|finding| finding.says).collect()
    }

    #[test]
    fn each_slot_with_a_reaper_needs_a_binding() {
        assert_eq!(found(&[binding("mew"), binding("onix")]), Vec::<String>::new());
        let one = found(&[binding("onix")]);
        assert!(one.len() == 1 && one[0].contains("is not bound for slot mew:"), "{one:?}");
        let both = found(&[]);
        assert!(both.len() == 1 && both[0].contains("is not bound for the slots mew and onix:"), "{both:?}");
    }

    #[test]
    fn a_binding_that_lets_jobs_past_is_none() {
        let empty = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]});
        for (path, value, says) in [
            ("/spec/validationActions", json!(["Audit"]), "does not deny"),
            ("/spec/paramRef/name", json!("reap-onix"), "does not name the slot's CronJob"),
            ("/spec/paramRef/namespace", json!("mew"), "does not name the slot's CronJob"),
            ("/spec/paramRef/parameterNotFoundAction", json!("Allow"), "does not name the slot's CronJob"),
            ("/spec/paramRef", Value::Null, "does not name the slot's CronJob"),
            ("/spec/matchResources/namespaceSelector", json!({"matchLabels": {"a": "b"}}), "is narrowed"),
            (
                "/spec/matchResources/objectSelector/matchLabels",
                json!({"hotdesk.dev/slot": "mew", "a": "b"}),
                "is narrowed",
            ),
            ("/spec/matchResources/resourceRules", json!([empty]), "is narrowed"),
            ("/spec/matchResources/excludeResourceRules", json!([empty]), "is narrowed"),
            ("/spec/policyName", json!("hotdesk-jobs"), "is not bound for slot mew"),
            ("/spec/matchResources/objectSelector", json!({}), "is not bound for slot mew"),
        ] {
            let mut changed = binding("mew");
            // What the API server leaves out is added.
            let (parent, member) = path.rsplit_once('/').unwrap();
            changed.pointer_mut(parent).unwrap()[member] = value;
            let found = found(&[changed.clone(), binding("onix")]);
            assert!(found.len() == 1 && found[0].contains(says), "{path}: {found:?}");
        }
    }

    #[test]
    fn one_good_binding_is_enough() {
        let mut old = binding("mew");
        old["spec"]["validationActions"] = json!(["Warn"]);
        assert_eq!(found(&[old, binding("mew"), binding("onix")]), Vec::<String>::new());
    }
}
