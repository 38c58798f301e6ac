//! How is the cluster asked and told?

use std::time::Duration;

use futures::Stream;
use hotdesk_slots::slot::SLOT_NAME;
use hotdesk_slots::text::{list, sanitize, sanitize_short};
use hotdesk_slots::{Requester, Slot};
use jiff::Zoned;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, Config};
use serde_json::Value;

use crate::args::Global;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::view::slot_name;

/// Longer than any answer takes that a person would wait for.
const TIMEOUT: Duration = Duration::from_secs(10);

/// For how long one watch lasts before it is renewed, in seconds; and what is longer than that, so that it
/// strikes only where the connection is dead.
const WATCH_SECONDS: u32 = 25;
const WATCH_PATIENCE: Duration = Duration::from_secs(40);

/// The manager under which a claim made here appears in `managedFields`.
const FIELD_MANAGER: &str = "hotdesk";

/// A cluster, and the moment at which it is asked.
pub(crate) struct Cluster {
    client: Client,
    /// For watches, which are silent while nothing happens.
    following: Client,
    /// Where it is, for messages.
    pub(crate) server: String,
    /// Now, in this machine's time zone.
    pub(crate) now: Zoned,
    /// What people type to run this program.
    pub(crate) program: &'static str,
}

impl Cluster {
    /// Finds the cluster as kubectl does. Nothing is sent yet.
    ///
    /// # Errors
    /// When no kubeconfig is found, or what is in it cannot be used.
    pub(crate) async fn find(global: &Global, program: &'static str) -> Result<Self, Failure> {
        let mut config = config(global).await?;
        config.connect_timeout = Some(TIMEOUT);
        config.read_timeout = Some(TIMEOUT);
        config.write_timeout = Some(TIMEOUT);
        // A person waits: say soon what is wrong, rather than try again in silence.
        config.default_retry = false;
        let server = sanitize(&config.cluster_url.to_string()).trim_end_matches('/').to_owned();
        let unusable = |e| Failure::NoCluster(format!("cannot use the kubeconfig for {server}: {e}"));
        let client = Client::try_from(config.clone()).map_err(unusable)?;
        config.read_timeout = Some(WATCH_PATIENCE);
        let following = Client::try_from(config).map_err(unusable)?;
        Ok(Self { client, following, server, now: clock(), program })
    }

    /// Everything that happens to Slots from now on. It goes on through any outage.
    pub(crate) fn follow(&self) -> impl Stream<Item = watcher::Result<watcher::Event<Slot>>> + use<> {
        let all: Api<Slot> = Api::all(self.following.clone());
        watcher(all, watcher::Config::default().timeout(WATCH_SECONDS)).default_backoff()
    }

    /// For what is asked of one command only.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Every Slot, by name.
    ///
    /// # Errors
    /// Why they cannot be listed.
    pub(crate) async fn slots(&self) -> Result<Vec<Slot>, Failure> {
        let all: Api<Slot> = Api::all(self.client.clone());
        let found = all.list(&ListParams::default()).await;
        let mut slots = found.map_err(|e| Failure::of("list slots", &self.server, &e))?.items;
        slots.sort_by(|a, b| slot_name(a).cmp(slot_name(b)));
        Ok(slots)
    }

    /// One Slot, by its namespace.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) async fn slot(&self, name: &str) -> Result<Slot, Failure> {
        let api: Api<Slot> = Api::namespaced(self.client.clone(), name);
        let found = api.get(SLOT_NAME).await;
        found.map_err(|e| Failure::of(&format!("read the slot {}", sanitize_short(name)), &self.server, &e))
    }

    /// Who the API server says is asking.
    ///
    /// # Errors
    /// Why it does not say.
    pub(crate) async fn identity(&self) -> Result<Identity, Failure> {
        let reviews: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let review = review.map_err(|e| Failure::of("ask who you are", &self.server, &e))?;
        let user = review.status.and_then(|status| status.user_info).unwrap_or_default();
        Ok(Identity::of(&Requester {
            username: user.username.unwrap_or_default().into(),
            groups: user.groups.unwrap_or_default().into_iter().map(Into::into).collect(),
            ..Requester::default()
        }))
    }

    /// Merges a change into a Slot, if nobody else has changed it since it was read.
    ///
    /// A patch rather than the whole object: fields that a newer hotdesk knows, and this one does
    /// not, stay as they are.
    ///
    /// # Errors
    /// [`Failure::Conflict`] if somebody has, and whatever the server says against it.
    pub(crate) async fn change(&self, slot: &Slot, spec: &Value) -> Result<Slot, Failure> {
        let name = slot_name(slot);
        let api: Api<Slot> = Api::namespaced(self.client.clone(), name);
        let patch = serde_json::json!({
            "apiVersion": "hotdesk.dev/v1alpha1",
            "kind": "Slot",
            "metadata": {"resourceVersion": slot.metadata.resource_version},
            "spec": spec,
        });
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patched = api.patch(SLOT_NAME, &params, &Patch::Merge(&patch)).await;
        patched.map_err(|e| Failure::of(&format!("change the slot {}", sanitize_short(name)), &self.server, &e))
    }
}

/// Now, in this machine's time zone.
pub(crate) fn clock() -> Zoned {
    #[expect(clippy::disallowed_methods, reason = "the edge: the one place where the clock is read")]
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::system())
}

/// How the cluster is reached, as kubectl reaches it.
///
/// # Errors
/// When no kubeconfig is found, or what is in it cannot be used.
pub(crate) async fn config(global: &Global) -> Result<Config, Failure> {
    let named = global.kubeconfig.is_some() || global.context.is_some();
    let kubeconfig = match &global.kubeconfig {
        Some(file) => Kubeconfig::read_from(file),
        None => Kubeconfig::read(),
    };
    let kubeconfig = match kubeconfig {
        Ok(kubeconfig) => kubeconfig,
        // In a pod there is no kubeconfig, but a service account.
        Err(e) if !named => return Config::incluster().map_err(|_no_service_account| no_kubeconfig(&e)),
        Err(e) => return Err(no_kubeconfig(&e)),
    };
    let contexts: Vec<String> = kubeconfig.contexts.iter().map(|context| sanitize_short(&context.name)).collect();
    let options = KubeConfigOptions { context: global.context.clone(), ..KubeConfigOptions::default() };
    Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|e| no_context(&e, &contexts))
}

fn no_kubeconfig(error: &KubeconfigError) -> Failure {
    let why = match error {
        KubeconfigError::ReadConfig(e, file) => format!("cannot read the kubeconfig {}: {e}", file.display()),
        other => other.to_string(),
    };
    Failure::NoCluster(format!("no cluster to ask: {}. Set KUBECONFIG, or pass --kubeconfig FILE", sanitize(&why)))
}

fn no_context(error: &KubeconfigError, contexts: &[String]) -> Failure {
    let has = format!("the kubeconfig has the contexts {}", list(contexts));
    Failure::NoCluster(match error {
        KubeconfigError::LoadContext(name) => format!("there is no context \"{}\": {has}", sanitize_short(name)),
        KubeconfigError::CurrentContextNotSet => format!("no context is chosen; pass --context NAME: {has}"),
        other => format!("cannot use the kubeconfig: {}", sanitize(&other.to_string())),
    })
}
