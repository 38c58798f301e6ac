//! What can be typed?

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use hotdesk_slots::Name;

/// Slots are namespaces of a shared cluster that people take turns using, like desks in an office.
/// See who holds which, claim a free one, deploy there, and release it when you are done.
#[derive(Parser, Debug)]
#[command(name = "hotdesk", version, verbatim_doc_comment, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) global: Global,

    /// What people type to run this program; messages that say what to type next use it.
    #[arg(skip = "hotdesk")]
    pub(crate) program: &'static str,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done; 1 refused or failed; 2 something is typed wrong; 3 no cluster, or no hotdesk in it.
Colours are for terminals only, and NO_COLOR turns them off.";

/// What every command takes.
#[derive(ClapArgs, Debug)]
pub(crate) struct Global {
    /// Context of the kubeconfig to use [default: the current one].
    #[arg(long, env = "HOTDESK_CONTEXT", global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// The kubeconfig [default: $KUBECONFIG, or ~/.kube/config].
    #[arg(long, env = "HOTDESK_KUBECONFIG", global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Form of the output.
    #[arg(
        short,
        long,
        env = "HOTDESK_OUTPUT",
        global = true,
        value_enum,
        default_value = "table",
        value_name = "FORM"
    )]
    pub(crate) output: Form,
}

/// Form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub(crate) enum Form {
    /// For people.
    Table,
    /// For people with wide screens: every user, the whole purpose, the host, the verdict's reason.
    Wide,
    /// For machines.
    Json,
    /// For machines and people.
    Yaml,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Show every slot: who holds it, why, until when, and whether anyone uses it.
    #[command(visible_alias = "ls")]
    List(List),
    /// Say in sentences how a slot stands, and why it was or was not cleared.
    Why(Why),
    /// Claim a free slot, or change your own claim.
    Claim(Claim),
    /// Give your slot back.
    Release(Release),
}

#[derive(ClapArgs, Debug)]
pub(crate) struct List {
    /// Only the slots that you hold.
    #[arg(long, conflicts_with = "free")]
    pub(crate) mine: bool,

    /// Only the slots that anyone may claim.
    #[arg(long)]
    pub(crate) free: bool,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Why {
    /// The slot, by its namespace.
    pub(crate) slot: String,
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

    /// What you use it for; shown to whoever wants it. A new claim needs one.
    #[arg(long, short, value_parser = purpose)]
    pub(crate) purpose: Option<String>,

    /// When the claim lapses: 4h, 2d, 18:00, 'Fri 18:00', 'tomorrow 18:00', 2026-12-01, or RFC 3339.
    /// Times of day are those of this machine's time zone. `never` takes an end away.
    /// [default: a new claim has no end]
    #[arg(long, value_name = "MOMENT")]
    pub(crate) until: Option<String>,

    /// Who holds it; may be given more than once, the owner first [default: you].
    #[arg(long = "user", value_name = "NAME", value_delimiter = ',', value_parser = name)]
    pub(crate) users: Vec<Name>,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Release {
    /// The slot, by its namespace.
    pub(crate) slot: String,

    /// Also if somebody else holds it; for administrators.
    #[arg(long)]
    pub(crate) force: bool,
}

/// The longest purpose that a Slot can hold, in characters.
const MAX_PURPOSE: usize = 200;

impl Args {
    /// Reads what was typed, under the name by which this program was called.
    ///
    /// # Errors
    /// What clap says, help and version included.
    pub(crate) fn read(typed: Vec<OsString>) -> Result<Self, clap::Error> {
        let program = called(typed.first());
        let mut command = Self::command().bin_name(program).display_name(program);
        let matches = command.try_get_matches_from_mut(typed)?;
        let args = Self::from_arg_matches(&matches).map_err(|e| e.format(&mut command))?;
        Ok(Self { program, ..args })
    }
}

/// kubectl finds `kubectl-hotdesk` on the path, and people type `kubectl hotdesk`.
fn called(first: Option<&OsString>) -> &'static str {
    let file = first.and_then(|path| Path::new(path).file_stem());
    if file.is_some_and(|file| file == "kubectl-hotdesk") { "kubectl hotdesk" } else { "hotdesk" }
}

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

fn name(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(typed: &[&str]) -> Result<Args, clap::Error> {
        Args::read(typed.iter().map(OsString::from).collect())
    }

    #[test]
    fn the_flags_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn help_shows_the_name_that_was_typed() {
        for (called, usage) in [
            ("/usr/local/bin/kubectl-hotdesk", "Usage: kubectl hotdesk claim"),
            ("kubectl-hotdesk.exe", "Usage: kubectl hotdesk claim"),
            ("./hotdesk", "Usage: hotdesk claim"),
        ] {
            let help = read(&[called, "claim", "--help"]).unwrap_err().to_string();
            assert!(help.contains(usage), "{called}: {help}");
        }
    }

    #[test]
    fn a_purpose_that_a_slot_cannot_hold_is_refused_before_it_is_sent() {
        for text in ["", "  ", "a\u{1b}[31mb", &"x".repeat(201)] {
            let error = read(&["hotdesk", "claim", "mew", "--purpose", text]).unwrap_err();
            assert!(error.to_string().contains("--purpose"), "{text:?}: {error}");
        }
    }

    #[test]
    fn users_are_names_and_come_singly_or_in_a_list() {
        let args = read(&["hotdesk", "claim", "mew", "--user", "Alice@Example.com,bob", "--user", "carol"]).unwrap();
        let Command::Claim(claim) = args.command else { panic!("not a claim") };
        let users: Vec<&str> = claim.users.iter().map(Name::as_str).collect();
        assert_eq!(users, ["alice@example.com", "bob", "carol"]);
        assert!(read(&["hotdesk", "claim", "mew", "--user", " "]).is_err());
    }
}
