//! What does a controller's log in a file come to, for one slot? Reads it as a run reads the stream of a pod, and prints
//! the tally and how long it took; the benchmark of the reaper (`bench`) runs it.
//!
//!     cargo run --release -p hotdesk-reap --example tally -- controller.log --slot mew --service web:80

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser;
use futures::executor::block_on;
use futures::io::AllowStdIo;
use globset::{Glob, GlobSet};
use hotdesk_reap::sources::ingress_logs::reading::read_all;
use hotdesk_traffic::attribute::{Names, Service};
use hotdesk_traffic::line::Format;
use hotdesk_traffic::log::scan::{LogScan, ScanWindow};
use jiff::{SignedDuration, Timestamp};

/// As much as the API server sends at once.
const PIECE: usize = 32 * 1024;

/// A log that is longer has its newest lines in the future.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Parser)]
struct Args {
    /// A log as `kubectl logs --timestamps` shows it.
    file: PathBuf,
    /// How the controller writes it.
    #[arg(long, value_enum, default_value = "auto")]
    format: Format,
    /// The slot.
    #[arg(long)]
    slot: String,
    /// The slot's Services, each as `name:port`, or `name:port:address` with its address in the cluster.
    #[arg(long, value_delimiter = ',')]
    service: Vec<String>,
    /// The other slots.
    #[arg(long, value_delimiter = ',')]
    neighbour: Vec<String>,
    /// The start of the window; the file's first line if it is not said.
    #[arg(long)]
    since: Option<Timestamp>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let what = || format!("{} cannot be read", args.file.display());
    let watch = watch(&args)?;
    let stream = AllowStdIo::new(BufReader::with_capacity(PIECE, File::open(&args.file).with_context(what)?));
    let mut tally = LogScan::default();
    let begun = Instant::now();
    let read = block_on(read_all(stream, &watch, &mut tally)).map_err(anyhow::Error::msg).with_context(what)?;
    let seconds = begun.elapsed().as_secs_f64();
    let bytes = args.file.metadata().with_context(what)?.len();
    let mut out = std::io::stdout();
    writeln!(out, "{tally:#?}\n{read:?}\ndoubts: {:?}", tally.doubts(&watch))?;
    writeln!(out, "{bytes} bytes in {seconds:.4} s")?;
    Ok(())
}

fn watch(args: &Args) -> anyhow::Result<ScanWindow> {
    let since = match args.since {
        Some(since) => since,
        None => first_time(&args.file)?,
    };
    let service = |text: &String| {
        let mut parts = text.splitn(3, ':');
        let (name, port) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("80"));
        let addresses = parts.next().and_then(|address| address.parse().ok()).into_iter().collect();
        Service { name: name.to_owned(), ports: vec![port.to_owned()], addresses, ..Service::default() }
    };
    let services: Vec<Service> = args.service.iter().map(service).collect();
    Ok(ScanWindow {
        format: args.format.clone(),
        names: Names::new(&args.slot, &services, &args.neighbour),
        slot: args.slot.clone(),
        since,
        look_back: since,
        now: since.checked_add(WEEK)?,
        ignore_agents: GlobSet::builder().add(Glob::new("kube-probe/*")?).build()?,
        ignore_paths: GlobSet::builder().add(Glob::new("/healthz")?).build()?,
        max_unparsed: 0.01,
    })
}

fn first_time(file: &PathBuf) -> anyhow::Result<Timestamp> {
    let mut line = String::new();
    BufReader::new(File::open(file)?).read_line(&mut line)?;
    let stamp = line.split(' ').next().unwrap_or_default();
    stamp.parse().with_context(|| format!("the first line of {} does not begin with a time", file.display()))
}
