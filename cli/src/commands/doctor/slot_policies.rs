//! Are the Jobs that hotdesk's controller makes held to the slot's CronJob? `charts/slots` binds the policy for that once a slot.

use hotdesk_slots::keys;
use hotdesk_slots::text::list;
use k8s_openapi::api::admissionregistration::v1::{
    MatchResources, ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicyBindingSpec,
};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;

use super::finding::{Finding, Id};
use super::own_namespaces::OwnNamespace;
use super::reapers::reaps;

/// The policy. Its name is the same in every installation, for another chart binds it.
pub(super) const POLICY: &str = "hotdesk-jobs-as-cronjob";

const UPGRADE: &str =
    "with the chart of this version: helm upgrade slots charts/slots -n hotdesk --reset-then-reuse-values";

/// A slot as whose accounts a Job may run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guarded<'a> {
    slot: &'a str,
    /// Where the accounts are.
    namespace: &'a str,
    /// What its Jobs must be like; without it, nothing of the slot's may run.
    cron_job: Option<&'a CronJob>,
}

/// The slots among these that have an account of their own to run as. One without a reaper has none, and so needs no binding.
pub(super) fn guarded<'a>(slots: &'a [String], cron_jobs: &'a [CronJob], own: &'a [OwnNamespace]) -> Vec<Guarded<'a>> {
    let with_account = |slot: &str| {
        let is_of = |account: &ServiceAccount| account.labels().get(keys::SLOT).is_some_and(|of| of == slot);
        own.iter().find(|namespace| namespace.accounts.iter().any(is_of)).map(|namespace| namespace.name.as_str())
    };
    let of = |slot: &'a String| match cron_jobs.iter().find(|job| reaps(job, slot)) {
        Some(job) => Some(Guarded { slot, namespace: job.metadata.namespace.as_deref()?, cron_job: Some(job) }),
        None => with_account(slot).map(|namespace| Guarded { slot, namespace, cron_job: None }),
    };
    slots.iter().filter_map(of).collect()
}

