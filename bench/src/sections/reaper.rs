//! How fast does the reaper read a log, beside `grep` and `jq` on the same file?
//!
//! The reader is hotdesk's own (`jobs/reap/examples/tally.rs` reads a file as a run reads a pod's log). `grep -c` and
//! `wc -l` say nothing about whose a request was: they are what the machine can do at most.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::results::Results;
use crate::{Bench, stats};

mod lines;
mod timed;

use lines::{FORMATS, Format};
use timed::timed;

/// How large the files are: more than any log that a kubelet serves.
const BYTES: u64 = 256 << 20;
/// As much of it as jq reads, which takes long.
const SLICE: u64 = 16 << 20;
/// Whom everybody looks for. Nobody has used it, so nobody may stop early.
const SLOT: &str = "mew";

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    Hotdesk,
    Grep,
    Wc,
    Jq,
}

const VARIANTS: [Variant; 4] = [Variant::Hotdesk, Variant::Grep, Variant::Wc, Variant::Jq];

/// Measures it.
///
/// # Errors
/// If a program cannot be started or fails.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let mut results = bench.results("reaper");
    results.note(format!(
        "MB/s for each second of one core, of files of {} MiB in the page cache; jq reads {} MiB of it, of the text log \
         with -R and a test of the whole line, of the others with a test of the field.",
        BYTES >> 20,
        SLICE >> 20
    ));
    results
        .note("hotdesk reads every line as a run does, grep and wc only look for bytes: they are the machine's limit.");
    for format in &FORMATS {
        let file = written(bench, format, "log", BYTES)?;
        let slice = written(bench, format, "slice.log", SLICE)?;
        for round in 0..bench.rounds {
            for variant in stats::rotated(&VARIANTS, round) {
                let file = if *variant == Variant::Jq { &slice } else { &file };
                measure(bench, &mut results, format, *variant, file)?;
            }
        }
        std::fs::remove_file(&file).with_context(|| file.display().to_string())?;
        std::fs::remove_file(&slice).with_context(|| slice.display().to_string())?;
    }
    results.save(&bench.out)
}

fn measure(bench: &Bench, results: &mut Results, format: &Format, variant: Variant, file: &Path) -> anyhow::Result<()> {
    let done = timed(&variant.command(bench, format, file)?)?;
    let shown = String::from_utf8_lossy(&done.output.stdout);
    ensure!(done.output.status.success(), "{} failed: {shown}", variant.name());
    if variant == Variant::Hotdesk {
        ensure!(shown.contains("doubts: []") && shown.contains("hit: None"), "the log is read otherwise: {shown}");
    }
    #[expect(clippy::cast_precision_loss, reason = "a size, in megabytes")]
    let megabytes = file.metadata()?.len() as f64 / 1e6;
    results.add(format.name, variant.name(), "MB/s a core", megabytes / done.cpu);
    Ok(())
}

impl Variant {
    fn name(self) -> &'static str {
        match self {
            Self::Hotdesk => "hotdesk",
            Self::Grep => "grep -c",
            Self::Wc => "wc -l",
            Self::Jq => "jq",
        }
    }

    fn command(self, bench: &Bench, format: &Format, file: &Path) -> anyhow::Result<Command> {
        let mut command = match self {
            Self::Hotdesk => Command::new(bench.release("examples/tally")?),
            Self::Grep => Command::new("grep"),
            Self::Wc => Command::new("wc"),
            Self::Jq => Command::new("jq"),
        };
        match self {
            Self::Hotdesk => {
                let neighbours = lines::SLOTS.join(",");
                command.args([
                    "--slot",
                    SLOT,
                    "--service",
                    "web:80,api:http",
                    "--neighbour",
                    &neighbours,
                    "--format",
                    format.flag,
                ])
            }
            Self::Grep => command.args(["-c", SLOT]),
            Self::Wc => command.arg("-l"),
            // Behind the timestamp, which jq takes for a text of its own.
            Self::Jq => command.args([
                "-nR",
                &format!("reduce (inputs | {} | select(test($slot))) as $line (0; . + 1)", format.jq),
                "--arg",
                "slot",
                SLOT,
            ]),
        };
        command.arg(file);
        Ok(command)
    }
}

/// A log of so many bytes, of the slots of [`lines::SLOTS`].
fn written(bench: &Bench, format: &Format, end: &str, bytes: u64) -> anyhow::Result<PathBuf> {
    let path = bench.out.join(format!("{}.{end}", format.flag));
    std::fs::create_dir_all(&bench.out)?;
    let file = File::create(&path).with_context(|| path.display().to_string())?;
    lines::write(file, format, bytes).with_context(|| path.display().to_string())?;
    Ok(path)
}
