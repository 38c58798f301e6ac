//! What does hotdesk cost, beside its peers and beside the limit of what it is built from?
//!
//! One run measures everything side by side: each round measures every variant once, in rotating order, so
//! that a slow minute of the machine falls on all of them.
//!
//! What a section plugs into:
//!
//! ```text
//! bench.say("…")                          progress, on stderr
//! bench.rounds, bench.seconds             how often, and how long a cell of load lasts
//! bench.kyverno                           whether Kyverno takes part
//! bench.release("hotdesk-webhook")        target/release/NAME, bench.peer("reference") target/bench/bin/NAME,
//! bench.cluster_program("etcd")           a program of tests/cluster (etcd, kube-apiserver, kubectl, helm, helm3)
//! bench.results("api")                    empty Results; .add(case, variant, measure, value) once a round each,
//!                                         .note("…"), and at the end .save(&bench.out)
//! stats::rotated(&variants, round)        the variants in this round's order
//! stats::{summary, ratios}                median and range; per-round ratios
//! Program::start(bench, name, command)    a child whose output goes to target/bench/logs/NAME.log; killed on drop
//!   .wait_until(what, within, || ready?)  how long it took; fails with the log's last lines
//!   .memory() .cpu() .pid() .stop()       resident and peak bytes; user + system time
//! programs::output(&mut command)          a short program's stdout; an error with its stderr if it fails
//! load::Load { url, body, token, … }      .run() -> Run { per_second, p50, p99 }; any failed request is an error
//! pki::Authority::new()                   a CA; .server(dir, name) writes NAME.crt, NAME.key for 127.0.0.1
//! reviews::review(Question::Gate, slot, bytes)  an AdmissionReview as an API server writes it
//! ask::ask(url, file), ask::check(…)      one answer; an error unless it is the right one
//! constant::start(bench, plane, port, &hotdesk, slot)  the limit: answers what hotdesk answered; registered like hotdesk
//! ```
//!
//! A measure is a name with its unit, such as `requests/s`, `p99 ms`, `resident MiB`, `ready s`, `CPU s`: each
//! becomes a table, with a row for each case and a column for each variant.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::ensure;

use crate::results::{Machine, Results};

pub mod ask;
pub mod constant;
pub mod control_plane;
pub mod goals;
pub mod load;
pub mod peers;
pub mod pki;
pub mod programs;
pub mod report;
pub mod results;
pub mod reviews;
pub mod sections;
pub mod stats;

/// One run: its settings, and where things are.
#[derive(Debug, Clone)]
pub struct Bench {
    /// The project's root.
    pub root: PathBuf,
    /// Where results go: `target/bench`.
    pub out: PathBuf,
    /// Where the programs of the test cluster are.
    pub cluster_bin: PathBuf,
    /// How often each cell is measured.
    pub rounds: usize,
    /// How long each measurement under load lasts.
    pub seconds: u64,
    /// Whether Kyverno takes part.
    pub kyverno: bool,
    /// When the run began, as it is shown.
    pub date: String,
    /// On what it runs.
    pub machine: Machine,
}

impl Bench {
    /// Says how far the run is. If nobody listens any more, that is not a reason to stop.
    pub fn say(&self, text: &str) {
        let _unheard = writeln!(std::io::stderr(), "    {text}");
    }

    /// Empty results of a section.
    #[must_use]
    pub fn results(&self, section: &str) -> Results {
        Results::new(section, self)
    }

    /// A program of this project.
    ///
    /// # Errors
    /// If it is not built.
    pub fn release(&self, name: &str) -> anyhow::Result<PathBuf> {
        built(self.root.join("target/release").join(name))
    }

    /// A peer.
    ///
    /// # Errors
    /// If it is not built.
    pub fn peer(&self, name: &str) -> anyhow::Result<PathBuf> {
        built(self.out.join("bin").join(name))
    }

    /// A program of the test cluster.
    ///
    /// # Errors
    /// If it is not built.
    pub fn cluster_program(&self, name: &str) -> anyhow::Result<PathBuf> {
        built(self.cluster_bin.join(name))
    }

    /// Where the output of programs goes.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.out.join("logs")
    }
}

fn built(program: PathBuf) -> anyhow::Result<PathBuf> {
    ensure!(is_file(&program), "{} is not there: start bench/run, which builds it", program.display());
    Ok(program)
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}
