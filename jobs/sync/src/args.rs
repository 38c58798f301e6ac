//! What does the operator want? Everything is read and checked here, before anything is asked or written.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{ArgGroup, Parser};
use hotdesk_http::google::{Access, Credential};
use hotdesk_http::http::{Http, is_safe};
use hotdesk_runtime::log::LogArgs;
use hotdesk_slots::duration::positive;
use hotdesk_slots::identity::{Accounts, NameRules, People};
use http::Uri;
use jiff::tz::TimeZone;

use crate::rows::Rules;
use crate::run::Settings;
use crate::scope::Scope;
use crate::source::Source;
use crate::source::sheets::{SCOPE, Sheets, id};

/// The first is what to try before anything else.
const EXAMPLES: &str = "\
Examples:
  hotdesk-sync --csv slots.csv --dry-run
  hotdesk-sync --sheet 1A… --google-key key.json --dry-run
  hotdesk-sync --sheet 1A… --tab Slots --people-tab People --poll 15s
  hotdesk-sync --csv slots.csv --slots 'team-a-*,mew' --once
  kubectl -n hotdesk exec deploy/hotdesk-sync -- hotdesk-sync --once --confirm-clearing";

const EXIT_CODES: &str = "\
With --once and --dry-run, the exit code tells how it ended:
  0  the Slots say what the sheet says
  1  nothing could be read, or not everything could be written
  2  wrong usage
  3  some rows have problems; the others were applied
  4  most claims would go at once: nothing was changed";

/// Brings the claims of a Google Sheet or a CSV file to the Slots.
///
/// The first rows hold a header with the columns Slot, Usernames (or Emails, or Users) and Purpose; Until, Keep until
/// and Host if you like. What cannot be read changes nothing.
#[derive(Debug, Clone, Parser)]
#[command(name = "hotdesk-sync", version, after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Args {
    /// What one pass does.
    #[command(flatten)]
    pub pass: Pass,
    /// How often the source is read
    #[arg(long, env = "HOTDESK_POLL", default_value = "15s", value_name = "DURATION", value_parser = positive::<Duration>)]
    pub poll: Duration,
    /// How long the source may be unreadable before the Slots say so
    #[arg(long, env = "HOTDESK_STALE_AFTER", default_value = "2m", value_name = "DURATION", value_parser = positive::<Duration>)]
    pub stale_after: Duration,
    /// Where /livez, /readyz and /metrics are served, except with --once
    #[arg(long, env = "HOTDESK_HEALTH_LISTEN", default_value = "0.0.0.0:8080", value_name = "ADDRESS")]
    pub health_listen: SocketAddr,
    /// What is logged, and how.
    #[command(flatten)]
    pub log: LogArgs,
}

/// What one pass does: from where, for which slots, by which rules.
#[derive(Debug, Clone, clap::Args)]
#[command(group(ArgGroup::new("source").required(true).args(["sheet", "csv"])))]
pub struct Pass {
    /// A sheet, and how Google is asked for it.
    #[command(flatten)]
    pub google: Google,
    /// The CSV file with the claims
    #[arg(long, env = "HOTDESK_CSV", value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// The CSV file with the people who go by several names
    #[arg(long, env = "HOTDESK_PEOPLE_CSV", value_name = "FILE", conflicts_with = "sheet")]
    pub people_csv: Option<PathBuf>,
    /// JSON file with a list of lists of names, one person each, beside the people of the source
    #[arg(long, env = "HOTDESK_PEOPLE", value_name = "FILE")]
    pub people: Option<PathBuf>,
    /// How long to wait before asking again after an error that may pass; doubled each time
    #[arg(long, env = "HOTDESK_RETRY_DELAY", default_value = "1s", value_name = "DURATION", value_parser = positive::<Duration>)]
    pub retry_delay: Duration,
    /// The slots that the source is for: names, or patterns such as team-a-*, comma-separated. Default: every slot.
    /// The others are left alone, and their rows passed over
    #[arg(long, env = "HOTDESK_SLOTS", value_name = "NAMES", value_delimiter = ',')]
    pub slots: Vec<String>,
    /// How many slots one person can own at once. Default: any number
    #[arg(long, env = "HOTDESK_MAX_CLAIMS", value_name = "SLOTS", value_parser = clap::value_parser!(u16).range(1..))]
    pub max_claims: Option<u16>,
    /// Which names a claim may hold.
    #[command(flatten)]
    pub names: Names,
    /// Whose times of day the source shows, such as Europe/Berlin
    #[arg(long, env = "HOTDESK_TIME_ZONE", default_value = "UTC", value_name = "ZONE", value_parser = time_zone)]
    pub time_zone: TimeZone,
    /// Where people edit the claims; shown on the Slots
    #[arg(long, env = "HOTDESK_CLAIM_URL", value_name = "URL")]
    pub claim_url: Option<String>,
    /// Clearing more than half of the claims at once is meant. With --once; a program that stays refuses it
    #[arg(long, requires = "one_pass")]
    pub confirm_clearing: bool,
    /// Make one pass, and end
    #[arg(long, group = "one_pass")]
    pub once: bool,
    /// Make one pass that writes nothing and says what it would write
    #[arg(long, group = "one_pass")]
    pub dry_run: bool,
    /// How long an answer of the API server may take
    #[arg(long, env = "HOTDESK_API_TIMEOUT", default_value = "20s", value_name = "DURATION", value_parser = positive::<Duration>)]
    pub api_timeout: Duration,
}

