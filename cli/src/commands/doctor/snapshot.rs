//! What does the cluster say about itself? Nothing is judged here, and nothing is written.

use futures::StreamExt as _;
use hotdesk_slots::{Slot, keys};
use hotdesk_traffic::sources::{Kind, PodSelector};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
    ValidatingWebhookConfiguration,
};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Event, Namespace, Pod, Secret};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;

use super::ask::{AT_ONCE, Answered, all, items, timed};
use super::beyond::{self, Grants};
use super::installation::{CRD, service};
use super::look::{self, Controller};
use super::offered::{self, Offered};
use super::own_namespaces::{self, OwnNamespace};
use super::probe::{self, Probe};
use super::reapers::{Observer, Reaper, Uses, reaps};
use super::rights::{self, Asked};
use super::saved::{self, Saved};
use super::secrets::{self, Wanted};
use super::served::Served;
use super::sessions::{self, Noted};
use super::start::{self, Start};
use super::ways_in::Everywhere;
use crate::cluster::Cluster;
use crate::failure::Failure;

/// Everything that a judgement is made from.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Where the cluster is.
    pub(super) server: String,
    /// Such as `v1.37.2`.
    pub(super) version: String,
    pub(super) crd: Answered<Option<CustomResourceDefinition>>,
    pub(super) mutating: Answered<Vec<MutatingWebhookConfiguration>>,
    pub(super) validating: Answered<Vec<ValidatingWebhookConfiguration>>,
    pub(super) policies: Answered<Vec<ValidatingAdmissionPolicy>>,
    pub(super) bindings: Answered<Vec<ValidatingAdmissionPolicyBinding>>,
    /// hotdesk's own, in the namespace of the webhook.
    pub(super) deployments: Answered<Vec<Deployment>>,
    pub(super) slots: Answered<Vec<Slot>>,
    /// All of them: one without a label must be told from one that is gone.
    pub(super) namespaces: Answered<Vec<Namespace>>,
    /// hotdesk's, in all namespaces.
    pub(super) cron_jobs: Answered<Vec<CronJob>>,
    pub(super) jobs: Answered<Vec<Job>>,
    pub(super) pods: Answered<Vec<Pod>>,
    /// That a Job could not create its pod.
    pub(super) events: Answered<Vec<Event>>,
    pub(super) ingresses: Answered<Vec<Ingress>>,
    /// What was seen after that, because of it.
    pub(super) then: Then,
}

/// What can be asked for only when the rest is known.
#[derive(Debug)]
pub(super) struct Then {
    pub(super) probe: Option<Probe>,
    /// The certificate in the webhook's Secret; none if no webhook was found.
    pub(super) certificate: Option<Answered<Vec<u8>>>,
    pub(super) served: Answered<Vec<Served>>,
    pub(super) rights: Vec<Asked>,
    /// Over which time sessions were noted.
    pub(super) sessions: Noted,
    pub(super) starts: Vec<Start>,
    pub(super) secrets: Vec<Wanted>,
    /// What an earlier version saved in the slots.
    pub(super) saved: Answered<Saved>,
    pub(super) reapers: Vec<Reaper>,
    pub(super) controllers: Vec<Controller>,
    /// Pods of well-known controllers; asked for where a reaper finds none.
    pub(super) known: Answered<Vec<Pod>>,
    /// The kinds that can be written in a namespace.
    pub(super) offered: Answered<Vec<Offered>>,
    /// Who may what, everywhere.
    pub(super) grants: Answered<Grants>,
    /// Who may what where hotdesk itself is.
    pub(super) own_namespaces: Answered<Vec<OwnNamespace>>,
    /// Prometheus Operator's.
    pub(super) monitors: Vec<Value>,
    /// What leads into the slots.
    pub(super) ways_in: Everywhere,
}

