//! How is a Secret read and written?

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tracing::info;

use crate::api::{ApiError, FIELD_MANAGER};
use crate::args::Args;
use crate::held::Data;

/// One of the Secrets of this job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// The CA, with its key.
    Ca,
    /// What the webhook serves.
    Tls,
    /// What cert-manager issued; only read.
    Issued,
    /// The path below which the webhook answers.
    Path,
}

/// A Secret as it was read; writing it requires that it has not changed since.
pub(crate) struct StoredSecret {
    api: Api<Secret>,
    namespace: String,
    name: String,
    type_: &'static str,
    helm_release: Option<String>,
    found: Option<Secret>,
}

impl StoredSecret {
    /// Reads it.
    ///
    /// # Errors
    /// When it cannot be read; that it does not exist is none.
    pub(crate) async fn read(client: &Client, args: &Args, which: Which) -> Result<Self, ApiError> {
        let (name, type_) = match which {
            Which::Ca => (&args.ca_secret, "Opaque"),
            Which::Tls => (&args.tls_secret, "kubernetes.io/tls"),
            Which::Issued => (&args.issued_secret, "kubernetes.io/tls"),
            Which::Path => (&args.path_secret, "Opaque"),
        };
        let api: Api<Secret> = Api::namespaced(client.clone(), &args.namespace);
        let found = api.get_opt(name).await;
        let found = found.map_err(|e| ApiError::of(&format!("read Secret {}/{name}", args.namespace), &e))?;
        let (namespace, helm_release) = (args.namespace.clone(), args.helm_release.clone());
        Ok(Self { api, namespace, name: name.clone(), type_, helm_release, found })
    }

    /// The data; empty if it does not exist.
    pub(crate) fn data(&self) -> Data {
        let data = self.found.as_ref().and_then(|secret| secret.data.clone()).unwrap_or_default();
        data.into_iter().map(|(key, value)| (key, value.0)).collect()
    }

    /// Writes these keys and leaves the others alone.
    ///
    /// # Errors
    /// A conflict if anybody else wrote it since it was read.
    pub(crate) async fn store(&self, data: &Data) -> Result<(), ApiError> {
        let name = &self.name;
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let mut secret = self.found.clone().unwrap_or_else(|| self.empty());
        let entries = data.iter().map(|(key, value)| (key.clone(), ByteString(value.clone())));
        secret.data.get_or_insert_default().extend(entries);
        self.mark(&mut secret.metadata);
        let (verb, result) = match self.found {
            Some(_) => ("write", self.api.replace(name, &params, &secret).await),
            None => ("create", self.api.create(&params, &secret).await),
        };
        match result {
            Ok(_written) => {
                info!("wrote Secret {}/{name}", self.namespace);
                Ok(())
            }
            Err(e) => Err(ApiError::of(&format!("{verb} Secret {}/{name}", self.namespace), &e)),
        }
    }

    fn empty(&self) -> Secret {
        Secret {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                namespace: Some(self.namespace.clone()),
                ..ObjectMeta::default()
            },
            type_: Some(self.type_.to_owned()),
            ..Secret::default()
        }
    }

    /// Says whose the Secret is. Labels that are there stay as they are: helm's server-side apply
    /// would call a different value a conflict.
    fn mark(&self, metadata: &mut ObjectMeta) {
        let manager = if self.helm_release.is_some() { "Helm" } else { FIELD_MANAGER };
        let labels = metadata.labels.get_or_insert_default();
        add(labels, "app.kubernetes.io/part-of", "hotdesk");
        add(labels, "app.kubernetes.io/managed-by", manager);
        if let Some(release) = &self.helm_release {
            let annotations = metadata.annotations.get_or_insert_default();
            add(annotations, "meta.helm.sh/release-name", release);
            add(annotations, "meta.helm.sh/release-namespace", &self.namespace);
        }
    }
}

fn add(map: &mut BTreeMap<String, String>, key: &str, value: &str) {
    map.entry(key.to_owned()).or_insert_with(|| value.to_owned());
}
