//! Where does a log go on behind what was read of it?
//!
//! Lines are only ever added to the end of a log. So what came since stands behind the last lines that were read, and these are
//! found again by what they say, each with the time at which it was written. No clock decides what is new: a line that was
//! logged by one that is behind, or was set back, is among the others. A log in which they are not found once, and once only, is
//! another one, or lost some.

use std::collections::VecDeque;

/// By how many of its last lines the end of a reading is known again.
const KEPT: usize = 4;

/// The last lines of a reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mark {
    lines: VecDeque<String>,
}

impl Mark {
    /// Notes the next line.
    pub(super) fn note(&mut self, line: &str) {
        let full = self.lines.len() == KEPT;
        let mut place = if full { self.lines.pop_front().unwrap_or_default() } else { String::new() };
        place.clear();
        place.push_str(line);
        self.lines.push_back(place);
    }

    /// Notes a line of which only a part is known: what came before it is not looked for.
    pub(super) fn forget(&mut self) {
        self.lines.clear();
    }
}

/// A reading that looks for the end of an earlier one.
#[derive(Debug)]
pub(super) struct Sequel<'a> {
    end: &'a Mark,
    found: usize,
}

impl<'a> Sequel<'a> {
    /// `end` are the last lines of the earlier reading.
    pub(super) fn behind(end: &'a Mark) -> Self {
        Self { end, found: 0 }
    }

    /// True if the next line lies behind that end.
    pub(super) fn is_new(&self) -> bool {
        self.found > 0
    }

    /// Takes the last lines that were read up to now.
    pub(super) fn passed(&mut self, read: &Mark) {
        self.found += usize::from(read == self.end && !read.lines.is_empty());
    }

    /// True if the end was found, and nothing else looked like it.
    pub(super) fn is_certain(&self) -> bool {
        self.found == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mark(lines: &[String]) -> Mark {
        let mut mark = Mark::default();
        lines.iter().for_each(|line| mark.note(line));
        mark
    }

    /// What of an answer is new, behind a reading.
    fn new(read: &[String], answer: &[String]) -> Option<Vec<String>> {
        let end = mark(read);
        let (mut resume, mut passed, mut new) = (Sequel::behind(&end), Mark::default(), Vec::new());
        for line in answer {
            new.extend(resume.is_new().then(|| line.clone()));
            passed.note(line);
            resume.passed(&passed);
        }
        resume.is_certain().then_some(new)
    }

    fn lines(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    #[test]
    fn what_came_since_stands_behind_the_last_lines() {
        for (read, answer, expected) in [
            ("abcdef", "abcdefgh", Some("gh")),
            ("abcdef", "cdefgh", Some("gh")),
            ("abcdef", "cdef", Some("")),
            ("ab", "abc", Some("c")),
            // The answer does not reach back, the log is another one, or a line could be of now or of before.
            ("abcdef", "defgh", None),
            ("abcdef", "xyz", None),
            ("abcdef", "", None),
            ("aaaa", "aaaaa", None),
            ("abcd", "abcdabcd", None),
            ("", "abc", None),
        ] {
            assert_eq!(new(&lines(read), &lines(answer)), expected.map(lines), "{read} {answer}");
        }
    }

    proptest! {
        /// Whatever is said to be new is exactly what was added, from wherever on the answer begins.
        #[test]
        fn nothing_that_was_added_is_left_out(
            log in proptest::collection::vec(0..6_u8, 0..40), read in 0..40_usize, from in 0..40_usize,
        ) {
            // As a runtime writes them: no two lines have the same time.
            let log: Vec<String> = log.iter().enumerate().map(|(at, text)| format!("{at} {text}")).collect();
            let (read, from) = (read.min(log.len()), from.min(log.len()));
            let found = new(&log[..read], &log[from..]);
            let reaches = read > 0 && from + KEPT.min(read) <= read;
            prop_assert_eq!(found, reaches.then(|| log[read..].to_vec()));
        }
    }
}
