//! Does a text that nobody can read as an entry say anything of the slot, or of another one?

use super::host::Host;
use super::name::{beginnings, begins_with, is_within, readings};
use super::{Names, address};
use crate::line::Entry;

/// What a text holds that points at the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pointer {
    /// Its name.
    Name,
    /// The address of one of its pods or Services.
    Address,
    /// Its host.
    Host,
}

impl Names {
    /// What a text says of the slot, if anything.
    #[must_use]
    pub fn points_at_us(&self, text: &str) -> Option<Pointer> {
        if self.mentions_us(text) {
            return Some(Pointer::Name);
        }
        if self.holds_a_host(text) {
            return Some(Pointer::Host);
        }
        self.holds_an_address(text).then_some(Pointer::Address)
    }

    /// True if a text holds the slot's name as a word of its own, and not as a part of another slot's: `mew-web-80` mentions
    /// mew, `mewtwo` does not, and `mew-two-web-80` does not where mew-two is a slot.
    #[must_use]
    pub fn mentions_us(&self, text: &str) -> bool {
        words(text, &self.slot, |byte| byte.is_ascii_alphanumeric()).any(|at| !self.is_anothers(text, at))
    }

    /// True if a route of the slot took the request, no matter who answered it: Traefik names the route of each, as its
    /// `RouterName`. Only at its beginning, or behind the entry point, the name of a route is certainly that.
    pub(super) fn begins_with_our_route(&self, entry: &Entry<'_>) -> bool {
        let own = |name: &str| self.routes.iter().any(|own| name == own || begins_with(name, own));
        let is_ours = |route: &str| {
            let router = router(route);
            let behind = entry.entry_point.as_deref().and_then(|port| behind_entry_point(router, port));
            let mut names = readings(router).map(|(_, name)| name).chain(behind);
            names.any(own) && self.mentions_us(route)
        };
        !self.routes.is_empty() && entry.route.as_deref().is_some_and(is_ours)
    }

    /// True if the name of a route of the slot stands within that of the route, behind what may be an entry point.
    pub(super) fn may_be_by_our_route(&self, entry: &Entry<'_>) -> bool {
        let another = |router: &str| beginnings(router).any(|begin| self.is_namespace(begin));
        let may_be = |route: &str| {
            let within = self.routes.iter().any(|own| is_within(route, own)) && self.mentions_us(route);
            within && (entry.entry_point.is_none() || !another(router(route)))
        };
        entry.route.as_deref().is_some_and(may_be)
    }

    /// True if a text holds the name of another slot as a word, and nothing of this one.
    #[must_use]
    pub fn mentions_another(&self, text: &str) -> bool {
        if self.points_at_us(text).is_some() {
            return false;
        }
        text.split(|c: char| !is_of_a_name(c)).any(|run| parts(run).any(|part| self.is_slot(part)))
    }

    /// True if the word at a place belongs to the longer name of another namespace.
    fn is_anothers(&self, text: &str, at: usize) -> bool {
        let end = at + self.slot.len();
        let begin = text.get(..at).unwrap_or_default().rfind(|c| !is_of_a_name(c)).map_or(0, |at| at + 1);
        let after = text.get(end..).unwrap_or_default();
        let stop = after.find(|c| !is_of_a_name(c)).map_or(text.len(), |length| end + length);
        let run = text.get(begin..stop).unwrap_or_default();
        let covers =
            |part: &str, start: usize| start <= at && start + part.len() >= end && part.len() > self.slot.len();
        parts_at(run).any(|(start, part)| covers(part, begin + start) && self.is_namespace(part))
    }

    fn holds_a_host(&self, text: &str) -> bool {
        if self.hosts.is_empty() {
            return false;
        }
        let text = text.to_ascii_lowercase();
        self.hosts.iter().any(|host| is_in(&text, host))
    }

    fn holds_an_address(&self, text: &str) -> bool {
        let pieces = text.split(|c: char| !(c.is_ascii_hexdigit() || matches!(c, '.' | ':')));
        pieces.filter(|piece| piece.len() >= 3 && piece.contains(['.', ':'])).any(|piece| {
            // A colon or a dot beside it may be the sentence's: `node:10.0.0.7:80: refused`.
            let piece = piece.trim_end_matches('.');
            let piece = piece.strip_suffix(':').filter(|piece| !piece.ends_with(':')).unwrap_or(piece);
            let without_port = piece.rsplit_once(':').map_or(piece, |(host, _)| host);
            let of_ipv4 = piece.split(':').filter(|part| part.contains('.')).map(|part| part.trim_matches('.'));
            let all = [piece, without_port].into_iter().chain(of_ipv4);
            all.filter_map(address::ip).any(|ip| self.addresses.contains(&ip))
        })
    }
}

/// The name of a router, without its provider.
fn router(route: &str) -> &str {
    route.split('@').next().unwrap_or_default()
}

fn behind_entry_point<'r>(router: &'r str, entry_point: &str) -> Option<&'r str> {
    router.strip_prefix(entry_point)?.strip_prefix('-')
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

