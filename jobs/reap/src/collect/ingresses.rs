//! Do the slot's Ingresses keep some of its requests out of the log that is read?
//!
//! An Ingress may turn its access log off, hand its connections on undecrypted, or be served by another controller
//! than the one whose log is read. What it serves is then never seen, however many others the log shows.

use std::collections::{BTreeMap, BTreeSet};

use hotdesk_slots::text::{list, plain};
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use crate::api::Cluster;
use hotdesk_traffic::sources::Source;

/// The annotation that named the class before there was a field for it.
const OLD_CLASS: &str = "kubernetes.io/ingress.class";

/// Why requests to the slot may be missing in the log.
///
/// # Errors
/// When the Ingresses cannot be read.
pub async fn unseen(
    cluster: &Cluster,
    namespace: &str,
    classes: &[String],
    sources: &[Source],
) -> Result<Vec<String>, String> {
    let api: Api<Ingress> = Api::namespaced(cluster.client.clone(), namespace);
    let ingresses = cluster.all("the slot's Ingresses cannot be read", api.list(&ListParams::default())).await?;
    let uncounted =
        sources.iter().filter(|source| source.needs_hosts()).filter_map(|source| uncounted(&ingresses, source));
    let by_logs = sources.iter().any(Source::reads_logs);
    Ok(doubts(&ingresses, classes, by_logs).into_iter().chain(uncounted).collect())
}

/// ingress-nginx counts no request to a host that no Ingress names in full, unless it is told to.
fn uncounted(ingresses: &[Ingress], source: &Source) -> Option<String> {
    let anything = |host: &Option<String>| host.as_deref().is_none_or(|host| host.is_empty() || host.contains('*'));
    let found = ingresses.iter().find(|ingress| {
        let spec = ingress.spec.as_ref();
        let rules = spec.and_then(|spec| spec.rules.as_deref()).unwrap_or_default();
        rules.iter().any(|rule| anything(&rule.host)) || spec.is_some_and(|spec| spec.default_backend.is_some())
    })?;
    Some(format!(
        "the Ingress {} serves any host, or a wildcard, which ingress-nginx does not count as it comes: name the host, or run \
         it with --metrics-per-host=false and set anyHost: true for {}",
        plain(&found.name_any()),
        source.name
    ))
}

/// What is wrong with the Ingresses, where controllers of these classes are looked at; none named: of one class.
fn doubts(ingresses: &[Ingress], classes: &[String], by_logs: bool) -> Vec<String> {
    let silent = ingresses.iter().filter_map(|ingress| {
        let reason = ingress.annotations().iter().find_map(|(key, value)| silences(key, value, by_logs))?;
        Some(format!("the Ingress {} {reason}, so its requests are not seen", plain(&ingress.name_any())))
    });
    silent.chain(elsewhere(ingresses, classes)).collect()
}

/// Why an annotation keeps requests out of the log. The part before the `/` can be another one by the controller's flags.
fn silences(key: &str, value: &str, by_logs: bool) -> Option<&'static str> {
    let name = key.rsplit('/').next()?;
    let (on, off) = (value.trim().eq_ignore_ascii_case("true"), value.trim().eq_ignore_ascii_case("false"));
    match name {
        "enable-access-log" | "router.observability.accesslogs" if off && by_logs => Some("turns its access log off"),
        "ssl-passthrough" if on => Some("passes TLS on as it is"),
        "configuration-snippet" | "server-snippet" if by_logs && value.contains("access_log") => {
            Some("sets its own access log")
        }
        _ => None,
    }
}

