//! How does the name of an upstream say whose it is?

use super::address;

/// What controllers put before a name that they join: the error pages and the TCP and UDP services of ingress-nginx, and
/// the routes of the Gateway API, in newer Traefiks.
const BEFORE: [&str; 8] = [PAGES, "tcp-", "udp-", "httproute-", "grpcroute-", "tcproute-", "tlsroute-", "udproute-"];

/// Before a Service of ingress-nginx that serves error pages; its name has no port.
pub(super) const PAGES: &str = "custom-default-backend-";

/// How long the hash is that Traefik puts behind the name of a route.
const HASH: usize = 20;

/// Behind the names of Traefik's provider for Ingresses of ingress-nginx.
const LIKE_NGINX: &str = "@kubernetesingressnginx";

/// A name, by its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape<'a> {
    /// The controller's own: its default backend, or what it serves itself.
    Nobody,
    /// An address.
    Address,
    /// The namespace and the Service stand by themselves. `rest` is what else may hold a name, and the Service with it where
    /// it does not certainly stand in its place.
    Exact { namespace: &'a str, service: &'a str, rest: &'a str },
    /// Joined by dashes.
    Joined(&'a str),
    /// The same with the name of the Ingress in the middle, as Traefik writes it in the place of ingress-nginx.
    ByIngress(&'a str),
    /// Anything else.
    Strange,
}

/// The form of a name.
pub(super) fn shape(name: &str) -> Shape<'_> {
    if let Some(name) = name.strip_suffix(LIKE_NGINX) {
        let of_its_own = ["default-backend", "unavailable-service"].contains(&name);
        return if of_its_own { Shape::Nobody } else { Shape::ByIngress(name) };
    }
    if name == "upstream-default-backend" || name.ends_with("@internal") {
        return Shape::Nobody;
    }
    if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Shape::Joined(name);
    }
    if address::served(name).next().and_then(address::ip).is_some() {
        return Shape::Address;
    }
    let exact = |(namespace, service, rest)| Shape::Exact { namespace, service, rest };
    spelled(name).map_or(Shape::Strange, exact)
}

/// Namespace, Service and the rest, where something stands between them that they cannot hold.
fn spelled(name: &str) -> Option<(&str, &str, &str)> {
    // Istio: `outbound|80||web.mew.svc.cluster.local`; and the address of any Service.
    let last = name.rsplit('|').next().unwrap_or(name);
    if let Some((service, namespace)) = address::served(last).next().and_then(address::service) {
        return Some((namespace, service, ""));
    }
    if name.contains(['|', '@']) {
        return None;
    }
    let separator = name.find(['/', ':', '_', '.']).and_then(|at| name.get(at..at + 1))?;
    let mut parts = name.splitn(3, separator);
    let (first, second, rest) = (parts.next()?, parts.next()?, parts.next());
    let found = match (separator, rest) {
        // OpenShift: `be_http:mew:web`, `be_edge_http:mew:web`.
        ("_", _) if name.starts_with("be_") => three(name, ':').map(|[_, namespace, service]| (namespace, service, "")),
        // Cilium: `edge/cilium-gateway-gw/mew:web:80`, of whichever namespace the Gateway is.
        ("/", Some(backend)) if three(backend, ':').is_some() => {
            three(backend, ':').map(|[namespace, service, port]| (namespace, service, port))
        }
        // HAProxy: `mew_svc_web_80`.
        ("_", Some(rest)) if second == "svc" => rest.split_once('_').map(|(service, port)| (first, service, port)),
        // Kong's host of a Service: `web.mew.80.svc`. What has no number there may be a pod's: `web-0.web.mew.svc`.
        (".", Some(rest)) if rest.ends_with(".svc") => {
            let is_kongs = rest.strip_suffix(".svc").is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
            is_kongs.then_some((second, first, ""))
        }
        // Contour: `mew/web/80/da39a3ee5e`; HAProxy and APISIX: `mew_web_80`; Kong: `mew.web.80`.
        ("/" | "_" | ".", Some(rest)) if is_port(rest, separator) => Some((first, second, rest)),
        ("/" | "_" | ".", Some(_)) => Some((first, second, name.get(first.len()..)?)),
        _ => None,
    };
    found.filter(|(namespace, service, _)| !namespace.is_empty() && !service.is_empty())
}

/// True for what stands behind a Service in the names of these controllers: the number of a port, which a hash may follow, or
/// its name where nothing does.
fn is_port(rest: &str, separator: &str) -> bool {
    let mut parts = rest.split(separator);
    let port = parts.next().unwrap_or_default();
    port.bytes().all(|byte| byte.is_ascii_digit()) || (separator != "/" && parts.next().is_none())
}

/// Three parts, and no more.
fn three(name: &str, separator: char) -> Option<[&str; 3]> {
    let mut parts = name.split(separator);
    let found = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(found)
}

/// The name as it stands, and without what a controller puts before it.
pub(super) fn readings(name: &str) -> impl Iterator<Item = (Option<&'static str>, &str)> {
    let stripped = BEFORE.iter().find_map(|before| Some((Some(*before), name.strip_prefix(before)?)));
    [(None, name)].into_iter().chain(stripped)
}

