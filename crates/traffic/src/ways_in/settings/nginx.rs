//! Which settings of ingress-nginx hide requests, and which Ingresses do its flags let it take?

use std::collections::BTreeMap;

use hotdesk_slots::text::sanitize_short;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};

use super::super::boolean::{is_off, is_on};
use super::super::snippets::{self, Place};
use super::super::target::Target;
use super::super::{From, WaysIn, called};
use super::selector::selects;
use super::{Hidden, arguments, place, values};

/// Where its log goes to the container's output.
const OUTPUTS: [&str; 3] = ["/var/log/nginx/access.log", "/dev/stdout", "/proc/1/fd/1"];

/// The class of the old annotation that it takes without a flag.
const DEFAULT_CLASS: &str = "nginx";

/// What the flags of one of its pods say of the Ingresses that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nginx {
    /// `--ingress-class`: the class that it takes by the old annotation.
    class: String,
    /// `--watch-namespace`; none: all.
    namespaces: Vec<String>,
    /// `--watch-namespace-selector`; empty: all.
    selector: String,
    /// False by `--enable-metrics=false`.
    pub counts: bool,
    /// True by `--metrics-per-host=false`: it counts requests to any host.
    pub counts_any_host: bool,
}

impl Nginx {
    /// Those of a pod.
    #[must_use]
    pub fn of(pod: &Pod) -> Self {
        let arguments = arguments(pod);
        let off = |flag: &str| values(&arguments, flag).iter().any(|value| is_off(value));
        let class = values(&arguments, "ingress-class").pop().filter(|class| !class.is_empty());
        let namespaces = values(&arguments, "watch-namespace").into_iter().filter(|name| !name.is_empty());
        Self {
            class: class.unwrap_or_else(|| DEFAULT_CLASS.to_owned()),
            namespaces: namespaces.collect(),
            selector: values(&arguments, "watch-namespace-selector").pop().unwrap_or_default(),
            counts: !off("enable-metrics"),
            counts_any_host: off("metrics-per-host"),
        }
    }

    /// Why it does not take an Ingress of a slot, whose class is named by the old annotation alone, or not so.
    pub(crate) fn refuses(&self, found: &WaysIn, annotation: Option<&str>) -> Option<String> {
        if let Some(elsewhere) = self.watches_elsewhere(found) {
            return Some(elsewhere);
        }
        let other = annotation.filter(|class| !class.is_empty() && *class != self.class)?;
        Some(format!(
            "by the old annotation it takes {} alone, not {} (--ingress-class)",
            sanitize_short(&self.class),
            sanitize_short(other)
        ))
    }

    /// Why it takes nothing of the slot at all.
    pub(super) fn watches_elsewhere(&self, found: &WaysIn) -> Option<String> {
        if let Some(only) = self.namespaces.iter().find(|only| **only != found.slot) {
            return Some(format!("it watches {} alone (--watch-namespace)", sanitize_short(only)));
        }
        (!selects(&self.selector, &found.slot, found.labels.as_ref())).then(|| {
            format!("it watches namespaces with {} alone (--watch-namespace-selector)", sanitize_short(&self.selector))
        })
    }

    /// True if whether it watches the slot depends on labels.
    pub(super) fn selects(&self) -> bool {
        !self.selector.is_empty()
    }
}

/// The command that takes a key out of a controller's ConfigMap.
pub(super) fn fix(config: &ConfigMap, key: &str) -> String {
    let (namespace, name) = place(config);
    format!("kubectl -n {namespace} patch configmap {name} --type merge -p '{{\"data\":{{\"{key}\":null}}}}'")
}

/// Every setting of it that hides requests.
#[must_use]
pub fn hidden(config: &ConfigMap) -> Vec<Hidden> {
    let none = BTreeMap::new();
    let data = config.data.as_ref().unwrap_or(&none);
    let get = |key: &str| data.get(key).map(|value| value.trim()).filter(|value| !value.is_empty());
    let found = logs(&get).into_iter().chain(answers(&get));
    let (namespace, name) = place(config);
    let of = format!("{} of the ingress controller", called("ConfigMap", namespace, name));
    found
        .map(|(key, says, from)| Hidden {
            of: of.clone(),
            key,
            says: format!("has {says}"),
            fix: fix(config, key),
            from,
        })
        .collect()
}

