//! Was a text that nobody can read as an entry certainly a request?
//!
//! Asked of the rare lines alone: those that are neither an entry nor the controller's own, and those of its own that may quote one.

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// The keys that only a request has, in JSON at any depth.
const KEYS: [&str; 24] = [
    "status",
    "path",
    "method",
    "request",
    "remote_addr",
    "http_user_agent",
    "user_agent",
    "response_code",
    "request_uri",
    "uri",
    "verb",
    "statusCode",
    "status_code",
    "requestMethod",
    "requestUrl",
    "request_method",
    "http_method",
    "userAgent",
    "user-agent",
    "remote_ip",
    "httpRequest",
    "http.method",
    "http_status",
    "RequestMethod",
];

/// The keys of which a program's message has one.
const OF_A_MESSAGE: [&str; 8] = ["level", "severity", "lvl", "msg", "message", "error", "err", "caller"];

/// True for text that was certainly a request.
pub(super) fn is_one(text: &str) -> bool {
    let protocol = [" HTTP/1.", " HTTP/2", " HTTP/3"].iter().any(|protocol| text.contains(protocol));
    protocol
        || has_a_line(text)
        || has_pairs(text)
        || has_the_time_of_one(text)
        || (text.contains('{') && has_a_key(text))
}

/// True for a message that quotes one.
pub(super) fn is_in_a_message(text: &str) -> bool {
    has_a_line(text) || has_pairs(text)
}

/// True for JSON that is no message of a program, or quotes a request: a program that writes neither a level nor a text writes entries.
pub(super) fn is_in_json(json: &str) -> bool {
    let is_a_message = OF_A_MESSAGE.iter().any(|key| values_at(json, key).next().is_some());
    !is_a_message || has_a_key(json) || is_in_a_message(json)
}

/// True for JSON with a key that only a request has.
fn has_a_key(json: &str) -> bool {
    KEYS.iter().any(|key| values_at(json, key).next().is_some())
}

/// Where a key stands, and what follows it.
pub(super) fn values_at<'a>(line: &'a str, key: &str) -> impl Iterator<Item = (usize, &'a str)> {
    line.match_indices(key).filter_map(move |(at, _)| {
        let quoted = line.get(..at)?.ends_with(['"']) && !line.get(..at)?.ends_with("\\\"");
        let rest = line.get(at + key.len()..)?.strip_prefix('"')?.trim_start().strip_prefix(':')?;
        quoted.then(|| (at, rest.trim_start()))
    })
}

/// A method, and what it asks for: `GET / HTTP/1.1`, `GET "/shop"`, `POST http://shop.example.com/`.
fn has_a_line(text: &str) -> bool {
    METHODS.iter().any(|method| {
        text.match_indices(method).any(|(at, _)| {
            let begins = !text.get(..at).is_some_and(|before| before.ends_with(|c: char| c.is_ascii_alphanumeric()));
            let rest = text.get(at + method.len()..).unwrap_or_default();
            let target = rest.trim_start_matches([' ', '"', '\\']);
            begins
                && rest.starts_with(' ')
                && ["/", "http://", "https://"].iter().any(|begin| target.starts_with(begin))
        })
    })
}

/// `method=GET`, or `verb="GET"`.
fn has_pairs(text: &str) -> bool {
    let is_method = |value: &str| METHODS.iter().any(|method| value.trim_start_matches('"').starts_with(method));
    ["method=", "verb="].iter().any(|key| {
        text.match_indices(key).any(|(at, _)| {
            let begins = at == 0 || text.get(..at).is_some_and(|before| before.ends_with([' ', '\t']));
            begins && text.get(at + key.len()..).is_some_and(is_method)
        })
    })
}

/// `[29/Nov/2026:15:04:05`, or Envoy's `[2026-11-29T15:04:05`, as access logs write a time and nothing else does.
fn has_the_time_of_one(text: &str) -> bool {
    let is_of = |shape: &[u8], rest: &str| {
        let same = |(expected, found): (&u8, u8)| match expected {
            b'0' => found.is_ascii_digit(),
            b'a' => found.is_ascii_alphabetic(),
            other => *other == found,
        };
        rest.len() >= shape.len() && shape.iter().zip(rest.bytes()).all(same)
    };
    let is_time = |rest: &str| is_of(b"00/aaa/0000:", rest) || is_of(b"0000-00-00T00:00:", rest);
    text.match_indices('[').any(|(at, _)| text.get(at + 1..).is_some_and(is_time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_by_what_only_requests_have() {
        for text in [
            "GET / HTTP/1.1",
            "2026/11/29 15:04:05 GET / 200 4ms",
            "| 200 | 1.2ms | 203.0.113.9 | GET      \"/shop\"",
            "msg=\"POST https://shop.example.com/\"",
            "level=info method=GET",
            "verb=\"GET\" code=200",
            "unix: - - [29/Nov/2026:15:04",
            "INFO http.log.access {\"request\":{}}",
            "[{\"statusCode\":200}]",
            "[2026-11-29T15:04:05.678Z] \"- - -\" 0 -",
        ] {
            assert!(is_one(text), "{text}");
        }
        for text in [
            "I am a log line of somebody else",
            "WIDGET /shop",
            "GETTING /shop",
            "method=token",
            "a_method=GET",
            "net/http: HTTP/1.x transport connection broken",
            "[29/11/2026:15:04",
            "[{\"level\":\"info\"}]",
            "Get \"https://10.96.0.1:443/\"",
        ] {
            assert!(!is_in_a_message(text), "{text}");
        }
        assert!(!is_one("[29/11/2026:15:04") && !is_one("[{\"level\":\"info\"}]"));
    }
}