/// A name with that of an Ingress in it, as it stands and without what stands before it for error pages, and without
/// what stands behind for canaries.
pub(super) fn by_ingress(name: &str) -> impl Iterator<Item = &str> {
    let name = ["-canary", "-wrr"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    [Some(name), name.strip_prefix("default-backend-")].into_iter().flatten()
}

/// The Service that served, in a name that newer Traefiks give below a route: `httproute-…-HASH-svc-mew-web-0` is `mew-web`.
pub(super) fn backend(name: &str) -> Option<&str> {
    // No other name is as long: most lines need not be searched.
    if name.len() <= HASH + "-svc-".len() {
        return None;
    }
    let (before, tail) = name.match_indices("-svc-").find_map(|(at, found)| {
        let (before, tail) = (name.get(..at)?, name.get(at + found.len()..)?);
        hashed(before).map(|_| (before, tail))
    })?;
    let (service, index) = tail.rsplit_once('-')?;
    (!before.is_empty() && !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit())).then_some(service)
}

/// The name of a route, without the hash that Traefik puts behind it.
pub(super) fn hashed(name: &str) -> Option<&str> {
    let (route, hash) = name.rsplit_once('-')?;
    let is_hash = hash.len() == HASH && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_hash.then_some(route)
}

/// As Traefik writes a name: whatever is neither a letter nor a digit becomes a dash.
pub(super) fn normalized(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// Every namespace with which a joined name may begin, the shortest first.
pub(super) fn beginnings(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('-').filter_map(|(at, _)| name.get(..at))
}

/// True if a joined name begins with this namespace and a `-`, as it stands or behind what a controller puts before it.
pub(super) fn begins(name: &str, namespace: &str) -> bool {
    let starts = |name: &str| name.strip_prefix(namespace).is_some_and(|rest| rest.starts_with('-'));
    readings(name).any(|(_, name)| starts(name))
}

/// True if a joined name begins with this namespace and a `-`.
pub(super) fn begins_with(name: &str, namespace: &str) -> bool {
    name.strip_prefix(namespace).is_some_and(|rest| rest.starts_with('-'))
}

/// True if a name is that of this route: of Traefik's (joined, with a hash behind) or of Envoy's (`httproute/<ns>/<name>/…`).
pub(super) fn is_route(name: &str, joined: &str, namespace: &str, route: &str) -> bool {
    let name = name.split('@').next().unwrap_or_default();
    if name.contains('/') {
        let mut parts = name.split('/').skip(1);
        return parts.next() == Some(namespace) && parts.next() == Some(route);
    }
    // A Service is named in its place: it says itself whose it is.
    backend(name).is_none() && hashed(name).is_some() && is_within(name, joined)
}

/// True if a name of a router holds the joined name of a route between dashes.
pub(super) fn is_within(router: &str, route: &str) -> bool {
    let router = router.split('@').next().unwrap_or_default();
    router.match_indices(route).any(|(at, found)| {
        let before = router.get(..at).unwrap_or_default();
        let after = router.get(at + found.len()..).unwrap_or_default();
        (before.is_empty() || before.ends_with('-')) && (after.is_empty() || after.starts_with('-'))
    })
}

/// True if a router's name is that of a route of this namespace.
pub(super) fn is_of(router: &str, namespace: &str) -> bool {
    readings(router).any(|(before, name)| {
        before.is_some() && name.strip_prefix(namespace).is_some_and(|rest| rest.starts_with('-'))
    }) || is_within(router, namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_whose_parts_are_told_apart_says_them_exactly() {
        for (name, rest) in [
            ("outbound|80||web.mew.svc.cluster.local", ""),
            ("outbound|80|v2|web.mew.svc.cluster.local", ""),
            ("http://web.mew.svc:80/x", ""),
            ("mew/web/80/da39a3ee5e", "80/da39a3ee5e"),
            ("edge/cilium-gateway-gw/mew:web:80", "80"),
            ("mew_web_80", "80"),
            ("mew_svc_web_http", "http"),
            ("mew.web.80", "80"),
            ("web.mew.80.svc", ""),
            ("be_http:mew:web", ""),
            ("be_edge_http:mew:web", ""),
        ] {
            assert_eq!(shape(name), Shape::Exact { namespace: "mew", service: "web", rest }, "{name}");
        }
        for (name, rest) in [("mew_web_http", "http"), ("mew.web.x.80", ".web.x.80"), ("mew/web/http", "/web/http")] {
            assert_eq!(shape(name), Shape::Exact { namespace: "mew", service: "web", rest }, "{name}");
        }
    }

    #[test]
    fn other_names_are_told_by_their_form() {
        for (name, expected) in [
            ("mew-web-80", Shape::Joined("mew-web-80")),
            ("upstream-default-backend", Shape::Nobody),
            ("api@internal", Shape::Nobody),
            ("mew@file", Shape::Strange),
            ("10.244.0.7:8080", Shape::Address),
            ("[2001:db8::1]:80", Shape::Address),
            ("http://10.244.0.7:8080", Shape::Address),
            ("mew_web", Shape::Strange),
        ] {
            assert_eq!(shape(name), expected, "{name}");
        }
    }

    #[test]
    fn the_service_is_found_behind_the_hash_of_a_route() {
        let name = "httproute-infra-my-svc-x-gw-edge-gw-ep-web-0-f8f52b24d4becc0324a5-svc-mew-my-svc-y-0";
        assert_eq!(backend(name), Some("mew-my-svc-y"));
        assert_eq!(backend("mew-svc-web-0"), None, "no hash");
        assert_eq!(hashed("mew-web-38bcef08ab977d6de43a"), Some("mew-web"));
        assert_eq!(hashed("mew-web-38BCEF08AB977D6DE43A"), None);
        assert_eq!(normalized("web.v2"), "web-v2");
    }
}
