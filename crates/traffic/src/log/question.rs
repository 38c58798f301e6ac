//! Which lines must a log be asked for that does not come whole, so that no sign of use and no doubt is left out?
//!
//! Those that point at the slot, by its name, an address, its host or a route that leads into it; those in which the
//! controller answers in a Service's place; sessions that name nobody; and those that cannot be read, no matter whose they are.
//! The expressions are those of RE2, and of Rust's regex.

use crate::attribute::Names;
use crate::line::Format;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Questions {
    /// A line that matches may be the slot's.
    pub pointing: String,
    /// A line that matches none of these cannot be read, or not as an entry that says who served.
    pub readable: Vec<String>,
}

/// The questions for a slot.
#[must_use]
pub fn of(names: &Names, format: &Format) -> Questions {
    Questions { pointing: pointing(names), readable: readable(format) }
}

fn pointing(names: &Names) -> String {
    let slot = names.slots().next().unwrap_or_default();
    let words = [slot].into_iter().chain(names.leading_in()).map(word);
    let pointers = names.pointers().map(|text| format!("(?i:{})", escaped(&text)));
    let mut all: Vec<String> = words.chain(pointers).collect();
    all.extend([ERROR_PAGE, BROKEN].map(str::to_owned));
    if names.may_have_streams() {
        all.push(SESSION.to_owned());
    }
    all.join("|")
}

/// An error page that the default backend gave after another Service had answered.
const ERROR_PAGE: &str = "upstream-default-backend.* : |[0-9] : .*upstream-default-backend";

/// JSON in which nginx had no number to write: it cannot be read, whatever keys it has.
const BROKEN: &str = r#"^\{.*" *: *-?[,}]"#;

/// A TCP or UDP session, in text and in JSON.
const SESSION: &str = r#"\] (TCP|UDP) [0-9]|"protocol" *: *"(TCP|UDP)""#;

/// A word of its own: an underscore stands beside it like any other sign.
fn word(name: &str) -> String {
    format!("(^|[^a-zA-Z0-9]){}([^a-zA-Z0-9]|$)", escaped(name))
}

/// The text itself, in an expression.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation() && c != '-' && c != '_' {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn readable(format: &Format) -> Vec<String> {
    let nginx = ["proxyUpstreamName", "proxy_upstream_name"];
    let keys: Vec<&str> = match format {
        Format::Nginx => Vec::new(),
        Format::NginxJson => nginx.to_vec(),
        Format::TraefikJson => vec!["ServiceName", "providerName"],
        Format::EnvoyJson => vec!["route_name"],
        Format::Json(keys) => [&keys.upstream, &keys.namespace].into_iter().flatten().map(String::as_str).collect(),
        Format::Auto => nginx.into_iter().chain(["ServiceName", "route_name", "providerName"]).collect(),
    };
    let json = keys.into_iter().map(|key| format!("^\\{{.*\"{}\" *:.*\\}}$", escaped(key)));
    let text = matches!(format, Format::Nginx | Format::Auto).then(|| OF_NGINX.to_owned());
    OWN.into_iter().map(str::to_owned).chain(text).chain(json).collect()
}

/// The end of a line of ingress-nginx: the upstream, the canary, and what served.
pub const OF_NGINX: &str = r#"" [0-9.-]+ [0-9.-]+ \[[^\[\] ]*\] \[[^\[\] ]*\] [^ ]+ [^ ]+ [^ ]+ [^ ]"#;

/// What controllers write of themselves.
pub const OWN: [&str; 3] = [
    r"^[IWEF][0-9]{4} [0-9:.]+ ",
    r"^[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9:]{8} \[(debug|info|notice|warn|error|crit|alert|emerg)\]",
    r"^\[[0-9-]+ [0-9:.]+\]\[[0-9]+\]\[[a-z]+\]",
];
