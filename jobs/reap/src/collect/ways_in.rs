//! What leads requests into the slot? Everything that may is looked up; what it means is judged in `hotdesk_traffic::ways_in`.
//!
//! Which kinds of routes there are, the API server says: one that it does not serve is none. One that it serves and does
//! not let the reaper list is told, with the right that is missing, for what cannot be looked at is not absent.

pub(crate) mod served;

use std::collections::BTreeMap;

use hotdesk_traffic::sources::Source;
use hotdesk_traffic::ways_in::gateway::{gateways, listener_sets, proxies};
use hotdesk_traffic::ways_in::kinds::{ALL, GATEWAY_API, LISTENER_SETS, Reach, ServedBy};
use hotdesk_traffic::ways_in::settings::{Flags, Settings, envoy, istio};
use hotdesk_traffic::ways_in::{Named, Route, Rules, Unwatched, WaysIn};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams, ObjectList, TypeMeta};

use self::served::Served;
use crate::api::Cluster;

/// How an answer is asked for whose failure stands in a sentence of its own.
const ASKED: &str = "asked for it";

/// One look at what leads into a slot.
pub struct Survey<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The slot.
    pub slot: &'a str,
    /// What the operator named.
    pub sources: &'a [Source],
    /// What the operator has said of it.
    pub rules: Rules<'a>,
}

