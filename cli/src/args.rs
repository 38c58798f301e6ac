//! What can be typed?

mod commands;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

#[cfg(test)]
pub(crate) use self::commands::Trust;
pub(crate) use self::commands::{
    Claim, Completion, Hand, Keep, List, Plan, Reap, Release, Resolve, Restamp, Revive, Sync, Why,
};

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
    /// For spreadsheets; of `list` only.
    Csv,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Show every slot: who holds it, why, until when, and whether anyone uses it.
    #[command(visible_alias = "ls")]
    List(List),
    /// Explain the state of a slot, and why it was or was not cleared.
    Why(Why),
    /// Say what would be cleared in a slot and when, what stays, and what could not be brought back.
    Plan(Plan),
    /// Claim a free slot, or change your own claim.
    Claim(Claim),
    /// Give your slot back.
    Release(Release),
    /// Ask that nothing in your slot is cleared for a while, whether or not anyone uses it.
    Keep(Keep),
    /// Give your slot to somebody else.
    Hand(Hand),
    /// Check now whether anybody uses your slot, and clear it if nobody does.
    Reap(Reap),
    /// Bring back what was cleared.
    Revive(Revive),
    /// Bring the owner's name on everything in your slot up to date.
    Restamp(Restamp),
    /// For CI: which slot does this person hold? Prints KUBE_NAMESPACE and HOST.
    Resolve(Box<Resolve>),
    /// Bring the claims of a Google Sheet or a CSV file to the slots, once; for administrators.
    Sync(Box<Sync>),
    /// Check the installation and every slot, and say how to fix what is wrong.
    Doctor,
    /// Print a script that completes commands and flags in a shell.
    Completion(Completion),
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use hotdesk_slots::Name;

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