/// Which names a claim may hold. The webhook is told the same.
#[derive(Debug, Clone, clap::Args)]
pub struct Names {
    /// Names may have letters beyond ASCII, each part of a name in one script (UTS 39)
    #[arg(long, env = "HOTDESK_UNICODE_NAMES")]
    pub unicode_names: bool,
    /// How many people one row can name
    #[arg(long, env = "HOTDESK_MAX_USERS", default_value = "16", value_name = "USERS", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub max_users: u16,
    /// Exact name of a service account that a row can name. Repeat it, or separate by line breaks
    #[arg(long, env = "HOTDESK_CLAIMANT_ACCOUNT", value_name = "USER", value_delimiter = '\n')]
    pub claimant_account: Vec<String>,
}

/// A sheet, and how Google is asked for it. A command that takes these flags has a flag --csv as well.
#[derive(Debug, Clone, clap::Args)]
pub struct Google {
    /// The Google Sheet: its address, or the long name in it
    #[arg(long, env = "HOTDESK_SHEET", value_name = "ID|URL", value_parser = id, conflicts_with = "csv")]
    pub sheet: Option<String>,
    /// The tab with the claims. Default: the first
    #[arg(long, env = "HOTDESK_TAB", value_name = "TAB", conflicts_with = "csv")]
    pub tab: Option<String>,
    /// The tab with the people who go by several names, one row a person, the name to show first
    #[arg(long, env = "HOTDESK_PEOPLE_TAB", value_name = "TAB", conflicts_with = "csv")]
    pub people_tab: Option<String>,
    /// The key file of a Google service account. Default: GOOGLE_APPLICATION_CREDENTIALS, then the metadata server
    #[arg(long, env = "HOTDESK_GOOGLE_KEY", value_name = "FILE")]
    pub google_key: Option<PathBuf>,
    #[arg(long, env = "GOOGLE_APPLICATION_CREDENTIALS", hide = true)]
    application_credentials: Option<PathBuf>,
    /// Google's metadata server, which gives tokens to pods with Workload Identity
    #[arg(long, env = "GCE_METADATA_HOST", default_value = "metadata.google.internal", value_name = "HOST")]
    pub metadata_host: String,
    /// Where the Sheets API is
    #[arg(long, env = "HOTDESK_SHEETS_ENDPOINT", default_value = "https://sheets.googleapis.com", value_name = "URL", value_parser = endpoint)]
    pub sheets_endpoint: Uri,
    /// How long an answer of Google may take
    #[arg(long, env = "HOTDESK_SHEETS_TIMEOUT", default_value = "20s", value_name = "DURATION", value_parser = positive::<Duration>)]
    pub sheets_timeout: Duration,
}

impl Pass {
    /// True if the program ends after one pass.
    #[must_use]
    pub fn is_once(&self) -> bool {
        self.once || self.dry_run
    }

    /// How passes are made, for a program that makes them so often.
    ///
    /// # Errors
    /// Every setting that cannot be read.
    pub fn settings(&self, poll: Duration, stale_after: Duration) -> anyhow::Result<Settings> {
        let people = self.listed_people()?;
        Ok(Settings {
            scope: self.scope()?,
            rules: self.rules(&people),
            people,
            poll,
            retry_delay: self.retry_delay,
            stale_after,
            confirmed: self.confirm_clearing,
            dry_run: self.dry_run,
            claim_url: self.claim_url.clone(),
        })
    }

    /// The slots that the source is for.
    ///
    /// # Errors
    /// Every pattern that is none.
    fn scope(&self) -> anyhow::Result<Scope> {
        Scope::of(&self.slots).map_err(|problems| anyhow::anyhow!("--slots: {}", problems.join("; ")))
    }

    /// The rules for rows.
    fn rules(&self, listed: &[Vec<String>]) -> Rules {
        let names = self.names.rules(listed.iter().flatten());
        Rules { limit: self.max_claims.map(usize::from), zone: self.time_zone.clone(), names }
    }

