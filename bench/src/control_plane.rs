//! Against which API server is measured? One of its own on loopback: etcd and kube-apiserver, and nothing else.
//!
//! No controllers: nothing but the benchmark writes, and what it deletes is gone at once. No kubelet, so nothing that
//! is created runs. A request with a token comes from the user that the token names.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Bench;
use crate::pki::{Authority, Pair};
use crate::programs::{Program, output};

pub mod chart;
pub mod slots;
pub mod webhook;

/// Below the kernel's range for outgoing connections, and none of the test cluster's.
const API: u16 = 26460;
const ETCD: u16 = 26461;
const ETCD_PEER: u16 = 26462;

/// The first port that is free for a section's own servers; those up to 26499 are.
pub const FIRST_FREE_PORT: u16 = 26463;

/// Where one API server and its database listen.
#[derive(Debug, Clone, Copy)]
struct Ports {
    api: u16,
    etcd: u16,
    peer: u16,
}

impl Ports {
    /// Those of the n-th beside each other leave seven free ports before the next.
    fn of(number: u16) -> Self {
        let shift = 10 * number;
        Self { api: API + shift, etcd: ETCD + shift, peer: ETCD_PEER + shift }
    }
}

/// Longer than a slow start, and short enough to notice one that never comes.
const START: Duration = Duration::from_mins(1);

/// A new registration reaches the API server's own copy within a second or two.
const EFFECT: Duration = Duration::from_secs(30);

/// Who can come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    /// Sets everything up: in the group `system:masters`.
    Admin,
    /// Holds every slot of the benchmarks.
    Alice,
    /// May do in Kubernetes what Alice may, and holds no slot.
    Bob,
}

/// Whether an object's namespace must exist, and a pod's service account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespaces {
    /// As in any cluster.
    MustExist,
    /// So that a hundred thousand Slots do not need as many namespaces.
    NeedNotExist,
}

/// A running API server. It ends, and its data goes, when this is dropped.
#[derive(Debug)]
pub struct ControlPlane {
    // The API server before etcd: an API server that loses its database ends slowly.
    api: Program,
    _etcd: Program,
    authority: Authority,
    kubectl: PathBuf,
    dir: TempDir,
    number: u16,
}

impl Person {
    /// The name by which the API server knows them.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Alice => "alice@example.com",
            Self::Bob => "bob@example.com",
        }
    }

    /// What they show. No secret: it opens an API server on loopback that ends with the benchmark.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::Admin => "admin-token",
            Self::Alice => "alice-token",
            Self::Bob => "bob-token",
        }
    }

    fn group(self) -> &'static str {
        match self {
            Self::Admin => "system:masters",
            Self::Alice | Self::Bob => "developers",
        }
    }
}

impl ControlPlane {
    /// Starts it, and waits until it is ready and its people have their rights.
    ///
    /// # Errors
    /// If a program is not built, a port is taken, or it is not ready in time.
    pub fn start(bench: &Bench, namespaces: Namespaces) -> anyhow::Result<Self> {
        Self::start_beside(bench, namespaces, 0)
    }

    /// Starts the n-th of several, from 0 to 3.
    ///
    /// # Errors
    /// If a program is not built, a port is taken, or it is not ready in time.
    pub fn start_beside(bench: &Bench, namespaces: Namespaces, number: u16) -> anyhow::Result<Self> {
        let ports = Ports::of(number);
        let dir = TempDir::with_prefix("hotdesk-bench-").context("no directory for the API server's data")?;
        let authority = Authority::new()?;
        let etcd = start_etcd(bench, dir.path(), ports)?;
        etcd.wait_until("ready", START, || std::net::TcpStream::connect(("127.0.0.1", ports.etcd)).is_ok())?;
        let api = start_api(bench, dir.path(), &authority, namespaces, ports)?;
        let kubectl = bench.cluster_program("kubectl")?;
        let plane = Self { api, _etcd: etcd, authority, kubectl, dir, number };
        for person in [Person::Admin, Person::Alice, Person::Bob] {
            plane.write_kubeconfig(person)?;
        }
        let mut ready = plane.kubectl_command(Person::Admin, &["get", "--raw", "/readyz"]);
        plane.api.wait_until("ready", START, || output(&mut ready).is_ok())?;
        plane.apply(&developers())?;
        Ok(plane)
    }

