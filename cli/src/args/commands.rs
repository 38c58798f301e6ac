//! What does each command take?

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap_complete::aot::Shell;
use hotdesk_slots::duration::positive;
use hotdesk_slots::{Name, NameRules};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

#[derive(ClapArgs, Debug)]
pub(crate) struct List {
    /// Only the slots that you hold.
    #[arg(long, conflicts_with = "free")]
    pub(crate) mine: bool,

    /// Only the slots that anyone can claim.
    #[arg(long)]
    pub(crate) free: bool,

    /// Stay, and show the slots again whenever one changes; Ctrl-C ends it.
    #[arg(long, short)]
    pub(crate) watch: bool,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Why {
    /// The slot, by its namespace.
    pub(crate) slot: String,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Plan {
    /// The slot, by its namespace.
    pub(crate) slot: String,
}

/// Whether to follow a request to its end.
#[derive(ClapArgs, Debug)]
pub(crate) struct Wait {
    /// Follow it to its end.
    #[arg(long, num_args = 0..=1, default_value_t = true, default_missing_value = "true", require_equals = true,
          action = clap::ArgAction::Set)]
    wait: bool,

    /// The same as --wait=false: only ask.
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,

    /// How long to follow it, for example 15m.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = positive::<SignedDuration>)]
    timeout: SignedDuration,
}

impl Wait {
    /// How long to follow it; not at all if none.
    pub(crate) fn timeout(&self) -> Option<SignedDuration> {
        (self.wait && !self.no_wait).then_some(self.timeout)
    }
}

#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Asks hotdesk to run the slot's reaper now; it judges the slot as every hourly run does.

Examples:
  reap mew --dry-run
  reap mew --no-wait")]
pub(crate) struct Reap {
    /// The slot, by its namespace.
    pub(crate) slot: String,

    /// Only say what would be cleared.
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(ClapArgs, Debug)]
#[command(after_help = "\
hotdesk does so by itself within a minute after a slot changed hands. This asks for it at once, also for what looks right.
Nothing is restarted.

Examples:
  restamp mew
  restamp mew --no-wait")]
pub(crate) struct Restamp {
    /// The slot, by its namespace.
    pub(crate) slot: String,

    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Asks hotdesk to put back what was saved before the releases were cleared. Only what was cleared while you held the slot
comes back; the rest an administrator brings back.

Examples:
  revive mew                # all that the last reap took
  revive mew web api
  revive mew --dry-run")]
pub(crate) struct Revive {
    /// The slot, by its namespace.
    pub(crate) slot: String,

    /// The releases to bring back [default: all of the last reap].
    #[arg(value_name = "RELEASE")]
    pub(crate) releases: Vec<String>,

    /// Only say what would come back, and what would not.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Do not ask, also if something cannot be brought back.
    #[arg(long, short)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(ClapArgs, Debug, Clone)]
#[command(after_help = "\
Examples:
  claim mew --purpose 'payments refactor' --until 'Fri 18:00'
  claim mew --purpose 'demo' --until 4h --user alice@example.com --user bob@example.com
  claim mew --until 2d          # your own slot, for longer")]
pub(crate) struct Claim {
    /// The slot, by its namespace.
    pub(crate) slot: String,

    /// What you use it for; shown to everybody who wants the slot. A new claim needs one.
    #[arg(long, short, value_parser = purpose)]
    pub(crate) purpose: Option<String>,

    /// When the claim lapses: 4h, 2d, 18:00, 'Fri 18:00', 'tomorrow 18:00', 2026-12-01, or RFC 3339.
    /// Times of day are those of this machine's time zone. `never` takes an end away.
    /// [default: a new claim has no end]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,

    /// Who holds it; may be given more than once, the owner first [default: you].
    #[arg(long = "user", value_name = "NAME", value_delimiter = ',', value_parser = name)]
    pub(crate) users: Vec<Name>,

