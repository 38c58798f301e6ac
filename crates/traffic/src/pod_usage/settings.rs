//! What did the operator set of the source `pod-usage`? Read and checked before anything is asked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hotdesk_slots::text::sanitize_short;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::sources::{Header, Server, WrittenAuth, read_server};

/// Where a pod finds the certificates by which it knows the API server.
const CLUSTER_CA: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";

/// A Prometheus calls a series stale after as long.
const GAP: SignedDuration = SignedDuration::from_mins(5);

/// What is asked, and what of it counts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who is asked.
    pub origin: Origin,
    /// What counts.
    pub floor: Floor,
}

/// Who knows the counters.
#[derive(Debug, Clone)]
pub enum Origin {
    /// The kubelets of the nodes on which the pods run.
    Kubelets(Kubelets),
    /// A Prometheus that scrapes them.
    Prometheus(Store),
}

/// How kubelets are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubelets {
    /// The namespace of the account that asks.
    pub namespace: String,
    /// Its name. It may do nothing but read the metrics of nodes, so no kubelet sees the reaper's own token.
    pub account: String,
    /// The certificates by which kubelets are known. There is no way not to check them.
    pub ca_file: PathBuf,
}

/// A Prometheus.
#[derive(Debug, Clone)]
pub struct Store {
    /// Where it is.
    pub server: Server,
    /// The longest time without a sample that is not a gap.
    pub gap: SignedDuration,
}

/// What a pod may receive and use without anybody being there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// Bytes a second, beyond those of probes.
    pub bytes: f64,
    /// Cores, above the pod's quietest hour.
    pub cores: f64,
}

