//! Which traffic sources has the operator named, and how is each of them asked?
//!
//! Everything is read and checked before anything is asked: what is here can be used as it is.

mod read;
mod rights;
mod schema;
mod sees;
mod server;
pub mod settings;

use std::path::PathBuf;

use http::{HeaderName, HeaderValue, Uri};
use jiff::SignedDuration;

use crate::line::Format;

pub(crate) use read::read_server;
pub use read::{Defaults, read};
pub use rights::{EVERYWHERE, IN_SLOT, OBSERVES, Right, SAVE, SESSIONS};
pub(crate) use schema::{Auth as WrittenAuth, Header};
pub use sees::{ENVOY_GATEWAY, INGRESS_NGINX, Sees};
pub(crate) use sees::{NAME_LABEL, TRAEFIK_INGRESSES};

/// What holds where nobody says otherwise; what is read is the log of ingress-nginx, as its chart installs it.
pub mod default {
    /// The sources.
    pub const SOURCES: &str = "[{type: ingress-logs}]";
    /// The namespace of the controller's pods.
    pub const NAMESPACE: &str = "ingress-nginx";
    /// Their labels.
    pub const SELECTOR: &str = "app.kubernetes.io/name=ingress-nginx,app.kubernetes.io/component=controller";
    /// Their container that serves.
    pub const CONTAINER: &str = "controller";
    /// How they log.
    pub const LOG_FORMAT: &str = "auto";
    /// The share of log lines that may be unreadable.
    pub const MAX_UNPARSED: &str = "1%";
    /// How long a slot may go unused.
    pub const WINDOW: &str = "1h";
    /// When it may go unused for longer.
    pub const OFFICE_HOURS: &str = r#"[{"timeZone": "UTC", "from": "03:00", "to": "15:00", "window": "2h"}]"#;
    /// For how long a session counts at least.
    pub const SESSION_GRACE: &str = "4h";
    /// Where releases are saved.
    pub const SAVED_NAMESPACE: &str = "hotdesk-saved";
}

/// Reads a share: `1%` or `0.01`.
///
/// # Errors
/// When it is none.
pub fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = text.trim().strip_suffix('%').map_or((text.trim(), 1.0), |percent| (percent.trim(), 100.0));
    let share = number.parse::<f64>().map_err(|_| "write it like 1% or 0.01".to_owned())? / whole;
    if (0.0..1.0).contains(&share) { Ok(share) } else { Err("it must be at least 0 and less than all".to_owned()) }
}

/// One source.
#[derive(Debug, Clone)]
pub struct Source {
    /// What it is called in verdicts: its type, where the operator gives it no other name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Which ways into a slot it sees.
    pub sees: Sees,
}

/// What a source is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// The access logs of an ingress controller's pods.
    IngressLogs(IngressLogs),
    /// The counters of an ingress controller's pods.
    IngressMetrics(IngressMetrics),
    /// A Prometheus, or what answers as one does.
    Prometheus(Prometheus),
    /// A Loki.
    Loki(Loki),
    /// Google Cloud Logging.
    GcpLogging(GcpLogging),
}

/// The pods of an ingress controller.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodSelector {
    /// Their namespace.
    pub namespace: String,
    /// Their labels.
    pub selector: String,
    /// Their container that serves.
    pub container: String,
}

/// The access logs of an ingress controller's pods.
#[derive(Debug, Clone)]
pub struct IngressLogs {
    /// The pods.
    pub place: PodSelector,
    /// How they log.
    pub format: Format,
}

/// The counters of an ingress controller's pods.
#[derive(Debug, Clone)]
pub struct IngressMetrics {
    /// The pods.
    pub place: PodSelector,
    /// Whose counters they are.
    pub controller: Controller,
    /// The port of the metrics.
    pub port: u16,
    /// The path of the metrics.
    pub path: String,
    /// True if the controller counts requests to any host, also to one that no Ingress names in full.
    pub any_host: bool,
}

/// An ingress controller whose counters are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Controller {
    /// ingress-nginx.
    IngressNginx,
    /// Traefik.
    Traefik,
    /// Envoy, as Envoy Gateway runs it.
    #[serde(alias = "envoy")]
    EnvoyGateway,
    /// Istio's gateways and sidecars.
    Istio,
}

