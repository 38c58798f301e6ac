//! Who acts: real identities of the test cluster, with kubectl and both helms.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempPath;

use crate::CommandOutput;

/// The checkout's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Where `tests/cluster/up` put programs and identities.
pub fn cluster_dir() -> PathBuf {
    root().join("target/cluster")
}

/// Which helm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Helm {
    V3,
    V4,
}

impl Helm {
    pub const BOTH: [Self; 2] = [Self::V3, Self::V4];

    fn program(self) -> &'static str {
        match self {
            Self::V3 => "helm3",
            Self::V4 => "helm",
        }
    }
}

/// Somebody with a kubeconfig.
#[derive(Debug, Clone)]
pub struct Person {
    pub name: &'static str,
    kubeconfig: PathBuf,
    env: Vec<(String, String)>,
    /// Where the kubeconfig is a test's own: it goes with its last user.
    _file: Option<Arc<TempPath>>,
}

fn person(file: &str, name: &'static str) -> Person {
    let kubeconfig = cluster_dir().join(format!("{file}.kubeconfig"));
    assert!(kubeconfig.exists(), "{} is missing: run `make install` first", kubeconfig.display());
    Person { name, kubeconfig, env: Vec::new(), _file: None }
}

/// system:masters.
pub fn admin() -> Person {
    person("admin", "admin")
}
pub fn alice() -> Person {
    person("alice", "alice@example.com")
}
pub fn bob() -> Person {
    person("bob", "bob@example.com")
}
pub fn carol() -> Person {
    person("carol", "carol@example.com")
}
/// CI: may impersonate the people.
pub fn ci() -> Person {
    person("ci", "ci@example.com")
}

impl Person {
    /// The user that the API server takes this token for.
    pub fn by_token(token: &str) -> Self {
        let mut config = admin().kubectl(&["config", "view", "--raw", "-o", "json"]).succeeded().json();
        config["users"][0]["user"] = json!({"token": token});
        let file = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        std::fs::write(&file, config.to_string()).unwrap();
        Self { name: "by token", kubeconfig: file.to_path_buf(), env: Vec::new(), _file: Some(Arc::new(file)) }
    }

    /// The same person with one more environment variable for every command.
    pub fn with_env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A command of the test cluster's `bin/` as this person.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(cluster_dir().join("bin").join(program));
        command.env("KUBECONFIG", &self.kubeconfig).envs(self.env.iter().map(|(k, v)| (k, v)));
        command
    }

    pub fn kubectl(&self, args: &[&str]) -> CommandOutput {
        self.kubectl_with(args, "")
    }

    /// kubectl with this standard input.
    pub fn kubectl_with(&self, args: &[&str], stdin: &str) -> CommandOutput {
        let mut command = self.command("kubectl");
        command.args(args);
        CommandOutput::run(command, stdin)
    }

    /// `kubectl apply` of a manifest in a namespace.
    pub fn apply(&self, namespace: &str, manifest: &str) -> CommandOutput {
        self.kubectl_with(&["-n", namespace, "apply", "-f", "-"], manifest)
    }

    /// What a person pastes into a shell.
    #[allow(clippy::disallowed_methods)] // a test's own edge
    pub fn shell(&self, line: &str) -> CommandOutput {
        let mut command = Command::new("bash");
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", cluster_dir().join("bin").display()));
        command.env("KUBECONFIG", &self.kubeconfig).args(["-o", "pipefail", "-c", line]);
        CommandOutput::run(command, "")
    }

    pub fn helm(&self, helm: Helm, args: &[&str]) -> CommandOutput {
        let mut command = self.command(helm.program());
        command.args(args);
        CommandOutput::run(command, "")
    }

    /// The `hotdesk` command of this checkout.
    pub fn hotdesk(&self, args: &[&str]) -> CommandOutput {
        let mut command = Command::new(root().join("target/debug/hotdesk"));
        command.env("KUBECONFIG", &self.kubeconfig).args(args);
        CommandOutput::run(command, "")
    }
}

/// The path of one of the tests' own charts.
pub fn chart(name: &str) -> String {
    root().join("tests/e2e/charts").join(name).to_string_lossy().into_owned()
}
