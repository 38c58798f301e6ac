//! Which slot does an upstream belong to?
//!
//! Ingress controllers join namespace, service and port with `-`, and all three may contain `-`
//! themselves. So an upstream is never split: it belongs to the slot only if it equals the name that
//! one of the slot's existing Services gives it. What begins like the slot's and equals none of them,
//! or could be another slot's as well, is said, and never counted as nobody's.

use std::collections::HashSet;

use crate::line::Entry;

/// A Service, as far as an upstream can name it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its ports by number, name and target, each as an Ingress may name it.
    pub ports: Vec<String>,
    /// True for a Service of type ExternalName: it needs no port, so an Ingress may name any.
    pub external: bool,
}

/// The names by which the slot's traffic is known, and those of its neighbours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    slot: String,
    own: HashSet<String>,
    external: Vec<String>,
    neighbours: Vec<String>,
}

/// Whose an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The slot's.
    Ours,
    /// Somebody else's, or nobody's.
    Theirs,
    /// It equals one of the slot's, and could be another slot's.
    Ambiguous,
    /// It begins like the slot's and equals none of them.
    Orphan,
}

impl Names {
    /// The names of a slot. `neighbours` are the other slots, and any other namespaces that are known.
    #[must_use]
    pub fn new(slot: &str, services: &[Service], neighbours: &[String]) -> Self {
        let joined = |service: &Service| -> Vec<String> {
            let base = format!("{slot}-{}", service.name);
            // ingress-nginx names a slot's own error pages so; they have no port.
            let pages = format!("custom-default-backend-{base}");
            service.ports.iter().map(|port| format!("{base}-{port}")).chain([pages]).collect()
        };
        let external = services.iter().filter(|service| service.external);
        Self {
            slot: slot.to_owned(),
            own: services.iter().flat_map(joined).collect(),
            external: external.map(|service| format!("{slot}-{}-", service.name)).collect(),
            neighbours: neighbours.iter().filter(|name| *name != slot).cloned().collect(),
        }
    }

    /// Whose a request was.
    #[must_use]
    pub fn whose(&self, entry: &Entry<'_>) -> Whose {
        let joined = [entry.upstream.as_deref(), entry.alternative.as_deref()];
        match entry.namespace.as_deref() {
            Some(namespace) if namespace == self.slot => return Whose::Ours,
            // Only where the log agrees with itself is its word taken against the slot.
            Some(namespace) if joined.iter().flatten().all(|name| begins(name, namespace)) => return Whose::Theirs,
            _ => {}
        }
        let found = joined.iter().flatten().map(|name| self.whose_name(name));
        found.max_by_key(|whose| whose.weight()).unwrap_or(Whose::Theirs)
    }

    /// This slot, and then the others that are known.
    pub fn slots(&self) -> impl Iterator<Item = &str> {
        [&self.slot].into_iter().chain(&self.neighbours).map(String::as_str)
    }

    /// True if a request was of this slot or of another one that is known.
    #[must_use]
    pub fn knows(&self, entry: &Entry<'_>) -> bool {
        let joined = [entry.upstream.as_deref(), entry.alternative.as_deref()];
        let joined = joined.into_iter().flatten().any(|name| self.slots().any(|slot| begins(name, slot)));
        joined || entry.namespace.as_deref().is_some_and(|namespace| self.slots().any(|slot| slot == namespace))
    }

    fn whose_name(&self, name: &str) -> Whose {
        // All of the slot's own names begin so.
        if !begins(name, &self.slot) {
            return Whose::Theirs;
        }
        if self.is_own(name) {
            let other = self.neighbours.iter().any(|slot| begins(name, slot));
            return if other { Whose::Ambiguous } else { Whose::Ours };
        }
        // A longer name explains it: `mew-two-web-80` is mew-two's. A shorter one does not: it could
        // as well be a Service of ours that is gone.
        let explained = |slot: &String| slot.len() > self.slot.len() && begins(name, slot);
        if self.neighbours.iter().any(explained) { Whose::Theirs } else { Whose::Orphan }
    }

    fn is_own(&self, name: &str) -> bool {
        let port = |base: &String| {
            name.strip_prefix(base.as_str()).is_some_and(|port| !port.is_empty() && !port.contains('-'))
        };
        self.own.contains(name) || self.external.iter().any(port)
    }
}

impl Whose {
    /// Of several names in one entry, the one that counts.
    fn weight(self) -> u8 {
        match self {
            Self::Ours => 3,
            Self::Ambiguous => 2,
            Self::Orphan => 1,
            Self::Theirs => 0,
        }
    }
}

/// What controllers put before a name that they join: the error pages and the TCP and UDP services of ingress-nginx, and
/// the routes of the Gateway API, in newer Traefiks.
const BEFORE: [&str; 7] =
    ["custom-default-backend-", "tcp-", "udp-", "httproute-", "grpcroute-", "tcproute-", "tlsroute-"];

