//! Does each trusted deployer say what it deploys into, or is it only a name?
//!
//! Version 1 knew a deployer by its name alone. Such an entry is read for one more release, as a deployer that authenticates
//! people: whom it names in the label `hotdesk.dev/for` is believed, in every slot.

use hotdesk_slots::text::{list, quoted};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Container;

use super::finding::{Finding, Id};
use super::snapshot::is_webhook;

const SUBJECT: &str = "trusted deployers";
const FLAG: &str = "--trusted-deployer";
const ENVIRONMENT: &str = "HOTDESK_TRUSTED_DEPLOYER";

/// What the webhook was told of deployers. Nothing, where it was told of none.
pub(super) fn judge(deployments: &[Deployment]) -> Vec<Finding> {
    let containers = deployments.iter().filter(|deployment| is_webhook(deployment)).flat_map(containers);
    let entries: Vec<String> = containers.flat_map(entries).collect();
    let (named, bound): (Vec<&String>, Vec<&String>) = entries.iter().partition(|entry| !entry.starts_with(['{', '[']));
    let findings: Vec<Finding> = named.into_iter().map(|name| bare(name)).collect();
    if findings.is_empty() && !bound.is_empty() {
        let message = "each entry says which slots or people it is for, or that it authenticates people";
        return vec![Finding::ok(Id::TrustedDeployers, SUBJECT, message)];
    }
    findings
}

fn bare(name: &str) -> Finding {
    let message = format!(
        "the entry {} is a name alone: the webhook believes it, in every slot, for whom it deploys, and the next version \
         refuses the entry",
        quoted(name)
    );
    let user = serde_json::Value::from(name);
    let forms = ["slots: [SLOT]", "people: [NAME]", "authenticatesPeople: true"];
    let forms = forms.map(|form| format!("- {{user: {user}, {form}}}"));
    let fix = format!(
        "write it in trustedDeployers of charts/hotdesk as one of {} (the last one means what the name means today), and \
         helm upgrade hotdesk charts/hotdesk -n hotdesk -f VALUES",
        list(&forms)
    );
    Finding::warning(Id::TrustedDeployers, SUBJECT, message).with_fix(fix)
}

fn containers(deployment: &Deployment) -> impl Iterator<Item = &Container> {
    let pod = deployment.spec.iter().filter_map(|spec| spec.template.spec.as_ref());
    pod.flat_map(|pod| &pod.containers)
}

/// Each line that a container is given of the flag or its variable.
fn entries(container: &Container) -> Vec<String> {
    let words: Vec<&String> = [&container.command, &container.args].into_iter().flatten().flatten().collect();
    let joined = words.iter().filter_map(|word| word.strip_prefix(FLAG)?.strip_prefix('='));
    let parted = words.iter().zip(words.iter().skip(1)).filter(|(word, _)| **word == FLAG);
    let variables = container.env.iter().flatten().filter(|variable| variable.name == ENVIRONMENT);
    let given = joined
        .chain(parted.map(|(_, value)| value.as_str()))
        .chain(variables.filter_map(|variable| variable.value.as_deref()));
    // Kubernetes reads `$$` as `$`.
    let lines = given.flat_map(str::lines).map(|line| line.trim().replace("$$", "$"));
    lines.filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::finding::Level;
    use super::*;

    #[allow(clippy::needless_pass_by_value)] // as it is written in the tests
    fn webhook(container: Value) -> Vec<Deployment> {
        let deployment = |component: &str| {
            let pod = json!({"containers": [container]});
            let labels = json!({"app.kubernetes.io/component": component});
            let deployment =
                json!({"metadata": {"labels": labels}, "spec": {"selector": {}, "template": {"spec": pod}}});
            serde_json::from_value(deployment).unwrap()
        };
        // Another program that has the same flags says nothing of the webhook.
        vec![deployment("webhook"), deployment("sync")]
    }

    #[track_caller]
    fn names(container: Value, expected: &[&str]) {
        let found = judge(&webhook(container));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (finding, name) in found.iter().zip(expected) {
            assert_eq!(finding.level, Level::Warning, "{finding:?}");
            assert!(finding.message.contains(&format!("the entry \"{name}\" is a name alone")), "{finding:?}");
        }
    }

    #[test]
    fn each_entry_that_is_only_a_name_is_named_however_it_was_given() {
        let bound = r#"--trusted-deployer={"user":"flux","slots":["mew"]}"#;
        let args = [bound, "--trusted-deployer=CN=ci,O=corp", "--trusted-deployer", "argo"];
        names(json!({"name": "w", "args": args}), &["CN=ci,O=corp", "argo"]);
        names(json!({"name": "w", "args": ["--trusted-deployer= ci \n\nsystem:$$me"]}), &["ci", "system:$me"]);
        let env =
            json!([{"name": "HOTDESK_TRUSTED_DEPLOYER", "value": "ci"}, {"name": "HOTDESK_SYNC_USER", "value": "x"}]);
        names(json!({"name": "w", "env": env}), &["ci"]);
        names(json!({"name": "w", "args": ["--trusted-deployer=", "--trusted-deployers=x"]}), &[]);
    }

    #[test]
    fn a_bare_entry_is_shown_in_each_form_that_can_replace_it() {
        let found = judge(&webhook(json!({"name": "w", "args": ["--trusted-deployer=ci \"x\""]})));
        let fix = found[0].fix.as_deref().unwrap_or_default();
        for form in ["slots: [SLOT]", "people: [NAME]", "authenticatesPeople: true"] {
            let entry = format!(r#"- {{user: "ci \"x\"", {form}}}"#);
            assert!(fix.contains(&entry), "{fix} does not say {entry}");
        }
    }

    #[test]
    fn entries_that_say_what_they_are_for_are_well_and_no_entries_are_nothing() {
        let bound = r#"--trusted-deployer={"user":"flux","slots":["mew"]}"#;
        let knows = r#"--trusted-deployer=[{"user":"ci","authenticatesPeople":true}]"#;
        let found = judge(&webhook(json!({"name": "w", "args": [bound, knows]})));
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(finding.level, Level::Ok, "{finding:?}");
        assert_eq!(judge(&webhook(json!({"name": "w"}))), []);
    }
}
