//! By what may an object elsewhere mean the slot?
//!
//! By the address of something in its namespace, by that of a Service or pod of it, or by a host of its ways in.

use std::collections::HashSet;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Pod, ServiceSpec};
use serde_json::Value;

use super::{WaysIn, hosts};
use crate::attribute::address;

/// A slot, by everything that names it.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    slot: &'a str,
    addresses: HashSet<IpAddr>,
    /// In lower case, without the `*.` of a wildcard.
    hosts: Vec<String>,
}

impl<'a> Target<'a> {
    /// By what there is in the slot.
    pub(crate) fn of(found: &'a WaysIn) -> Self {
        let services = found.services.iter().filter_map(|service| service.spec.as_ref()).flat_map(of_service);
        let pods = found.pods.iter().flat_map(of_pod);
        let addresses = services.chain(pods).filter_map(address::ip).collect();
        let hosts = found.host.iter().cloned().chain(hosts::own(found));
        let host = |host: String| host.trim_start_matches("*.").trim_end_matches('.').to_ascii_lowercase();
        Self { slot: &found.slot, addresses, hosts: hosts.map(host).filter(|host| host.contains('.')).collect() }
    }

    pub(crate) fn slot(&self) -> &'a str {
        self.slot
    }

    /// True for the address of something in the slot, by name or by number.
    pub(crate) fn is(&self, text: &str) -> bool {
        is_in(text, self.slot) || self.address(text).is_some()
    }

    /// The address of the slot that this is, in whatever form: `http://10.96.10.7:80/x`.
    pub(crate) fn address(&self, text: &str) -> Option<IpAddr> {
        address::served(text).filter_map(address::ip).find(|ip| self.addresses.contains(ip))
    }

    /// True if anything in an object names the slot as the place where something is.
    pub(crate) fn is_mentioned(&self, value: &Value) -> bool {
        match value {
            Value::Object(fields) => fields.iter().any(|(key, value)| {
                let named = key.to_ascii_lowercase().ends_with("namespace") && value == self.slot;
                named || self.is_mentioned(value)
            }),
            Value::Array(items) => items.iter().any(|item| self.is_mentioned(item)),
            Value::String(text) => self.is(text),
            _ => false,
        }
    }

    /// True if a word of a program may mean the slot: it holds its name between signs, as where the name of a host is put
    /// together, or one of its addresses or hosts.
    pub(crate) fn is_spelled(&self, word: &str) -> bool {
        let word = word.to_ascii_lowercase();
        let own = |host: &str| {
            let below = |known: &String| {
                host.strip_suffix(known.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            };
            self.hosts.iter().any(below)
        };
        let piece = |of: fn(char) -> bool| word.split(move |c: char| !(c.is_ascii_alphanumeric() || of(c)));
        piece(|c| c == '-').any(|name| name == self.slot)
            || piece(|c| matches!(c, '-' | '.')).any(|host| own(host.trim_matches('.')) || self.address(host).is_some())
            || piece(|c| matches!(c, '.' | ':'))
                .any(|text| address::ip(text).is_some_and(|ip| self.addresses.contains(&ip)))
    }
}

fn of_service(spec: &ServiceSpec) -> impl Iterator<Item = &str> {
    let own = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip);
    own.chain(spec.external_ips.iter().flatten()).map(String::as_str)
}

/// The addresses of a pod that runs. In the host's network it has that of its node, which others have as well.
pub(crate) fn of_pod(pod: &Pod) -> impl Iterator<Item = &str> {
    let in_the_host = pod.spec.as_ref().is_some_and(|spec| spec.host_network == Some(true));
    let status = pod.status.as_ref().filter(|status| !in_the_host && status.phase.as_deref() == Some("Running"));
    let all = status
        .into_iter()
        .flat_map(|status| status.pod_ips.iter().flatten().map(|address| &address.ip).chain(&status.pod_ip));
    all.map(String::as_str)
}

/// True for the address of something in a namespace: `web.mew`, `http://web.mew.svc:80/x`, `db-0.db.mew.svc.cluster.local`,
/// `mew/web`, and Kuma's `web_mew_svc_80`.
fn is_in(text: &str, namespace: &str) -> bool {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    if text.split_once('/').is_some_and(|(first, name)| first == namespace && !name.is_empty()) {
        return true;
    }
    if text.split('_').collect::<Vec<_>>().windows(3).any(|parts| matches!(parts, [_, own, "svc"] if *own == namespace))
    {
        return true;
    }
    let host = text.split(['/', ':', '?']).next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let inside = |pair: &[&str]| matches!(pair, [own, "svc" | "pod"] if *own == namespace);
    matches!(labels.as_slice(), [_, own] if *own == namespace) || labels.windows(2).skip(1).any(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_namespace_only_where_kubernetes_reads_it() {
        for text in [
            "web.mew",
            "web.mew.svc",
            "http://web.mew.svc:80/x",
            "db-0.db.mew.svc.cluster.local.",
            "mew/web",
            "WEB.MEW.SVC",
            "web_mew_svc_80",
        ] {
            assert!(is_in(text, "mew"), "{text}");
        }
        for text in [
            "mew",
            "mew.dev.example.com",
            "web.mew.example.com",
            "web.mewtwo.svc",
            "mew.svc",
            "edge/gw",
            "/mew/web",
            "mew_svc_80",
            "",
        ] {
            assert!(!is_in(text, "mew"), "{text}");
        }
    }
}