/// The settings that send requests to a slot.
pub(super) fn leading(config: &ConfigMap, target: &Target<'_>) -> Vec<&'static str> {
    let holds = |key: &str| config.data.as_ref().and_then(|data| data.get(key));
    let snippets = ["main-snippet", "http-snippet", "server-snippet", "location-snippet", "stream-snippet"];
    let leads = |key: &&str| holds(key).is_some_and(|snippet| snippets::leads_to(snippet, target));
    let asks = holds("global-auth-url").is_some_and(|url| target.is(url.trim()));
    snippets.into_iter().filter(leads).chain(asks.then_some("global-auth-url")).collect()
}

type Found = (&'static str, String, Option<From>);

/// What keeps requests out of its log.
fn logs<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Vec<Found> {
    let mut all = Vec::new();
    let mut hides = |key, says: String, from| all.push((key, says, from));
    for key in ["disable-access-log", "disable-http-access-log"] {
        if get(key).is_some_and(is_on) {
            hides(key, format!("{key}: \"true\", which turns the access log off"), Some(From::Logs));
        }
    }
    for key in ["access-log-path", "http-access-log-path"] {
        if let Some(path) = get(key).filter(|path| !OUTPUTS.contains(path)) {
            let says = format!("{key}: {}, where the Kubernetes API does not see the access log", sanitize_short(path));
            hides(key, says, Some(From::Logs));
        }
    }
    let params = get("access-log-params");
    if let Some(params) = params.filter(|params| params.contains("if=")) {
        let says = format!("access-log-params: {}, which leaves some requests out", sanitize_short(params));
        hides("access-log-params", says, Some(From::Logs));
    }
    // Unless a buffer fills up or is flushed, what is in it is in no log, however old.
    if params.is_some_and(|params| params.contains("buffer=") || params.contains("gzip")) {
        let says = "access-log-params with a buffer, so that the newest requests are not in the access log";
        hides("access-log-params", says.to_owned(), Some(From::Logs));
    }
    if get("enable-syslog").is_some_and(is_on) {
        hides("enable-syslog", "enable-syslog: \"true\", which sends the access log away".to_owned(), Some(From::Logs));
    }
    if let Some(urls) = get("skip-access-log-urls") {
        let says = format!("skip-access-log-urls: {}, whose requests are not logged", sanitize_short(urls));
        hides("skip-access-log-urls", says, Some(From::Logs));
    }
    let nothing = |format: &&str| !format.contains("$proxy_upstream_name") && !format.contains("$service_name");
    if let Some(format) = get("log-format-upstream").filter(nothing) {
        let format: String = sanitize_short(format).chars().take(80).collect();
        hides("log-format-upstream", format!("log-format-upstream without $proxy_upstream_name: {format}"), None);
    }
    all
}

/// What answers in the place of Services.
fn answers<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Vec<Found> {
    let mut all = Vec::new();
    if let Some(codes) = get("custom-http-errors") {
        let says = format!(
            "custom-http-errors: {}, so the answers of each slot's Service are logged as the default backend's",
            sanitize_short(codes)
        );
        all.push(("custom-http-errors", says, Some(From::Logs)));
    }
    for (key, at) in [
        ("server-snippet", Place::Server),
        ("location-snippet", Place::Location),
        ("http-snippet", Place::Http),
        ("stream-snippet", Place::Http),
    ] {
        if let Some((what, from)) = get(key).and_then(|snippet| snippets::hides(snippet, at)) {
            let says = format!("{key} that {what}, which keeps requests of every slot from being seen");
            all.push((key, says, Some(from)));
        }
    }
    all
}
