//! What is installed, and is all of it there? A chart of sixty objects, by the helms that people have.

use std::process::Command;

use anyhow::ensure;

use crate::Bench;

/// A program of the test cluster, and what a table calls it.
pub(super) const HELMS: [(&str, &str); 2] = [("helm", "helm 4"), ("helm3", "helm 3")];
/// What is measured, in this order.
pub(super) const VERBS: [&str; 3] = ["install", "upgrade", "uninstall"];
/// How many objects the chart has.
const OBJECTS: usize = 60;
/// All kinds of objects that the chart has.
const KINDS: &str = "configmaps,cronjobs,deployments,ingresses,rolebindings,roles,secrets,serviceaccounts,services";
const RELEASE: &str = "web";
/// What all objects of the release are found by, and nothing else.
const OURS: &str = "app.kubernetes.io/instance=web";

/// Tells helm what to do there. An upgrade changes every object.
pub(super) fn tell(helm: &mut Command, bench: &Bench, verb: &str, namespace: &str) {
    helm.args([verb, RELEASE, "--namespace", namespace]);
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_NAMESPACE", "HELM_DRIVER"] {
        helm.env_remove(variable);
    }
    let chart = bench.root.join("bench/charts/sixty");
    match verb {
        "install" => helm.arg(chart),
        "upgrade" => helm.arg(chart).arg("--set-string=revision=2"),
        _ => helm,
    };
}

/// All objects are there after an install, stamped where they should be, and gone after an uninstall.
///
/// # Errors
/// If it is otherwise.
pub(super) fn check(
    verb: &str,
    namespace: &str,
    stamped: bool,
    kubectl: impl Fn(&[&str]) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let count = |selector: &str| -> anyhow::Result<usize> {
        let arguments = ["get", KINDS, "--namespace", namespace, "--output=name", "--selector", selector];
        Ok(kubectl(&arguments)?.lines().count())
    };
    let found = (count(OURS)?, count(&format!("{OURS},hotdesk.dev/owner"))?);
    let there = if verb == "uninstall" { 0 } else { OBJECTS };
    let expected = (there, if stamped { there } else { 0 });
    ensure!(found == expected, "{namespace}: after {verb}, {} objects, {} of them stamped", found.0, found.1);
    Ok(())
}
