//! `hotdesk-bench`: measures the named sections, or all, and writes the report.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Parser;
use hotdesk_bench::results::Machine;
use hotdesk_bench::sections::{self, Section};
use hotdesk_bench::{Bench, programs, report};

/// Measures what hotdesk costs, beside its peers and beside the limit. `bench/run` builds everything and starts it.
#[derive(Debug, Parser)]
#[command(name = "hotdesk-bench", version, about)]
struct Args {
    /// Sections: handler, workers, api, growth, growth-largest, helm, reaper, helm-wait, attack, soak, idle. All but growth-largest and soak, if none is named; `report` measures nothing
    sections: Vec<String>,
    /// How often each cell is measured
    #[arg(long, env = "HOTDESK_BENCH_ROUNDS", default_value = "5", value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// How long each measurement under load lasts, in seconds
    #[arg(long, env = "HOTDESK_BENCH_SECONDS", default_value = "2", value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Kyverno takes part, too. It must have been built
    #[arg(long, env = "HOTDESK_BENCH_KYVERNO")]
    kyverno: bool,
    /// The project's root
    #[arg(long, env = "HOTDESK_BENCH_ROOT", default_value = ".", value_name = "DIRECTORY")]
    root: PathBuf,
    /// Where the programs of the test cluster are: etcd, kube-apiserver, kubectl, helm
    #[arg(long, env = "HOTDESK_BENCH_CLUSTER_BIN", default_value = "target/cluster/bin", value_name = "DIRECTORY")]
    cluster_bin: PathBuf,
}

fn main() -> ExitCode {
    match start(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If nobody listens any more, the exit code still tells.
            let _unheard = writeln!(std::io::stderr(), "hotdesk-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> anyhow::Result<()> {
    let chosen = chosen(&args.sections)?;
    let bench = bench(args)?;
    // One provider for everything: without a default, rustls panics at its first use.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    programs::end_all_on_signal()?;
    for section in chosen {
        let minutes = (usize::from(section.minutes) * bench.rounds).div_ceil(5);
        bench.say(&format!("{}: about {minutes} min", section.title));
        (section.run)(&bench).with_context(|| format!("section {}", section.name))?;
    }
    report::write(&bench)
}

fn bench(args: Args) -> anyhow::Result<Bench> {
    let root = args.root.canonicalize().with_context(|| args.root.display().to_string())?;
    #[expect(clippy::disallowed_methods, reason = "the edge: the date of the run is read here, once")]
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string();
    Ok(Bench {
        out: root.join("target/bench"),
        cluster_bin: root.join(args.cluster_bin),
        root,
        rounds: args.rounds.into(),
        seconds: args.seconds,
        kyverno: args.kyverno,
        date,
        machine: Machine::this(),
    })
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Section>> {
    match names {
        [] => Ok(sections::ALL.iter().filter(|section| !sections::ONLY_NAMED.contains(&section.name)).collect()),
        [only] if only == "report" => Ok(Vec::new()),
        names => names.iter().map(|name| named(name)).collect(),
    }
}

fn named(name: &str) -> anyhow::Result<&'static Section> {
    let Some(section) = sections::named(name) else {
        let known: Vec<&str> = sections::ALL.iter().map(|section| section.name).collect();
        bail!("there is no section {name:?}: choose from {}, or report", known.join(", "));
    };
    Ok(section)
}
