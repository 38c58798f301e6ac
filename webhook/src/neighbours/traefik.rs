//! Which hosts does one of Traefik's rules name, and does it name one wherever it could match?
//!
//! A rule is an expression in the syntax of Go: matchers in any case, blanks and comments anywhere, texts in back quotes, or in
//! double quotes with escapes. So each text in it counts, whatever matcher it is handed to.

use std::borrow::Cow;

/// What a rule says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule<'r> {
    /// The texts in it, as Traefik reads them.
    pub texts: Vec<Cow<'r, str>>,
    /// True if it could take any host: in some alternative it names none, has a regular expression for hosts, or takes what
    /// another rule does not.
    pub is_open: bool,
    /// True if another alternative names hosts: its length, and so its priority, is that of a rule with a host.
    pub is_mixed: bool,
}

/// The matchers whose texts are hosts in full.
const HOSTS: [&str; 3] = ["host", "hostsni", "hostheader"];

/// True for a priority that somebody set, so that the length of a rule no longer counts. A negative one comes after all others.
#[must_use]
pub fn is_priority(number: &str) -> bool {
    let number = number.trim();
    !matches!(number, "" | "0" | "null") && !number.starts_with('-')
}

/// Reads a rule.
#[must_use]
pub fn read(rule: &str) -> Rule<'_> {
    let mut reader = Reader::default();
    let mut rest = rule;
    while let Some(sign) = rest.chars().next() {
        rest = match reader.step(sign, rest) {
            Some(rest) => rest,
            None => {
                // Go does not read it either, so Traefik takes nothing by it.
                return Rule { texts: reader.texts, is_open: true, is_mixed: false };
            }
        };
    }
    reader.end()
}

/// An expression as it is read: no call for what is nested, for who writes it chooses how deep it is.
#[derive(Default)]
struct Reader<'r> {
    texts: Vec<Cow<'r, str>>,
    /// The name that ends here.
    name: String,
    /// The expressions around the one that is read.
    around: Vec<Level>,
    here: Level,
    is_mixed: bool,
    /// True if there is something in it that no rule has.
    is_odd: bool,
}

/// What stands between parentheses, so far.
#[derive(Default)]
struct Level {
    /// True in the parentheses of a matcher whose texts are hosts.
    is_host: bool,
    /// True in those of any matcher.
    is_call: bool,
    is_negated: bool,
    /// Whether the alternatives so far name hosts, whichever there are.
    with_hosts: bool,
    without_hosts: bool,
    /// True if the alternative that is read names hosts.
    names_hosts: bool,
    /// True if a text in a matcher of hosts is none.
    is_any: bool,
}

impl Level {
    fn factor(&mut self, names_hosts: bool) {
        self.names_hosts |= names_hosts && !self.is_negated;
        self.is_negated = false;
    }

    fn end_alternative(&mut self) {
        let names_hosts = std::mem::take(&mut self.names_hosts);
        self.with_hosts |= names_hosts;
        self.without_hosts |= !names_hosts;
        self.is_negated = false;
    }
}

