//! How much does a server bear? `wrk` posts one file again and again, and every failed request fails the measurement.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::programs;

/// What wrk tells at its end, on a line of its own.
const MARK: &str = "measured: ";
const SCRIPT: &str = include_str!("load.lua");
/// Threads of wrk: as many as the server has workers, but no more than connections.
const THREADS: u32 = 2;
/// A server that answers nothing for so long has failed.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A load.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    /// Where to: on loopback.
    pub url: &'a str,
    /// The file that is posted, as JSON.
    pub body: &'a Path,
    /// A bearer token, where one is asked for.
    pub token: Option<&'a str>,
    /// How many connections.
    pub connections: u32,
    /// For how long.
    pub seconds: u64,
    /// How long each connection waits between an answer and its next request, in milliseconds. Without a pause the load takes
    /// all of the machine, and how long the slowest answers take is mostly a matter of who got a core.
    pub pause: u32,
}

/// A pause that leaves the machine most of its time.
pub const PAUSE: u32 = 1;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Answered requests.
    pub requests: u64,
    /// Answered requests in a second.
    pub per_second: f64,
    /// Half of them were answered within so many milliseconds.
    pub p50: f64,
    /// 99 of 100 were.
    pub p99: f64,
}

#[derive(Debug, Deserialize)]
struct Told {
    requests: f64,
    micros: f64,
    p50: f64,
    p99: f64,
    connect: u64,
    read: u64,
    write: u64,
    status: u64,
    timeout: u64,
}

impl Load<'_> {
    /// Puts it on.
    ///
    /// # Errors
    /// If any request failed, or none was answered.
    pub fn run(&self) -> anyhow::Result<Run> {
        self.put_on(Command::new("wrk"), None)
    }

    /// Puts it on with the time that nobody else on this machine wants, as if its own work were done elsewhere.
    ///
    /// # Errors
    /// If any request failed, or none was answered.
    pub fn run_in_spare_time(&self) -> anyhow::Result<Run> {
        let mut wrk = Command::new("chrt");
        wrk.args(["--idle", "0", "wrk"]);
        self.put_on(wrk, None)
    }

    /// Puts it on, with `slot-000000` in the file replaced by any of so many slots, numbered from 0.
    ///
    /// # Errors
    /// If any request failed, or none was answered.
    pub fn run_over(&self, slots: usize) -> anyhow::Result<Run> {
        self.put_on(Command::new("wrk"), Some(slots))
    }

    fn put_on(&self, mut wrk: Command, slots: Option<usize>) -> anyhow::Result<Run> {
        let here = self.url.starts_with("https://127.0.0.1:") || self.url.starts_with("http://127.0.0.1:");
        ensure!(here, "{}: loads go to 127.0.0.1 only", self.url);
        let dir = tempfile::tempdir()?;
        let script = dir.path().join("load.lua");
        std::fs::write(&script, SCRIPT)?;
        wrk.args(["--threads", &THREADS.min(self.connections).to_string()])
            .args(["--connections", &self.connections.to_string()])
            .args(["--duration", &format!("{}s", self.seconds)])
            .args(["--timeout", &format!("{}s", TIMEOUT.as_secs())])
            .arg("--script")
            .arg(&script)
            .arg(self.url)
            .arg(self.body)
            .arg(self.token.unwrap_or_default())
            .arg(slots.map_or_else(String::new, |slots| slots.to_string()))
            .arg(self.pause.to_string());
        let written = programs::output(&mut wrk)?;
        parse(&written).with_context(|| format!("load on {} with {}", self.url, self.body.display()))
    }
}

fn parse(written: &str) -> anyhow::Result<Run> {
    let told = written.lines().find_map(|line| line.strip_prefix(MARK));
    let told = told.with_context(|| format!("wrk did not tell what it measured:\n{written}"))?;
    let told: Told = serde_json::from_str(told).with_context(|| told.to_owned())?;
    ensure!(told.requests > 0.0 && told.micros > 0.0, "not one request was answered");
    let failed = told.connect + told.read + told.write + told.status + told.timeout;
    ensure!(
        failed == 0,
        "{} of {} requests were answered with an error; failures to connect {}, read {}, write {}, in time {}",
        told.status,
        told.requests,
        told.connect,
        told.read,
        told.write,
        told.timeout
    );
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "wrk counts in whole numbers")]
    let requests = told.requests as u64;
    Ok(Run { requests, per_second: told.requests * 1e6 / told.micros, p50: told.p50 / 1e3, p99: told.p99 / 1e3 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(requests: u64, status: u64) -> String {
        format!(
            "Running 1s test\nmeasured: {{\"requests\":{requests},\"micros\":2000000,\"p50\":120,\"p99\":2500,\
             \"connect\":0,\"read\":0,\"write\":0,\"status\":{status},\"timeout\":0}}\n"
        )
    }

    #[test]
    fn rates_are_per_second_and_times_in_milliseconds() {
        assert_eq!(parse(&told(1000, 0)).unwrap(), Run { requests: 1000, per_second: 500.0, p50: 0.12, p99: 2.5 });
    }

    #[test]
    fn one_failed_request_fails_the_measurement() {
        let error = parse(&told(1000, 1)).unwrap_err().to_string();
        assert!(error.starts_with("1 of 1000 requests"), "{error}");
    }

    #[test]
    fn a_silent_server_is_no_measurement() {
        parse(&told(0, 0)).unwrap_err();
        parse("unable to connect to 127.0.0.1:1 Connection refused").unwrap_err();
    }

    #[test]
    fn loads_stay_on_this_machine() {
        let body = Path::new("/dev/null");
        let load = Load { url: "https://192.0.2.1:443/", body, token: None, connections: 1, seconds: 1, pause: 0 };
        assert!(load.run().unwrap_err().to_string().contains("127.0.0.1 only"));
    }
}