impl Survey<'_> {
    /// Looks up what there is.
    ///
    /// # Errors
    /// When what is in the slot itself cannot be read.
    pub async fn collect(&self) -> Result<WaysIn, String> {
        let (cluster, everything) = (self.cluster, ListParams::default());
        let client = || cluster.client.clone();
        let ingresses = Api::namespaced(client(), self.slot);
        let services = Api::namespaced(client(), self.slot);
        let pods = Api::namespaced(client(), self.slot);
        let mut found = WaysIn {
            slot: self.slot.to_owned(),
            ingresses: cluster.all("the slot's Ingresses cannot be read", ingresses.list(&everything)).await?,
            services: cluster.all("the slot's Services cannot be read", services.list(&everything)).await?,
            pods: cluster.all("the slot's pods cannot be read", pods.list(&everything)).await?,
            ..WaysIn::default()
        };
        if !found.ingresses.is_empty() && !self.rules.name_classes() {
            let classes: Api<IngressClass> = Api::all(client());
            let asked = classes.list(&everything);
            found.ingress_classes =
                self.asked(&mut found, "the IngressClasses", "ingressclasses.networking.k8s.io", "", asked).await;
        }
        let aliases: Api<Service> = Api::all(client());
        let external = everything.clone().fields("spec.type=ExternalName");
        found.aliases =
            self.asked(&mut found, "the Services of other namespaces", "services", "", aliases.list(&external)).await;
        let slices: Api<EndpointSlice> = Api::all(client());
        let (what, right) = ("the EndpointSlices of other namespaces", "endpointslices.discovery.k8s.io");
        found.slices = self.asked(&mut found, what, right, "", slices.list(&everything)).await;
        found.ingresses_elsewhere = self.ingresses_elsewhere(&mut found).await;
        self.routes(&mut found).await;
        self.controllers(&mut found).await;
        if found.controllers.iter().any(Settings::selects_namespaces) {
            found.labels = self.labels(&mut found).await;
        }
        Ok(found)
    }

    /// The Ingresses of other namespaces, by their metadata: what leads from there into the slot stands in annotations.
    async fn ingresses_elsewhere(&self, found: &mut WaysIn) -> Vec<Ingress> {
        let ingresses: Api<Ingress> = Api::all(self.cluster.client.clone());
        let (everything, resource) = (ListParams::default(), "ingresses.networking.k8s.io");
        let asked = ingresses.list_metadata(&everything);
        let listed = self.asked(found, "the Ingresses of other namespaces", resource, "", asked).await;
        let others = listed.into_iter().filter(|one| one.metadata.namespace.as_deref() != Some(self.slot));
        others.map(|one| Ingress { metadata: one.metadata, ..Ingress::default() }).collect()
    }

    /// A list, or a note that it could not be had.
    async fn asked<T: Clone>(
        &self,
        found: &mut WaysIn,
        what: &str,
        resource: &str,
        namespace: &str,
        asked: impl Future<Output = kube::Result<ObjectList<T>>>,
    ) -> Vec<T> {
        self.cluster.all(ASKED, asked).await.unwrap_or_else(|why| {
            let place = if namespace.is_empty() { "in all namespaces".to_owned() } else { format!("in {namespace}") };
            found.unread.push(Unwatched::unread(what, &format!("list {resource} {place}"), reason(&why)));
            Vec::new()
        })
    }

    /// Routes of the kinds that the cluster serves, and what they name.
    async fn routes(&self, found: &mut WaysIn) {
        let served = match Served::ask(self.cluster).await {
            Ok(served) => served,
            Err(why) => {
                found.unread.push(Unwatched::unread("the kinds that the cluster serves", "get /apis", reason(&why)));
                return;
            }
        };
        found.unread.extend(served.unread.iter().cloned());
        if let Some(grants) = served.find(GATEWAY_API, "referencegrants") {
            found.grants = self.objects(found, grants, Some(self.slot)).await;
        }
        for kind in ALL.iter().filter(|kind| kind.served_by != ServedBy::Class) {
            let Some(resource) = served.find(kind.group, kind.plural) else { continue };
            if kind.reach != Reach::Part {
                let own = self.objects(found, resource, Some(self.slot)).await;
                found.routes.extend(own.into_iter().map(|object| Route { kind, object }));
            }
            let crosses = kind.crosses() && (kind.reach != Reach::Granted || !found.grants.is_empty());
            if crosses {
                let all = self.objects(found, resource, None).await;
                let others = all.into_iter().filter(|object| object.namespace != self.slot);
                found.elsewhere.extend(others.map(|object| Route { kind, object }));
            }
        }
        self.gateways(found, &served).await;
        let kind = served.find(istio::GROUP, istio::PLURAL).filter(|_| self.sources.iter().any(istio::concerns));
        if let Some(kind) = kind {
            found.telemetries = self.objects(found, kind, None).await;
        }
    }

    /// The Gateways that routes name, and their classes.
    async fn gateways(&self, found: &mut WaysIn, served: &Served) {
        for (group, kind, plural) in LISTENER_SETS {
            let Some(resource) = served.find(group, plural) else { continue };
            for (_, namespace, name) in listener_sets(found).into_iter().filter(|(of, ..)| *of == plural) {
                let api: Api<DynamicObject> = Api::namespaced_with(self.cluster.client.clone(), &namespace, resource);
                let right = format!("{plural}.{group}");
                let set = self.object(&mut found.unread, &api, (kind, &right), (&namespace, &name)).await;
                found.listener_sets.extend(set);
            }
        }
        let wanted = gateways(found);
        let resources = (served.find(GATEWAY_API, "gateways"), served.find(GATEWAY_API, "gatewayclasses"));
        let (Some(gateways), Some(classes)) = resources else { return };
        if wanted.is_empty() {
            return;
        }
        found.gateway_classes = self.objects(found, classes, None).await;
        for (namespace, name) in wanted {
            let api: Api<DynamicObject> = Api::namespaced_with(self.cluster.client.clone(), &namespace, gateways);
            let right = format!("gateways.{GATEWAY_API}");
            found.gateways.extend(self.object(&mut found.unread, &api, ("Gateway", &right), (&namespace, &name)).await);
        }
        let Some(kind) = served.find(envoy::GROUP, envoy::PLURAL) else { return };
        for (namespace, name) in proxies(found) {
            let api: Api<DynamicObject> = Api::namespaced_with(self.cluster.client.clone(), &namespace, kind);
            let right = format!("{}.{}", envoy::PLURAL, envoy::GROUP);
            found
                .proxies
                .extend(self.object(&mut found.unread, &api, ("EnvoyProxy", &right), (&namespace, &name)).await);
        }
    }

    /// One object, by its kind and resource and by its namespace and name, or a note that it could not be had.
    async fn object(
        &self,
        unread: &mut Vec<Unwatched>,
        api: &Api<DynamicObject>,
        (kind, resource): (&str, &str),
        (namespace, name): (&str, &str),
    ) -> Option<Named> {
        self.cluster.answer(ASKED, api.get_opt(name)).await.map(|object| object.map(named)).unwrap_or_else(|why| {
            let (what, right) = (format!("the {kind} {namespace}/{name}"), format!("get {resource} in {namespace}"));
            unread.push(Unwatched::unread(&what, &right, reason(&why)));
            None
        })
    }

    /// Objects of a kind, in one namespace or in all. A kind that is not served any more is none.
    async fn objects(&self, found: &mut WaysIn, resource: &ApiResource, namespace: Option<&str>) -> Vec<Named> {
        let client = self.cluster.client.clone();
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, resource),
            None => Api::all_with(client, resource),
        };
        let place = namespace.map_or("all namespaces".to_owned(), str::to_owned);
        let what = format!("objects of the kind {} in {place}", resource.kind);
        let right = format!("{}.{}", resource.plural, resource.group);
        let filter = ListParams::default();
        let listed = async {
            match api.list(&filter).await {
                Err(kube::Error::Api(status)) if status.code == 404 => {
                    Ok(ObjectList { types: TypeMeta::default(), metadata: ListMeta::default(), items: Vec::new() })
                }
                other => other,
            }
        };
        let listed = self.asked(found, &what, &right, namespace.unwrap_or_default(), listed).await;
        listed.into_iter().map(named).collect()
    }

    /// What the controllers that sources read say of themselves: their flags, and the ConfigMaps that these name.
    async fn controllers(&self, found: &mut WaysIn) {
        for source in self.sources {
            let Some(place) = source.place() else { continue };
            let pods: Api<Pod> = Api::namespaced(self.cluster.client.clone(), &place.namespace);
            let which = ListParams::default().labels(&place.selector);
            let what = format!("the pods of the controller in {}", place.namespace);
            let pods = self.asked(found, &what, "pods", &place.namespace, pods.list(&which)).await;
            let flags = Flags::of(&pods);
            let mut files = Vec::new();
            for (namespace, name) in &flags.files {
                files.extend(self.config_map(found, namespace, name).await);
            }
            let mut settings = Settings::of(source, &pods, &files);
            for (namespace, name) in &flags.configs {
                settings.configs.extend(self.config_map(found, namespace, name).await);
            }
            for (namespace, name) in &flags.streams {
                settings.streams.extend(self.config_map(found, namespace, name).await);
            }
            found.controllers.push(settings);
        }
    }

    /// The labels of the slot's namespace, by which a controller may choose what it watches.
    async fn labels(&self, found: &mut WaysIn) -> Option<BTreeMap<String, String>> {
        let api: Api<Namespace> = Api::all(self.cluster.client.clone());
        match self.cluster.answer(ASKED, api.get(self.slot)).await {
            Ok(namespace) => Some(namespace.metadata.labels.unwrap_or_default()),
            Err(why) => {
                let (what, right) = (format!("the namespace {}", self.slot), "get namespaces in the slot");
                found.unread.push(Unwatched::unread(&what, right, reason(&why)));
                None
            }
        }
    }

    async fn config_map(&self, found: &mut WaysIn, namespace: &str, name: &str) -> Option<ConfigMap> {
        let api: Api<ConfigMap> = Api::namespaced(self.cluster.client.clone(), namespace);
        self.cluster.answer(ASKED, api.get_opt(name)).await.unwrap_or_else(|why| {
            let what = format!("the ConfigMap {namespace}/{name} of the ingress controller");
            found.unread.push(Unwatched::unread(&what, &format!("get configmaps in {namespace}"), reason(&why)));
            None
        })
    }
}

fn named(object: DynamicObject) -> Named {
    Named::new(object.metadata, object.data)
}

fn reason(why: &str) -> &str {
    why.strip_prefix(ASKED).map_or(why, |rest| rest.trim_start_matches(": "))
}
