//! What does hotdesk add to helm's commands as people and CI run them: with `--wait`, where controllers work and pods start?
//!
//! On the test cluster, with hotdesk as its tests install it. Alice has the same role in both namespaces, and one of them is a slot.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

use super::sixty;
use crate::Bench;
use crate::control_plane::Person;
use crate::programs::{output, pause};
use crate::results::Results;
use crate::stats::rotated;

/// How many Deployments have a pod. Few: what a pod takes to start hides what hotdesk takes.
const PODS: usize = 3;
/// Longer than a node takes to end a few pods, or a namespace to go.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the chart is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    /// In a namespace that nobody looks at.
    None,
    /// In a slot of Alice's.
    Hotdesk,
}

/// The test cluster, with a namespace for each variant, which go when this is dropped.
struct Cluster<'a> {
    bench: &'a Bench,
    /// Of clients' own files, so that the user's are left alone.
    home: TempDir,
    image: String,
}

impl Variant {
    const ALL: [Self; 2] = [Self::None, Self::Hotdesk];

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hotdesk => "hotdesk",
        }
    }

    fn namespace(self) -> &'static str {
        match self {
            Self::None => "bench-none",
            Self::Hotdesk => "bench-hotdesk",
        }
    }
}

/// Measures it.
///
/// # Errors
/// If the test cluster is not there, helm fails, or hotdesk does not do what it is there for.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let cluster = Cluster::find(bench)?;
    cluster.set_up()?;
    let mut results = bench.results("helm-wait");
    results.note(format!(
        "The same chart with --wait, on the test cluster: controllers, a kubelet, and {PODS} pods that an upgrade replaces. They start in a \
         moment, for their image is there and nothing probes them. Both namespaces are on the same node, and Alice has the same role \
         in both."
    ));
    // helm's first run writes caches.
    let mut unused = bench.results("helm-wait");
    cluster.round(0, &mut unused)?;
    for round in 0..bench.rounds {
        bench.say(&format!("round {} of {}", round + 1, bench.rounds));
        cluster.round(round, &mut results)?;
    }
    results.save(&bench.out)
}

