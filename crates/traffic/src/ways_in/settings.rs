//! What do the flags and the ConfigMaps of a controller say of what it logs and serves?

use std::collections::BTreeMap;

use hotdesk_slots::text::plain;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};

use super::snippets::{self, Place};
use super::{From, Hides, Unwatched, WaysIn, called};
use crate::sources::{NAME_LABEL, Source};

/// Where ingress-nginx' log goes to the container's output.
const OUTPUTS: [&str; 3] = ["/var/log/nginx/access.log", "/dev/stdout", "/proc/1/fd/1"];

/// What is known of the controller that a source reads.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The source.
    pub source: String,
    /// What its pods are by their labels.
    pub products: Vec<String>,
    /// The controllers of IngressClasses that its flags name; none: the one of its product.
    pub controller_classes: Vec<String>,
    /// The ConfigMap of its settings.
    pub config: Option<ConfigMap>,
    /// The ConfigMaps of ports that it passes on.
    pub streams: Vec<ConfigMap>,
    /// The Services, as namespace and name, that answer what no Ingress names.
    pub default_backends: Vec<(String, String)>,
}

/// A setting of the controller that keeps requests out of what is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// Its key in the ConfigMap.
    pub key: &'static str,
    /// What is wrong.
    pub says: String,
    /// From which sources it hides requests; none: the requests are there, and cannot be told or come late.
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
}

impl Flags {
    /// Those of ingress-nginx' pods.
    #[must_use]
    pub fn of(pods: &[Pod]) -> Self {
        let mut flags = Self::default();
        for pod in pods {
            let arguments = arguments(pod);
            let labels = pod.metadata.labels.as_ref();
            flags.products.extend(labels.and_then(|labels| labels.get(NAME_LABEL)).cloned());
            let own = pod.metadata.namespace.clone().unwrap_or_default();
            let objects = |key: &str| {
                let named = values(&arguments, key).into_iter();
                named.filter_map(|value| object(&value, &own)).collect::<Vec<_>>()
            };
            flags.controller_classes.extend(values(&arguments, "controller-class"));
            flags.configs.extend(objects("configmap"));
            flags.streams.extend(objects("tcp-services-configmap"));
            flags.streams.extend(objects("udp-services-configmap"));
            flags.default_backends.extend(objects("default-backend-service"));
        }
        for list in [&mut flags.configs, &mut flags.streams, &mut flags.default_backends] {
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
        let namespace = map.metadata.namespace.as_deref().unwrap_or_default();
        let about = called("ConfigMap", namespace, map.metadata.name.as_deref().unwrap_or_default());
        for (port, to) in map.data.iter().flatten() {
            let service = to.trim();
            if service.split_once('/').is_none_or(|(namespace, _)| namespace != found.slot) {
                continue;
            }
            let why = format!(
                "passes the port {} on to {}, and such a session is logged at its end and without a name",
                plain(port),
                plain(service)
            );
            let one = Unwatched::new(about.clone(), why, "take the port out of it; no source sees who uses it");
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
    let fix = "let the controller send that to a namespace that is no slot";
    own.iter().map(|name| Unwatched::new(called("Service", &found.slot, name), why, fix)).collect()
}

impl Settings {
    /// What of the controller's ConfigMap hides every Ingress from a source. Error pages of an Ingress' own are told by name.
    pub(super) fn hides(&self, source: &Source, own_pages: bool) -> Option<Hides> {
        let config = self.config.as_ref()?;
        let counts = |hidden: &Hidden| {
            let pages = own_pages && hidden.key == "custom-http-errors";
            hidden.from.is_some_and(|from| from.hides(source)) && !pages
        };
        let hidden = nginx(config).into_iter().find(counts)?;
        let (namespace, name) = place(config);
        Some(Hides {
            about: called("ConfigMap", namespace, name),
            why: format!("of the ingress controller has {}", hidden.says),
            fix: fix(config, hidden.key),
            from: hidden.from?,
        })
    }
}

fn place(config: &ConfigMap) -> (&str, &str) {
    (config.metadata.namespace.as_deref().unwrap_or_default(), config.metadata.name.as_deref().unwrap_or_default())
}

/// The command that takes a key out of a controller's ConfigMap.
#[must_use]
pub fn fix(config: &ConfigMap, key: &str) -> String {
    let (namespace, name) = place(config);
    format!("kubectl -n {namespace} patch configmap {name} --type merge -p '{{\"data\":{{\"{key}\":null}}}}'")
}

/// Every setting of ingress-nginx that hides requests.
#[must_use]
pub fn nginx(config: &ConfigMap) -> Vec<Hidden> {
    let none = BTreeMap::new();
    let data = config.data.as_ref().unwrap_or(&none);
    let get = |key: &str| data.get(key).map(|value| value.trim()).filter(|value| !value.is_empty());
    let mut all = Vec::new();
    let mut hides = |key, says: String, from| all.push(Hidden { key, says, from });
    for key in ["disable-access-log", "disable-http-access-log"] {
        if get(key) == Some("true") {
            hides(key, format!("{key}: \"true\", which turns the access log off"), Some(From::Logs));
        }
    }
    for key in ["access-log-path", "http-access-log-path"] {
        if let Some(path) = get(key).filter(|path| !OUTPUTS.contains(path)) {
            let says = format!("{key}: {}, where the Kubernetes API does not see the access log", plain(path));
            hides(key, says, Some(From::Logs));
        }
    }
    if let Some(params) = get("access-log-params").filter(|params| params.contains("if=")) {
        hides(
            "access-log-params",
            format!("access-log-params: {}, which leaves some requests out", plain(params)),
            Some(From::Logs),
        );
    }
    if get("access-log-params").is_some_and(|params| params.contains("buffer=")) {
        let says = "access-log-params with a buffer, so that the newest requests are not in the access log";
        hides("access-log-params", says.to_owned(), None);
    }
    if get("enable-syslog") == Some("true") {
        hides("enable-syslog", "enable-syslog: \"true\", which sends the access log away".to_owned(), Some(From::Logs));
    }
    if let Some(urls) = get("skip-access-log-urls") {
        hides(
            "skip-access-log-urls",
            format!("skip-access-log-urls: {}, whose requests are not logged", plain(urls)),
            Some(From::Logs),
        );
    }
    if let Some(codes) = get("custom-http-errors") {
        let says = format!(
            "custom-http-errors: {}, so the answers of each slot's Service are logged as the default backend's",
            plain(codes)
        );
        hides("custom-http-errors", says, Some(From::Logs));
    }
    for (key, at) in
        [("server-snippet", Place::Server), ("location-snippet", Place::Location), ("http-snippet", Place::Http)]
    {
        if let Some((what, from)) = get(key).and_then(|snippet| snippets::hides(snippet, at)) {
            hides(key, format!("{key} that {what}, which keeps requests of every slot from being seen"), Some(from));
        }
    }
    let nothing = |format: &&str| !format.contains("$proxy_upstream_name") && !format.contains("$service_name");
    if let Some(format) = get("log-format-upstream").filter(nothing) {
        let format: String = plain(format).chars().take(80).collect();
        hides("log-format-upstream", format!("log-format-upstream without $proxy_upstream_name: {format}"), None);
    }
    all
}
