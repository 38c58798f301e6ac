//! Which settings does the webhook take, and what do they mean?

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Parser, ValueEnum};
use hotdesk_runtime::log::LogArgs;
use hotdesk_slots::duration;
use hotdesk_slots::identity::{Accounts, NameRules};
use hotdesk_slots::{IdentitySettings, Mode, People};

use crate::gated::Gated;
use crate::settings::{Deployer, Settings, TokenSecrets};

pub use guards::{GuardArgs, SwitchArg};

mod guards;

/// The admission server of hotdesk: gates and stamps what is written into a slot.
#[derive(Debug, Clone, Parser)]
#[command(name = "hotdesk-webhook", version, about)]
pub struct Args {
    /// Address on which reviews are answered, over TLS: /PATH/mutate, /PATH/validate, /PATH/slots
    #[arg(long, env = "HOTDESK_LISTEN", default_value = "0.0.0.0:8443")]
    pub listen: SocketAddr,
    /// Address of /livez, /readyz and /metrics, without TLS
    #[arg(long, env = "HOTDESK_HEALTH_LISTEN", default_value = "0.0.0.0:8080")]
    pub health_listen: SocketAddr,
    /// File with the certificate chain, as PEM
    #[arg(long, env = "HOTDESK_TLS_CERT", default_value = "/etc/hotdesk/tls/tls.crt", value_name = "FILE")]
    pub tls_cert: PathBuf,
    /// File with the certificate's private key, as PEM
    #[arg(long, env = "HOTDESK_TLS_KEY", default_value = "/etc/hotdesk/tls/tls.key", value_name = "FILE")]
    pub tls_key: PathBuf,
    /// Directory with the secret PATH: the file `path`, and the file `previous` while the path before it is still answered.
    /// Requests below no such path get 404
    #[arg(long, env = "HOTDESK_PATH_DIR", default_value = "/etc/hotdesk/path", value_name = "DIR")]
    pub path_dir: PathBuf,
    /// How often the files of the certificate and of the path are read again
    #[arg(long, env = "HOTDESK_TLS_RELOAD_INTERVAL", default_value = "5s", value_parser = duration::positive::<Duration>, value_name = "DURATION")]
    pub tls_reload_interval: Duration,
    /// The largest review that is judged like any other, in bytes, or with Ki or Mi. Of a larger one, only deletions and
    /// break-glass are let through
    #[arg(long, env = "HOTDESK_MAX_REVIEW_BYTES", default_value = "33554432", value_parser = review_bytes, value_name = "BYTES")]
    pub max_review_bytes: usize,
    /// The memory of all bodies together, in bytes, or with Ki or Mi. Large reviews wait for each other
    #[arg(long, env = "HOTDESK_BODY_BUDGET_BYTES", default_value = "67108864", value_parser = budget_bytes, value_name = "BYTES")]
    pub body_budget_bytes: usize,
    /// Threads that answer reviews
    #[arg(long, env = "HOTDESK_WORKERS", default_value = "2", value_parser = clap::value_parser!(u16).range(1..=256), value_name = "THREADS")]
    pub workers: u16,
    /// How long reviews are still answered after SIGTERM, so that nobody is sent here any more
    #[arg(long, env = "HOTDESK_SHUTDOWN_DELAY", default_value = "5s", value_parser = duration::non_negative::<Duration>, value_name = "DURATION")]
    pub shutdown_delay: Duration,
    /// How long reviews under way may then take
    #[arg(long, env = "HOTDESK_SHUTDOWN_TIMEOUT", default_value = "20s", value_parser = duration::positive::<Duration>, value_name = "DURATION")]
    pub shutdown_timeout: Duration,
    /// What happens to a write by somebody who does not hold the slot, where the Slot itself does not say
    #[arg(long, env = "HOTDESK_MODE", value_enum, default_value_t = ModeArg::Enforce)]
    pub mode: ModeArg,
    /// Group whose members can do anything in any slot, with a warning. An empty value: none. Repeat it, or separate by line breaks: a name may have commas
    #[arg(
        long,
        env = "HOTDESK_BREAK_GLASS_GROUP",
        default_value = "system:masters",
        value_delimiter = '\n',
        value_name = "GROUP"
    )]
    pub break_glass_group: Vec<String>,
    /// Exact user name of somebody who can write any Slot. Repeat it, or separate by line breaks: a name may have commas
    #[arg(long, env = "HOTDESK_ADMINISTRATOR_USER", value_delimiter = '\n', value_name = "USER")]
    pub administrator_user: Vec<String>,
    /// Group whose members can write any Slot. Repeat it, or separate by line breaks: a name may have commas
    #[arg(long, env = "HOTDESK_ADMINISTRATOR_GROUP", value_delimiter = '\n', value_name = "GROUP")]
    pub administrator_group: Vec<String>,
    /// Exact user name that is never gated, like the cluster's own controllers. Repeat it, or separate by line breaks: a name may have commas
    #[arg(long, env = "HOTDESK_MACHINERY_USER", value_delimiter = '\n', value_name = "USER")]
    pub machinery_user: Vec<String>,
    /// A CI or GitOps tool that can deploy for claimants, as JSON: {"user": its exact user name, "slots": [SLOT…]}, or
    /// "people": [NAME…], or "authenticatesPeople": true; or a list of these. Repeat it, or separate by line breaks. A bare
    /// name authenticates people
    #[arg(
        long,
        env = "HOTDESK_TRUSTED_DEPLOYER",
        value_delimiter = '\n',
        value_parser = deployers,
        value_name = "JSON"
    )]
    pub trusted_deployer: Vec<Deployers>,
    /// What becomes of Secrets of the type kubernetes.io/service-account-token in slots: such a token has no end
    #[arg(long, env = "HOTDESK_TOKEN_SECRETS", value_enum, default_value_t = TokenSecretsArg::Deny)]
    pub token_secrets: TokenSecretsArg,
    /// What becomes of writes that reach for a neighbour
    #[command(flatten)]
    pub guards: GuardArgs,
    /// Prefix of user names that claims leave out, such as `github:`. Repeat it, or separate by commas
    #[arg(long, env = "HOTDESK_STRIP_PREFIX", value_delimiter = ',', value_name = "PREFIX")]
    pub strip_prefix: Vec<String>,
    /// Key of the user's `extra` whose values are further names. Repeat it, or separate by commas
    #[arg(long, env = "HOTDESK_EXTRA_KEY", value_delimiter = ',', value_name = "KEY")]
    pub extra_key: Vec<String>,
    /// JSON file with a list of lists of names: one person each, the name to show first
    #[arg(long, env = "HOTDESK_PEOPLE", value_name = "FILE")]
    pub people: Option<PathBuf>,
    /// Where people claim a slot besides the command line, such as the sheet; shown in denials
    #[arg(long, env = "HOTDESK_CLAIM_URL", value_name = "URL", value_parser = url)]
    pub claim_url: Option<String>,
    /// Namespace of the reapers, whose service accounts are called reaper-SLOT and reviver-SLOT
    #[arg(long, env = "HOTDESK_JOBS_NAMESPACE", default_value = "hotdesk-jobs", value_name = "NAME")]
    pub jobs_namespace: String,
    /// How many slots one person can hold at once. 0: any number
    #[arg(long, env = "HOTDESK_MAX_SLOTS_PER_PERSON", default_value = "0", value_name = "SLOTS")]
    pub max_slots_per_person: u16,
    /// ConfigMap in the webhook's own namespace in which all webhooks note the claims that they have just admitted. Only used with
    /// a limit of slots for a person
    #[arg(long, env = "HOTDESK_CLAIMS_CONFIG_MAP", default_value = "hotdesk-claims", value_name = "NAME")]
    pub claims_config_map: String,
    /// Exact user name of hotdesk-sync, which writes the claims of a sheet. Without it, only administrators do
    #[arg(long, env = "HOTDESK_SYNC_USER", value_name = "USER")]
    pub sync_user: Option<String>,
    /// Exact user name of this webhook, as which it notes in the Slots' status who works in a pod, and in the ConfigMap
    /// hotdesk-sessions of the jobs' namespace that it does. Without it, nobody does
    #[arg(long, env = "HOTDESK_SESSION_USER", value_name = "USER")]
    pub session_user: Option<String>,
    /// What this webhook is called in that ConfigMap
    #[arg(long, env = "HOTDESK_POD", default_value = "webhook", value_name = "POD")]
    pub pod: String,
    /// Exact user name of hotdesk-controller, which carries out requests, and writes the claimants of a slot into the
    /// RoleBinding hotdesk-claimants there. Without it, nobody does
    #[arg(long, env = "HOTDESK_CONTROLLER_USER", value_name = "USER")]
    pub controller_user: Option<String>,
    /// Exact user name of hotdesk's restamper, which brings hotdesk's labels and annotations in a slot to its claim. Without
    /// it, nobody does
    #[arg(long, env = "HOTDESK_RESTAMPER_USER", value_name = "USER")]
    pub restamper_user: Option<String>,
    /// Names in claims may have letters beyond ASCII, each part of a name in one script (UTS 39)
    #[arg(long, env = "HOTDESK_UNICODE_NAMES")]
    pub unicode_names: bool,
    /// How many people one claim can name
    #[arg(long, env = "HOTDESK_MAX_USERS", default_value = "16", value_parser = clap::value_parser!(u16).range(1..=256), value_name = "USERS")]
    pub max_users: u16,
    /// Exact name of a service account that a claim can name, besides the trusted deployers. Repeat it, or separate by line breaks
    #[arg(long, env = "HOTDESK_CLAIMANT_ACCOUNT", value_delimiter = '\n', value_name = "USER")]
    pub claimant_account: Vec<String>,
    /// What is logged, and how
    #[command(flatten)]
    pub log: LogArgs,
}