impl<'r> Reader<'r> {
    /// Reads what begins with this sign, and gives back the rest. Nothing if Go would not take it.
    fn step(&mut self, sign: char, rest: &'r str) -> Option<&'r str> {
        let behind = rest.get(sign.len_utf8()..)?;
        if sign.is_alphanumeric() || sign == '_' {
            return Some(self.word(rest));
        }
        if sign == '/' {
            if let Some(comment) = rest.strip_prefix("/*") {
                return comment.split_once("*/").map(|(_, behind)| behind);
            }
            if let Some(comment) = rest.strip_prefix("//") {
                return Some(comment.find('\n').and_then(|end| comment.get(end..)).unwrap_or_default());
            }
        }
        if sign == '`' {
            // Go drops carriage returns here.
            let (text, behind) = behind.split_once('`')?;
            self.text(if text.contains('\r') { text.replace('\r', "").into() } else { text.into() });
            return Some(behind);
        }
        if matches!(sign, '"' | '\'') {
            let (text, behind) = escaped(behind, rest.get(..1)?)?;
            self.text(text.into());
            return Some(behind);
        }
        if sign.is_whitespace() {
            return Some(behind);
        }
        self.is_odd |= !self.name.is_empty() && sign != '(';
        let mut rest = behind;
        match sign {
            '(' => self.begin(),
            ')' => self.finish(),
            '!' => self.here.is_negated = true,
            '&' if behind.starts_with('&') => rest = behind.get(1..)?,
            '|' if behind.starts_with('|') => {
                self.here.end_alternative();
                rest = behind.get(1..)?;
            }
            ',' => {}
            _ => self.is_odd = true,
        }
        self.name.clear();
        Some(rest)
    }

    /// Reads a part of a name, and gives back the rest.
    fn word<'w>(&mut self, rest: &'w str) -> &'w str {
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let end = rest.bytes().position(|byte| !is_plain(&byte)).unwrap_or(rest.len());
        if rest.as_bytes().get(end).is_none_or(u8::is_ascii) {
            // A rule may have very many, nearly all of them of such signs.
            let (word, behind) = rest.split_at(end);
            self.name.extend(word.bytes().map(|byte| char::from(byte.to_ascii_lowercase())));
            return behind;
        }
        let is_end = |c: char| !(c.is_alphanumeric() || c == '_');
        let (word, behind) = rest.split_at(rest.find(is_end).unwrap_or(rest.len()));
        self.name.extend(word.chars().flat_map(char::to_lowercase));
        behind
    }

    fn begin(&mut self) {
        let name = self.name.as_str();
        let below = Level { is_host: HOSTS.contains(&name), is_call: !name.is_empty(), ..Level::default() };
        self.around.push(std::mem::replace(&mut self.here, below));
    }

    fn finish(&mut self) {
        let Some(around) = self.around.pop() else {
            self.is_odd = true;
            return;
        };
        let mut ended = std::mem::replace(&mut self.here, around);
        ended.end_alternative();
        self.is_mixed |= ended.with_hosts && (ended.without_hosts || ended.is_any);
        self.here.factor(ended.with_hosts && !ended.without_hosts && !ended.is_any);
    }

    fn text(&mut self, text: Cow<'r, str>) {
        if self.here.is_host {
            let is_any = matches!(text.trim(), "" | "*");
            self.here.is_any |= is_any;
            self.here.names_hosts |= !is_any;
        } else {
            self.is_odd |= !self.here.is_call;
        }
        self.texts.push(text);
    }

    fn end(mut self) -> Rule<'r> {
        self.is_odd |= !self.name.is_empty() || !self.around.is_empty();
        self.here.end_alternative();
        let Level { with_hosts, without_hosts, .. } = self.here;
        // What is odd may be read in another way by Traefik, so that it counts as mixed if it names a host anywhere.
        let is_open = self.is_odd || without_hosts;
        let is_mixed = self.is_mixed || with_hosts && without_hosts || self.is_odd && !self.texts.is_empty();
        Rule { texts: self.texts, is_open, is_mixed: is_open && is_mixed }
    }
}

/// A text in quotes, and what follows it. Nothing if Go would not take it.
fn escaped<'r>(inside: &'r str, quote: &str) -> Option<(String, &'r str)> {
    let mut text = Vec::new();
    let mut rest = inside;
    loop {
        let at = rest.find(|c| c == '\\' || quote.starts_with(c))?;
        text.extend_from_slice(rest.get(..at)?.as_bytes());
        let found = rest.get(at..)?;
        if let Some(behind) = found.strip_prefix(quote) {
            return Some((String::from_utf8_lossy(&text).into_owned(), behind));
        }
        rest = escape(found.strip_prefix('\\')?, &mut text)?;
    }
}

/// Reads what follows a backslash, and gives back the rest.
pub(super) fn escape<'r>(after: &'r str, text: &mut Vec<u8>) -> Option<&'r str> {
    let sign = after.chars().next()?;
    let (from, digits, radix) = match sign {
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        '0'..='7' => (0, 3, 8),
        _ => {
            let plain = match sign {
                'a' => 7,
                'b' => 8,
                't' => b'\t',
                'n' => b'\n',
                'v' => 11,
                'f' => 12,
                'r' => b'\r',
                '\\' | '"' | '\'' => u8::try_from(sign).ok()?,
                _ => return None,
            };
            text.push(plain);
            return after.get(1..);
        }
    };
    let number = u32::from_str_radix(after.get(from..from + digits)?, radix).ok()?;
    if matches!(sign, 'u' | 'U') {
        let mut buffer = [0; 4];
        text.extend_from_slice(char::from_u32(number)?.encode_utf8(&mut buffer).as_bytes());
    } else {
        text.push(u8::try_from(number).ok()?);
    }
    after.get(from + digits..)
}

/// What a text between double quotes says in YAML. Elsewhere a backslash is none of a host's.
pub(super) fn without_escapes(yaml: &str) -> Cow<'_, str> {
    let Some((before, mut rest)) = yaml.split_once('\\') else { return yaml.into() };
    let mut plain = before.as_bytes().to_vec();
    loop {
        rest = match rest.strip_prefix(['\n', '\r']) {
            // The line goes on in the next one.
            Some(next) => next.trim_start(),
            None => escape(rest, &mut plain).unwrap_or(rest),
        };
        let Some((before, after)) = rest.split_once('\\') else { break };
        plain.extend_from_slice(before.as_bytes());
        rest = after;
    }
    plain.extend_from_slice(rest.as_bytes());
    String::from_utf8(plain).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()).into()
}
