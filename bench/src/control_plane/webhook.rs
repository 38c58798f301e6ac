//! How is a webhook started beside the API server? As a process on loopback, with a certificate that the API server trusts.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use hotdesk_slots::webhook_path::{CURRENT, SecretPath};

use super::{ControlPlane, Person};
use crate::Bench;
use crate::programs::Program;

/// Longer than any of them takes, with as many Slots as there may be.
const START: Duration = Duration::from_mins(2);

/// A webhook that runs until this is dropped.
#[derive(Debug)]
pub struct Webhook {
    /// Its process.
    pub program: Program,
    /// Its address, to which a route such as `/mutate` is added: `https://127.0.0.1:26463`, and hotdesk's path.
    pub address: String,
    /// From its start until it was ready.
    pub ready: Duration,
}

/// Where a webhook listens.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// For reviews, over TLS.
    pub reviews: u16,
    /// For questions about its health.
    pub health: u16,
}

impl ControlPlane {
    /// Starts hotdesk's webhook with its defaults.
    ///
    /// # Errors
    /// If it is not built, or is not ready in time.
    pub fn start_hotdesk(&self, bench: &Bench, ports: Ports) -> anyhow::Result<Webhook> {
        self.start_hotdesk_by(bench, Command::new(bench.release("hotdesk-webhook")?), ports)
    }

    /// Starts it by a command that ends in its name, or in arguments of it.
    ///
    /// # Errors
    /// If it is not built, or is not ready in time.
    pub fn start_hotdesk_by(&self, bench: &Bench, mut command: Command, ports: Ports) -> anyhow::Result<Webhook> {
        let pair = self.certificate("hotdesk")?;
        command.arg("--tls-cert").arg(pair.cert).arg("--tls-key").arg(pair.key);
        // No secret: it opens a port on loopback that ends with the benchmark.
        let (path, dir) = (SecretPath::of(&[0x5e; 32]), self.dir().join("path"));
        std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        std::fs::write(dir.join(CURRENT), path.as_str()).with_context(|| dir.display().to_string())?;
        command.arg("--path-dir").arg(dir);
        let mut webhook = self.start_webhook(bench, "hotdesk-webhook", command, ports)?;
        webhook.address.push_str(&path.url(""));
        Ok(webhook)
    }

    /// Starts the reference webhook in Go.
    ///
    /// # Errors
    /// If it is not built, or is not ready in time.
    pub fn start_reference(&self, bench: &Bench, ports: Ports) -> anyhow::Result<Webhook> {
        let dir = self.dir().join("reference");
        std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        self.authority().server(&dir, "tls")?;
        let mut command = Command::new(bench.peer("reference")?);
        command.arg("--cert-dir").arg(dir);
        self.start_webhook(bench, "reference", command, ports)
    }

    fn start_webhook(&self, bench: &Bench, name: &str, mut command: Command, ports: Ports) -> anyhow::Result<Webhook> {
        command.arg(format!("--listen=127.0.0.1:{}", ports.reviews));
        command.arg(format!("--health-listen=127.0.0.1:{}", ports.health));
        self.as_person(Person::Admin, &mut command);
        let program = Program::start(bench, name, command)?;
        let ready = program.wait_until("ready", START, || is_ready(ports.health))?;
        Ok(Webhook { program, address: format!("https://127.0.0.1:{}", ports.reviews), ready })
    }
}

/// True if `/readyz` is answered with 200.
#[must_use]
pub fn is_ready(port: u16) -> bool {
    answer(port).is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
}

fn answer(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(START))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
