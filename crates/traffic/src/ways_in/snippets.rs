//! Does a snippet of nginx configuration take requests out of what is logged and counted?
//!
//! It is read by its directives, so that a header's value that spells one is none. What answers by itself, or passes
//! requests on, does so under no name of a Service.

use super::From;
use super::target::Target;

/// Where a snippet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Between the locations of a server: nothing has named the Service there.
    Server,
    /// In the location of a Service.
    Location,
    /// Beside the servers.
    Http,
}

/// The variables of which the log and the counters are made.
const NAMES: [&str; 6] = [
    "$proxy_upstream_name",
    "$proxy_alternative_upstream_name",
    "$namespace",
    "$ingress_name",
    "$service_name",
    "$loggable",
];

/// What in it hides requests, and from which sources.
#[must_use]
pub fn hides(snippet: &str, place: Place) -> Option<(String, From)> {
    let found = directives(snippet);
    let all = found.iter().find(|words| answers(words, place));
    let logs = || found.iter().find(|words| first(words) == "access_log" || first(words) == "log_subrequest");
    let says = |words: &Vec<String>, from| (format!("has {} in a snippet", first(words)), from);
    match all {
        Some(words) => Some(says(words, From::All)),
        None => logs().map(|_| ("sets its own access log in a snippet".to_owned(), From::Logs)),
    }
}

/// True if it passes requests on, and any of its words may mean the slot: a variable may hold what a directive passes them to.
/// The paths of locations and the headers of answers lead nowhere.
pub(super) fn leads_to(snippet: &str, target: &Target<'_>) -> bool {
    let passes = |words: &Vec<String>| {
        let name = first(words);
        name.ends_with("_pass") || name.contains("_by_lua") || ["mirror", "upstream", "js_content"].contains(&name)
    };
    let silent = ["location", "add_header", "add_trailer", "more_set_headers", "access_log"];
    let is_name = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let spelled = |words: &Vec<String>| {
        // A call in Lua is one word.
        let arguments = words.iter().skip(usize::from(is_name(first(words))));
        !silent.contains(&first(words)) && arguments.into_iter().any(|word| target.is_spelled(word))
    };
    let found = directives(snippet);
    found.iter().any(passes) && found.iter().any(spelled)
}

fn first(words: &[String]) -> &str {
    words.first().map_or("", String::as_str)
}

fn answers(words: &[String], place: Place) -> bool {
    let name = first(words);
    let redirects =
        || words.iter().skip(1).any(|word| ["redirect", "permanent"].contains(&word.as_str()) || word.contains("://"));
    match name {
        "server" => place == Place::Http,
        "location" | "return" | "error_page" | "try_files" | "root" | "alias" | "include" | "stub_status" | "echo"
        | "internal" | "listen" | "server_name" | "mirror" | "index" | "autoindex" | "dav_methods" => {
            place != Place::Http
        }
        "rewrite" => place == Place::Server && redirects(),
        "set" => words.iter().any(|word| NAMES.contains(&word.as_str())),
        _ => place != Place::Http && (name.ends_with("_pass") || name.contains("_by_lua")),
    }
}

/// Its directives with their arguments, those of blocks as well.
fn directives(snippet: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word) = (Vec::new(), Vec::new(), String::new());
    let (mut quote, mut comment, mut escaped) = (None, false, false);
    for c in snippet.chars() {
        let blank = c.is_whitespace();
        match (comment, quote) {
            (true, _) => comment = c != '\n',
            _ if escaped => {
                word.push(c);
                escaped = false;
            }
            _ if c == '\\' => escaped = true,
            (_, Some(open)) if c == open => quote = None,
            (_, Some(_)) => word.push(c),
            // A variable in braces is part of a word.
            _ if word.ends_with('$') && c == '{' => {}
            _ if word.starts_with('$') && c == '}' => {}
            _ if c == '#' && word.is_empty() => comment = true,
            _ if (c == '"' || c == '\'') && word.is_empty() => quote = Some(c),
            _ if blank || matches!(c, ';' | '{' | '}') => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                if !blank && !words.is_empty() {
                    all.push(std::mem::take(&mut words));
                }
            }
            _ => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    if !words.is_empty() {
        all.push(words);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(snippet: &str, place: Place, expected: Option<From>) {
        assert_eq!(hides(snippet, place).map(|(_, from)| from), expected, "{snippet}");
    }

    #[test]
    fn what_answers_or_passes_on_hides_from_everything() {
        for snippet in [
            "location /ws { proxy_pass http://web.mew.svc; }",
            "location = /hook { return 200; }",
            "return 302 https://example.com;",
            "if ($http_x) { return 444; }",
            "location /f { fastcgi_pass 127.0.0.1:9000; }",
            "rewrite ^ https://example.com/ permanent;",
            "content_by_lua_block { ngx.say('x') }",
            "set $proxy_upstream_name \"\";",
            "set ${namespace} x;",
            "\"return\" 200;",
            "ret\\urn 200;",
            "more_set_headers x;\n#a\nreturn 200",
        ] {
            check(snippet, Place::Server, Some(From::All));
        }
        check("return 403;", Place::Location, Some(From::All));
        check("server { listen 81; }", Place::Http, Some(From::All));
    }

    #[test]
    fn an_access_log_of_its_own_hides_from_logs_alone() {
        check("access_log off;", Place::Server, Some(From::Logs));
        check("more; access_log /dev/null;", Place::Location, Some(From::Logs));
    }

    #[test]
    fn what_only_sets_headers_or_limits_hides_nothing() {
        for snippet in [
            "more_set_headers \"X-Env: dev\";",
            "add_header X-Note \"return location; proxy_pass\";",
            "# return 200;\nproxy_read_timeout 60s;",
            "proxy_set_header X-Return return;",
            "rewrite ^/a /b break;",
            "set $mine ${host};",
            "",
        ] {
            check(snippet, Place::Server, None);
        }
        check("log_format x escape=json '{}'; map $a $b { return 1; }", Place::Http, None);
    }
}