/// What happens to a denied write.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ModeArg {
    /// It is denied
    Enforce,
    /// It is admitted, and the client sees a warning
    Warn,
    /// It is admitted, and only the audit log and the metrics tell
    Audit,
}

/// What becomes of Secrets that hold a token that never expires.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum TokenSecretsArg {
    /// Only administrators write them
    Deny,
    /// Everybody who deploys in a slot can write them
    Allow,
}

/// The deployers of one flag.
#[derive(Debug, Clone)]
pub struct Deployers(Vec<Deployer>);

impl Args {
    /// The settings that decisions depend on. Reads the file of people.
    ///
    /// # Errors
    /// Every problem of the file at once, or an entry that would match nobody or everybody.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        Gated::read().context("the table of what is gated (charts/hotdesk/files/gated.yaml) cannot be read")?;
        Ok(Settings {
            mode: self.mode.into(),
            break_glass_groups: given(&self.break_glass_group),
            administrator_users: given(&self.administrator_user),
            administrator_groups: given(&self.administrator_group),
            machinery_users: given(&self.machinery_user),
            trusted_deployers: self.trusted_deployer.iter().flat_map(|given| given.0.clone()).collect(),
            token_secrets: self.token_secrets.into(),
            guards: self.guards.guards(),
            own_namespaces: given(&self.guards.own_namespace),
            own_priority_classes: given(&self.guards.own_priority_class),
            identity: IdentitySettings {
                strip_prefixes: given(&self.strip_prefix),
                extra_keys: given(&self.extra_key),
            },
            people: self.people()?,
            claim_url: self.claim_url.clone(),
            jobs_namespace: self.jobs_namespace.clone(),
            max_slots: self.max_slots_per_person.into(),
            restamper_user: self.restamper_user.clone().filter(|user| !user.is_empty()),
            controller_user: self.controller_user.clone().filter(|user| !user.is_empty()),
            session_user: self.session_user.clone().filter(|user| !user.is_empty()),
            sync_user: self.sync_user.clone().filter(|user| !user.is_empty()),
            names: self.names(),
        })
    }

    fn names(&self) -> NameRules {
        let deployers = self.trusted_deployer.iter().flat_map(|given| &given.0).map(|deployer| deployer.user.clone());
        let listed = given(&self.claimant_account).into_iter().chain(deployers).collect();
        NameRules { unicode: self.unicode_names, max_users: self.max_users.into(), accounts: Accounts::Listed(listed) }
    }

    fn people(&self) -> anyhow::Result<People> {
        let Some(path) = &self.people else { return Ok(People::default()) };
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("--people {shown}: it cannot be read"))?;
        let rows: Vec<Vec<String>> = serde_json::from_str(&text)
            .with_context(|| format!("--people {shown}: write a JSON list of lists of names, one list a person"))?;
        match People::from_rows(rows) {
            Ok(people) => Ok(people),
            Err(problems) => bail!("--people {shown}: {}", problems.join("; ")),
        }
    }
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Enforce => Self::Enforce,
            ModeArg::Warn => Self::Warn,
            ModeArg::Audit => Self::Audit,
        }
    }
}

