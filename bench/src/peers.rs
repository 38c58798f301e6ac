//! How is Kyverno started with hotdesk's two rules? Out of the cluster, as a process beside the API server.
//!
//! What the peers are, and which rules each enforces, is in `peers/README.md`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::Bench;
use crate::control_plane::webhook::{Ports, Webhook};
use crate::control_plane::{ControlPlane, Person};
use crate::programs::Program;
use crate::reviews::Question;

/// It makes its certificates, fills its caches and registers its webhooks first.
const START: Duration = Duration::from_mins(2);

/// What the install manifest tells the pod by its environment.
const ENVIRONMENT: [(&str, &str); 8] = [
    ("KYVERNO_NAMESPACE", "kyverno"),
    ("KYVERNO_SERVICEACCOUNT_NAME", "kyverno-admission-controller"),
    ("KYVERNO_ROLE_NAME", "kyverno:admission-controller"),
    ("KYVERNO_DEPLOYMENT", "kyverno-admission-controller"),
    ("KYVERNO_POD_NAME", "kyverno-bench"),
    ("KYVERNO_SVC", "kyverno-svc"),
    ("INIT_CONFIG", "kyverno"),
    ("METRICS_CONFIG", "kyverno-metrics"),
];

/// As in the install manifest, but for reports and events: each review would write one to the API server.
const SETTINGS: [&str; 13] = [
    "--caSecretName=kyverno-svc.kyverno.svc.kyverno-tls-ca",
    "--tlsSecretName=kyverno-svc.kyverno.svc.kyverno-tls-pair",
    "--backgroundServiceAccountName=system:serviceaccount:kyverno:kyverno-background-controller",
    "--reportsServiceAccountName=system:serviceaccount:kyverno:kyverno-reports-controller",
    "--resyncPeriod=15m",
    "--loggingFormat=text",
    "--v=2",
    "--admissionReports=false",
    "--omitEvents=PolicyApplied,PolicySkipped,PolicyViolation,PolicyError",
    "--enablePolicyException=false",
    // On loopback only, and not on the ports of other servers.
    "--webhookServerHost=127.0.0.1",
    "--metricsHost=127.0.0.1",
    "--controllerRuntimeMetricsAddress=0",
];

/// In which form Kyverno has the two rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `ValidatingPolicy` and `MutatingPolicy`, in CEL.
    Cel,
    /// `ClusterPolicy`, in JMESPath.
    ClusterPolicy,
}

/// Installs Kyverno with the two rules, in each of these forms for the namespace beside it, and starts it. It registers itself,
/// for those namespaces only.
///
/// The namespaces' Slots must be there. A policy of hotdesk's own for them comes after this, if at all: what is
/// waited for is that Kyverno itself denies Bob and stamps what Alice creates.
///
/// # Errors
/// If it is not built, or its rules are not in force in time.
pub fn start_kyverno(
    bench: &Bench,
    plane: &ControlPlane,
    rules: &[(Form, &str)],
    ports: Ports,
) -> anyhow::Result<Webhook> {
    install(bench, plane)?;
    for (form, namespace) in rules {
        plane.apply(&[json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})])?;
        add_policies(bench, plane, *form, namespace)?;
    }
    let listen = format!("127.0.0.1:{}", ports.reviews);
    let mut command = Command::new(bench.peer("kyverno")?);
    command.args(SETTINGS).envs(ENVIRONMENT);
    command.arg(format!("--kubeconfig={}", plane.kubeconfig(Person::Admin).display()));
    command.arg(format!("--serverIP={listen}")).arg(format!("--webhookServerPort={}", ports.reviews));
    command.arg(format!("--metricsPort={}", ports.health));
    plane.as_person(Person::Admin, &mut command);
    let program = Program::start(bench, "kyverno", command)?;
    let all = || rules.iter().all(|(form, namespace)| is_in_force(plane, *form, namespace));
    let ready = program.wait_until("enforcing the rules", START, all)?;
    Ok(Webhook { program, address: format!("https://{listen}"), ready })
}

/// Where Kyverno is asked this question: each policy has a path of its own.
#[must_use]
pub fn kyverno_path(form: Form, question: Question) -> &'static str {
    match (form, question) {
        (Form::Cel, Question::Gate | Question::Deny) => "/vpol/hotdesk-gate",
        (Form::Cel, Question::Stamp) => "/mpol/hotdesk-stamp",
        (Form::ClusterPolicy, Question::Gate | Question::Deny) => "/validate/fail/finegrained/hotdesk-gate-classic",
        (Form::ClusterPolicy, Question::Stamp) => "/mutate/fail/finegrained/hotdesk-stamp-classic",
    }
}

/// What Kyverno says by the gate in this form.
#[must_use]
pub fn kyverno_denial(form: Form) -> &'static str {
    match form {
        Form::Cel => "Policy hotdesk-gate failed",
        Form::ClusterPolicy => "hotdesk-gate-classic",
    }
}

/// Everything of Kyverno's own manifest. Its Deployments stay as they are: nothing here starts pods.
fn install(bench: &Bench, plane: &ControlPlane) -> anyhow::Result<()> {
    apply(plane, &bench.peer("kyverno.yaml")?)?;
    plane.kubectl(Person::Admin, &["wait", "--for=condition=Established", "--timeout=60s", "--all", "crd"]).map(drop)
}

fn add_policies(bench: &Bench, plane: &ControlPlane, form: Form, namespace: &str) -> anyhow::Result<()> {
    let name = match form {
        Form::Cel => "policies.yaml",
        Form::ClusterPolicy => "cluster-policies.yaml",
    };
    let source = bench.root.join("bench/peers/kyverno").join(name);
    let policies = std::fs::read_to_string(&source).with_context(|| source.display().to_string())?;
    let file = plane.dir().join(name);
    std::fs::write(&file, policies.replace("NAMESPACE", namespace)).with_context(|| file.display().to_string())?;
    apply(plane, &file)
}

fn apply(plane: &ControlPlane, file: &Path) -> anyhow::Result<()> {
    plane.kubectl(Person::Admin, &["apply", "--server-side", "-f", &file.to_string_lossy()]).map(drop)
}

fn is_in_force(plane: &ControlPlane, form: Form, namespace: &str) -> bool {
    let create = |person| {
        let namespace = format!("--namespace={namespace}");
        plane.kubectl(person, &["create", "configmap", "probe", &namespace, "--dry-run=server", "--output=json"])
    };
    let is_stamped = |written: String| {
        let object: Value = serde_json::from_str(&written).unwrap_or_default();
        object.pointer("/metadata/labels/hotdesk.dev~1owner").is_some()
    };
    create(Person::Bob).is_err_and(|e| e.to_string().contains(kyverno_denial(form)))
        && create(Person::Alice).is_ok_and(is_stamped)
}