impl Snapshot {
    /// Asks for everything at once, each for a limited time.
    ///
    /// # Errors
    /// When the cluster does not answer at all.
    pub(super) async fn gather(cluster: &Cluster) -> Result<Self, Failure> {
        let client = &cluster.client();
        let version = client.apiserver_version().await;
        let version = version.map_err(|e| Failure::of("ask for the version", &cluster.server, &e))?.git_version;
        let everything = &ListParams::default();
        let own = &everything.clone().labels("app.kubernetes.io/part-of=hotdesk");
        let reapers = &own.clone().labels("app.kubernetes.io/part-of=hotdesk,app.kubernetes.io/component=reaper");
        let failed = &everything.clone().fields("involvedObject.kind=Job,reason=FailedCreate");
        let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
        // Before the Slots: one that is made between the two is then left out, and not taken for one without its namespace.
        let namespaces = all(client, everything).await;
        let (crd, mutating, validating, policies, bindings) = tokio::join!(
            timed(crds.get_opt(CRD)),
            all(client, everything),
            all(client, everything),
            all(client, everything),
            all(client, everything),
        );
        let (deployments, slots, cron_jobs, jobs, pods, events, ingresses) = tokio::join!(
            deployments(client, mutating.as_deref().unwrap_or_default(), own),
            all(client, everything),
            all(client, own),
            all(client, reapers),
            all(client, reapers),
            all(client, failed),
            all(client, everything),
        );
        let cron_jobs: Answered<Vec<CronJob>> = cron_jobs;
        let mut then = Then::gather(client, &deployments, &cron_jobs, &namespaces).await;
        then.ways_in =
            then.ways_in.with(slots.as_deref().unwrap_or_default(), namespaces.as_deref().unwrap_or_default());
        let server = cluster.server.clone();
        Ok(Self {
            server,
            version,
            crd,
            mutating,
            validating,
            policies,
            bindings,
            deployments,
            slots,
            namespaces,
            cron_jobs,
            jobs,
            pods,
            events,
            ingresses,
            then,
        })
    }

    /// The slots that are not on their way out.
    pub(super) fn slots_that_stay(&self) -> Vec<String> {
        slots_that_stay(self.namespaces.as_deref().unwrap_or_default())
    }
}

async fn deployments(
    client: &Client,
    mutating: &[MutatingWebhookConfiguration],
    own: &ListParams,
) -> Answered<Vec<Deployment>> {
    match service(mutating) {
        Some((namespace, _)) => items(&Api::namespaced(client.clone(), &namespace), own).await,
        None => all(client, own).await,
    }
}

impl Then {
    async fn gather(
        client: &Client,
        deployments: &Answered<Vec<Deployment>>,
        cron_jobs: &Answered<Vec<CronJob>>,
        namespaces: &Answered<Vec<Namespace>>,
    ) -> Self {
        let none = Vec::new();
        let deployments = deployments.as_deref().unwrap_or(&none);
        let stays = slots_that_stay(namespaces.as_deref().unwrap_or_default());
        let reapers = reapers(cron_jobs.as_deref().unwrap_or_default(), &stays);
        let webhook = deployments.iter().find(|deployment| is_webhook(deployment));
        let observers = cron_jobs.iter().flatten().filter_map(Observer::read);
        let mut needs = rights::needed(deployments, &reapers);
        needs.extend(observers.flat_map(|observer| rights::of_observer(&observer)));
        let places = places(&reapers);
        let looks = places.iter().map(|(place, uses)| look::controller(client, place, *uses));
        let controllers = futures::stream::iter(looks).buffered(AT_ONCE).collect::<Vec<Controller>>();
        let own = own_namespaces::names(namespaces.as_deref().unwrap_or_default(), deployments, &reapers);
        let (offered, grants, own_namespaces, sessions, saved) = tokio::join!(
            offered::ask(client),
            beyond::ask(client),
            own_namespaces::ask(client, own),
            sessions::ask(client, &reapers),
            saved::ask(client, &stays)
        );
        let (probe, certificate, served, rights, starts, secrets, controllers, known, monitors) = tokio::join!(
            probe::run(client, &stays),
            certificate(client, webhook),
            served(client, webhook),
            rights::ask(client, needs),
            start::ask(client, &reapers),
            secrets::ask(client, &reapers),
            controllers,
            look::known(client),
            monitors(client, &reapers),
        );
        let ways_in = Everywhere::ask(client, &stays, &controllers, known.as_deref().unwrap_or_default()).await;
        Self {
            probe,
            certificate,
            served,
            rights,
            sessions,
            starts,
            secrets,
            saved,
            reapers,
            controllers,
            known,
            offered,
            grants,
            own_namespaces,
            monitors,
            ways_in,
        }
    }
}