impl From<TokenSecretsArg> for TokenSecrets {
    fn from(arg: TokenSecretsArg) -> Self {
        match arg {
            TokenSecretsArg::Deny => Self::Deny,
            TokenSecretsArg::Allow => Self::Allow,
        }
    }
}

/// Without the empty entries that an empty value or a trailing comma leaves.
fn given(entries: &[String]) -> Vec<String> {
    entries.iter().map(|entry| entry.trim()).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

fn deployers(text: &str) -> Result<Deployers, String> {
    Deployer::parse(text).map(Deployers)
}

/// An API server takes objects of 3 MiB, so less would deny ordinary ones, and above 1 GiB none sends any.
fn review_bytes(text: &str) -> Result<usize, String> {
    bytes(text, 4, "33554432 or 32Mi")
}

/// Of less, a large review could not have its share.
fn budget_bytes(text: &str) -> Result<usize, String> {
    bytes(text, 16, "67108864 or 64Mi")
}

fn bytes(text: &str, least: usize, example: &str) -> Result<usize, String> {
    let (digits, unit) = match text {
        _ if text.ends_with("Ki") => (text.trim_end_matches("Ki"), 1 << 10),
        _ if text.ends_with("Mi") => (text.trim_end_matches("Mi"), 1 << 20),
        _ => (text, 1),
    };
    let size = digits.parse::<usize>().ok().and_then(|n| n.checked_mul(unit));
    size.filter(|n| (least << 20..=1 << 30).contains(n))
        .ok_or_else(|| format!("write a number of bytes from {least}Mi to 1024Mi, such as {example}, not {text:?}"))
}

fn url(text: &str) -> Result<String, String> {
    let plain = (text.starts_with("https://") || text.starts_with("http://"))
        && !text.contains(|c: char| c.is_whitespace() || hotdesk_slots::text::is_harmful(c));
    if plain { Ok(text.to_owned()) } else { Err("write an address that starts with https:// or http://".to_owned()) }
}

#[cfg(test)]
mod tests;
