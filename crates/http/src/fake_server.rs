//! A server for tests, on loopback: real HTTP, and faults on demand.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "it is part of tests, which fail by a panic"
)]

pub mod google;
pub mod sheets;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    /// With the query, still percent-encoded.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Reply {
    Json(u16, serde_json::Value),
    Headed(u16, Vec<(&'static str, String)>, serde_json::Value),
    /// As it is.
    Text(u16, String),
    /// Half of the body, and then the connection ends.
    Truncated(serde_json::Value),
    /// Half of the body, as if it were all of it.
    Half(serde_json::Value),
    /// Never.
    Silence,
}

/// Serves until the runtime ends; returns `http://127.0.0.1:PORT`.
pub async fn serve(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(serve_on(listener, answer));
    address
}

/// Serves on this listener, until the task is aborted: then connections are refused.
pub fn serve_on(listener: TcpListener, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> JoinHandle<()> {
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let _the_client_may_go = converse(stream, answer.as_ref()).await;
            });
        }
    })
}

/// Serves over TLS until the runtime ends, with this certificate and its PKCS#8 key; returns `127.0.0.1:PORT`.
pub async fn serve_tls(
    certificate: Vec<u8>,
    key: Vec<u8>,
    answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(ring).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::Pkcs8(key.into());
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.into()], key).unwrap();
    let (acceptor, answer) = (TlsAcceptor::from(Arc::new(config)), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await?;
                converse(stream, answer.as_ref()).await
            });
        }
    });
    address
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &(impl Fn(&Request) -> Reply + Sync),
) -> std::io::Result<()> {
    let request = read(&mut stream).await?;
    let (status, headers, body, length) = match answer(&request) {
        Reply::Silence => return std::future::pending().await,
        Reply::Json(status, body) => whole(status, vec![], &body),
        Reply::Headed(status, headers, body) => whole(status, headers, &body),
        Reply::Text(status, body) => (status, vec![], body.clone(), body.len()),
        Reply::Truncated(body) => {
            let body = body.to_string();
            (200, vec![], body[..body.len() / 2].to_owned(), body.len())
        }
        Reply::Half(body) => {
            let body = body.to_string();
            let half = body[..body.len() / 2].to_owned();
            (200, vec![], half.clone(), half.len())
        }
    };
    let mut text = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
    if !headers.iter().any(|(name, _)| *name == "date") {
        text.push_str(&format!("date: {}\r\n", clock().strftime("%a, %d %b %Y %H:%M:%S GMT")));
    }
    headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
    text.push_str("connection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

type Whole = (u16, Vec<(&'static str, String)>, String, usize);

fn whole(status: u16, headers: Vec<(&'static str, String)>, body: &serde_json::Value) -> Whole {
    let body = body.to_string();
    let length = body.len();
    (status, headers, body, length)
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(": ")).map(|(k, v)| (k.to_lowercase(), v.to_owned())).collect();
    let mut request = Request {
        method: first.next().unwrap_or_default().to_owned(),
        target: first.next().unwrap_or_default().to_owned(),
        headers,
        body: String::new(),
    };
    let length: usize = request.header("content-length").parse().unwrap_or(0);
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    request.body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
    Ok(request)
}

#[allow(clippy::disallowed_methods, reason = "the edge of the tests")]
fn clock() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