impl Default for Floor {
    fn default() -> Self {
        Self { bytes: 500.0, cores: 0.01 }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    #[serde(default)]
    from: String,
    account: Option<String>,
    bytes: Option<f64>,
    cores: Option<f64>,
    #[serde(default)]
    kubelet: WrittenKubelet,
    #[serde(default)]
    prometheus: WrittenStore,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenKubelet {
    #[serde(default)]
    ca_file: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenStore {
    #[serde(default)]
    url: String,
    #[serde(default)]
    auth: WrittenAuth,
    #[serde(default)]
    headers: BTreeMap<String, Header>,
    ca_file: Option<PathBuf>,
    gap: Option<SignedDuration>,
}

/// Reads the setting, in YAML or JSON; none: the source is off.
///
/// # Errors
/// Every problem, each with its place.
pub fn read(text: &str) -> Result<Option<Settings>, Vec<String>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let unreadable = |why: String| vec![format!("--pod-usage cannot be read: {why}")];
    let written: Json = serde_saphyr::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    let written: Written =
        serde_json::from_value(written).map_err(|error| unreadable(sanitize_short(&error.to_string())))?;
    if written.from.is_empty() {
        return Ok(None);
    }
    let mut problems = Vec::new();
    let usual = Floor::default();
    let floor = Floor { bytes: written.bytes.unwrap_or(usual.bytes), cores: written.cores.unwrap_or(usual.cores) };
    for (field, value) in [("bytes", floor.bytes), ("cores", floor.cores)] {
        if !(value.is_finite() && value > 0.0) {
            problems.push(format!("--pod-usage.{field}: it must be more than nothing, or every slot would be kept"));
        }
    }
    let origin = match written.from.as_str() {
        "kubelets" => kubelets(written.account.as_deref(), &written.kubelet).map(Origin::Kubelets),
        "prometheus" => store(written.prometheus).map(Origin::Prometheus),
        _ => Err(vec!["--pod-usage.from: write kubelets or prometheus, or nothing to leave it off".to_owned()]),
    };
    let origin = origin.map_err(|found| problems.extend(found)).ok();
    match origin {
        Some(origin) if problems.is_empty() => Ok(Some(Settings { origin, floor })),
        _ => Err(problems),
    }
}

fn kubelets(account: Option<&str>, written: &WrittenKubelet) -> Result<Kubelets, Vec<String>> {
    let named = account.and_then(|account| account.split_once('/')).filter(|(namespace, name)| {
        let sound = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
        };
        sound(namespace) && sound(name)
    });
    let (namespace, account) = named.ok_or_else(|| {
        vec!["--pod-usage.account: name the account that reads the kubelets, as hotdesk-jobs/pod-usage".to_owned()]
    })?;
    let ca_file = if written.ca_file.is_empty() { CLUSTER_CA } else { &written.ca_file };
    Ok(Kubelets { namespace: namespace.to_owned(), account: account.to_owned(), ca_file: ca_file.into() })
}

fn store(written: WrittenStore) -> Result<Store, Vec<String>> {
    let gap = written.gap.unwrap_or(GAP);
    let server = read_server("--pod-usage.prometheus", &written.url, written.auth, written.headers, written.ca_file);
    let mut problems = server.as_ref().err().cloned().unwrap_or_default();
    if !gap.is_positive() {
        problems.push("--pod-usage.prometheus.gap: it must be longer than nothing, such as 5m".to_owned());
    }
    match server {
        Ok(server) if problems.is_empty() => Ok(Store { server, gap }),
        _ => Err(problems),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> Settings {
        read(text).unwrap().expect(text)
    }

    #[test]
    fn it_is_off_unless_somebody_is_named_to_be_asked() {
        for text in ["", " ", "{}", "{from: '', bytes: 5}", r#"{"from":"","kubelet":{"caFile":""}}"#] {
            assert!(read(text).unwrap().is_none(), "{text}");
        }
    }

    #[test]
    fn kubelets_are_known_by_the_clusters_certificates_or_by_those_of_a_file() {
        let settings = set("{from: kubelets, account: hotdesk-jobs/pod-usage}");
        assert_eq!(settings.floor, Floor { bytes: 500.0, cores: 0.01 });
        let Origin::Kubelets(kubelets) = settings.origin else { panic!() };
        assert_eq!((kubelets.namespace.as_str(), kubelets.account.as_str()), ("hotdesk-jobs", "pod-usage"));
        assert_eq!(kubelets.ca_file, PathBuf::from(CLUSTER_CA));
        let Origin::Kubelets(own) = set("{from: kubelets, account: a/b, kubelet: {caFile: /x}}").origin else {
            panic!()
        };
        assert_eq!(own.ca_file, PathBuf::from("/x"));
    }

    #[test]
    fn a_prometheus_is_asked_as_a_source_of_its_type_is() {
        let settings = set("{from: prometheus, bytes: 5e3, cores: 0.5, prometheus: {url: 'https://p', gap: 2m}}");
        assert_eq!(settings.floor, Floor { bytes: 5000.0, cores: 0.5 });
        let Origin::Prometheus(store) = settings.origin else { panic!() };
        assert_eq!((store.server.url.to_string().as_str(), store.gap), ("https://p/", SignedDuration::from_mins(2)));
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let problems = read(text).unwrap_err();
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{text}: {problems:?}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        refused("[", "--pod-usage cannot be read");
        refused("{from: rumour}", "--pod-usage.from: write kubelets or prometheus");
        refused("{from: kubelets}", "--pod-usage.account: name the account");
        refused("{from: kubelets, account: pod-usage}", "--pod-usage.account: name the account");
        refused("{from: kubelets, account: 'a/../b'}", "--pod-usage.account: name the account");
        refused("{from: kubelets, account: a/b, bytes: 0}", "--pod-usage.bytes: it must be more than nothing");
        refused("{from: kubelets, account: a/b, cores: -1}", "--pod-usage.cores: it must be more");
        refused("{from: prometheus}", "--pod-usage.prometheus.url: write an address");
        refused(
            "{from: prometheus, prometheus: {url: 'http://p', auth: {bearerTokenFile: /t}}}",
            "only sent to https://",
        );
        refused("{from: prometheus, prometheus: {url: 'http://p', gap: 0s}}", "gap: it must be longer than nothing");
    }

    #[test]
    fn there_is_no_way_to_ask_a_kubelet_that_is_not_verified() {
        refused("{from: kubelets, account: a/b, kubelet: {insecureSkipVerify: true}}", "insecureSkipVerify");
        refused("{from: kubelets, account: a/b, insecureSkipTLSVerify: true}", "insecureSkipTLSVerify");
    }
}
