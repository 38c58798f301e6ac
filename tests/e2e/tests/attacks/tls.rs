//! The webhook's port, as anything reaches it that is in the cluster: without a credential, and without trust.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hotdesk_e2e::admin;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned};

const PATIENCE: Duration = Duration::from_secs(20);

/// A way to a pod of the webhook that works in any cluster; it ends with the row.
pub struct Port {
    child: Child,
    address: String,
}

impl Port {
    pub fn open() -> Self {
        let mut command = admin().command("kubectl");
        command.args(["-n", "hotdesk", "port-forward", "service/hotdesk-webhook", ":443"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_whitespace().find(|word| word.starts_with("127.0.0.1:"));
        let address = address.unwrap_or_else(|| panic!("kubectl port-forward: {line}")).to_owned();
        Self { child, address }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What is answered to these bytes, over TLS.
    pub fn say(&self, bytes: &[u8]) -> String {
        over_tls(self.connect(), bytes)
    }

    /// A request with this body, and headers besides the usual.
    pub fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Said {
        Said(self.say(&request(method, path, headers, body)))
    }

    /// A review.
    pub fn post(&self, path: &str, body: &[u8]) -> Said {
        self.request("POST", path, AS_JSON, body)
    }
}

const AS_JSON: &str = "Content-Type: application/json\r\n";

fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let usual = "Host: hotdesk-webhook.hotdesk.svc\r\nConnection: close\r\n";
    let head = format!("{method} {path} HTTP/1.1\r\n{usual}Content-Length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Whatever certificate is shown will do.
fn over_tls(stream: impl Read + Write, bytes: &[u8]) -> String {
    let name = ServerName::try_from("hotdesk-webhook.hotdesk.svc").unwrap();
    let connection = ClientConnection::new(Arc::new(trusting()), name).unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    // The server may answer and close before it has read everything.
    let _perhaps_cut_off = stream.write_all(bytes).and_then(|()| stream.flush());
    let mut answer = Vec::new();
    let _perhaps_cut_off = read_answer(&mut stream, &mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A review from within a pod, whose `nc` passes the bytes on.
pub fn post_from_pod(namespace: &str, pod: &str, address: &str, path: &str, body: &[u8]) -> Said {
    let mut command = admin().command("kubectl");
    command.args(["-n", namespace, "exec", "-i", pod, "--", "timeout", "20", "nc", address, "443"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let piped = Piped(child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let said = over_tls(piped, &request("POST", path, AS_JSON, body));
    drop(child.kill());
    drop(child.wait());
    Said(said)
}

struct Piped(ChildStdin, ChildStdout);

impl Read for Piped {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1.read(buffer)
    }
}

impl Write for Piped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Until the other side closes, or has sent as much as it announced.
fn read_answer(stream: &mut impl Read, answer: &mut Vec<u8>) -> std::io::Result<()> {
    let mut piece = [0; 8192];
    loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        answer.extend(&piece[..read]);
        let text = String::from_utf8_lossy(answer).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
            if length.is_some_and(|length| body.len() >= length) {
                return Ok(());
            }
        }
    }
}

/// An answer as it came.
#[derive(Debug)]
pub struct Said(pub String);

impl Said {
    pub fn code(&self) -> u16 {
        self.0.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
    }

    /// True for a review's answer that lets something in.
    pub fn admits(&self) -> bool {
        self.code() == 200 && self.0.contains("\"allowed\":true")
    }
}

/// A request without TLS, as to `kubectl proxy`.
pub fn plain_get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _perhaps_cut_off = read_answer(&mut stream, &mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The first message of a handshake, in a version and with suites that rustls itself would never offer.
pub fn client_hello(version: [u8; 2], suites: &[u16]) -> Vec<u8> {
    // P-256 and X25519; ECDSA and RSA with SHA-256 and SHA-1; uncompressed points.
    let extensions: [(u16, &[u8]); 3] =
        [(10, &[0, 4, 0, 23, 0, 29]), (13, &[0, 8, 4, 3, 4, 1, 2, 3, 2, 1]), (11, &[1, 0])];
    let mut sent = Vec::new();
    for (kind, data) in extensions {
        sent.extend(kind.to_be_bytes());
        sent.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        sent.extend(data);
    }
    let mut hello = version.to_vec();
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend(u16::try_from(suites.len() * 2).unwrap().to_be_bytes());
    suites.iter().for_each(|suite| hello.extend(suite.to_be_bytes()));
    hello.extend([1, 0]);
    hello.extend(u16::try_from(sent.len()).unwrap().to_be_bytes());
    hello.extend(sent);
    let length = u16::try_from(hello.len()).unwrap();
    let handshake = [&[1, 0][..], &length.to_be_bytes(), &hello].concat();
    let length = u16::try_from(handshake.len()).unwrap();
    [&[22, 3, 1][..], &length.to_be_bytes(), &handshake].concat()
}

/// The first byte of what comes back: 22 is a handshake, 21 an alert; nothing is a closed connection.
pub fn first_byte(port: &Port, hello: &[u8]) -> Option<u8> {
    let mut stream = port.connect();
    stream.write_all(hello).unwrap();
    let mut byte = [0];
    stream.read(&mut byte).ok().filter(|read| *read == 1).map(|_| byte[0])
}

fn trusting() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    versions.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate)).with_no_client_auth()
}

#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
