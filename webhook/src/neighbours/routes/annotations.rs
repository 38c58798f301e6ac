//! Which hosts do the annotations of an object name?

use super::Reader;
use crate::neighbours::raw::texts;
use crate::neighbours::traefik;

/// The annotations whose values are further names, by what stands behind the slash: the prefix of a controller is a setting.
const HOST_ANNOTATIONS: [&str; 11] = [
    "server-alias",       // ingress-nginx, haproxy-ingress
    "redirect-from",      // haproxy-ingress
    "hostname-extension", // Azure's Application Gateway
    "host-aliases",       // Kong
    "hostname",           // external-dns
    "internal-hostname",  // external-dns
    "common-name",        // cert-manager
    "alt-names",          // cert-manager
    "subject-alt-names",  // F5, Contour
    "domain",             // ngrok
    "dnsnames",           // Gardener
];

/// How the annotations end that say where something leads, or how its answers are marked; and what kubectl notes.
const OTHER_ANNOTATIONS: [&str; 9] = [
    "upstream-vhost",
    "proxy-ssl-name",
    "proxy-ssl-server-name",
    "host-header",
    "backend-hostname",
    "backend-server-name",
    "cookie-domain",
    "cookie-path",
    "last-applied-configuration",
];

/// The matcher that Traefik writes into an Ingress's rules.
const PATH_MATCHER: &str = "traefik.ingress.kubernetes.io/router.pathmatcher";

/// What Traefik has instead of the length of an Ingress's rules.
const PRIORITY: &str = "traefik.ingress.kubernetes.io/router.priority";

/// Annotations of which there are several: Traefik numbers its domains, and AWS' load balancer has conditions by the action.
const NUMBERED_HOST_ANNOTATIONS: [&str; 2] = ["router.tls.domains.", "conditions."];

/// Annotations whose values are regular expressions of hosts: haproxy-ingress has both.
const PATTERN_ANNOTATIONS: [&str; 2] = ["server-alias-regex", "redirect-from-regex"];

/// The annotation with Emissary's configuration: its objects, in YAML.
const EMISSARY: &str = "getambassador.io/config";

/// The words of such an object that name a host, or a header which may be one.
const EMISSARY_HOSTS: [&str; 4] = ["host", "hostname", "hosts", ":authority"];

/// The words of such an object that say that a host is a regular expression.
const EMISSARY_PATTERNS: [&str; 2] = ["host_regex", "regex_headers"];

/// True for the annotations that external-dns reads of pods. Their prefix is a setting.
#[must_use]
pub fn is_dns_name(key: &str) -> bool {
    key.strip_suffix("hostname").is_some_and(|rest| rest.ends_with('/') || rest.ends_with("/internal-"))
}

impl Reader<'_> {
    pub(super) fn annotation(&mut self, key: &str, text: &dyn Fn() -> String) {
        let word = key.rsplit_once('/').map_or(key, |(_, word)| word);
        let has_hosts = HOST_ANNOTATIONS.contains(&word)
            || NUMBERED_HOST_ANNOTATIONS.iter().any(|numbered| word.starts_with(numbered));
        if has_hosts {
            self.listed(&text(), key);
        } else if PATTERN_ANNOTATIONS.contains(&word) {
            self.open(&format!("{} in {key}", text()));
        } else if key == EMISSARY {
            self.emissary(&text());
        } else if key == PRIORITY {
            self.priority_of_rules = Some(text()).filter(|priority| traefik::is_priority(priority));
        } else if key == PATH_MATCHER {
            self.part_of_a_rule(&text(), char::is_alphanumeric);
        } else if word.ends_with("literal-subject") {
            self.subject(&text());
        } else if !self.has_enough() && !OTHER_ANNOTATIONS.iter().any(|other| word.ends_with(other)) {
            // Controllers read more of them than anybody could list.
            self.words(&text());
        }
    }

    /// A list of hosts in one form or another.
    fn listed(&mut self, list: &str, key: &str) {
        // In JSON, a letter may be written in other ways.
        if list.contains('\\') {
            texts(list, &mut |_, text| self.name(text));
        }
        let is_between = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '[' | ']' | '{' | '}');
        list.split(is_between).for_each(|name| self.host(name, &key));
        // external-dns drops blanks, also within a name.
        if list.contains(char::is_whitespace) {
            let dense: String = list.chars().filter(|c| !c.is_whitespace()).collect();
            dense.split([',', ';']).for_each(|name| self.name(name));
        }
    }

    /// Each word that is a host name counts, as in a kind that is not known. It is not read as YAML: two readers seldom agree on
    /// what that says, and no host has a blank or a quote in it.
    fn emissary(&mut self, yaml: &str) {
        for document in traefik::without_escapes(yaml).split("\n---") {
            let (mut is_mapping, mut names_hosts) = (false, false);
            for word in words(document) {
                is_mapping |= word.ends_with("Mapping");
                let key = word.strip_suffix(':').unwrap_or(word);
                names_hosts |= EMISSARY_HOSTS.contains(&key);
                if EMISSARY_PATTERNS.contains(&key) {
                    self.open(&format!("{key} in {EMISSARY}"));
                } else if word == "*" {
                    self.open(&format!("{word} in {EMISSARY}"));
                } else if word.starts_with('!') {
                    // Such as `!!binary`, behind which the text is another one.
                    self.open(&format!("the tag {word} in {EMISSARY}"));
                } else {
                    self.name(word);
                }
            }
            if is_mapping && !names_hosts {
                self.open(&format!("a Mapping without a host in {EMISSARY}"));
            }
        }
    }
}

/// What stands between blanks, commas and quotes.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_between = |c: char| c.is_whitespace() || matches!(c, ',' | '"' | '\'' | '[' | ']' | '{' | '}');
    text.split(is_between).filter(|word| !word.is_empty())
}