/// The slots for which it is not bound as the chart binds it.
pub(super) fn judge(
    bindings: &[ValidatingAdmissionPolicyBinding],
    guarded: &[Guarded<'_>],
    cron_jobs: &[CronJob],
) -> Vec<Finding> {
    let of_policy = |binding: &&ValidatingAdmissionPolicyBinding| {
        binding.spec.as_ref().and_then(|spec| spec.policy_name.as_deref()) == Some(POLICY)
    };
    let bindings: Vec<_> = bindings.iter().filter(of_policy).collect();
    let mut unbound = Vec::new();
    let mut findings = Vec::new();
    for one in guarded {
        let slot = one.slot;
        let of_slot: Vec<_> = bindings.iter().filter(|binding| names(binding, slot)).collect();
        let wrong: Vec<_> =
            of_slot.iter().map(|binding| (binding.name_any(), wrong(binding, one, cron_jobs))).collect();
        if wrong.iter().any(|(_, wrong)| wrong.is_none()) {
            continue;
        }
        match wrong.into_iter().find_map(|(name, wrong)| Some((name, wrong?))) {
            Some((name, wrong)) => {
                let message =
                    format!("the binding {name} of {POLICY} {wrong}, so it does not hold the Jobs of slot {slot}");
                findings.push(problem(message));
            }
            None => unbound.push(slot),
        }
    }
    if !unbound.is_empty() {
        let slots = if unbound.len() == 1 { "slot" } else { "the slots" };
        let message = format!(
            "the policy {POLICY} is not bound for {slots} {}: a Job of hotdesk's controller can run anything as their accounts",
            list(&unbound)
        );
        findings.push(problem(message));
    }
    findings
}

fn problem(message: String) -> Finding {
    Finding::problem(Id::Policies, "the policies", message).with_fix(UPGRADE)
}

/// True for a binding that is meant for this slot.
fn names(binding: &ValidatingAdmissionPolicyBinding, slot: &str) -> bool {
    let selector = binding.spec.as_ref().and_then(|spec| spec.match_resources.as_ref()?.object_selector.as_ref());
    selector.and_then(|selector| selector.match_labels.as_ref()?.get(keys::SLOT)).is_some_and(|label| label == slot)
}

/// What of a binding lets Jobs of the slot past; nothing if it is as the chart makes it.
fn wrong(binding: &ValidatingAdmissionPolicyBinding, one: &Guarded<'_>, cron_jobs: &[CronJob]) -> Option<&'static str> {
    let spec = binding.spec.as_ref()?;
    if !spec.validation_actions.iter().flatten().any(|action| action == "Deny") {
        return Some("does not deny");
    }
    if !is_judged_by(spec, one, cron_jobs) {
        return Some("does not name the slot's CronJob as its parameter");
    }
    spec.match_resources.as_ref().filter(|matched| !is_every_job(matched, one.slot)).map(|_| "is narrowed")
}

/// Where the CronJob is not there, nothing of the slot's may run. Then no name is wrong but that of another CronJob.
fn is_judged_by(spec: &ValidatingAdmissionPolicyBindingSpec, one: &Guarded<'_>, cron_jobs: &[CronJob]) -> bool {
    let Some(param) = &spec.param_ref else { return false };
    let is_named = |job: &CronJob| job.metadata.name == param.name && job.metadata.namespace == param.namespace;
    let names_it = match one.cron_job {
        Some(job) => is_named(job),
        None => param.name.is_some() && !cron_jobs.iter().any(is_named),
    };
    names_it
        && param.namespace.as_deref() == Some(one.namespace)
        && param.parameter_not_found_action.as_deref() == Some("Deny")
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
        found_with(&["mew", "onix"], &[], bindings)
    }

    /// With CronJobs of these slots, and the accounts of those.
    fn found_with(cron_jobs: &[&str], accounts: &[&str], bindings: &[Value]) -> Vec<String> {
        let cron_jobs: Vec<CronJob> = cron_jobs.iter().map(|slot| cron_job(slot)).collect();
        let account = |slot: &&str| {
            let metadata = json!({"name": format!("reaper-{slot}"), "labels": {"hotdesk.dev/slot": slot}});
            serde_json::from_value(json!({"metadata": metadata})).unwrap()
        };
        let own = [OwnNamespace {
            name: "hotdesk-jobs".to_owned(),
            accounts: accounts.iter().map(account).collect(),
            ..OwnNamespace::default()
        }];
        let slots = ["mew", "onix"].map(str::to_owned);
        let bindings: Vec<_> =
            bindings.iter().map(|binding| serde_json::from_value(binding.clone()).unwrap()).collect();
        let guarded = guarded(&slots, &cron_jobs, &own);
        judge(&bindings, &guarded, &cron_jobs).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_slot_whose_cron_job_is_gone_needs_a_binding_as_long_as_it_has_an_account() {
        let none = Vec::<String>::new();
        // Without a reaper there is nobody to run as.
        assert_eq!(found_with(&["onix"], &["onix"], &[binding("onix")]), none);
        let unbound = found_with(&["onix"], &["mew", "onix"], &[binding("onix")]);
        assert!(unbound.len() == 1 && unbound[0].contains("is not bound for slot mew:"), "{unbound:?}");
        // It denies whatever is asked for, as there is no parameter.
        assert_eq!(found_with(&["onix"], &["mew", "onix"], &[binding("mew"), binding("onix")]), none);
        let changed = |path: &str, value: Value| {
            let mut of_mew = binding("mew");
            *of_mew.pointer_mut(path).unwrap() = value;
            found_with(&["onix"], &["mew", "onix"], &[of_mew, binding("onix")])
        };
        for (path, value) in [
            ("/spec/paramRef/parameterNotFoundAction", json!("Allow")),
            ("/spec/paramRef/name", json!("reap-onix")),
            ("/spec/paramRef/namespace", json!("mew")),
        ] {
            let found = changed(path, value);
            assert!(found.len() == 1 && found[0].contains("does not name the slot's CronJob"), "{path}: {found:?}");
        }
        let narrowed = changed("/spec/matchResources/namespaceSelector", json!({"matchLabels": {"a": "b"}}));
        assert!(narrowed.len() == 1 && narrowed[0].contains("is narrowed"), "{narrowed:?}");
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
        for (path, value, message) in [
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
            assert!(found.len() == 1 && found[0].contains(message), "{path}: {found:?}");
        }
    }

    #[test]
    fn one_good_binding_is_enough() {
        let mut old = binding("mew");
        old["spec"]["validationActions"] = json!(["Warn"]);
        assert_eq!(found(&[old, binding("mew"), binding("onix")]), Vec::<String>::new());
    }
}
