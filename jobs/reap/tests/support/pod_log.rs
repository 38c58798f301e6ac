//! What a kubelet serves of a container's log: the last lines by their number, then those since a time, then so many bytes.

use jiff::{SignedDuration, Timestamp};

/// What of the log is served for the query of a request (`tailLines`, `sinceTime`, `sinceSeconds`, `limitBytes`).
///
/// As of a real one: times are those that stand before the lines, which the node's clock wrote, and bytes are cut off the end.
pub(crate) fn served(log: &str, query: &str, now: Timestamp) -> String {
    let wanted = |key: &str| query.split('&').find_map(|part| part.strip_prefix(key)?.strip_prefix('='));
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    let skipped = wanted("tailLines").map_or(0, |number| lines.len().saturating_sub(number.parse().unwrap()));
    let seconds = wanted("sinceSeconds").map(|text| now - SignedDuration::from_secs(text.parse().unwrap()));
    let since = wanted("sinceTime").map(|text| text.replace("%3A", ":").replace("%2B", "+").parse().unwrap());
    let since: Option<Timestamp> = since.or(seconds);
    let stamp = |line: &str| line.split(' ').next().and_then(|stamp| stamp.trim_end().parse::<Timestamp>().ok());
    let is_served = |line: &&&str| since.is_none_or(|since| stamp(line).is_none_or(|stamp| stamp >= since));
    let mut text: String = lines[skipped..].iter().filter(is_served).copied().collect();
    if let Some(bytes) = wanted("limitBytes") {
        text.truncate(text.floor_char_boundary(bytes.parse().unwrap()));
    }
    text
}
