//! Which addresses does a field hold that says who served a request?

use std::net::{IpAddr, Ipv4Addr};

use super::Names;
use crate::line::Entry;

impl Names {
    pub(super) fn served(&self, entry: &Entry<'_>) -> bool {
        entry.served.as_deref().is_some_and(|served| self.serves(served))
    }

    /// True if one of the addresses is the slot's.
    pub(super) fn serves(&self, served: &str) -> bool {
        self.is_one(served, |ip| self.addresses.contains(&ip))
    }

    /// True if a Service of the slot was reached, or one elsewhere that has its addresses: these are nobody else's, unlike a
    /// pod's, which may have been.
    pub(super) fn reached_a_service(&self, entry: &Entry<'_>) -> bool {
        let served = entry.served.as_deref();
        served.is_some_and(|served| self.is_one(served, |ip| self.proving.contains(&ip)))
    }

    /// True if one of them is such an address, or spells the slot.
    fn is_one(&self, served: &str, is_address: impl Fn(IpAddr) -> bool) -> bool {
        // Of each request of each slot is asked, and nearly all have one address of this form.
        if let Some(ip) = only_ipv4(served) {
            return is_address(ip);
        }
        let ours = |host: &str| match ip(host) {
            Some(ip) => is_address(ip),
            None => service(host).is_some_and(|(_, namespace)| namespace == self.slot),
        };
        self::served(served).any(ours)
    }
}

/// The address in `10.0.0.7:80` and `http://10.0.0.7:80`; none of any other form.
fn only_ipv4(text: &str) -> Option<IpAddr> {
    let (ip, port) = text.strip_prefix("http://").unwrap_or(text).split_once(':')?;
    let ip: Ipv4Addr = ip.parse().ok()?;
    port.bytes().all(|byte| byte.is_ascii_digit()).then_some(ip.into())
}

/// Each address of nginx' `$upstream_addr` (`10.0.0.7:80, 10.0.0.8:80 : 10.0.0.6:80`), of Traefik's `ServiceURL`
/// (`http://10.0.0.7:80`) or of Envoy's `upstream_host`, without its port: an address, or the name of a host.
pub(crate) fn served(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|piece| !matches!(*piece, "" | ":" | "-")).map(host)
}

/// `http://10.0.0.7:80/`, without scheme, user, port and path, and without the dot that ends a host.
fn host(text: &str) -> &str {
    // Behind a slash it is a part of the path.
    let text = text.split_once("://").filter(|(scheme, _)| !scheme.contains('/')).map_or(text, |(_, rest)| rest);
    let text = text.strip_prefix("//").unwrap_or(text).split(['/', '?', '#']).next().unwrap_or_default();
    let text = text.rsplit('@').next().unwrap_or_default();
    if let Some((inner, _)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return inner;
    }
    let host = match text.split_once(':') {
        // An address of IPv6 has more than one colon, where nothing is put around it.
        Some((host, port)) if !port.contains(':') => host,
        _ => text,
    };
    host.trim_end_matches('.')
}

/// The address that this is; one of IPv4 in the form of IPv6 is that of IPv4.
pub(crate) fn ip(host: &str) -> Option<IpAddr> {
    host.parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

/// The Service and the namespace that the name of a host in the cluster spells: `web.mew.svc.cluster.local`.
pub(super) fn service(host: &str) -> Option<(&str, &str)> {
    let (service, rest) = host.split_once('.')?;
    let (namespace, rest) = rest.split_once('.')?;
    (rest == "svc" || rest.starts_with("svc.")).then_some((service, namespace))
}

/// True if this is a host, or one below it; upper and lower case are the same.
pub(super) fn is_below(host: &str, of: &str) -> bool {
    let (host, of) = (host.as_bytes(), of.as_bytes());
    let Some(start) = host.len().checked_sub(of.len()) else { return false };
    let tail = host.get(start..).is_some_and(|tail| tail.eq_ignore_ascii_case(of));
    !of.is_empty() && tail && (start == 0 || host.get(start - 1) == Some(&b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_that_served_is_read_in_whatever_form_it_comes() {
        for (text, expected) in [
            ("10.244.0.7:8080", vec!["10.244.0.7"]),
            ("10.244.0.7:8080, 10.244.0.8:8080 : 10.244.0.6:80", vec!["10.244.0.7", "10.244.0.8", "10.244.0.6"]),
            ("[2001:db8::17]:8080, unix:/run/app.sock", vec!["2001:db8::17", "unix"]),
            ("http://10.244.0.7:8080", vec!["10.244.0.7"]),
            ("h2c://[2001:db8::17]:8080/", vec!["2001:db8::17"]),
            ("http://web.mew.svc.cluster.local:80", vec!["web.mew.svc.cluster.local"]),
            ("2001:db8::17", vec!["2001:db8::17"]),
            ("https://bob@mew.dev.example.com.:443?x=a.example.com#y", vec!["mew.dev.example.com"]),
            ("//mew.dev.example.com/x", vec!["mew.dev.example.com"]),
            ("/https://mew.dev.example.com/", vec![""]),
            ("_ mew.dev.example.com", vec!["_", "mew.dev.example.com"]),
            ("-", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(served(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn the_usual_form_is_read_as_any_other() {
        for text in ["10.244.0.7:8080", "http://10.244.0.7:8080"] {
            assert_eq!(only_ipv4(text), served(text).next().and_then(ip), "{text}");
        }
        for text in ["10.244.0.7:80, 10.244.0.8:80", "10.244.0.7", "web:80", "http://10.244.0.7:80/", "[::1]:80", "-"] {
            assert_eq!(only_ipv4(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_of_ipv4_is_one_in_either_form() {
        assert_eq!(ip("::ffff:10.244.0.7"), ip("10.244.0.7"));
        assert_eq!(ip("mew"), None);
    }

    #[test]
    fn the_name_of_a_host_in_the_cluster_spells_service_and_namespace() {
        assert_eq!(service("web.mew.svc.cluster.local"), Some(("web", "mew")));
        assert_eq!(service("web.mew.svc"), Some(("web", "mew")));
        for host in ["web.mew", "web.mew.svcx", "mew.dev.example.com", "10.244.0.7"] {
            assert_eq!(service(host), None, "{host}");
        }
    }

    #[test]
    fn a_host_is_below_another_only_at_a_dot() {
        for (host, expected) in [
            ("mew.dev.example.com", true),
            ("A.Mew.dev.example.com", true),
            ("homew.dev.example.com", false),
            ("mew.dev.example.com.evil", false),
            ("dev.example.com", false),
        ] {
            assert_eq!(is_below(host, "mew.dev.example.com"), expected, "{host}");
        }
    }
}