    /// Its address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", Ports::of(self.number).api)
    }

    /// The first port of its own that is free for a webhook.
    #[must_use]
    pub fn first_free_port(&self) -> u16 {
        FIRST_FREE_PORT + 10 * self.number
    }

    /// The authority that signed its certificate, and signs those of webhooks.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// A directory that goes with it.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The API server's own process.
    #[must_use]
    pub fn process(&self) -> &Program {
        &self.api
    }

    /// A certificate for a server on loopback.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn certificate(&self, name: &str) -> anyhow::Result<Pair> {
        self.authority.server(self.dir.path(), name)
    }

    /// The file with which clients of this person start.
    #[must_use]
    pub fn kubeconfig(&self, person: Person) -> PathBuf {
        self.dir.path().join(format!("{}.kubeconfig", person.token()))
    }

    /// What kubectl prints.
    ///
    /// # Errors
    /// With kubectl's own words if it fails.
    pub fn kubectl(&self, person: Person, arguments: &[&str]) -> anyhow::Result<String> {
        output(&mut self.kubectl_command(person, arguments))
    }

    /// Writes a manifest to a file for `kubectl -f`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn manifest(&self, name: &str, objects: &Value) -> anyhow::Result<PathBuf> {
        let path = self.dir.path().join(format!("{name}.json"));
        std::fs::write(&path, objects.to_string()).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    /// Creates or changes these objects, as administrator.
    ///
    /// # Errors
    /// With kubectl's own words if one is refused.
    pub fn apply(&self, objects: &[Value]) -> anyhow::Result<()> {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let path = self.manifest("apply", &list)?;
        let path = path.to_string_lossy();
        self.kubectl(Person::Admin, &["apply", "--server-side", "-f", &path]).map(drop)
    }

    /// Waits until Bob's write into this namespace is denied in these words: until what was registered is in force.
    ///
    /// # Errors
    /// With what happens instead, if it does not come to that.
    pub fn wait_until_denied(&self, namespace: &str, words: &str) -> anyhow::Result<()> {
        // With marks, for a constant patch may add to those that are there.
        let mark = json!({"app": "probe"});
        let metadata = json!({"name": "probe", "namespace": namespace, "labels": mark, "annotations": mark});
        let probe = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        let path = self.manifest("probe", &probe)?;
        let mut said = String::new();
        let denied = self.api.wait_until("told of the webhook", EFFECT, || {
            let arguments = ["create", "--dry-run=server", "-f", &path.to_string_lossy()];
            said = self.kubectl(Person::Bob, &arguments).unwrap_or_else(|error| error.to_string());
            said.contains(words)
        });
        denied.map(drop).with_context(|| format!("a stranger's write ended with: {said}"))
    }

    /// The environment in which clients of this person run: nothing of the user's own.
    pub fn as_person<'a>(&self, person: Person, command: &'a mut Command) -> &'a mut Command {
        // Clients cache what the API server offers under their home; another run's is not this one's.
        command
            .env("KUBECONFIG", self.kubeconfig(person))
            .env("HOME", self.dir.path())
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .env("NO_PROXY", "127.0.0.1")
            .env("no_proxy", "127.0.0.1")
    }

    fn kubectl_command(&self, person: Person, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        self.as_person(person, command.args(arguments));
        command
    }

    fn write_kubeconfig(&self, person: Person) -> anyhow::Result<()> {
        let ca = self.dir.path().join("ca.crt");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "bench",
            "clusters": [{"name": "bench", "cluster": {"server": self.url(), "certificate-authority": ca}}],
            "users": [{"name": person.name(), "user": {"token": person.token()}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": person.name()}}],
        });
        let path = self.kubeconfig(person);
        std::fs::write(&path, config.to_string()).with_context(|| path.display().to_string())
    }
}

