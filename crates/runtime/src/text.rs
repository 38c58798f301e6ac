//! How does an error read in one line, and how is a text cut to a size?

/// An error and what caused it, in one line; the outermost alone often says nothing.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for text in std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string) {
        if parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// A text of at most so many bytes, cut between two characters and ended with `…` where it was longer.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at + '…'.len_utf8() <= most).last().unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "lo…");
        assert_eq!(cut("üüüü", 6), "ü…");
        assert_eq!(cut(&"ü".repeat(2000), 1024).len(), 1023);
    }

    #[test]
    fn causes_are_said_once() {
        let inner = std::io::Error::other("no route");
        let outer = anyhow::Error::new(inner).context("no answer: no route").context("cannot list");
        let error: &dyn std::error::Error = outer.as_ref();
        assert_eq!(chain(error), "cannot list: no answer: no route");
    }
}
