//! What do the flags and the ConfigMaps of a controller say of what it logs and serves?
//!
//! The reaper and the doctor judge by the same code: what they differ in is only whom they ask for it.

pub mod envoy;
pub mod istio;
mod mounted;
pub mod nginx;
pub(crate) mod selector;
pub mod traefik;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};

use hotdesk_slots::text::sanitize_short;

use self::nginx::Nginx;
use self::traefik::{LikeNginx, Traefik};
use super::target::Target;
use super::{From, Hides, Unwatched, WaysIn, called};
use crate::sources::{Controller, NAME_LABEL, Source};

/// What is known of the controller that a source reads.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The source.
    pub source: String,
    /// What its pods are by their labels.
    pub products: Vec<String>,
    /// The controllers of IngressClasses that its flags name; none: the one of its product.
    pub controller_classes: Vec<String>,
    /// The ConfigMaps of the settings of its pods: a selector may take in several controllers.
    pub configs: Vec<ConfigMap>,
    /// The ConfigMaps of ports that it passes on.
    pub streams: Vec<ConfigMap>,
    /// The Services, as namespace and name, that answer what no Ingress names.
    pub default_backends: Vec<(String, String)>,
    /// Whose proxies its pods are, where Envoy Gateway made them.
    pub owners: Vec<envoy::Owner>,
    /// What each pod of an ingress-nginx takes; alike ones once.
    pub nginx: Vec<Nginx>,
    /// What each pod of a Traefik takes and hides; alike ones once.
    pub traefik: Vec<Traefik>,
}

/// A setting of a controller that keeps requests out of what is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// Whose setting it is: `the ConfigMap ingress-nginx/settings of the ingress controller`.
    pub of: String,
    /// Its name.
    pub key: &'static str,
    /// What is wrong: `has …`.
    pub says: String,
    /// What would make the requests visible.
    pub fix: String,
    /// From which sources it hides requests; none: the requests are there and cannot be told, which their lines show.
    pub from: Option<From>,
}

/// What the labels and the flags of a controller's pods say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// The label `app.kubernetes.io/name` of the pods.
    pub products: Vec<String>,
    /// `--controller-class`
    pub controller_classes: Vec<String>,
    /// `--configmap`, as namespace and name.
    pub configs: Vec<(String, String)>,
    /// `--tcp-services-configmap` and `--udp-services-configmap`
    pub streams: Vec<(String, String)>,
    /// `--default-backend-service`
    pub default_backends: Vec<(String, String)>,
    /// The ConfigMaps that are mounted where a Traefik has the file of its settings.
    pub files: Vec<(String, String)>,
}

impl Flags {
    /// Those of a controller's pods.
    #[must_use]
    pub fn of(pods: &[Pod]) -> Self {
        let mut flags = Self::default();
        for pod in pods {
            let arguments = arguments(pod);
            flags.products.extend(name_label(pod).map(str::to_owned));
            let own = namespace(pod).to_owned();
            let objects = |key: &str| {
                let named = values(&arguments, key).into_iter();
                named.filter_map(|value| object(&value, &own)).collect::<Vec<_>>()
            };
            flags.controller_classes.extend(values(&arguments, "controller-class"));
            flags.configs.extend(objects("configmap"));
            flags.streams.extend(objects("tcp-services-configmap"));
            flags.streams.extend(objects("udp-services-configmap"));
            flags.default_backends.extend(objects("default-backend-service"));
            flags.files.extend(traefik::files(pod).into_iter().map(|name| (own.clone(), name)));
        }
        for list in [&mut flags.configs, &mut flags.streams, &mut flags.default_backends, &mut flags.files] {
            list.sort();
            list.dedup();
        }
        for list in [&mut flags.controller_classes, &mut flags.products] {
            list.sort();
            list.dedup();
        }
        flags
    }
}

/// By which a pod tells what it is.
fn name_label(pod: &Pod) -> Option<&str> {
    pod.metadata.labels.as_ref()?.get(NAME_LABEL).map(String::as_str)
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn namespace(pod: &Pod) -> &str {
    pod.metadata.namespace.as_deref().unwrap_or_default()
}

/// True for a pod that is Traefik's by its label.
#[must_use]
pub fn is_traefik(pod: &Pod) -> bool {
    name_label(pod) == Some("traefik")
}

/// True for a pod that is Envoy's by its label, as Envoy Gateway makes them.
#[must_use]
pub fn is_envoy(pod: &Pod) -> bool {
    name_label(pod) == Some("envoy")
}

/// What a pod's containers are started with.
#[must_use]
pub fn arguments(pod: &Pod) -> Vec<String> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let of = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    containers.flat_map(|container| of(&container.command).into_iter().chain(of(&container.args))).collect()
}

/// `--key=value`, or `--key` and then the value.
fn values(arguments: &[String], key: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut all = arguments.iter().peekable();
    while let Some(argument) = all.next() {
        let Some(rest) = argument.trim_start_matches('-').strip_prefix(key).filter(|_| argument.starts_with('-'))
        else {
            continue;
        };
        match rest.strip_prefix('=') {
            Some(value) => found.push(value.to_owned()),
            None if rest.is_empty() => found.extend(all.peek().map(|value| (*value).clone())),
            None => {}
        }
    }
    found
}

/// `namespace/name`; the namespace is often a variable for the pod's own.
fn object(text: &str, own: &str) -> Option<(String, String)> {
    let (namespace, name) = text.split_once('/')?;
    let namespace = if namespace.starts_with("$(") { own } else { namespace };
    Some((namespace.to_owned(), name.to_owned()))
}

