//! Is every write in a slot brought to the webhook and to the policy, and does each stop what it refuses?

use hotdesk_slots::keys;
use hotdesk_slots::text::list;
use hotdesk_slots::webhook_path::{SLOTS_ENTRY as SLOTS, SecretPath, route};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, RuleWithOperations, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
    ValidatingWebhook, WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;

use super::certificates::{Bundle, RENEW};
use super::finding::{Finding, Id};
use super::installation::{SWITCH_ON, UPGRADE, fullname};
use super::slot_policies;
use super::snapshot::Snapshot;

pub(super) const GATE: &str = "gate.hotdesk.dev";
const MACHINERY: &str = "machinery.hotdesk.dev";
/// The entries of the mutating configuration.
pub(super) const MUTATING: [&str; 3] = [GATE, MACHINERY, SLOTS];

/// An entry of a webhook configuration, of either kind.
#[derive(Clone)]
struct Entry<'a> {
    configuration: String,
    name: &'a str,
    client: &'a WebhookClientConfig,
    rules: &'a [RuleWithOperations],
    namespaces: Option<&'a LabelSelector>,
    objects: Option<&'a LabelSelector>,
    failure_policy: &'a str,
    mutates: bool,
}

fn mutating(snapshot: &Snapshot) -> Vec<Entry<'_>> {
    let configurations = snapshot.mutating.iter().flatten();
    let hooks = configurations.flat_map(|c| c.webhooks.iter().flatten().map(|hook| (c.name_any(), hook)));
    hooks
        .map(|(configuration, hook): (String, &MutatingWebhook)| Entry {
            configuration,
            name: &hook.name,
            client: &hook.client_config,
            rules: hook.rules.as_deref().unwrap_or_default(),
            namespaces: hook.namespace_selector.as_ref(),
            objects: hook.object_selector.as_ref(),
            failure_policy: hook.failure_policy.as_deref().unwrap_or("Fail"),
            mutates: true,
        })
        .collect()
}

fn validating(snapshot: &Snapshot) -> Vec<Entry<'_>> {
    let configurations = snapshot.validating.iter().flatten();
    let hooks = configurations.flat_map(|c| c.webhooks.iter().flatten().map(|hook| (c.name_any(), hook)));
    hooks
        .map(|(configuration, hook): (String, &ValidatingWebhook)| Entry {
            configuration,
            name: &hook.name,
            client: &hook.client_config,
            rules: hook.rules.as_deref().unwrap_or_default(),
            namespaces: hook.namespace_selector.as_ref(),
            objects: hook.object_selector.as_ref(),
            failure_policy: hook.failure_policy.as_deref().unwrap_or("Fail"),
            mutates: false,
        })
        .collect()
}

/// The CA bundles of hotdesk's entries.
pub(super) fn bundles(snapshot: &Snapshot) -> Vec<Bundle> {
    let all = mutating(snapshot).into_iter().chain(validating(snapshot));
    let ours = all.filter(|entry| MUTATING.contains(&entry.name) && entry.client.url.is_none());
    let bundle = |entry: Entry<'_>| {
        let what = if entry.mutates { "mutating" } else { "validating" };
        let pem = entry.client.ca_bundle.as_ref()?.0.clone();
        Some(Bundle { entry: format!("{} ({what})", entry.name), pem })
    };
    ours.filter_map(bundle).collect()
}

/// The webhook configurations.
pub(super) fn webhooks(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &snapshot.mutating {
        Err(why) => findings.push(Finding::unknown(Id::WebhookEntries, "the mutating webhooks", why)),
        Ok(_) => findings.extend(entries("the mutating webhooks", &mutating(snapshot), &MUTATING)),
    }
    match &snapshot.validating {
        Err(why) => findings.push(Finding::unknown(Id::WebhookEntries, "the validating webhook", why)),
        Ok(_) => findings.extend(entries("the validating webhook", &validating(snapshot), &[GATE])),
    }
    findings.extend(one_path(&[mutating(snapshot), validating(snapshot)].concat()));
    findings
}