/// A letter before `mew.dev.example.com` makes it another host; a dot makes it one below.
fn is_of_a_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

/// True if a text in lower case holds a host as a word of its own, and not as the beginning of a longer one.
fn is_in(text: &str, host: &Host) -> bool {
    let byte = |at: usize| text.as_bytes().get(at).copied();
    let before = |at: usize| at.checked_sub(1).and_then(byte);
    let ends = |end: usize| byte(end) != Some(b'.') || !byte(end + 1).is_some_and(is_of_a_host);
    let name = host.text().trim_start_matches('.');
    let mut found = words(text, name, is_of_a_host).filter(|at| ends(at + name.len()));
    found.any(|at| match host {
        Host::Below(_) => true,
        Host::Exact(_) => before(at) != Some(b'.'),
        Host::Wildcard(_) => before(at) == Some(b'.') && at.checked_sub(2).and_then(byte).is_some_and(is_of_a_host),
    })
}

/// Every piece of a run that lies between dashes.
pub(super) fn parts(run: &str) -> impl Iterator<Item = &str> {
    parts_at(run).map(|(_, part)| part)
}

fn parts_at(run: &str) -> impl Iterator<Item = (usize, &str)> {
    let starts = [0].into_iter().chain(run.match_indices('-').map(|(at, _)| at + 1));
    starts.flat_map(move |start| {
        let ends = run.match_indices('-').map(|(at, _)| at).filter(move |at| *at > start).chain([run.len()]);
        ends.filter_map(move |end| Some((start, run.get(start..end)?)))
    })
}

/// Where a text holds a word that nothing of its kind stands beside.
fn words<'a>(text: &'a str, word: &'a str, is_part: fn(u8) -> bool) -> impl Iterator<Item = usize> + 'a {
    let edge = move |byte: Option<&u8>| byte.is_none_or(|byte| !is_part(*byte));
    let bytes = text.as_bytes();
    let found = memchr::memmem::find_iter(bytes, word.as_bytes());
    found.filter(move |at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        !word.is_empty() && edge(before) && edge(bytes.get(at + word.len()))
    })
}

#[cfg(test)]
mod tests {
    use crate::attribute::{Known, Names, Neighbour};

    use super::*;

    fn names() -> Names {
        let slot = |name: &str| Neighbour { namespace: name.to_owned(), host: None };
        let known = Known {
            slots: ["mewtwo", "mew-two", "pikachu", "old-mew"].map(slot).to_vec(),
            host: Some("mew.dev.example.com".to_owned()),
            hosts: ["shop.example.com", "*.apps.example.com"].map(str::to_owned).to_vec(),
            pods: vec!["10.244.0.7".parse().unwrap(), "2001:db8::7".parse().unwrap()],
            ..Known::default()
        };
        Names::of("mew", &known)
    }

    #[test]
    fn a_text_points_at_the_slot_by_a_word_of_its_own() {
        for (text, expected) in [
            ("mew", Some(Pointer::Name)),
            ("[mew-web-80]", Some(Pointer::Name)),
            ("mew_web_80", Some(Pointer::Name)),
            ("/mew/", Some(Pointer::Name)),
            ("mewmew mew", Some(Pointer::Name)),
            ("x-mew-web-80", Some(Pointer::Name)),
            ("mewtwo", None),
            ("homew", None),
            ("mew-two-web-80", None),
            ("x-mew-two-web", None),
            ("old-mew-web-80", None),
            ("mew-two and mew", Some(Pointer::Name)),
            ("http://10.244.0.7:8080/", Some(Pointer::Address)),
            ("10.244.0.70:80", None),
            ("110.244.0.7:80", None),
            ("upstream:10.244.0.7:8080", Some(Pointer::Address)),
            ("backend:10.244.0.7", Some(Pointer::Address)),
            ("dial tcp 10.244.0.7:8080: i/o timeout", Some(Pointer::Address)),
            ("it was 10.244.0.7.", Some(Pointer::Address)),
            ("it was 2001:db8::7: gone", Some(Pointer::Address)),
            ("node:10.244.0.70 1.10.244.0.7 2001:db8::70", None),
            ("[2001:db8::7]:80", Some(Pointer::Address)),
            ("a.MEW.dev.example.com.", Some(Pointer::Host)),
            ("www.shop.example.com SHOP.example.com.", Some(Pointer::Host)),
            ("www.shop.example.com shop.example.com.evil myshop.example.com", None),
            ("a.b.apps.example.com", Some(Pointer::Host)),
            ("apps.example.com .apps.example.com a.apps.example.com.evil", None),
        ] {
            assert_eq!(names().points_at_us(text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_names_another_slot_only_if_it_says_nothing_of_this_one() {
        for (text, expected) in [
            ("pikachu-web-80", true),
            ("mew-two-web-80", true),
            ("x \"pikachu-web@kubernetes\"", true),
            ("pikachu mew", false),
            ("pikachus-web-80", false),
            ("", false),
        ] {
            assert_eq!(names().mentions_another(text), expected, "{text}");
        }
    }
}
