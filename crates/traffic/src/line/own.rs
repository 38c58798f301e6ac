//! Which lines does a controller write of itself, beside those of the access log?
//!
//! They are recognized by what they are, and are neither use nor doubt, whatever they name.

/// A Go program that ends by a panic, or at a fatal error, writes the stacks of its goroutines.
pub(super) fn is_trace(line: &str) -> bool {
    let begins = ["panic: ", "fatal error: ", "created by ", "exit status ", "[signal SIG", "runtime stack:"];
    is_goroutine(line) || is_place(line) || is_frame(line) || begins.iter().any(|begin| line.starts_with(begin))
}

/// `goroutine 17 [select]:`
fn is_goroutine(line: &str) -> bool {
    let rest =
        line.strip_prefix("goroutine ").and_then(|rest| rest.strip_suffix("]:")).and_then(|rest| rest.split_once(" ["));
    rest.is_some_and(|(number, _)| number.bytes().all(|b| b.is_ascii_digit()))
}

/// `\t/src/watch.go:41 +0x9c`
fn is_place(line: &str) -> bool {
    let Some((file, rest)) = line.strip_prefix('\t').and_then(|place| place.split_once(".go:")) else { return false };
    !file.contains(' ') && rest.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b' ' | b'+' | b'x'))
}

/// `main.(*watcher).run(0xc000123450, {0x1a2b3c, 0x4})`
fn is_frame(line: &str) -> bool {
    let Some((function, arguments)) = line.strip_suffix(')').and_then(|frame| frame.rsplit_once('(')) else {
        return false;
    };
    let name = |c: char| c.is_ascii_alphanumeric() || "._-/*()[]·,".contains(c);
    let argument = |c: char| c.is_ascii_hexdigit() || "x{}., ?_".contains(c);
    function.contains('.') && function.chars().all(name) && arguments.chars().all(argument)
}

/// Traefik's own log where it is not JSON: `time="2026-11-23T15:04:05Z" level=error msg="…" providerName=kubernetes`, and
/// `2026-11-23T15:04:05Z ERR … providerName=kubernetes` since its version 3, which colours it unless `log.noColor` is set.
pub(super) fn is_traefiks(line: &str) -> bool {
    is_in_its_form(line) && !super::request::is_in_a_message(line)
}

fn is_in_its_form(line: &str) -> bool {
    const LEVELS: [&str; 7] = ["TRC", "DBG", "INF", "WRN", "ERR", "FTL", "PNC"];
    if let Some((_time, rest)) = line.strip_prefix("time=\"").and_then(|rest| rest.split_once("\" ")) {
        let level = rest.strip_prefix("level=").and_then(|rest| rest.split_once(" msg="));
        return level.is_some_and(|(level, _)| level.bytes().all(|b| b.is_ascii_lowercase()));
    }
    let mut words = line.splitn(3, ' ').map(uncoloured);
    let time = words.next().is_some_and(|time| time.len() >= 20 && super::times::rfc3339(time).is_some());
    time && words.next().is_some_and(|level| LEVELS.contains(&level))
}

/// A word without the marks of a terminal around it: `ESC[31mERR ESC[0m`.
fn uncoloured(word: &str) -> &str {
    let mut word = word;
    while let Some((mark, rest)) = word.strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('m')) {
        if !mark.bytes().all(|b| b.is_ascii_digit() || b == b';') {
            break;
        }
        word = rest;
    }
    word.trim_end_matches("\u{1b}[0m")
}

/// True for a line of its own in which something could still be told of a request: a message alone says what it likes.
#[must_use]
pub fn is_only_a_message(line: &str) -> bool {
    let of_a_router = || line.contains("routerName") || line.contains("middlewareName");
    let of_a_provider = line.contains("providerName") || line.contains("@kubernetes") && of_a_router();
    let of_a_provider = of_a_provider || line.contains("\"caller\":");
    (line.starts_with('{') || is_traefiks(line)) && !of_a_provider
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_told_from_requests() {
        for line in [
            "panic: runtime error: invalid memory address",
            "goroutine 17 [select]:",
            "goroutine 1 [chan receive, 5 minutes]:",
            "main.main()",
            "main.watch(0xc000123450)",
            "k8s.io/client-go/rest.(*Request).Do(0x0, {0x1a2b3c, 0x4})",
            "\t/src/main.go:88 +0x1d",
            "created by main.run in goroutine 1",
            "exit status 2",
        ] {
            assert!(is_trace(line), "{line}");
        }
        for line in
            ["GET(mew)", "10.0.0.1 GET /a.b(c) 200", "goroutine of mew", "\tGET /x.go:mew", "served a.b(mew-web-80)"]
        {
            assert!(!is_trace(line), "{line}");
        }
    }

    #[test]
    fn traefiks_own_text_is_told_from_requests() {
        assert!(is_traefiks("time=\"2026-11-23T15:04:05Z\" level=info msg=\"Starting provider\""));
        assert!(is_traefiks("2026-11-23T15:04:05Z ERR Skipping service: no endpoints found providerName=kubernetes"));
        // As Traefik 3.3.5 writes it when a slot was cleared.
        let coloured = "\u{1b}[90m2026-11-30T14:08:09Z\u{1b}[0m \u{1b}[31mERR\u{1b}[0m \u{1b}[36merror=\u{1b}[0m\u{1b}[31m\u{1b}[1m\
            \"kubernetes service not found: mew/web\"\u{1b}[0m\u{1b}[0m \u{1b}[36mproviderName=\u{1b}[0mkubernetescrd";
        assert!(is_traefiks(coloured) && !is_only_a_message(coloured));
        assert!(is_traefiks("\u{1b}[90m2026-11-23T15:04:05Z\u{1b}[0m \u{1b}[1m\u{1b}[31mERR\u{1b}[0m\u{1b}[0m x"));
        assert!(!is_traefiks("\u{1b}[90m2026-11-23T15:04:05Z\u{1b}[0m GET /mew 200"));
        for line in ["2026-11-23T15:04:05Z GET /mew 200", "time=\"x\" status=200 path=/", "2026/11/23 15:04:05 ERR x"] {
            assert!(!is_traefiks(line), "{line}");
        }
    }
}
