//! Which hosts stand in a text that may be more than one host?

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Reader;
use crate::neighbours::Finding;
use crate::neighbours::host::Host;

/// As Go reads it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// How long a request for a certificate is that is looked through: a hundred times as long as they are.
const LONGEST_REQUEST: usize = 64 << 10;

impl Reader<'_> {
    /// A text that is a host, or in which hosts stand among other words. Of several words, a name in the cluster or one that
    /// begins with a dot says where something leads, or what a proxy leaves alone.
    pub(super) fn words(&mut self, text: &str) {
        if self.has_enough() || !text.contains('.') {
            return;
        }
        match Host::read(text) {
            Some(host) => self.asked(host),
            None if self.ending(text) => {}
            None => self.each_word(text.split(is_between)),
        }
    }

    fn each_word<'t>(&mut self, words: impl Iterator<Item = &'t str>) {
        for word in words.filter(|word| !word.starts_with('.') && word.contains('.')) {
            if self.has_enough() {
                return;
            }
            if let Some(host) = Host::read(word) {
                self.slots_host(host);
            } else if word.starts_with('*') {
                self.ending(word);
            }
        }
    }

    fn slots_host(&mut self, host: Host<'_>) {
        if self.neighbours.hosts.foreign(&host, self.neighbours.slot).is_some() {
            self.asked(host);
        }
    }

    /// The parts of a distinguished name: `CN=web.example.com,O=...`, also with escapes, or in hexadecimal digits.
    pub(super) fn subject(&mut self, text: &str) {
        if !text.contains('=') {
            return;
        }
        for part in text.split('#').skip(1) {
            let digits = part.split(|c: char| !c.is_ascii_hexdigit()).next().unwrap_or_default();
            self.hosts_in(&bytes(digits));
        }
        let plain = unescaped(text);
        self.each_word(plain.split(|c| is_between(c) || matches!(c, '=' | '+')));
    }

    /// A request for a certificate, in base64: PEM, or what is in it.
    pub(super) fn certificate_request(&mut self, text: &str) {
        let text: String = text.split_whitespace().collect();
        let Ok(request) = BASE64.decode(&text) else { return };
        if request.len() > LONGEST_REQUEST {
            self.other(text, Finding::LongRequest);
            return;
        }
        self.hosts_in(&request);
        let mut body = String::new();
        for line in String::from_utf8_lossy(&request).lines().chain(["-----"]) {
            if line.starts_with("-----") {
                self.hosts_in(&BASE64.decode(&body).unwrap_or_default());
                body.clear();
            } else if !line.contains(':') {
                // The others are headers.
                body.extend(line.chars().filter(|c| !c.is_whitespace()));
            }
        }
    }

    /// The hosts in ASN.1. In front of each text is a byte that says how long it is, so each byte may be that. It is not read
    /// as a tree: what no other reader passes over, nothing hides.
    fn hosts_in(&mut self, bytes: &[u8]) {
        for (at, length) in bytes.iter().enumerate() {
            let Some(text) = bytes.get(at + 1..at + 1 + usize::from(*length)) else { continue };
            let is_wide = text.first() == Some(&0);
            let narrow: Vec<u8>;
            let text = if is_wide {
                narrow = text.iter().copied().filter(|byte| *byte != 0).collect();
                narrow.as_slice()
            } else {
                text
            };
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'*');
            if text.contains(&b'.') && text.iter().all(is_name) {
                self.each_word(std::str::from_utf8(text).into_iter());
            }
        }
    }
}

fn is_between(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '`' | '[' | ']' | '{' | '}' | '(' | ')' | '|')
}

/// What a distinguished name says: a backslash stands before a sign, or before two digits that are a byte.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                plain.push(char::from(byte));
                plain.push_str(part.get(2..).unwrap_or_default());
            }
            None => plain.push_str(part),
        }
    }
    plain
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len() / 2).filter_map(|at| digits.get(2 * at..2 * at + 2));
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}
