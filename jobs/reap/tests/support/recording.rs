//! A server's answers, recorded and played again.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What was asked and answered, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Recorded {
    /// When the claims played.
    pub(crate) begun: Timestamp,
    exchanges: Vec<Exchange>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Exchange {
    /// The request line, the tenant and the body: nothing that differs from run to run.
    question: String,
    answer: Answer,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Answer {
    /// The first line.
    status: String,
    date: String,
    body: String,
}

/// Stands before a server and records, or in its place.
pub(crate) struct Recorder {
    pub(crate) port: u16,
    recorded: Arc<Mutex<Recorded>>,
    is_real: bool,
}

impl Recorded {
    /// A recording of the test data.
    pub(crate) fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(path(name)).unwrap_or_else(|e| panic!("{}: {e}", path(name).display()));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path(name).display()))
    }
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

impl Recorder {
    /// Passes every request on to the server on this port, and records what comes back.
    pub(crate) async fn before(server: u16, begun: Timestamp) -> Self {
        let recorded = Arc::new(Mutex::new(Recorded { begun, exchanges: Vec::new() }));
        let kept = Arc::clone(&recorded);
        let port = serve(move |request| {
            let kept = Arc::clone(&kept);
            async move {
                let question = question(&request);
                let whole = super::send(server, &without_keep_alive(&request)).await.unwrap();
                let (head, body) = whole.split_once("\r\n\r\n").unwrap();
                let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
                let body = if chunked { unchunked(body) } else { body.to_owned() };
                let status = head.lines().next().unwrap().to_owned();
                let answer = Answer { status, date: header(head, "date").unwrap_or_default().to_owned(), body };
                let exchange = Exchange { question, answer: answer.clone() };
                kept.lock().unwrap_or_else(PoisonError::into_inner).exchanges.push(exchange);
                answer
            }
        })
        .await;
        Self { port, recorded, is_real: true }
    }

    /// Answers as it was recorded: what was asked more than once, in that order.
    pub(crate) async fn replay(recorded: Recorded) -> Self {
        let mut answers: BTreeMap<String, VecDeque<Answer>> = BTreeMap::new();
        for Exchange { question, answer } in &recorded.exchanges {
            answers.entry(question.clone()).or_default().push_back(answer.clone());
        }
        let answers = Arc::new(Mutex::new(answers));
        let port = serve(move |request| {
            let question = question(&request);
            let found = answers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_mut(&question)
                .and_then(|answers| if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() });
            let unknown = || Answer {
                status: "HTTP/1.1 501 Not Recorded".to_owned(),
                date: String::new(),
                body: format!("no recording of {question}: record it again"),
            };
            std::future::ready(found.unwrap_or_else(unknown))
        })
        .await;
        Self { port, recorded: Arc::new(Mutex::new(recorded)), is_real: false }
    }

    /// Writes what was recorded into the test data; a replay has nothing to write.
    pub(crate) fn save(&self, name: &str) {
        if self.is_real {
            let recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
            std::fs::write(path(name), serde_json::to_string_pretty(&*recorded).unwrap() + "\n").unwrap();
        }
    }
}

/// Answers each connection's one request.
async fn serve<A>(answer: impl Fn(String) -> A + Send + Sync + 'static) -> u16
where
    A: Future<Output = Answer> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let Some(request) = request(&mut stream).await else { return };
                let Answer { status, date, body } = answer(request).await;
                let length = body.len();
                let head = format!("{status}\r\ndate: {date}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                let _gone = stream.write_all((head + &body).as_bytes()).await;
            });
        }
    });
    port
}

/// A whole request: its head, and as much of a body as the head says.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = header(head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            return Some(text.into_owned());
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) =
        head.lines().filter_map(|line| line.split_once(':')).find(|(given, _)| given.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}

fn question(request: &str) -> String {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    format!("{} of {} {body}", head.lines().next().unwrap(), header(head, "x-scope-orgid").unwrap_or_default())
}

/// So that the server's answer ends.
fn without_keep_alive(request: &str) -> String {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let kept = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    kept.chain(["connection: close"]).collect::<Vec<_>>().join("\r\n") + "\r\n\r\n" + body
}

/// The body of an answer that came in pieces, each after its length in hexadecimal.
fn unchunked(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).unwrap();
        if length == 0 {
            break;
        }
        body.push_str(&after[..length]);
        rest = &after[length + 2..];
    }
    body
}