/// A Prometheus.
#[derive(Debug, Clone)]
pub struct Prometheus {
    /// Where it is.
    pub server: Server,
    /// What it is asked.
    pub question: Question,
    /// The longest time without a sample that is not a gap.
    pub gap: SignedDuration,
    /// True if requests to any host are counted.
    pub any_host: bool,
}

/// What a Prometheus is asked.
#[derive(Debug, Clone)]
pub enum Question {
    /// What is known of a controller; the sight may be the operator's own.
    Ready {
        /// Whose counters.
        controller: Controller,
        /// Which series' samples prove sight; none: `up` of the jobs that count.
        sight: Option<String>,
    },
    /// The operator's own.
    Own {
        /// An expression with `$namespace` and `$window`: anything above zero is use.
        query: String,
        /// Which series' samples prove sight.
        sight: String,
    },
}

/// A Loki.
#[derive(Debug, Clone)]
pub struct Loki {
    /// Where it is.
    pub server: Server,
    /// What it is asked.
    pub question: LokiQuestion,
    /// The longest time without any line that is not a sign of a broken pipeline.
    pub max_silence: SignedDuration,
}

/// What a Loki is asked.
#[derive(Debug, Clone)]
pub enum LokiQuestion {
    /// For the controllers' lines, which are read as the log itself would be.
    Lines {
        /// The streams.
        selector: String,
        /// How they are written.
        format: Format,
    },
    /// The operator's own.
    Own {
        /// A query with `$namespace`: any line is use.
        query: String,
        /// A query whose newest line proves sight.
        sight: String,
    },
}

/// Google Cloud Logging.
#[derive(Debug, Clone)]
pub struct GcpLogging {
    /// The project whose logs are read.
    pub project: String,
    /// The cluster of the controllers; any if none.
    pub cluster: Option<String>,
    /// The controllers.
    pub place: PodSelector,
    /// How they log.
    pub format: Format,
    /// More of a filter, for what the above cannot say.
    pub filter: Option<String>,
    /// A service account's key; none: the metadata server's tokens.
    pub key: Option<PathBuf>,
    /// `logging.googleapis.com`
    pub endpoint: Uri,
    /// Where tokens are had without a key.
    pub metadata_host: String,
    /// The longest time without any entry that is not a sign of a broken pipeline.
    pub max_silence: SignedDuration,
}

/// A server, and what it wants to see.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its address, without what is asked.
    pub url: Uri,
    /// Who asks.
    pub auth: Auth,
    /// Further headers, as they are or from files.
    pub headers: Vec<(HeaderName, Value)>,
    /// The certificates that are trusted; the system's if none.
    pub ca_file: Option<PathBuf>,
}

/// A header's value.
#[derive(Debug, Clone)]
pub enum Value {
    /// As it is.
    Plain(HeaderValue),
    /// The content of a file.
    File(PathBuf),
}

/// Who asks. Files are read for each question, so that a new token needs no restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Nobody in particular.
    None,
    /// Who holds this token.
    Bearer(PathBuf),
    /// A user with a password.
    Basic {
        /// The user.
        user: String,
        /// The file with the password.
        password: PathBuf,
    },
}

impl Source {
    /// What the job reads of it that reads once for all slots: logs of the controllers' pods, and nothing else.
    #[must_use]
    pub fn observed(&self) -> Option<&IngressLogs> {
        if let Kind::IngressLogs(logs) = &self.kind { Some(logs) } else { None }
    }

    /// True if it reads lines that an Ingress may keep out of the access log.
    #[must_use]
    pub fn reads_logs(&self) -> bool {
        matches!(self.kind, Kind::IngressLogs(_) | Kind::Loki(_) | Kind::GcpLogging(_))
    }

    /// True if it does not see requests to a host that no Ingress names in full.
    #[must_use]
    pub fn needs_hosts(&self) -> bool {
        let by_nginx = |controller: Controller, any_host: bool| controller == Controller::IngressNginx && !any_host;
        match &self.kind {
            Kind::IngressMetrics(metrics) => by_nginx(metrics.controller, metrics.any_host),
            Kind::Prometheus(Prometheus { question: Question::Ready { controller, .. }, any_host, .. }) => {
                by_nginx(*controller, *any_host)
            }
            _ => false,
        }
    }
}
