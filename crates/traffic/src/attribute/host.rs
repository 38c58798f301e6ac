//! Is a host that was asked for the slot's?
//!
//! Its own is that of the Slot, with all below it. Those of its Ingresses and routes are taken as they are written there.

use super::{Known, Names, address};
use crate::line::Entry;

/// A host of the slot, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// It, and every one below.
    Below(String),
    /// It alone.
    Exact(String),
    /// Every one that ends so; it begins with a dot.
    Wildcard(String),
}

impl Host {
    /// All of a slot. One that another covers adds nothing.
    pub(super) fn all(known: &Known) -> Vec<Self> {
        let mut all: Vec<Self> = known.host.iter().map(|host| Self::Below(normalized(host))).collect();
        for host in &known.hosts {
            let host = normalized(host);
            let host = match host.strip_prefix('*') {
                Some(end) if end.starts_with('.') => Self::Wildcard(end.to_owned()),
                Some(_) => continue,
                None => Self::Exact(host),
            };
            let covered = all.iter().any(|known| known == &host || known.covers(host.text()).is_some());
            if host.text().len() > 1 && !covered {
                all.push(host);
            }
        }
        all
    }

    /// How close it is to a host that it takes in.
    fn covers(&self, host: &str) -> Option<usize> {
        let covers = match self {
            Self::Below(own) => address::is_below(host, own),
            Self::Exact(own) => own.eq_ignore_ascii_case(host),
            Self::Wildcard(end) => {
                let begin = host.len().checked_sub(end.len()).filter(|begin| *begin > 0);
                let tail = begin.and_then(|begin| host.as_bytes().get(begin..));
                tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
            }
        };
        covers.then(|| self.text().len())
    }

    /// The text that every such host holds.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Below(text) | Self::Exact(text) | Self::Wildcard(text) => text,
        }
    }
}

fn normalized(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

impl Names {
    /// The host that was asked for, if it is the slot's and no other slot's is closer to it.
    #[must_use]
    pub fn host_of_ours<'a>(&self, entry: &'a Entry<'_>) -> Option<&'a str> {
        let asked = [entry.host.as_deref(), entry.url.as_deref()];
        asked.into_iter().flatten().flat_map(address::served).find(|host| self.is_our_host(host))
    }

    pub(super) fn is_our_host(&self, host: &str) -> bool {
        let ours = self.closest_of_ours(host);
        ours.is_some() && ours >= self.closest_of_others(host)
    }

    /// True if one of these hosts is the slot's, or spells a Service of it.
    #[must_use]
    pub fn holds_a_host_of_ours(&self, hosts: &str) -> bool {
        let spelled = |host: &str| address::service(host).is_some_and(|(_, namespace)| namespace == self.slot);
        address::served(hosts).any(|host| self.is_our_host(host) || spelled(host))
    }

    /// True if one of these hosts is another slot's, and none is this one's.
    pub(super) fn are_of_others(&self, hosts: &str) -> bool {
        let others = |host: &str| self.closest_of_others(host) > self.closest_of_ours(host);
        let ours = |host: &str| self.is_our_host(host);
        address::served(hosts).any(others) && !address::served(hosts).any(ours)
    }

    fn closest_of_ours(&self, host: &str) -> Option<usize> {
        self.hosts.iter().filter_map(|own| own.covers(host)).max()
    }

    fn closest_of_others(&self, host: &str) -> Option<usize> {
        self.neighbours.hosts_but(&self.slot).filter(|other| address::is_below(host, other)).map(str::len).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Neighbour;

    fn names() -> Names {
        let pikachu = Neighbour { namespace: "pikachu".to_owned(), host: Some("pikachu.example.com".to_owned()) };
        let hosts = ["Shop.example.com.", "*.apps.example.com", "x.mew.example.com", "*.example.com", "*", "", "*x"];
        let known = Known {
            host: Some("mew.example.com".to_owned()),
            hosts: hosts.map(str::to_owned).to_vec(),
            slots: vec![pikachu],
            ..Known::default()
        };
        Names::of("mew", &known)
    }

    #[test]
    fn a_host_of_a_route_is_taken_as_it_is_written() {
        for (host, expected) in [
            ("mew.example.com", true),
            ("a.b.mew.example.com", true),
            ("SHOP.example.com.:443", true),
            ("a.apps.example.com", true),
            ("a.b.apps.example.com", true),
            ("x.pikachu.example.com", false), // pikachu's is closer than *.example.com
            ("example.com", false),
            ("shop.example.com.evil", false),
            ("apps.example.org", false),
            ("", false),
        ] {
            assert_eq!(names().holds_a_host_of_ours(host), expected, "{host}");
        }
    }

    #[test]
    fn what_another_one_covers_is_left_out() {
        let hosts = names().hosts;
        let texts: Vec<&str> = hosts.iter().map(Host::text).collect();
        assert_eq!(texts, ["mew.example.com", "shop.example.com", ".apps.example.com", ".example.com"]);
    }

    #[test]
    fn several_hosts_are_anothers_only_if_none_is_ours() {
        assert!(names().are_of_others("_ pikachu.example.com"));
        assert!(!names().are_of_others("pikachu.example.com mew.example.com"));
        assert!(!names().are_of_others("_"));
    }
}