/// During a rotation all are changed within a second.
fn one_path(entries: &[Entry<'_>]) -> Option<Finding> {
    let mut paths: Vec<SecretPath> = Vec::new();
    for path in entries.iter().filter(|entry| MUTATING.contains(&entry.name)).filter_map(secret_path) {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let message = "they do not all show the same path: a run of the certs job was cut off";
    (paths.len() > 1).then(|| Finding::warning(Id::WebhookEntries, "the path of the webhooks", message).with_fix(RENEW))
}

/// The secret part of the path by which the API server calls an entry.
fn secret_path(entry: &Entry<'_>) -> Option<SecretPath> {
    let (secret, of) = SecretPath::split(entry.client.service.as_ref()?.path.as_deref()?)?;
    (of == route(entry.mutates, entry.name)).then_some(secret)
}

/// Who judges writes in slots: an entry of the webhooks, or the policy.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) name: String,
    /// What it is there for.
    pub(super) operations: &'static [&'static str],
    pub(super) rules: Vec<Rule>,
    /// What of that it is not asked about.
    pub(super) leaves_out: Vec<Rule>,
}

/// A rule, of a webhook or of a policy.
#[derive(Debug, Clone, Default)]
pub(super) struct Rule {
    pub(super) operations: Vec<String>,
    pub(super) groups: Vec<String>,
    /// With the subresource: `pods/exec`, `*/*`.
    pub(super) resources: Vec<String>,
}

/// The two entries and the policy of the gate, as far as they are there.
pub(super) fn judges(snapshot: &Snapshot) -> Vec<Judge> {
    let entries = mutating(snapshot).into_iter().chain(validating(snapshot)).filter(|entry| entry.name == GATE);
    let webhooks = entries.map(|entry| Judge {
        name: format!("the {} webhook", if entry.mutates { "mutating" } else { "validating" }),
        operations: if entry.mutates { &["CREATE", "UPDATE"] } else { &["DELETE", "CONNECT"] },
        rules: entry
            .rules
            .iter()
            .filter_map(|rule| namespaced(rule.scope.as_deref(), &rule.operations, &rule.api_groups, &rule.resources))
            .collect(),
        leaves_out: Vec::new(),
    });
    let policies = snapshot.policies.iter().flatten().filter(|policy| policy.name_any().ends_with("-gate"));
    let constraints = policies.filter_map(|policy| policy.spec.as_ref()?.match_constraints.as_ref());
    let policies = constraints.map(|constraints| {
        let rules = |rules: &Option<Vec<k8s_openapi::api::admissionregistration::v1::NamedRuleWithOperations>>| {
            let rules = rules.iter().flatten();
            rules
                .filter_map(|rule| {
                    namespaced(rule.scope.as_deref(), &rule.operations, &rule.api_groups, &rule.resources)
                })
                .collect()
        };
        Judge {
            name: "the policy".to_owned(),
            operations: &["CREATE", "UPDATE", "DELETE", "CONNECT"],
            rules: rules(&constraints.resource_rules),
            leaves_out: rules(&constraints.exclude_resource_rules),
        }
    });
    webhooks.chain(policies).collect()
}

type Words = Option<Vec<String>>;

/// The rule, unless it is about what lies in no namespace.
fn namespaced(scope: Option<&str>, operations: &Words, groups: &Words, resources: &Words) -> Option<Rule> {
    let words = |words: &Words| words.clone().unwrap_or_default();
    (scope != Some("Cluster")).then(|| Rule {
        operations: words(operations),
        groups: words(groups),
        resources: words(resources),
    })
}

