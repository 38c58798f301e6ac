//! How do controllers read a boolean?
//!
//! ingress-nginx and Traefik are written in Go, whose `strconv.ParseBool` takes more spellings than `true` and `false`. A
//! spelling that only this function takes, such as `tRuE`, costs at most a doubt.

/// A boolean, if it is one.
#[must_use]
pub fn boolean(text: &str) -> Option<bool> {
    let is = |words: [&str; 3]| words.iter().any(|word| text.trim().eq_ignore_ascii_case(word));
    if is(["1", "t", "true"]) { Some(true) } else { is(["0", "f", "false"]).then_some(false) }
}

/// True for what a controller reads as true.
#[must_use]
pub fn is_on(text: &str) -> bool {
    boolean(text) == Some(true)
}

/// True for what a controller reads as false.
#[must_use]
pub fn is_off(text: &str) -> bool {
    boolean(text) == Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_go_is_read() {
        for text in ["1", "t", "T", "TRUE", "true", "True", " true "] {
            assert_eq!(boolean(text), Some(true), "{text}");
        }
        for text in ["0", "f", "F", "FALSE", "false", "False"] {
            assert_eq!(boolean(text), Some(false), "{text}");
        }
        for text in ["", "yes", "on", "2", "truee"] {
            assert_eq!(boolean(text), None, "{text}");
        }
    }
}