/// True if a joined name begins with this namespace and a `-`.
fn begins(name: &str, namespace: &str) -> bool {
    let starts = |name: &str| name.strip_prefix(namespace).is_some_and(|rest| rest.starts_with('-'));
    starts(name) || BEFORE.iter().find_map(|before| name.strip_prefix(before)).is_some_and(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, ports: &[&str]) -> Service {
        Service { name: name.to_owned(), ports: ports.iter().map(|p| (*p).to_owned()).collect(), external: false }
    }

    fn names(slot: &str, services: &[Service], neighbours: &[&str]) -> Names {
        Names::new(slot, services, &neighbours.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())
    }

    fn upstream(name: &str) -> Entry<'_> {
        Entry { upstream: Some(name.into()), ..Entry::default() }
    }

    #[track_caller]
    fn check(names: &Names, rows: &[(&str, Whose)]) {
        for (name, expected) in rows {
            assert_eq!(names.whose(&upstream(name)), *expected, "{name}");
        }
    }

    #[test]
    fn only_a_name_that_a_service_gives_is_ours() {
        let mew =
            names("mew", &[service("web", &["80", "http"]), service("api-v2", &["8000"])], &["mewtwo", "pikachu"]);
        let rows = [
            ("mew-web-80", Whose::Ours),
            ("mew-web-http", Whose::Ours),
            ("mew-api-v2-8000", Whose::Ours),
            ("mewtwo-web-80", Whose::Theirs),
            ("pikachu-mew-web-80", Whose::Theirs),
            ("upstream-default-backend", Whose::Theirs),
            ("mew", Whose::Theirs),
            ("custom-default-backend-mew-web", Whose::Ours),
            ("custom-default-backend-mewtwo-web", Whose::Theirs),
            ("mew-web-8080", Whose::Orphan),
            ("mew-web", Whose::Orphan),
            ("mew-old-80", Whose::Orphan),
            ("custom-default-backend-mew-old", Whose::Orphan),
            ("httproute-mew-web-gw-public-ep-web-0-wrr", Whose::Orphan),
            ("httproute-mewtwo-web-gw-public-ep-web-0-wrr", Whose::Theirs),
            ("tcp-mew-db-5432", Whose::Orphan),
        ];
        check(&mew, &rows);
    }

    #[test]
    fn a_slot_whose_name_is_anothers_beginning_does_not_live_on_it() {
        let mewtwo = names("mewtwo", &[service("web", &["80"])], &["mew"]);
        check(&mewtwo, &[("mew-web-80", Whose::Theirs), ("mewtwo-web-80", Whose::Ours)]);
    }

    #[test]
    fn what_could_be_two_slots_is_ambiguous() {
        let mew = names("mew", &[service("two-web", &["80"]), service("web", &["80"])], &["mew-two"]);
        let rows = [
            ("mew-two-web-80", Whose::Ambiguous),
            ("mew-web-80", Whose::Ours),
            ("mew-two-api-80", Whose::Theirs), // the longer name explains it
            ("mew-three-80", Whose::Orphan),
        ];
        check(&mew, &rows);
        let mew_two = names("mew-two", &[service("web", &["80"])], &["mew"]);
        check(
            &mew_two,
            &[("mew-two-web-80", Whose::Ambiguous), ("mew-two-gone-80", Whose::Orphan), ("mew-web-80", Whose::Theirs)],
        );
    }

    #[test]
    fn an_external_service_may_be_named_with_any_port() {
        let docs = Service { external: true, ..service("docs", &[]) };
        let rows = [("mew-docs-443", Whose::Ours), ("mew-docs-https", Whose::Ours), ("mew-docs-v2-443", Whose::Orphan)];
        check(&names("mew", &[docs], &[]), &rows);
    }

    #[test]
    fn a_namespace_that_the_log_says_by_itself_settles_it() {
        let mew = names("mew", &[service("two-web", &["80"])], &["mew-two"]);
        for (namespace, name, expected) in [
            ("mew", "mew-two-web-80", Whose::Ours),
            ("mew-two", "mew-two-web-80", Whose::Theirs),
            ("mew", "upstream-default-backend", Whose::Ours),
            ("mew", "mew-gone-80", Whose::Ours),
            ("ingress-nginx", "mew-two-web-80", Whose::Ambiguous), // it contradicts the upstream: not believed
        ] {
            let entry = Entry { namespace: Some(namespace.into()), ..upstream(name) };
            assert_eq!(mew.whose(&entry), expected, "{namespace} {name}");
        }
    }

    #[test]
    fn a_canary_counts_as_well() {
        let mew = names("mew", &[service("web", &["80"]), service("canary", &["80"])], &[]);
        let entry = Entry { alternative: Some("mew-canary-80".into()), ..upstream("pikachu-web-80") };
        assert_eq!(mew.whose(&entry), Whose::Ours);
    }

    #[test]
    fn a_request_that_nobody_served_is_nobodys() {
        assert_eq!(names("mew", &[service("web", &["80"])], &[]).whose(&Entry::default()), Whose::Theirs);
    }
}