fn start_etcd(bench: &Bench, dir: &Path, ports: Ports) -> anyhow::Result<Program> {
    let (clients, peers) = (format!("http://127.0.0.1:{}", ports.etcd), format!("http://127.0.0.1:{}", ports.peer));
    let mut command = Command::new(bench.cluster_program("etcd")?);
    // The data is thrown away, so nothing needs to reach the disk.
    command.args(["--name=bench", "--unsafe-no-fsync", "--log-level=warn", "--snapshot-count=100000"]);
    // Room for a hundred thousand Slots, and for as many changes of them.
    command.arg(format!("--quota-backend-bytes={}", 8_u64 << 30));
    command.arg(format!("--data-dir={}", dir.join("etcd").display()));
    command.args([format!("--listen-client-urls={clients}"), format!("--advertise-client-urls={clients}")]);
    command.args([format!("--listen-peer-urls={peers}"), format!("--initial-advertise-peer-urls={peers}")]);
    command.arg(format!("--initial-cluster=bench={peers}"));
    Program::start(bench, "etcd", command)
}

fn start_api(
    bench: &Bench,
    dir: &Path,
    authority: &Authority,
    namespaces: Namespaces,
    ports: Ports,
) -> anyhow::Result<Program> {
    let write = |name: &str, text: String| {
        let path = dir.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string()).map(|()| path)
    };
    write("ca.crt", authority.pem())?;
    let tokens = write("tokens.csv", tokens())?;
    let pair = authority.server(dir, "kube-apiserver")?;
    let accounts = authority.server(dir, "service-accounts")?;
    let mut command = Command::new(bench.cluster_program("kube-apiserver")?);
    command
        .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
        .arg(format!("--secure-port={}", ports.api));
    command.arg(format!("--tls-cert-file={}", pair.cert.display()));
    command.arg(format!("--tls-private-key-file={}", pair.key.display()));
    command.arg(format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd));
    command.arg(format!("--token-auth-file={}", tokens.display()));
    command.args(["--authorization-mode=RBAC", "--service-cluster-ip-range=10.213.112.0/24"]);
    command.arg("--service-account-issuer=https://kubernetes.default.svc");
    command.arg(format!("--service-account-key-file={}", accounts.cert.display()));
    command.arg(format!("--service-account-signing-key-file={}", accounts.key.display()));
    // Nobody reaches it at the address of a Service.
    command.arg("--endpoint-reconciler-type=none");
    // Fair queues would hold back one person's sixteen connections, and their waits would be measured.
    command.arg("--enable-priority-and-fairness=false");
    if namespaces == Namespaces::NeedNotExist {
        command.arg("--disable-admission-plugins=NamespaceLifecycle,ServiceAccount");
    }
    Program::start(bench, "kube-apiserver", command)
}

/// Token, name, uid, groups.
fn tokens() -> String {
    let line = |person: Person| format!("{},{},{1},{}\n", person.token(), person.name(), person.group());
    [Person::Admin, Person::Alice, Person::Bob].map(line).concat()
}

/// What Alice and Bob may do: everything, as far as Kubernetes is asked. Its role `edit` is put together by a controller.
fn developers() -> [Value; 2] {
    let (version, group) = ("rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io");
    [
        json!({
            "apiVersion": version, "kind": "ClusterRole", "metadata": {"name": "bench-developers"},
            "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
        }),
        json!({
            "apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": "bench-developers"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "bench-developers"},
            "subjects": [{"apiGroup": group, "kind": "Group", "name": Person::Alice.group()}],
        }),
    ]
}