    /// The source of claims.
    ///
    /// # Errors
    /// When this machine has no certificates to know Google by.
    pub fn source(&self) -> anyhow::Result<Source> {
        if let Some(slots) = &self.csv {
            return Ok(Source::File { slots: slots.clone(), people: self.people_csv.clone() });
        }
        Ok(Source::Sheet(Box::new(self.google.sheets()?.context("pass --sheet or --csv")?)))
    }

    /// The people whom the operator lists beside the source.
    ///
    /// # Errors
    /// Every problem of the file at once.
    fn listed_people(&self) -> anyhow::Result<Vec<Vec<String>>> {
        let Some(path) = &self.people else { return Ok(Vec::new()) };
        let dry_run = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("--people {dry_run}: it cannot be read"))?;
        let rows: Vec<Vec<String>> = serde_json::from_str(&text)
            .with_context(|| format!("--people {dry_run}: write a JSON list of lists of names, one list a person"))?;
        if let Err(problems) = People::from_rows(&rows) {
            anyhow::bail!("--people {dry_run}: {}", problems.join("; "));
        }
        Ok(rows)
    }
}

impl Names {
    /// The rules. Whom the operator lists, they know, by whatever name.
    pub fn rules<'a>(&self, listed: impl IntoIterator<Item = &'a String>) -> NameRules {
        let accounts = self.claimant_account.iter().filter(|account| !account.trim().is_empty());
        NameRules {
            unicode: self.unicode_names,
            max_users: self.max_users.into(),
            accounts: Accounts::Listed(accounts.cloned().chain(listed.into_iter().cloned()).collect()),
        }
    }
}

impl Google {
    /// The sheet, if one is named.
    ///
    /// # Errors
    /// When this machine has no certificates to know Google by.
    pub fn sheets(&self) -> anyhow::Result<Option<Sheets>> {
        let Some(id) = self.sheet.clone() else { return Ok(None) };
        let http = Http::new(self.sheets_timeout).context("the system's CA certificates cannot be read")?;
        let key = self.google_key.clone().or_else(|| self.application_credentials.clone());
        let credential = key.map_or_else(|| Credential::Metadata(self.metadata_host.clone()), Credential::Key);
        Ok(Some(Sheets {
            access: Access::new(credential, SCOPE, http.clone()),
            http,
            endpoint: self.sheets_endpoint.clone(),
            id,
            tab: self.tab.clone().filter(|tab| !tab.is_empty()),
            people: self.people_tab.clone().filter(|tab| !tab.is_empty()),
        }))
    }
}

fn time_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| "write a time zone such as UTC or Europe/Berlin".to_owned())
}

fn endpoint(text: &str) -> Result<Uri, String> {
    let uri = text.parse::<Uri>().ok().filter(is_safe);
    uri.ok_or_else(|| "write an address that begins with https:// (or http:// of this machine)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[track_caller]
    fn check(args: &[&str], expected: &str) {
        match Args::try_parse_from(std::iter::once(&"hotdesk-sync").chain(args)) {
            Ok(_) => assert_eq!(expected, "", "{args:?} is accepted"),
            Err(e) => assert!(!expected.is_empty() && e.to_string().contains(expected), "{args:?}: {e}"),
        }
    }

    #[test]
    fn there_is_one_source() {
        Args::command().debug_assert();
        check(&["--csv", "slots.csv"], "");
        check(&["--sheet", "https://docs.google.com/spreadsheets/d/1A/edit", "--tab", "Slots"], "");
        check(&[], "<--sheet <ID|URL>|--csv <FILE>>");
        check(&["--csv", "slots.csv", "--sheet", "1A"], "cannot be used with");
        check(&["--csv", "slots.csv", "--tab", "Slots"], "cannot be used with");
    }

    #[test]
    fn wrong_values_are_refused_with_how_to_write_them() {
        check(&["--sheet", "1 A"], "the long name after /spreadsheets/d/");
        check(&["--csv", "x", "--poll", "0s"], "longer than nothing");
        check(&["--csv", "x", "--time-zone", "Berlin"], "such as UTC");
        check(&["--sheet", "1A", "--sheets-endpoint", "http://sheets.example.com"], "https://");
        check(&["--csv", "x", "--max-claims", "0"], "--max-claims");
    }

    #[test]
    fn clearing_is_confirmed_for_one_pass_only() {
        check(&["--csv", "x", "--once", "--confirm-clearing"], "");
        check(&["--csv", "x", "--dry-run", "--confirm-clearing"], "");
        check(&["--csv", "x", "--confirm-clearing"], "--once");
    }
}
