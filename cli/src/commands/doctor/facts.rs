//! What does the cluster say about itself? Nothing is judged here, and nothing is written.

use hotdesk_slots::text::{harmless, plain};
use hotdesk_slots::{Slot, keys};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
    ValidatingWebhookConfiguration,
};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::installation::{CRD, service};
use super::probe::{self, Probe};
use crate::cluster::Cluster;
use crate::failure::Failure;

/// What was seen, or why it was not: not to be allowed to look is an answer too.
pub(super) type Seen<T> = Result<T, String>;

/// Everything that a judgement is made from.
#[derive(Debug)]
pub(super) struct Facts {
    /// Where the cluster is.
    pub(super) server: String,
    /// Such as `v1.37.2`.
    pub(super) version: String,
    pub(super) crd: Seen<Option<CustomResourceDefinition>>,
    pub(super) mutating: Seen<Vec<MutatingWebhookConfiguration>>,
    pub(super) validating: Seen<Vec<ValidatingWebhookConfiguration>>,
    pub(super) policies: Seen<Vec<ValidatingAdmissionPolicy>>,
    pub(super) bindings: Seen<Vec<ValidatingAdmissionPolicyBinding>>,
    /// hotdesk's own, in the namespace of the webhook.
    pub(super) deployments: Seen<Vec<Deployment>>,
    pub(super) slots: Seen<Vec<Slot>>,
    /// All of them: one without a label must be told from one that is gone.
    pub(super) namespaces: Seen<Vec<Namespace>>,
    /// Every reaper's.
    pub(super) cron_jobs: Seen<Vec<CronJob>>,
    pub(super) probe: Option<Probe>,
}

impl Facts {
    /// Asks for everything, one after the other.
    ///
    /// # Errors
    /// When the cluster does not answer at all.
    pub(super) async fn gather(cluster: &Cluster) -> Result<Self, Failure> {
        let client = cluster.client();
        let version = client.apiserver_version().await;
        let version = version.map_err(|e| Failure::of("ask for the version", &cluster.server, &e))?.git_version;
        let everything = ListParams::default();
        let own = everything.clone().labels("app.kubernetes.io/part-of=hotdesk");
        let mutating = all(&client, &everything).await;
        let deployments = match service(mutating.as_deref().unwrap_or_default()) {
            Some((namespace, _)) => items(&Api::namespaced(client.clone(), &namespace), &own).await,
            None => all(&client, &own).await,
        };
        // Before the Slots: one that is made meanwhile is then left out, and not taken for one without its namespace.
        let namespaces: Seen<Vec<Namespace>> = all(&client, &everything).await;
        let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
        Ok(Self {
            server: cluster.server.clone(),
            version,
            crd: crds.get_opt(CRD).await.map_err(|e| why(&e)),
            mutating,
            validating: all(&client, &everything).await,
            policies: all(&client, &everything).await,
            bindings: all(&client, &everything).await,
            deployments,
            slots: all(&client, &everything).await,
            cron_jobs: all(&client, &everything.clone().fields("metadata.name=hotdesk-reaper")).await,
            probe: probe::run(&client, &slots_to_probe(namespaces.as_deref().unwrap_or_default())).await,
            namespaces,
        })
    }
}

/// Why something could not be read, in one line.
fn why(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => "Kubernetes does not let you read it (RBAC)".to_owned(),
        kube::Error::Api(status) => harmless(&status.message),
        other => plain(&other.to_string()),
    }
}

async fn all<K>(client: &Client, which: &ListParams) -> Seen<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    items(&Api::all(client.clone()), which).await
}

async fn items<K>(api: &Api<K>, which: &ListParams) -> Seen<Vec<K>>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    api.list(which).await.map(|list| list.items).map_err(|e| why(&e))
}

/// Those that the gate sees and that are not on their way out.
fn slots_to_probe(namespaces: &[Namespace]) -> Vec<String> {
    let stays = |namespace: &&Namespace| namespace.metadata.deletion_timestamp.is_none();
    let gated = |namespace: &&Namespace| namespace.labels().get(keys::SLOT) == namespace.metadata.name.as_ref();
    namespaces.iter().filter(stays).filter(gated).map(ResourceExt::name_any).collect()
}
