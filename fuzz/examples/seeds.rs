//! Writes the corpus: the reviews that are written down, and for the other targets one short input for each answer.
//! cargo run --manifest-path fuzz/Cargo.toml --example seeds
#![allow(clippy::print_stdout, reason = "it says what it wrote")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hotdesk_fuzz::check::Outcome;
use hotdesk_fuzz::input::fixed;
use hotdesk_fuzz::numbers::Numbers;

/// How many inputs are tried for each target, and how many are kept.
const TRIED: usize = 300_000;
const KEPT: usize = 12;
const LIMIT: Duration = Duration::from_secs(10);

type Target = fn(&[u8], Duration) -> Result<Outcome, String>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    write(&corpus.join("raw_review"), fixed::all())?;
    for (name, target) in
        [("structured_review", hotdesk_fuzz::structured as Target), ("slot_review", hotdesk_fuzz::slot)]
    {
        write(&corpus.join(name), shortest(target)?)?;
    }
    Ok(())
}

/// The shortest input that was found for each answer, the rarest answers first.
fn shortest(target: Target) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut numbers = Numbers(16);
    let mut found: BTreeMap<Outcome, (usize, Vec<u8>)> = BTreeMap::new();
    for _ in 0..TRIED {
        let input = numbers.bytes();
        let outcome = target(&input, LIMIT)?;
        let (count, shortest) = found.entry(outcome).or_insert_with(|| (0, input.clone()));
        *count += 1;
        if input.len() < shortest.len() {
            *shortest = input;
        }
    }
    let mut found: Vec<_> = found.into_iter().filter(|(outcome, _)| outcome.decision != "").collect();
    found.sort_by_key(|(_, (count, _))| *count);
    let named = found.into_iter().map(|(o, (_, input))| {
        let patched = if o.patched { "-patched" } else { "" };
        (format!("{}-{}-{}{patched}", o.operation.to_lowercase(), o.decision, o.reason), input)
    });
    Ok(named.take(KEPT).collect())
}

fn write(folder: &PathBuf, seeds: Vec<(String, Vec<u8>)>) -> std::io::Result<()> {
    let _none_yet = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    println!("{}: {} files", folder.display(), seeds.len());
    seeds.into_iter().try_for_each(|(name, bytes)| fs::write(folder.join(name), bytes))
}
