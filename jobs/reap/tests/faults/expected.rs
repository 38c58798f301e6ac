//! What each row says, with which exit code, and which verdict the Slot's status has then (`-`: none): `expected.txt`, one row
//! a line, for people to read.
//!
//! `UPDATE_EXPECTED=yes cargo test -p hotdesk-reap --test faults` writes it; the diff is then to be read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use regex::Regex;

use crate::world::RunOutcome;

/// What differs from run to run, and what stands for it.
static VARIES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let masks = [
        (r"\d+( [dh]| min| s)( \d+( h| min| s))*\b", "TIME"),
        (
            r"((Mon|Tue|Wed|Thu|Fri|Sat|Sun) (\d+ [A-Z][a-z]{2} \d{4} )?)?(\d{4}-\d\d-\d\d[T ])?\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z)?",
            "MOMENT",
        ),
        (r"received [1-9][\d.]* (B|KiB|MiB)\b", "received BYTES"),
        (r"web-(\d): [1-9]\d* B/s", "web-$1: RATE"),
        (r"used [\d.]+ cores", "used CORES"),
        (r"at line 1 column \d+", "at COLUMN"),
        (r"127\.0\.0\.1:\d+", "ADDRESS"),
        (r"/[^ ]*/\.tmp\w+", "FOLDER"),
    ];
    masks.into_iter().map(|(pattern, mask)| (Regex::new(pattern).unwrap(), mask)).collect()
});

/// What was expected of every row, by name.
pub(crate) fn read() -> BTreeMap<String, String> {
    let lines = std::fs::read_to_string(file()).unwrap_or_default();
    lines
        .lines()
        .filter_map(|line| line.split_once(" | "))
        .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
        .collect()
}

/// What a run came to, but for what differs each time.
pub(crate) fn told(ran: &RunOutcome) -> String {
    let code = ran.code.map_or_else(|| "killed".to_owned(), |code| format!("exit {code}"));
    let message = ran.message.split_whitespace().collect::<Vec<_>>().join(" ");
    let masked = VARIES.iter().fold(message, |text, (varies, mask)| varies.replace_all(&text, *mask).into_owned());
    let verdict = ran.verdict.as_deref().unwrap_or("-");
    format!("{code} | {verdict} | {masked}")
}

/// True if the table is to be written.
pub(crate) fn is_to_be_written() -> bool {
    std::env::var_os("UPDATE_EXPECTED").is_some()
}

/// Writes the table.
pub(crate) fn write(rows: &BTreeMap<String, String>) {
    let lines: String = rows.iter().map(|(name, told)| format!("{name} | {told}\n")).collect();
    std::fs::write(file(), lines).unwrap();
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/faults/expected.txt")
}
