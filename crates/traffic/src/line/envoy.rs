//! Which namespace does a name that Envoy Gateway gives belong to?
//!
//! Routes and clusters are named `httproute/<namespace>/<name>/…`, or `service/<namespace>/<name>/<port>` where backends
//! are merged. A namespace holds no `/`, so it is told exactly.

/// What the first part of such a name is.
const KINDS: [&str; 6] = ["httproute", "grpcroute", "tlsroute", "tcproute", "udproute", "service"];

/// The namespace of a route or a cluster.
#[must_use]
pub fn namespace(name: &str) -> Option<&str> {
    let mut parts = name.split('/');
    let (kind, namespace, rest) = (parts.next()?, parts.next()?, parts.next()?);
    (KINDS.contains(&kind) && !namespace.is_empty() && !rest.is_empty()).then_some(namespace)
}

/// What Envoy says beside its access log: `[2026-11-23 15:04:05.678][1][warning][config] …`.
pub(super) fn is_own_log(line: &str) -> bool {
    let shape = b"[0000-00-00 00:00:00.000][";
    let time = shape.iter().zip(line.bytes()).all(|(expected, found)| match expected {
        b'0' => found.is_ascii_digit(),
        other => *other == found,
    });
    if !time || line.len() <= shape.len() {
        return false;
    }
    let mut parts = line.get(shape.len()..).unwrap_or_default().split("][");
    let thread = parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let levels = ["trace", "debug", "info", "warning", "error", "critical"];
    thread && parts.next().is_some_and(|level| levels.contains(&level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_is_the_second_part_of_a_name_that_envoy_gateway_gives() {
        for (name, expected) in [
            ("httproute/mew/web/rule/0/match/0/mew_dev_example_com", Some("mew")),
            ("httproute/mew/web/rule/0", Some("mew")),
            ("grpcroute/mewtwo/api/rule/1", Some("mewtwo")),
            ("tcproute/mew/db", Some("mew")),
            ("service/mew/web/80", Some("mew")),
            ("httproute/mew/www", Some("mew")), // a dot in the route's name cut the rest off
            ("httproute/mew", None),
            ("httproute//web/rule/0", None),
            ("mew/web/80", None),
            ("securitypolicy/mew/auth/0", None),
            ("xds_cluster", None),
            ("", None),
        ] {
            assert_eq!(namespace(name), expected, "{name}");
        }
    }

    #[test]
    fn envoys_own_log_is_told_from_its_access_log() {
        assert!(is_own_log("[2026-11-23 15:04:05.678][1][warning][config] [source/x.cc:1] gRPC config stream closed"));
        for line in [
            "[2026-11-23 15:04:05.678][1][GET /][x] y",
            "[2026-11-23T15:04:05.678Z] \"GET / HTTP/1.1\" 200",
            "[2026-11-23 15:04:05.678][mew][info][x] y",
            "",
        ] {
            assert!(!is_own_log(line), "{line}");
        }
    }
}