impl<'a> Cluster<'a> {
    fn find(bench: &'a Bench) -> anyhow::Result<Self> {
        let images = bench.root.join("target/cluster/images.env");
        let needed =
            "this section needs the test cluster: start tests/cluster/up, tests/cluster/images and tests/install";
        let text = std::fs::read_to_string(images).context(needed)?;
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).context(needed);
        let image = format!("{}/app:{}", value("HOTDESK_TEST_IMAGE_PREFIX")?, value("HOTDESK_TEST_IMAGE_TAG")?);
        let home = TempDir::with_prefix("hotdesk-bench-").context("no directory for helm's own files")?;
        Ok(Self { bench, home, image })
    }

    /// Makes both namespaces, and waits until the slot is one.
    fn set_up(&self) -> anyhow::Result<()> {
        let [none, slot] = Variant::ALL.map(Variant::namespace);
        self.admin(&["delete", "namespace", none, slot, "--ignore-not-found", "--timeout=2m"])?;
        self.admin(&["create", "namespace", none])?;
        self.make_slot(slot)?;
        for namespace in [none, slot] {
            let role = ["create", "rolebinding", "bench", "--clusterrole=admin", "--group=developers"];
            self.admin(&[&role[..], &["--namespace", namespace]].concat())?;
        }
        let claim = format!(r#"{{"spec":{{"claim":{{"users":["{}"],"purpose":"benchmark"}}}}}}"#, Person::Alice.name());
        self.admin(&["patch", "slot", "slot", "--namespace", slot, "--type=merge", "--patch", &claim])?;
        for (person, says) in [("alice", "created"), ("bob", "denied the request")] {
            until(&format!("{person}'s write into {slot} to end with: {says}"), || {
                let probe = ["create", "configmap", "probe", "--dry-run=server", "--namespace", slot];
                let said = self.kubectl(person, &probe).unwrap_or_else(|error| error.to_string());
                Ok((said.contains(says), said))
            })?;
        }
        Ok(())
    }

    /// Without the job that clears it, and without rules for pods that the other namespace does not have.
    fn make_slot(&self, slot: &str) -> anyhow::Result<()> {
        let mut helm = self.command("helm", "admin")?;
        helm.args(["template", "slots", "--namespace=hotdesk", "--set=reaper.enabled=false"]);
        helm.arg("--set=namespaces.podSecurity.enforce=").arg(format!("--set=slots[0].name={slot}"));
        let text = output(helm.arg(self.bench.root.join("charts/slots")))?;
        let path = self.home.path().join("slot.yaml");
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        self.admin(&["apply", "-f", &path.to_string_lossy()]).map(drop)
    }

    fn round(&self, round: usize, results: &mut Results) -> anyhow::Result<()> {
        for (program, shown) in sixty::HELMS {
            rotated(&Variant::ALL, round).try_for_each(|variant| self.once(program, shown, *variant, results))?;
        }
        Ok(())
    }

    fn once(&self, program: &str, shown: &str, variant: Variant, results: &mut Results) -> anyhow::Result<()> {
        let namespace = variant.namespace();
        for verb in sixty::VERBS {
            let mut helm = self.command(program, "alice")?;
            sixty::tell(&mut helm, self.bench, verb, namespace);
            helm.args(["--wait", "--timeout=2m"]);
            if verb != "uninstall" {
                helm.arg(format!("--set=image={},replicas=1,running={PODS}", self.image));
            }
            let began = Instant::now();
            output(&mut helm).with_context(|| format!("{shown} {verb} {namespace}"))?;
            let seconds = began.elapsed().as_secs_f64();
            results.add(&format!("{shown} {verb} --wait"), variant.name(), "seconds", seconds);
            sixty::check(verb, namespace, variant == Variant::Hotdesk, |arguments| self.admin(arguments))?;
            self.settle(namespace, if verb == "uninstall" { 0 } else { PODS })?;
        }
        Ok(())
    }

    /// helm is back before the last pods of what was there are gone. They are not to burden the next.
    fn settle(&self, namespace: &str, pods: usize) -> anyhow::Result<()> {
        until(&format!("{pods} pods in {namespace}"), || {
            let found = self.admin(&["get", "pods", "--namespace", namespace, "--output=name"])?;
            Ok((found.lines().count() == pods, found))
        })
    }

    fn admin(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.kubectl("admin", arguments)
    }

    fn kubectl(&self, person: &str, arguments: &[&str]) -> anyhow::Result<String> {
        output(self.command("kubectl", person)?.args(arguments))
    }

    fn command(&self, program: &str, person: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(self.bench.cluster_program(program)?);
        let config: PathBuf = self.bench.root.join(format!("target/cluster/{person}.kubeconfig"));
        command.env("KUBECONFIG", config).env("HOME", self.home.path());
        for variable in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env_remove(variable);
        }
        Ok(command)
    }
}

impl Drop for Cluster<'_> {
    fn drop(&mut self) {
        let [none, slot] = Variant::ALL.map(Variant::namespace);
        let Ok(mut kubectl) = self.command("kubectl", "admin") else { return };
        kubectl.args(["delete", "namespace", none, slot, "--ignore-not-found", "--wait=false"]);
        // Also when the run is asked to stop. What it leaves, the next one removes.
        let _removed = kubectl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// Waits for a condition, which also says how things are.
fn until(what: &str, mut met: impl FnMut() -> anyhow::Result<(bool, String)>) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let (met, how) = met()?;
        if met {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            bail!("waited {PATIENCE:?} for {what}, and it is: {how}");
        }
        ensure!(!crate::programs::stopped(), "asked to stop");
        pause(PAUSE);
    }
}