    #[command(flatten)]
    pub(crate) trust: Trust,
}

/// Whether what runs in the slot may write there by the tokens of its pods.
#[derive(ClapArgs, Debug, Clone, Copy, Default)]
pub(crate) struct Trust {
    /// Let what runs in the slot write there by the tokens of its pods, also what was there before you.
    /// [default: only if nothing is there of which pods can be made, or you say so when asked]
    #[arg(long, overrides_with = "no_trust_workloads")]
    trust_workloads: bool,

    /// Do not let it.
    #[arg(long, overrides_with = "trust_workloads")]
    no_trust_workloads: bool,
}

impl Trust {
    /// What was typed, if anything was.
    pub(crate) fn said(self) -> Option<bool> {
        (self.trust_workloads || self.no_trust_workloads).then_some(self.trust_workloads)
    }
}

#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  release mew
  release mew --clean
  release mew --clean --grace 1h
  release mew --purge --dry-run
  release mew --purge")]
pub(crate) struct Release {
    /// The slot, by its namespace.
    pub(crate) slot: String,

    /// Have what is deployed there uninstalled, whether or not anyone still uses it.
    #[arg(long)]
    pub(crate) clean: bool,

    /// How long that waits, in case you change your mind: 10m, 1h, 0s.
    #[arg(long, requires = "clean", default_value = "10m", value_name = "TIME", value_parser = grace)]
    pub(crate) grace: SignedDuration,

    /// First remove for good what was kept and saved of releases that were cleared there: settings, volumes, and what
    /// revive would bring back.
    #[arg(long)]
    pub(crate) purge: bool,

    /// With --purge: only say what would be removed, and do not give the slot back.
    #[arg(long, requires = "purge", conflicts_with = "clean")]
    pub(crate) dry_run: bool,

    /// With --purge: do not ask.
    #[arg(long, short, requires = "purge")]
    pub(crate) yes: bool,

    /// Also if somebody else holds it; for administrators.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  keep mew 4h
  keep mew 'Fri 18:00'
  keep mew off")]
pub(crate) struct Keep {
    /// The slot, by its namespace.
    pub(crate) slot: String,

    /// Until when nothing in it is cleared: 4h, 2d, 18:00, 'Fri 18:00', 'tomorrow 18:00', 2026-12-01, or RFC 3339.
    /// `off` takes an earlier wish back.
    #[arg(value_name = "TIME")]
    pub(crate) until: String,

    /// Also if somebody else holds it; for administrators.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Hand {
    /// The slot, by its namespace.
    pub(crate) slot: String,

    /// Who shall hold it in your place, by the name that the cluster knows.
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Name,

    /// Whose place they take, if that is not clear: you are in the claim by a group, or by another name of yours
    /// [default: you].
    #[arg(long, value_name = "NAME", value_parser = anyone)]
    pub(crate) in_place_of: Option<Name>,

    /// Also if somebody else holds it: in the place of its owner; for administrators.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Prints KUBE_NAMESPACE and, where the slot has one, HOST. Where GITHUB_ENV and GITHUB_OUTPUT are set, as in a workflow of
GitHub, it also writes them there (the outputs are called namespace and host). Exit code 1: the person holds no slot.

Examples:
  resolve --user octocat
  resolve --user alice@example.com --csv slots.csv --domain dev.example.com
  resolve --user alice@example.com --sheet 1A… --google-key key.json --domain dev.example.com")]
pub(crate) struct Resolve {
    /// Whose slot: an e-mail or a login, as in the claim.
    #[arg(long, env = "HOTDESK_USER", value_name = "NAME", value_parser = anyone)]
    pub(crate) user: Name,

    /// Which, if they hold several [default: the first, with a notice].
    #[arg(long, env = "HOTDESK_SLOT", value_name = "NAME")]
    pub(crate) slot: Option<String>,

