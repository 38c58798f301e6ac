//! What the tests of the running server share: certificates, a TLS client that shows its bytes, waiting.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

pub(crate) mod running;

/// Longer than anything here takes, shorter than anybody's patience.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const HOST: &str = "webhook.test";
pub(crate) const ALICE: &str = "alice@example.com";
/// The path below which the servers of the tests answer.
pub(crate) const PATH: &str = "/c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

/// Puts it where a server reads it.
pub(crate) fn write_path(dir: &Path) {
    std::fs::write(dir.join("path"), PATH.trim_start_matches('/')).unwrap();
}

/// A certificate that trusts itself.
pub(crate) struct Issued {
    pub(crate) cert: String,
    pub(crate) key: String,
}

pub(crate) fn issue() -> Issued {
    let issued = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    Issued { cert: issued.cert.pem(), key: issued.signing_key.serialize_pem() }
}

impl Issued {
    pub(crate) fn write(&self, dir: &Path) {
        std::fs::write(dir.join("tls.crt"), &self.cert).unwrap();
        std::fs::write(dir.join("tls.key"), &self.key).unwrap();
    }
    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()
    }
}

/// One connection to the webhook.
pub(crate) struct Client(StreamOwned<ClientConnection, TcpStream>);

impl Client {
    pub(crate) fn try_connect(address: SocketAddr, trusted: &Issued) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connection = ClientConnection::new(Arc::new(config), ServerName::try_from(HOST).unwrap()).unwrap();
        let tcp = TcpStream::connect(address)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(connection, tcp);
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(Self(stream))
    }

    pub(crate) fn connect(address: SocketAddr, trusted: &Issued) -> Self {
        Self::try_connect(address, trusted).unwrap()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
        self.0.flush().unwrap();
    }

    /// Sends what the server may refuse half-way.
    pub(crate) fn send_while_taken(&mut self, bytes: &[u8]) {
        let _cut_off = self.0.write_all(bytes).and_then(|()| self.0.flush());
    }

    /// The head of a review, below the secret path.
    pub(crate) fn head(&mut self, route: &str, length: usize) {
        self.send(head("POST", &format!("{PATH}{route}"), "application/json", length).as_bytes());
    }

    /// A review, below the secret path.
    pub(crate) fn post(&mut self, route: &str, body: &str) -> (u16, String) {
        self.head(route, body.len());
        self.send(body.as_bytes());
        self.answer()
    }

    /// The status and the body of the next answer.
    pub(crate) fn answer(&mut self) -> (u16, String) {
        let (head, body) = read_answer(&mut self.0).expect("an answer");
        (status(&head), body)
    }

    /// The head of the next answer, lower-cased, and its body; none if the connection ends.
    pub(crate) fn whole_answer(&mut self) -> Option<(String, String)> {
        read_answer(&mut self.0)
    }

    /// Sends a little more; false if the connection has ended.
    pub(crate) fn takes(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).and_then(|()| self.0.flush()).is_ok()
    }

    /// True if the other side ends the connection, in time.
    pub(crate) fn ends(&mut self) -> bool {
        // That the end is not announced by TLS does not matter here.
        self.0.read(&mut [0]).map_or_else(|e| e.kind() != std::io::ErrorKind::WouldBlock, |read| read == 0)
    }
}

pub(crate) fn head(method: &str, path: &str, content_type: &str, length: usize) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn read_answer(stream: &mut impl Read) -> Option<(String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).ok().filter(|read| *read == 1).is_none() {
            assert!(head.is_empty(), "the connection ended within {:?}", String::from_utf8_lossy(&head));
            return None;
        }
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    Some((head, String::from_utf8(body).unwrap()))
}

pub(crate) fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// One request without TLS.
pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut tcp = TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let (head, body) = read_answer(&mut tcp).unwrap();
    (status(&head), body)
}

/// Waits until a condition holds.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// A request to make a ConfigMap in `pikachu`.
pub(crate) fn review(username: &str) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
            "resource": {"group": "", "version": "v1", "resource": "configmaps"},
            "name": "web", "namespace": "pikachu", "operation": "CREATE",
            "userInfo": {"username": username}, "object": {"metadata": {"name": "web"}},
        }
    })
}

/// Whether an answer allows the request.
#[track_caller]
pub(crate) fn allowed(answer: &(u16, String)) -> bool {
    assert_eq!(answer.0, 200, "{answer:?}");
    let review: Value = serde_json::from_str(&answer.1).unwrap();
    assert_eq!(review["response"]["uid"], "u-1");
    review["response"]["allowed"].as_bool().unwrap()
}