fn entries(subject: &str, entries: &[Entry<'_>], expected: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let of = |name: &str| entries.iter().filter(|entry| entry.name == name).collect::<Vec<_>>();
    let missing: Vec<&str> = expected.iter().copied().filter(|name| of(name).is_empty()).collect();
    if !missing.is_empty() {
        let message = format!("{} not there: that is not gated", are(&missing));
        findings.push(Finding::problem(Id::WebhookEntries, subject, message).with_fix(SWITCH_ON));
    }
    let found: Vec<&Entry<'_>> = expected.iter().flat_map(|name| of(name)).collect();
    let untrusted: Vec<&str> = found.iter().filter(|entry| !has_ca(entry.client)).map(|entry| entry.name).collect();
    if !untrusted.is_empty() {
        let message = format!("{} without a CA bundle: the API server trusts no webhook there", are(&untrusted));
        findings.push(Finding::problem(Id::WebhookTrust, subject, message).with_fix(RENEW));
    }
    let has_path = |entry: &Entry<'_>| entry.client.url.is_some() || secret_path(entry).is_some();
    let pathless: Vec<&str> = found.iter().filter(|entry| !has_path(entry)).map(|entry| entry.name).collect();
    if !pathless.is_empty() {
        let message = format!("{} without the path below which the webhook answers: it says 404", are(&pathless));
        findings.push(Finding::problem(Id::WebhookEntries, subject, message).with_fix(RENEW));
    }
    if found.len() + missing.len() > expected.len() {
        let message = "there are two installations of hotdesk; each write is judged by both";
        findings
            .push(Finding::warning(Id::WebhookEntries, subject, message).with_fix("helm list -A, and uninstall one"));
    }
    for entry in &found {
        let odd = oddities(entry);
        if !odd.is_empty() {
            let message = format!("{} is not as the chart makes it: {}", entry.name, odd.join("; "));
            findings.push(Finding::problem(Id::WebhookRules, subject, message).with_fix(UPGRADE));
        }
    }
    if findings.is_empty() {
        let configuration = found.first().map(|entry| entry.configuration.clone()).unwrap_or_default();
        let goes_on = found.iter().any(|entry| entry.name == GATE && entry.failure_policy == "Ignore");
        let more =
            if goes_on { "; availability is continue: without a webhook, claimants go on unstamped" } else { "" };
        let message = format!("{} in {configuration}, each with a CA bundle{more}", list(expected));
        findings.push(Finding::ok(Id::WebhookEntries, subject, message));
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

/// What lets writes past an entry, or stops those of the cluster itself.
fn oddities(entry: &Entry<'_>) -> Vec<String> {
    let mut odd = Vec::new();
    let (operations, resources): (&[&str], &[&str]) = match (entry.name, entry.mutates) {
        (GATE, true) => (&["CREATE", "UPDATE"], &["*/*"]),
        (GATE, false) => (&["DELETE", "CONNECT"], &["*/*"]),
        (MACHINERY, _) => (&["CREATE"], &["*"]),
        _ => (&["CREATE", "UPDATE", "DELETE"], &["slots", "slots/status"]),
    };
    for operation in operations {
        if !resources.iter().all(|resource| entry.rules.iter().any(|rule| covers(rule, operation, resource))) {
            odd.push(format!("{operation} of {} does not come to it", resources.join(" and ")));
        }
    }
    if entry.name == SLOTS {
        if entry.namespaces.is_some_and(|selector| *selector != LabelSelector::default()) {
            odd.push("it has a namespaceSelector, so Slots elsewhere are not guarded".to_owned());
        }
    } else if !entry.namespaces.is_some_and(is_every_slot) {
        odd.push(format!("its namespaceSelector is not that {} exists", keys::SLOT));
    }
    if entry.objects.is_some_and(|selector| *selector != LabelSelector::default()) {
        odd.push("it has an objectSelector, so a person who labels an object can pass it by".to_owned());
    }
    match (entry.name, entry.failure_policy) {
        (MACHINERY, "Fail") => odd.push("its failurePolicy is Fail: without a webhook, controllers stop".to_owned()),
        (SLOTS, "Ignore") => {
            odd.push("its failurePolicy is Ignore: without a webhook, anybody can claim any slot".to_owned());
        }
        _ => {}
    }
    odd
}

fn covers(rule: &RuleWithOperations, operation: &str, resource: &str) -> bool {
    let has =
        |list: &Option<Vec<String>>, wanted: &str| list.iter().flatten().any(|item| item == "*" || item == wanted);
    let named = |item: &String| item == resource || item == "*/*" || (item == "*" && !resource.contains('/'));
    let group = if resource.starts_with("slots") { "hotdesk.dev" } else { "*" };
    let resources = rule.resources.iter().flatten().any(named);
    let scope = rule.scope.as_deref().is_none_or(|scope| scope != "Cluster");
    has(&rule.operations, operation) && has(&rule.api_groups, group) && resources && scope
}

fn is_every_slot(selector: &LabelSelector) -> bool {
    let labels = selector.match_labels.as_ref().is_none_or(std::collections::BTreeMap::is_empty);
    let exists = |e: &k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement| {
        e.key == keys::SLOT && e.operator == "Exists"
    };
    let expressions = selector.match_expressions.as_deref().unwrap_or_default();
    labels && expressions.len() == 1 && expressions.iter().all(exists)
}

/// The policies of the gate, which a switch of the chart binds; and those that hold hotdesk's own accounts, which are always bound.
const OF_THE_GATE: [&str; 3] = ["gate", "namespaces", "neighbours"];
const OF_ACCOUNTS: [&str; 6] = ["reapers", "reapers-releases", "revivers-requests", "restamper", "claimants", "jobs"];

/// The policies and what binds them.
pub(super) fn policies(snapshot: &Snapshot) -> Vec<Finding> {
    let (subject, id) = ("the policies", Id::Policies);
    let (policies, bindings) = match (&snapshot.policies, &snapshot.bindings) {
        (Ok(policies), Ok(bindings)) => (policies, bindings),
        (Err(why), _) | (_, Err(why)) => return vec![Finding::unknown(id, subject, why)],
    };
    let fullname = snapshot.mutating.as_deref().ok().and_then(fullname).unwrap_or_else(|| "hotdesk".to_owned());
    let named = |name: &&str| format!("{fullname}-{name}");
    let (gate, accounts): (Vec<_>, Vec<_>) =
        (OF_THE_GATE.iter().map(named).collect(), OF_ACCOUNTS.iter().map(named).collect());
    let mut findings: Vec<Finding> = gate.iter().flat_map(|name| policy(name, SWITCH_ON, policies, bindings)).collect();
    findings.extend(accounts.iter().flat_map(|name| policy(name, UPGRADE, policies, bindings)));
    let cron_jobs = snapshot.cron_jobs.as_deref().unwrap_or_default();
    let by_slot = slot_policies::POLICY;
    match policies.iter().find(|policy| policy.name_any() == by_slot) {
        Some(policy) => findings.extend(itself(by_slot, policy)),
        None => findings.push(missing(by_slot, UPGRADE)),
    }
    let (slots, own) = (snapshot.slots_that_stay(), snapshot.then.own_namespaces.as_deref().unwrap_or_default());
    let guarded = slot_policies::guarded(&slots, cron_jobs, own);
    findings.extend(slot_policies::judge(bindings, &guarded, cron_jobs));
    if findings.is_empty() {
        let all = list(&[gate, accounts].concat());
        findings.push(Finding::ok(
            id,
            subject,
            format!("{all} are there, bound, and deny, and so is {by_slot} for each reaper"),
        ));
    }
    findings
}

fn policy(
    name: &str,
    fix: &str,
    policies: &[ValidatingAdmissionPolicy],
    bindings: &[ValidatingAdmissionPolicyBinding],
) -> Vec<Finding> {
    let Some(policy) = policies.iter().find(|policy| policy.name_any() == name) else {
        return vec![missing(name, fix)];
    };
    let mut findings = itself(name, policy);
    let bound: Vec<_> = bindings
        .iter()
        .filter_map(|binding| binding.spec.as_ref())
        .filter(|spec| spec.policy_name.as_deref() == Some(name))
        .collect();
    let denies = |action: &String| action == "Deny";
    if !bound.iter().any(|spec| spec.validation_actions.iter().flatten().any(denies)) {
        findings.push(problem(format!("the policy {name} is not bound, so it denies nothing")).with_fix(fix));
    } else if !bound.iter().any(|spec| spec.match_resources.is_none()) {
        let message = format!("the binding of {name} has matchResources, so some writes in slots pass it by");
        findings.push(problem(message).with_fix(UPGRADE));
    }
    let by_slot = |spec: &&_| {
        let spec: &k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBindingSpec = spec;
        spec.param_ref.as_ref().is_some_and(|param| param.name.as_deref() == Some("slot"))
    };
    let judges_by_slot =
        ["-gate", "-reapers-releases", "-revivers-requests", "-claimants"].iter().any(|end| name.ends_with(end));
    if judges_by_slot && !bound.is_empty() && !bound.iter().any(by_slot) {
        let message = format!("the binding of {name} does not name the Slot as its parameter, so it judges by nothing");
        findings.push(problem(message).with_fix(UPGRADE));
    }
    findings
}

fn problem(message: String) -> Finding {
    Finding::problem(Id::Policies, "the policies", message)
}

fn missing(name: &str, fix: &str) -> Finding {
    problem(format!("there is no ValidatingAdmissionPolicy {name}")).with_fix(fix)
}

/// What is wrong with a policy, however it is bound.
fn itself(name: &str, policy: &ValidatingAdmissionPolicy) -> Vec<Finding> {
    let mut findings = Vec::new();
    if policy.spec.as_ref().and_then(|spec| spec.failure_policy.as_deref()) == Some("Ignore") {
        let message = format!("the policy {name} has failurePolicy Ignore: where it cannot judge, it admits");
        findings.push(problem(message).with_fix(UPGRADE));
    }
    let checked = policy.status.iter().filter_map(|status| status.type_checking.as_ref());
    let warnings: Vec<&str> = checked
        .flat_map(|checking| checking.expression_warnings.iter().flatten())
        .map(|w| w.warning.as_str())
        .collect();
    if !warnings.is_empty() {
        let message = format!("the API server says of {name}: {}", warnings.join("; "));
        findings.push(Finding::warning(Id::Policies, "the policies", message).with_fix(UPGRADE));
    }
    findings
}
