//! Does a source of its reaper see every way into each slot?
//!
//! What there is is asked for once for all slots, and judged by the code of the reaper, which judges its own slot by it at
//! each run.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use hotdesk_slots::slot::Slot;
use hotdesk_traffic::ways_in::kinds::{ALL, NETWORKING, looked_for};
use hotdesk_traffic::ways_in::settings::{Flags, Settings, envoy, istio};
use hotdesk_traffic::ways_in::{Named, Route, Rules, WaysIn, unwatched};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, Client, ResourceExt};

use super::ask::{AT_ONCE, Answered, all, items, timed};
use super::finding::{Finding, Id};
use super::look::Controller;
use super::reapers::Reaper;
use super::slots::SUBJECT;
use super::usage;

/// What leads into any slot.
#[derive(Debug, Default)]
pub(super) struct Everywhere {
    services: Vec<Service>,
    slices: Vec<EndpointSlice>,
    pods: Vec<Pod>,
    ingress_classes: Vec<IngressClass>,
    routes: Vec<Route>,
    grants: Vec<Named>,
    gateways: Vec<Named>,
    gateway_classes: Vec<Named>,
    listener_sets: Vec<Named>,
    /// What Envoy Gateway is told of its proxies.
    pub(super) proxies: Vec<Named>,
    /// What Istio is told of its counters and logs.
    telemetries: Vec<Named>,
    /// Ports that controllers pass on.
    streams: Vec<ConfigMap>,
    /// Services that answer what no Ingress names.
    default_backends: Vec<(String, String)>,
    /// The hosts of the Slots.
    hosts: BTreeMap<String, String>,
    /// The labels of namespaces.
    labels: BTreeMap<String, BTreeMap<String, String>>,
    /// Why something could not be looked at.
    unknown: Vec<String>,
}

impl Everywhere {
    /// Asks for all of it.
    pub(super) async fn ask(client: &Client, slots: &[String], controllers: &[Controller], known: &[Pod]) -> Self {
        let mut found = Self::default();
        let everything = &ListParams::default();
        let (services, slices, classes, kinds) =
            tokio::join!(all(client, everything), all(client, everything), all(client, everything), kinds(client));
        found.services = found.noted("Services", services);
        found.slices = found.noted("EndpointSlices", slices);
        found.ingress_classes = found.noted("IngressClasses", classes);
        let pods = slots.iter().map(|slot| {
            let api: Api<Pod> = Api::namespaced(client.clone(), slot);
            async move { items(&api, everything).await }
        });
        let pods: Vec<Answered<Vec<Pod>>> = futures::stream::iter(pods).buffered(AT_ONCE).collect().await;
        for some in pods {
            let some = found.noted("pods", some);
            found.pods.extend(some);
        }
        for kind in found.noted("kinds", kinds) {
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &kind);
            let listed = items(&api, everything).await;
            let objects = found.noted(&kind.kind, listed).into_iter().map(named).collect::<Vec<_>>();
            found.take(&kind, objects);
        }
        let own = controllers.iter().flat_map(|controller| controller.pods.iter().flatten());
        let pods: Vec<Pod> = own.chain(known).cloned().collect();
        let flags = Flags::of(&pods);
        found.default_backends = flags.default_backends;
        for (namespace, name) in flags.streams {
            let api: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
            let map = timed(api.get_opt(&name)).await.map(|map| map.into_iter().collect());
            let map = found.noted("ConfigMaps of the controllers", map);
            found.streams.extend(map);
        }
        found
    }

    /// The same, with what the Slots and their namespaces say of themselves.
    pub(super) fn with(mut self, slots: &[Slot], namespaces: &[Namespace]) -> Self {
        let labels = |namespace: &Namespace| namespace.metadata.labels.clone().unwrap_or_default();
        self.labels = namespaces.iter().map(|namespace| (namespace.name_any(), labels(namespace))).collect();
        self.hosts = slots.iter().filter_map(|slot| Some((slot.namespace()?, slot.spec.host.clone()?))).collect();
        self
    }

    fn noted<T>(&mut self, what: &str, seen: Answered<Vec<T>>) -> Vec<T> {
        seen.unwrap_or_else(|why| {
            let why = format!("{what}: {why}");
            if !self.unknown.contains(&why) {
                self.unknown.push(why);
            }
            Vec::new()
        })
    }

    fn take(&mut self, kind: &ApiResource, objects: Vec<Named>) {
        match kind.plural.as_str() {
            "referencegrants" => self.grants.extend(objects),
            "gateways" => self.gateways.extend(objects),
            "listenersets" | "xlistenersets" => self.listener_sets.extend(objects),
            "gatewayclasses" => self.gateway_classes.extend(objects),
            envoy::PLURAL => self.proxies.extend(objects),
            istio::PLURAL => self.telemetries.extend(objects),
            plural => {
                let view = ALL.iter().find(|view| view.group == kind.group && view.plural == plural);
                self.routes.extend(
                    view.into_iter()
                        .flat_map(|kind| objects.clone().into_iter().map(move |object| Route { kind, object })),
                );
            }
        }
    }

    /// What of it leads into one slot, as its reaper finds it.
    fn of(&self, reaper: &Reaper, ingresses: &[Ingress], controllers: &[Controller]) -> WaysIn {
        let slot = reaper.slot.as_str();
        let own = |namespace: Option<String>| namespace.as_deref() == Some(slot);
        let (routes, elsewhere): (Vec<Route>, Vec<Route>) =
            self.routes.iter().cloned().partition(|route| route.object.namespace == slot);
        let mut settings: Vec<Settings> = reaper
            .settings
            .sources
            .iter()
            .filter_map(|source| {
                let place = source.place()?;
                let controller = controllers.iter().find(|controller| controller.place == *place)?;
                let by_pods = Settings::of(source, controller.pods.as_deref().unwrap_or_default(), &controller.files);
                let configs = controller.configs.iter().filter_map(|config| config.clone().ok()?).collect();
                // Below, those of all controllers.
                Some(Settings { configs, default_backends: Vec::new(), ..by_pods })
            })
            .collect();
        // A store of logs does not say which controller it is of: the ports of any of them count.
        let (streams, default_backends) = (self.streams.clone(), self.default_backends.clone());
        settings.push(Settings { streams, default_backends, ..Settings::default() });
        WaysIn {
            slot: slot.to_owned(),
            host: self.hosts.get(slot).cloned(),
            labels: self.labels.get(slot).cloned(),
            ingresses: ingresses.iter().filter(|ingress| own(ingress.namespace())).cloned().collect(),
            services: self.services.iter().filter(|service| own(service.namespace())).cloned().collect(),
            pods: self.pods.iter().filter(|pod| own(pod.namespace())).cloned().collect(),
            routes,
            grants: self.grants.iter().filter(|grant| grant.namespace == slot).cloned().collect(),
            elsewhere: elsewhere.into_iter().filter(|route| route.kind.crosses()).collect(),
            aliases: self.services.clone(),
            slices: self.slices.clone(),
            ingresses_elsewhere: ingresses.iter().filter(|ingress| !own(ingress.namespace())).cloned().collect(),
            ingress_classes: self.ingress_classes.clone(),
            gateway_classes: self.gateway_classes.clone(),
            gateways: self.gateways.clone(),
            listener_sets: self.listener_sets.clone(),
            proxies: self.proxies.clone(),
            telemetries: self.telemetries.clone(),
            controllers: settings,
            unread: Vec::new(),
        }
    }
}