/// The ports by which ingress-nginx passes connections on to the slot. A session is logged at its end, and without a name.
pub(super) fn streams(found: &WaysIn) -> Vec<Unwatched> {
    let mut all: Vec<Unwatched> = Vec::new();
    for map in found.controllers.iter().flat_map(|settings| &settings.streams) {
        let (namespace, name) = place(map);
        let about = called("ConfigMap", namespace, name);
        for (port, to) in map.data.iter().flatten() {
            let service = to.trim();
            if service.split_once('/').is_none_or(|(namespace, _)| namespace != found.slot) {
                continue;
            }
            let why = format!(
                "passes the port {} on to {}, and such a session is logged at its end and without a name",
                sanitize_short(port),
                sanitize_short(service)
            );
            let one = Unwatched::new(about.clone(), why, "take the port out of it; no source sees who uses it");
            if !all.contains(&one) {
                all.push(one);
            }
        }
    }
    all
}

/// What the settings of ingress-nginx send into the slot past its Ingresses.
pub(super) fn snippets(found: &WaysIn) -> Vec<Unwatched> {
    let target = Target::of(found);
    let mut all: Vec<Unwatched> = Vec::new();
    for config in found.controllers.iter().flat_map(|settings| &settings.configs) {
        let (namespace, name) = place(config);
        let about = format!("{} of the ingress controller", called("ConfigMap", namespace, name));
        for key in nginx::leading(config, &target) {
            let why = format!("leads into {} by {key}, and that is logged under no name of a slot", found.slot);
            let one = Unwatched::new(about.clone(), why, nginx::fix(config, key));
            if !all.contains(&one) {
                all.push(one);
            }
        }
    }
    all
}

/// Whatever host or path nobody has, the controller sends to its default backend, and logs it so.
pub(super) fn default_backends(found: &WaysIn) -> Vec<Unwatched> {
    let all = found.controllers.iter().flat_map(|settings| &settings.default_backends);
    let mut own: Vec<&str> =
        all.filter(|(namespace, _)| *namespace == found.slot).map(|(_, name)| name.as_str()).collect();
    own.dedup();
    let why = "answers what no Ingress names (--default-backend-service), and that is logged under no name of a slot";
    let fix = "let the controller send that to a namespace that is not a slot";
    own.iter().map(|name| Unwatched::new(called("Service", &found.slot, name), why, fix)).collect()
}

impl Settings {
    /// What the pods that a source reads say of themselves. `files` are the ConfigMaps of [`Flags::files`] that there are.
    #[must_use]
    pub fn of(source: &Source, pods: &[Pod], files: &[ConfigMap]) -> Self {
        let flags = Flags::of(pods);
        let product = source.product();
        // What has ended takes nothing any more.
        let pods: Vec<&Pod> = pods.iter().filter(|pod| !has_ended(pod)).collect();
        let of_traefik = |pod: &&&Pod| is_traefik(pod) || product == Some(Controller::Traefik);
        let of_nginx = |pod: &&&Pod| !is_traefik(pod) && product == Some(Controller::IngressNginx);
        let mut settings = Self {
            source: source.name.clone(),
            products: flags.products,
            controller_classes: flags.controller_classes,
            default_backends: flags.default_backends,
            nginx: pods.iter().filter(of_nginx).map(|pod| Nginx::of(pod)).collect(),
            owners: pods.iter().filter_map(|pod| envoy::Owner::of(pod)).collect(),
            traefik: pods.iter().filter(of_traefik).map(|pod| Traefik::of(pod, files)).collect(),
            ..Self::default()
        };
        let backends =
            settings.traefik.iter().filter_map(|traefik| traefik.like_nginx.as_ref()?.default_backend.as_deref());
        let backends: Vec<_> = backends.filter_map(|named| object(named, "")).collect();
        settings.default_backends.extend(backends);
        settings.nginx.dedup();
        settings.traefik.dedup();
        settings
    }

    /// True if which namespaces it watches depends on their labels.
    #[must_use]
    pub fn selects_namespaces(&self) -> bool {
        let like = self.traefik.iter().filter_map(|traefik| traefik.like_nginx.as_ref());
        self.nginx.iter().any(Nginx::selects) || like.into_iter().any(LikeNginx::selects)
    }

    /// Why its pods take no Ingress of the slot at all.
    pub(super) fn watches_elsewhere(&self, found: &WaysIn) -> Option<String> {
        let by_traefik = |traefik: &Traefik| {
            let elsewhere = traefik.ingresses.watches_elsewhere(&found.slot)?;
            traefik.like_nginx.as_ref().map_or(Some(elsewhere), |like| like.watches_elsewhere(found))
        };
        let by_nginx = self.nginx.iter().find_map(|nginx| nginx.watches_elsewhere(found));
        by_nginx.or_else(|| self.traefik.iter().find_map(by_traefik))
    }

    /// What of the controller's settings hides from a source what it serves. Error pages of an Ingress' own are told by name.
    pub(super) fn hides(&self, source: &Source, own_pages: bool) -> Option<Hides> {
        let by_config = self.configs.iter().flat_map(nginx::hidden);
        let by_flags = self.traefik.iter().flat_map(|traefik| traefik.hidden.iter().cloned());
        let pages = |hidden: &Hidden| own_pages && hidden.key == "custom-http-errors";
        by_config.chain(by_flags).filter(|hidden| !pages(hidden)).find_map(|hidden| hidden.from(source))
    }
}

impl Hidden {
    /// What it hides from a source, if anything.
    pub(super) fn from(self, source: &Source) -> Option<Hides> {
        let from = self.from.filter(|from| from.hides(source))?;
        Some(Hides { about: self.of, why: self.says, fix: self.fix, from })
    }
}

fn place(config: &ConfigMap) -> (&str, &str) {
    (config.metadata.namespace.as_deref().unwrap_or_default(), config.metadata.name.as_deref().unwrap_or_default())
}
