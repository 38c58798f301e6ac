//! A real cert-manager beside the test cluster: its controller, which needs no pod to do its work.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::{CommandOutput, admin, people, until};

/// Runs until it is dropped, and its kinds go with it.
#[derive(Debug)]
pub struct CertManager {
    controller: Child,
}

fn servers() -> PathBuf {
    people::root().join("target/servers")
}

fn kinds() -> String {
    servers().join("cert-manager-kinds").to_string_lossy().into_owned()
}

impl CertManager {
    /// Starts it; nothing where `tests/servers/get` has not built it.
    pub fn start() -> Option<Self> {
        let program = servers().join("cert-manager");
        if !program.exists() {
            return None;
        }
        admin().kubectl(&["apply", "--server-side", "-f", &kinds()]).succeeded();
        admin().kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &kinds()]).succeeded();
        let mut command = Command::new(program);
        command.arg("--kubeconfig").arg(admin().kubeconfig()).args([
            "--leader-elect=false",
            "--cluster-resource-namespace=hotdesk",
            "--controllers=*,-challenges,-orders,-ingress-shim,-gateway-shim",
            "--metrics-listen-address=127.0.0.1:26453",
        ]);
        let controller = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Some(Self { controller: controller.unwrap() })
    }

    /// Has it issue the certificate of hotdesk by a CA of another key.
    pub fn replace_ca(&self) {
        let of = |name: &str, key: &str| -> String {
            let path = format!("jsonpath={{.data.{}}}", key.replace('.', "\\."));
            admin().kubectl(&["-n", "hotdesk", "get", "secret", name, "-o", &path, "--ignore-not-found"]).stdout
        };
        let renewed = |name: &str, key: &str| {
            let before = of(name, key);
            assert!(!before.is_empty(), "{name} is not issued");
            admin().kubectl(&["-n", "hotdesk", "delete", "secret", name]).succeeded();
            until("cert-manager to issue it again", Duration::from_secs(90), || {
                let now = of(name, key);
                if now.is_empty() || now == before { Err(format!("{name} is not issued yet")) } else { Ok(()) }
            });
        };
        renewed("hotdesk-cert-manager-ca", "tls.crt");
        renewed("hotdesk-cert-manager", "ca.crt");
    }
}

impl Drop for CertManager {
    fn drop(&mut self) {
        let _gone = self.controller.kill();
        let _ended = self.controller.wait();
        let _removed: CommandOutput = admin().kubectl(&["delete", "--ignore-not-found", "-f", &kinds()]);
    }
}