fn named(object: DynamicObject) -> Named {
    Named::new(object.metadata, object.data)
}

/// The kinds that lead into slots and that the cluster serves, each in one version.
async fn kinds(client: &Client) -> Answered<Vec<ApiResource>> {
    let groups = timed(client.list_api_groups()).await?.groups;
    let mut found: Vec<ApiResource> = Vec::new();
    for group in groups.into_iter().filter(|group| group.name != NETWORKING) {
        let wanted: Vec<&str> = looked_for(&group.name).collect();
        let versions = if wanted.is_empty() { Vec::new() } else { group.versions };
        for version in group.preferred_version.into_iter().filter(|_| !wanted.is_empty()).chain(versions) {
            let resources = timed(client.list_api_group_resources(&version.group_version)).await?.resources;
            for resource in resources.into_iter().filter(|resource| wanted.contains(&resource.name.as_str())) {
                let known = |kind: &ApiResource| kind.group == group.name && kind.plural == resource.name;
                if !found.iter().any(known) {
                    found.push(ApiResource {
                        group: group.name.clone(),
                        version: version.version.clone(),
                        api_version: version.group_version.clone(),
                        kind: resource.kind,
                        plural: resource.name,
                    });
                }
            }
        }
    }
    Ok(found)
}

/// Every way into a slot that its reaper will not see.
pub(super) fn judge(
    found: &Everywhere,
    reapers: &[Reaper],
    controllers: &[Controller],
    ingresses: &[Ingress],
) -> Vec<Finding> {
    let unknown = found.unknown.iter().map(|why| Finding::unknown(Id::SlotIngress, "the ways into the slots", why));
    let of_slot = |reaper: &Reaper| {
        let sources = reaper.settings.sources.as_slice();
        let rules = Rules { classes: &reaper.settings.classes, ignore_direct: reaper.settings.ignore_direct };
        let judged = match sources {
            // It reads nothing at all, which is said elsewhere.
            [] => Vec::new(),
            sources => unwatched(&found.of(reaper, ingresses, controllers), sources, &rules),
        };
        let subject = format!("{SUBJECT}{}", reaper.slot);
        let told = judged.into_iter().map(move |one| {
            let message = format!("{} {}, so the slot is never cleared", one.about, one.why);
            Finding::problem(Id::SlotIngress, subject.clone(), message).with_fix(one.fix)
        });
        told.collect::<Vec<_>>()
    };
    unknown.chain(reapers.iter().flat_map(of_slot)).collect()
}

/// Where a second witness would see what nothing else does, or cannot be asked.
pub(super) fn second_witness(
    found: &Everywhere,
    reapers: &[Reaper],
    controllers: &[Controller],
    ingresses: &[Ingress],
) -> Vec<Finding> {
    reapers.iter().filter_map(|reaper| usage::judge(reaper, &found.of(reaper, ingresses, controllers))).collect()
}

#[cfg(test)]
mod tests;