pub(super) fn is_webhook(deployment: &Deployment) -> bool {
    deployment.labels().get("app.kubernetes.io/component").is_some_and(|component| component == "webhook")
}

/// Those that the gate sees and that are not on their way out.
fn slots_that_stay(namespaces: &[Namespace]) -> Vec<String> {
    let stays = |namespace: &&Namespace| namespace.metadata.deletion_timestamp.is_none();
    let gated = |namespace: &&Namespace| namespace.labels().get(keys::SLOT) == namespace.metadata.name.as_ref();
    namespaces.iter().filter(stays).filter(gated).map(ResourceExt::name_any).collect()
}

/// The reapers of slots that stay.
fn reapers(cron_jobs: &[CronJob], stays: &[String]) -> Vec<Reaper> {
    let of = |slot: &String| cron_jobs.iter().find(|job| reaps(job, slot));
    stays.iter().filter_map(|slot| Reaper::read(of(slot)?, cron_jobs)).collect()
}

/// Each controller once, however many read it.
fn places(reapers: &[Reaper]) -> Vec<(PodSelector, Uses)> {
    let mut places: Vec<(PodSelector, Uses)> = Vec::new();
    for (place, uses) in reapers.iter().flat_map(Reaper::places) {
        match places.iter_mut().find(|(other, _)| *other == place) {
            Some((_, other)) => *other = Uses { logs: other.logs || uses.logs, metrics: other.metrics || uses.metrics },
            None => places.push((place, uses)),
        }
    }
    places
}

/// The certificate that the webhook mounts.
async fn certificate(client: &Client, webhook: Option<&Deployment>) -> Option<Answered<Vec<u8>>> {
    let webhook = webhook?;
    let pod = webhook.spec.as_ref()?.template.spec.as_ref()?;
    let secrets = pod.volumes.iter().flatten().filter_map(|volume| volume.secret.as_ref()?.secret_name.clone());
    let sources = pod.volumes.iter().flatten().filter_map(|volume| volume.projected.as_ref()?.sources.as_ref());
    let projected = sources.flatten().filter_map(|source| Some(source.secret.as_ref()?.name.clone()));
    let name = secrets.chain(projected).find(|name| name.ends_with("-tls"))?;
    let api: Api<Secret> = Api::namespaced(client.clone(), &webhook.namespace()?);
    let secret = timed(api.get(&name)).await;
    Some(secret.and_then(|secret| {
        let data = secret.data.unwrap_or_default().remove("tls.crt");
        data.map(|data| data.0).ok_or_else(|| format!("the Secret {name} has no tls.crt"))
    }))
}

/// The metrics of the webhook's pods, through the API server.
async fn served(client: &Client, webhook: Option<&Deployment>) -> Answered<Vec<Served>> {
    let Some(namespace) = webhook.and_then(ResourceExt::namespace) else { return Ok(Vec::new()) };
    let api: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let own = ListParams::default().labels("app.kubernetes.io/part-of=hotdesk,app.kubernetes.io/component=webhook");
    let pods = items(&api, &own.fields("status.phase=Running")).await?;
    let stays = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).map(ResourceExt::name_any);
    let asked = stays.map(|pod| {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}:8080/proxy/metrics");
        async move {
            let metrics = match http::Request::get(path).body(Vec::new()) {
                Ok(request) => timed(client.request_text(request)).await,
                Err(error) => Err(error.to_string()),
            };
            Served { pod, metrics }
        }
    });
    Ok(futures::stream::iter(asked).buffered(AT_ONCE).collect().await)
}

/// Asked for only where a reaper asks a Prometheus; a cluster without the kinds has none.
async fn monitors(client: &Client, reapers: &[Reaper]) -> Vec<Value> {
    let mut sources = reapers.iter().flat_map(|reaper| &reaper.settings.sources);
    if !sources.any(|source| matches!(source.kind, Kind::Prometheus(_))) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for kind in ["ServiceMonitor", "PodMonitor"] {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("monitoring.coreos.com", "v1", kind));
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let listed = timed(api.list(&ListParams::default())).await.map(|list| list.items).unwrap_or_default();
        found.extend(listed.into_iter().filter_map(|monitor| serde_json::to_value(monitor).ok()));
    }
    found
}
