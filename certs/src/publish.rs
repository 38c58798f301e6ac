//! How are the webhook configurations read and written?

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::{Api, Client};
use tracing::info;

use crate::api::{ApiError, FIELD_MANAGER};
use crate::args::Args;
use crate::configuration::{Configuration, Entry, Kind, Update};

/// The two webhook configurations of the installation.
pub(crate) struct Configurations {
    mutating: Api<MutatingWebhookConfiguration>,
    validating: Api<ValidatingWebhookConfiguration>,
    names: [(Kind, String); 2],
    optional: bool,
}

impl Configurations {
    /// The configurations that the flags name.
    pub(crate) fn new(client: &Client, args: &Args) -> Self {
        Self {
            mutating: Api::all(client.clone()),
            validating: Api::all(client.clone()),
            names: [
                (Kind::Mutating, args.mutating_configuration.clone()),
                (Kind::Validating, args.validating_configuration.clone()),
            ],
            optional: args.configurations_optional,
        }
    }

    /// Reads them as they are now.
    ///
    /// # Errors
    /// When one cannot be read, or does not exist and must.
    pub(crate) async fn read(&self) -> Result<Vec<Configuration>, ApiError> {
        let mut found = Vec::new();
        for (kind, name) in &self.names {
            let read = match kind {
                Kind::Mutating => self.mutating.get_opt(name).await.map(|c| c.map(mutating)),
                Kind::Validating => self.validating.get_opt(name).await.map(|c| c.map(validating)),
            };
            match read.map_err(|e| ApiError::of(&format!("read {} {name}", kind.as_str()), &e))? {
                Some(configuration) => found.push(configuration),
                None if self.optional => info!("{} {name} does not exist yet: nothing to publish there", kind.as_str()),
                None => return Err(missing(*kind, name)),
            }
        }
        Ok(found)
    }

    /// Makes one configuration show a CA bundle or a path; `what` says which.
    ///
    /// # Errors
    /// A conflict if anybody else wrote it since it was read.
    pub(crate) async fn apply(&self, what: &str, update: &Update) -> Result<(), ApiError> {
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let name = &update.name;
        let result = match update.kind {
            Kind::Mutating => {
                let patch = Patch::Json::<MutatingWebhookConfiguration>(update.patch.clone());
                self.mutating.patch_metadata(name, &params, &patch).await.map(drop)
            }
            Kind::Validating => {
                let patch = Patch::Json::<ValidatingWebhookConfiguration>(update.patch.clone());
                self.validating.patch_metadata(name, &params, &patch).await.map(drop)
            }
        };
        result.map_err(|e| ApiError::of(&format!("publish the {what} in {update}"), &e))
    }
}

fn missing(kind: Kind, name: &str) -> ApiError {
    ApiError::Failed(format!(
        "{} {name} does not exist: install the chart, or, before its first install, pass --configurations-optional",
        kind.as_str()
    ))
}

fn mutating(found: MutatingWebhookConfiguration) -> Configuration {
    let entries = found.webhooks.unwrap_or_default().into_iter().map(|w| entry(w.name, w.client_config));
    configuration(Kind::Mutating, found.metadata, entries.collect())
}

fn validating(found: ValidatingWebhookConfiguration) -> Configuration {
    let entries = found.webhooks.unwrap_or_default().into_iter().map(|w| entry(w.name, w.client_config));
    configuration(Kind::Validating, found.metadata, entries.collect())
}

fn entry(name: String, client: WebhookClientConfig) -> Entry {
    let bundle = client.ca_bundle.map(|bundle| bundle.0).unwrap_or_default();
    Entry { name, bundle, path: client.service.and_then(|service| service.path) }
}

fn configuration(kind: Kind, metadata: ObjectMeta, entries: Vec<Entry>) -> Configuration {
    let (name, resource_version) = (metadata.name.unwrap_or_default(), metadata.resource_version.unwrap_or_default());
    Configuration { kind, name, resource_version, entries }
}