    /// Reads the claims from this CSV file and asks no cluster; `-` is standard input.
    #[arg(long, env = "HOTDESK_CSV", value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,

    /// With --csv: people who go by several names, one a line.
    #[arg(long, env = "HOTDESK_PEOPLE", value_name = "FILE", requires = "csv")]
    pub(crate) people: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) google: hotdesk_sync::args::Google,

    #[command(flatten)]
    pub(crate) names: hotdesk_sync::args::Names,

    /// With --csv or --sheet: whose times of day its dates are, such as Europe/Berlin.
    #[arg(long, env = "HOTDESK_TIME_ZONE", default_value = "UTC", value_name = "ZONE", value_parser = time_zone)]
    pub(crate) time_zone: TimeZone,

    /// HOST is SLOT.DOMAIN where the slot itself names no host.
    #[arg(long, env = "HOTDESK_DOMAIN", value_name = "DOMAIN", value_parser = domain)]
    pub(crate) domain: Option<String>,

    /// Where people claim a slot (the address of the sheet); for the message to those who hold none.
    #[arg(long, env = "HOTDESK_CLAIM_URL", value_name = "URL")]
    pub(crate) claim_url: Option<String>,

    /// The file that gives later steps of a workflow their variables.
    #[arg(long, env = "GITHUB_ENV", value_name = "FILE")]
    pub(crate) github_env: Option<PathBuf>,

    /// The file that takes the outputs of this step of a workflow.
    #[arg(long, env = "GITHUB_OUTPUT", value_name = "FILE")]
    pub(crate) github_output: Option<PathBuf>,
}

#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Nothing that cannot be read changes anything, and a sheet that loses most of its claims is held back.
Exit code 1: some rows have problems, most claims would go at once, or something could not be read or written.

Examples:
  sync --csv slots.csv --dry-run
  sync --sheet https://docs.google.com/spreadsheets/d/1A…/edit --google-key key.json --dry-run
  sync --csv slots.csv --once")]
pub(crate) struct Sync {
    #[command(flatten)]
    pub(crate) pass: hotdesk_sync::args::Pass,
}

#[derive(ClapArgs, Debug)]
#[command(after_help = "\
For bash:  source <(hotdesk completion bash)        in ~/.bashrc
For zsh:   source <(hotdesk completion zsh)         in ~/.zshrc, after compinit
For fish:  hotdesk completion fish > ~/.config/fish/completions/hotdesk.fish")]
pub(crate) struct Completion {
    /// Whose script.
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// The longest purpose that a Slot can hold, in characters.
const MAX_PURPOSE: usize = 200;

fn purpose(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        Err("it is empty".to_owned())
    } else if text.chars().count() > MAX_PURPOSE {
        Err(format!("it is longer than {MAX_PURPOSE} characters"))
    } else if text.contains(hotdesk_slots::text::is_harmful) {
        Err("it contains a line break or an invisible character".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

fn grace(text: &str) -> Result<SignedDuration, String> {
    let grace: SignedDuration =
        text.trim().parse().map_err(|_| "it is not a length of time such as 10m or 1h".to_owned())?;
    if grace.is_negative() { Err("it is negative".to_owned()) } else { Ok(grace) }
}

/// Any name will do: it is only looked for.
fn anyone(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|e| e.to_string())
}

/// What no installation would write into a claim is refused here; the server knows its own rules.
fn name(text: &str) -> Result<Name, String> {
    NameRules::widest().name(text).map_err(|e| e.to_string())
}

fn time_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| "write a time zone such as UTC or Europe/Berlin".to_owned())
}

/// What follows a slot's name in a host must leave it one.
fn domain(text: &str) -> Result<String, String> {
    let domain = text.trim().trim_start_matches('.').to_ascii_lowercase();
    if hotdesk_sheet::is_host(&domain) {
        Ok(domain)
    } else {
        Err("it is not a domain such as dev.example.com".to_owned())
    }
}