/// Ingresses whose controller's log is not the one that is read, or of which one must be so.
fn elsewhere(ingresses: &[Ingress], classes: &[String]) -> Option<String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for ingress in ingresses {
        found.entry(class(ingress)).or_insert_with(|| ingress.name_any());
    }
    let served: BTreeSet<&str> = classes.iter().map(String::as_str).filter(|class| !class.is_empty()).collect();
    if served.is_empty() {
        let names: Vec<String> = found.keys().map(|class| shown(class)).collect();
        return (names.len() > 1).then(|| {
            format!(
                "the slot's Ingresses are of the classes {}, and one controller's log is read: if it serves them all, \
                 name them in --ingress-class",
                list(&names)
            )
        });
    }
    let (class, ingress) = found.iter().find(|(class, _)| !served.contains(class.as_str()))?;
    Some(format!(
        "the Ingress {} is of the class {}, and only the log of {} is read (--ingress-class)",
        plain(ingress),
        shown(class),
        list(classes)
    ))
}

fn class(ingress: &Ingress) -> String {
    let field = ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.clone());
    field.or_else(|| ingress.annotations().get(OLD_CLASS).cloned()).unwrap_or_default()
}

fn shown(class: &str) -> String {
    if class.is_empty() { "\"\" (none)".to_owned() } else { plain(class) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ingress(name: &str, class: Option<&str>, annotation: (&str, &str)) -> Ingress {
        let annotations = json!({annotation.0: annotation.1});
        let metadata = json!({"name": name, "annotations": annotations});
        serde_json::from_value(json!({"metadata": metadata, "spec": {"ingressClassName": class}})).unwrap()
    }

    #[track_caller]
    fn check(annotation: (&str, &str), expected: &str) {
        let doubts = doubts(&[ingress("web", Some("nginx"), annotation)], &[], true);
        match expected {
            "" => assert!(doubts.is_empty(), "{annotation:?}: {doubts:?}"),
            part => assert!(doubts.len() == 1 && doubts[0].contains(part), "{annotation:?}: {doubts:?}"),
        }
    }

    #[test]
    fn an_ingress_that_is_not_logged_is_a_doubt() {
        check(("nginx.ingress.kubernetes.io/enable-access-log", "false"), "web turns its access log off");
        check(("my.prefix/enable-access-log", "False"), "web turns its access log off");
        check(("traefik.ingress.kubernetes.io/router.observability.accesslogs", "false"), "access log off");
        check(("nginx.ingress.kubernetes.io/ssl-passthrough", "true"), "passes TLS on");
        check(("nginx.ingress.kubernetes.io/configuration-snippet", "more; access_log off;"), "its own access log");
        check(("nginx.ingress.kubernetes.io/server-snippet", "access_log /dev/null;"), "its own access log");
        check(("nginx.ingress.kubernetes.io/enable-access-log", "true"), "");
        check(("nginx.ingress.kubernetes.io/ssl-passthrough", "false"), "");
        check(("nginx.ingress.kubernetes.io/configuration-snippet", "more_set_headers x;"), "");
        check(("note", "enable-access-log"), "");
    }

    #[test]
    fn an_ingress_of_another_controller_is_a_doubt() {
        let plain = |name, class| ingress(name, class, ("note", ""));
        let old = ingress("old", None, (OLD_CLASS, "internal"));
        let named = |classes: &[&str]| classes.iter().map(|class| (*class).to_owned()).collect::<Vec<_>>();
        let both = [plain("web", Some("nginx")), old];
        assert!(doubts(&both, &[], true)[0].contains("classes internal and nginx"), "{:?}", doubts(&both, &[], true));
        assert_eq!(doubts(&both, &named(&["nginx", "internal"]), true), Vec::<String>::new());
        let other = doubts(&both, &named(&["nginx"]), true);
        assert!(other[0].contains("the Ingress old is of the class internal"), "{other:?}");
        assert_eq!(doubts(&both[..1], &[], true), Vec::<String>::new());
        assert_eq!(doubts(&[], &named(&["nginx"]), true), Vec::<String>::new());
        let classless = [plain("web", None)];
        assert_eq!(doubts(&classless, &[], true), Vec::<String>::new());
        assert!(doubts(&classless, &named(&["nginx"]), true)[0].contains("(none)"));
    }
}
