//! How are the two Secrets read and written?

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};

use crate::api::{ApiError, FIELD_MANAGER};
use crate::args::Args;
use crate::held::Data;
use crate::rotation::Which;

/// The Secrets as they were read; writing one requires that it has not changed since.
pub(crate) struct Secrets {
    api: Api<Secret>,
    namespace: String,
    helm_release: Option<String>,
    ca: (String, Option<Secret>),
    tls: (String, Option<Secret>),
}

impl Secrets {
    /// Reads both.
    ///
    /// # Errors
    /// When one cannot be read; that it does not exist is none.
    pub(crate) async fn read(client: &Client, args: &Args) -> Result<Self, ApiError> {
        let api: Api<Secret> = Api::namespaced(client.clone(), &args.namespace);
        let get = async |name: &str| {
            let found = api.get_opt(name).await;
            found.map_err(|e| ApiError::of(&format!("read Secret {}/{name}", args.namespace), &e))
        };
        Ok(Self {
            ca: (args.ca_secret.clone(), get(&args.ca_secret).await?),
            tls: (args.tls_secret.clone(), get(&args.tls_secret).await?),
            namespace: args.namespace.clone(),
            helm_release: args.helm_release.clone(),
            api,
        })
    }

    /// The data of one; empty if it does not exist.
    pub(crate) fn data(&self, which: Which) -> Data {
        let data = self.of(which).1.as_ref().and_then(|secret| secret.data.clone()).unwrap_or_default();
        data.into_iter().map(|(key, value)| (key, value.0)).collect()
    }

    /// Writes these keys of one and leaves its other keys alone.
    ///
    /// # Errors
    /// A conflict if anybody else wrote it since it was read.
    pub(crate) async fn store(&self, which: Which, data: &Data) -> Result<(), ApiError> {
        let (name, found) = self.of(which);
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let mut secret = found.clone().unwrap_or_else(|| self.empty(which, name));
        let entries = data.iter().map(|(key, value)| (key.clone(), ByteString(value.clone())));
        secret.data.get_or_insert_default().extend(entries);
        self.mark(&mut secret.metadata);
        let (verb, result) = match found {
            Some(_) => ("write", self.api.replace(name, &params, &secret).await),
            None => ("create", self.api.create(&params, &secret).await),
        };
        match result {
            Ok(_written) => Ok(()),
            Err(e) => Err(ApiError::of(&format!("{verb} Secret {}/{name}", self.namespace), &e)),
        }
    }

    fn of(&self, which: Which) -> &(String, Option<Secret>) {
        match which {
            Which::Ca => &self.ca,
            Which::Tls => &self.tls,
        }
    }

    fn empty(&self, which: Which, name: &str) -> Secret {
        let type_ = match which {
            Which::Ca => "Opaque",
            Which::Tls => "kubernetes.io/tls",
        };
        Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(self.namespace.clone()),
                ..ObjectMeta::default()
            },
            type_: Some(type_.to_owned()),
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
