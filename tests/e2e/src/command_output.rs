//! What a command did, and claims about it.

use std::fmt;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

/// A finished command.
#[derive(Debug, Clone)]
pub struct CommandOutput {
    pub line: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl fmt::Display for CommandOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "$ {}\n[exit {:?}]\n{}{}", self.line, self.code, self.stdout, self.stderr)
    }
}

impl CommandOutput {
    /// Runs a command to its end, with this standard input.
    pub fn run(mut command: Command, stdin: &str) -> Self {
        let line = format!("{command:?}");
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap_or_else(|e| panic!("{line}: {e}"));
        let mut input = child.stdin.take().unwrap();
        let text = stdin.to_owned();
        // A command that reads nothing closes the pipe; what it then says is what counts.
        let writer = std::thread::spawn(move || drop(input.write_all(text.as_bytes())));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { line, code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    pub fn ok(&self) -> bool {
        self.code == Some(0)
    }

    /// It exited with 0.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.ok(), "expected success:\n{self}");
        self
    }

    /// It failed, and said each of these.
    #[track_caller]
    pub fn failed_saying(self, parts: &[&str]) -> Self {
        assert!(!self.ok(), "expected failure:\n{self}");
        self.said(parts)
    }

    /// It said each of these, on either stream.
    #[track_caller]
    pub fn said(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stdout.contains(part) || self.stderr.contains(part), "expected {part:?} in:\n{self}");
        }
        self
    }

    /// Its standard output, as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}:\n{self}"))
    }

    /// `Ok` if it succeeded, for [`crate::until`].
    pub fn as_result(self) -> Result<Self, String> {
        if self.ok() { Ok(self) } else { Err(self.to_string()) }
    }
}
