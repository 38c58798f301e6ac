//! How do people write a source down? One struct a type; what is not listed here is refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::SignedDuration;
use serde::Deserialize;

use super::Controller;

/// Which pods; the operator's `ingress` settings where left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Logs {
    pub(super) namespace: Option<String>,
    pub(super) selector: Option<String>,
    pub(super) container: Option<String>,
    pub(super) log_format: Option<String>,
    pub(super) fields: Option<Fields>,
}

/// What a source sees; what is left out is what is known of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Sees {
    pub(super) controllers: Option<Vec<String>>,
    pub(super) kinds: Option<Vec<String>>,
    pub(super) gateways: Option<Vec<String>>,
}

impl Sees {
    /// What is written, before what is known.
    pub(super) fn over(self, known: &super::Sees) -> super::Sees {
        super::Sees {
            controllers: self.controllers.unwrap_or_else(|| known.controllers.clone()),
            kinds: self.kinds.unwrap_or_else(|| known.kinds.clone()),
            gateways: self.gateways.or_else(|| known.gateways.clone()),
        }
    }
}

/// The names of JSON fields.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Fields {
    pub(super) upstream: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) time: Option<String>,
    pub(super) path: Option<String>,
    pub(super) user_agent: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Metrics {
    pub(super) controller: Controller,
    pub(super) namespace: Option<String>,
    pub(super) selector: Option<String>,
    pub(super) container: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) any_host: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Prometheus {
    pub(super) url: String,
    pub(super) controller: Option<Controller>,
    pub(super) query: Option<String>,
    pub(super) sight: Option<String>,
    pub(super) gap: Option<SignedDuration>,
    #[serde(default)]
    pub(super) any_host: bool,
    #[serde(default)]
    pub(super) auth: Auth,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Header>,
    pub(super) ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Loki {
    pub(super) url: String,
    pub(super) selector: Option<String>,
    pub(super) log_format: Option<String>,
    pub(super) fields: Option<Fields>,
    pub(super) query: Option<String>,
    pub(super) sight: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) max_silence: Option<SignedDuration>,
    #[serde(default)]
    pub(super) auth: Auth,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Header>,
    pub(super) ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GcpLogging {
    pub(super) project: String,
    pub(super) cluster: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) container: Option<String>,
    pub(super) log_format: Option<String>,
    pub(super) fields: Option<Fields>,
    pub(super) filter: Option<String>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) endpoint: Option<String>,
    pub(super) metadata_host: Option<String>,
    pub(super) max_silence: Option<SignedDuration>,
}

/// Who asks.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Auth {
    pub(super) bearer_token_file: Option<PathBuf>,
    pub(super) username: Option<String>,
    pub(super) password_file: Option<PathBuf>,
}

/// A header's value, or the file that holds it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Header {
    Plain(String),
    File(InFile),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InFile {
    pub(super) file: PathBuf,
}
