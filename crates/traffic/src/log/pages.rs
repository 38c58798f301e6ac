//! How are the pages of a log read that comes newest first, and does the log still grow?

use hotdesk_slots::text::human_time;
use jiff::{SignedDuration, Timestamp};

/// Some lines of a log, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// When, and what.
    pub lines: Vec<(Timestamp, String)>,
}

/// The newest line of anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest(pub Option<Timestamp>);

impl Page {
    /// Orders lines of several streams.
    #[must_use]
    pub fn newest_first(mut lines: Vec<(Timestamp, String)>) -> Self {
        lines.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        Self { lines }
    }

    /// The newest line.
    #[must_use]
    pub fn newest(&self) -> Newest {
        Newest(self.lines.first().map(|(time, _)| *time))
    }

    /// Where the next page ends, if this one is full. The oldest lines come again, for others may be as old.
    ///
    /// # Errors
    /// When that would be the same page again.
    pub fn next(&self, most: usize, end: Timestamp) -> Result<Option<Timestamp>, String> {
        let Some((oldest, _)) = self.lines.last().filter(|_| self.lines.len() >= most) else { return Ok(None) };
        let next = oldest.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(*oldest);
        if next < end { Ok(Some(next)) } else { Err(format!("more than {most} lines have the same time")) }
    }
}

impl Newest {
    /// A pipeline that has stopped shows nobody, even while somebody is there.
    #[must_use]
    pub fn doubt(self, now: Timestamp, max_silence: SignedDuration, silence_is_fine: bool) -> Option<String> {
        match self.0 {
            _ if silence_is_fine => None,
            None => Some("it holds no line of anybody, which is also what one would see that gets none".to_owned()),
            Some(newest) if now.duration_since(newest) > max_silence => Some(format!(
                "its newest line of anybody is of {}: has its pipeline stopped? If that is normal here, set maxSilence",
                human_time(newest, now)
            )),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_446_000 + second).unwrap()
    }

    fn page(seconds: &[i64]) -> Page {
        Page::newest_first(seconds.iter().map(|second| (at(*second), String::new())).collect())
    }

    #[test]
    fn a_full_page_is_followed_by_what_is_older() {
        assert_eq!(page(&[1, 3, 2]).next(4, at(9)), Ok(None));
        let next = page(&[1, 3, 2]).next(3, at(9)).unwrap().unwrap();
        assert_eq!(next, at(1) + SignedDuration::from_nanos(1));
        assert!(page(&[1, 1, 1]).next(3, next).unwrap_err().contains("same time"));
    }

    #[test]
    fn a_log_that_no_longer_grows_is_a_doubt() {
        let doubt =
            |newest: Option<i64>, fine| Newest(newest.map(at)).doubt(at(1000), SignedDuration::from_secs(900), fine);
        assert_eq!(doubt(Some(100), false), None);
        assert!(doubt(Some(99), false).unwrap().contains("has its pipeline stopped"));
        assert!(doubt(None, false).unwrap().contains("no line of anybody"));
        assert_eq!(doubt(None, true), None);
    }
}
