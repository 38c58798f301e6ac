//! Which hosts does one of Traefik's rules name?
//!
//! A rule is an expression in the syntax of Go: matchers in any case, blanks and comments anywhere, texts in back quotes, or in
//! double quotes with escapes. So each text in it counts, whatever matcher it is handed to.

/// What a rule says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// The texts in it, as Traefik reads them.
    pub texts: Vec<String>,
    /// True if it could take any host: it names none, has a regular expression for hosts, or takes what another rule does not.
    pub is_open: bool,
}

/// Reads a rule.
#[must_use]
pub fn read(rule: &str) -> Rule {
    let (mut texts, mut code) = (Vec::new(), String::new());
    let mut rest = rule;
    let mut is_whole = true;
    while let Some(at) = rest.find(['`', '"', '\'']) {
        code.extend(rest.get(..at));
        let (quote, inside) = rest.get(at..).map_or(("", ""), |quoted| quoted.split_at(1));
        let text = if quote == "`" { inside.split_once('`').map(raw) } else { escaped(inside, quote) };
        let Some((text, behind)) = text else {
            is_whole = false;
            break;
        };
        texts.push(text);
        rest = behind;
    }
    code.push_str(rest);
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let names_hosts = ["host(", "hostsni(", "hostheader("].iter().any(|matcher| code.contains(matcher));
    let is_open = !is_whole || !names_hosts || code.contains("regexp(") || code.contains("!host");
    Rule { is_open: is_open || texts.iter().any(|text| text == "*"), texts }
}

fn raw<'r>((text, rest): (&str, &'r str)) -> (String, &'r str) {
    (text.to_owned(), rest)
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
