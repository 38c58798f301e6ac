//! What is written to which Slot? Only what is newer by a step than what stands there already.

use hotdesk_slots::evidence::{MAX_SOURCES, SourceEvidence};
use jiff::SignedDuration;

/// The evidence as it shall be, if it is to be written: of each of `sources` the newest that is known, and of no other.
#[must_use]
pub fn next(
    before: &[SourceEvidence],
    seen: &[SourceEvidence],
    sources: &[&str],
    step: SignedDuration,
) -> Option<Vec<SourceEvidence>> {
    let of = |list: &'_ [SourceEvidence], source: &str| list.iter().find(|one| one.source == source).cloned();
    let is_news = |one: &SourceEvidence| {
        of(before, &one.source).is_none_or(|old| {
            let later = one.last_use.time.0.duration_since(old.last_use.time.0);
            // Times of a status are whole seconds; what stands there for ahead is put right.
            old.settings != one.settings || later >= step || old.last_use.time.0 > one.at.0
        })
    };
    let newest = |source: &&str| of(seen, source).filter(|one| is_news(one)).or_else(|| of(before, source));
    seen.iter().any(is_news).then(|| sources.iter().filter_map(newest).take(MAX_SOURCES).collect())
}

#[cfg(test)]
mod tests {
    use hotdesk_slots::evidence::SeenUse;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn seen(source: &str, settings: &str, minute: i8) -> SourceEvidence {
        let at = |minute: i8| Time(format!("2026-11-23T14:{minute:02}:00Z").parse().unwrap());
        let last_use = SeenUse { time: at(minute), detail: "x".to_owned() };
        SourceEvidence { source: source.to_owned(), settings: settings.to_owned(), at: at(40), last_use }
    }

    #[track_caller]
    fn check(before: &[&SourceEvidence], now: &[&SourceEvidence], expected: Option<&[&SourceEvidence]>) {
        let all = |list: &[&SourceEvidence]| -> Vec<_> { list.iter().copied().cloned().collect() };
        let found = next(&all(before), &all(now), &["nginx", "edge"], SignedDuration::from_mins(5));
        assert_eq!(found, expected.map(all));
    }

    #[test]
    fn only_news_is_written() {
        let (old, new) = (seen("nginx", "s", 10), seen("nginx", "s", 15));
        check(&[], &[], None);
        check(&[], &[&new], Some(&[&new]));
        check(&[&old], &[&new], Some(&[&new]));
        check(&[&seen("nginx", "s", 11)], &[&new], None);
        check(&[&old], &[], None);
        check(&[&new], &[&old], None);
        check(&[&seen("nginx", "other", 15)], &[&new], Some(&[&new]));
        check(&[&seen("nginx", "s", 55)], &[&new], Some(&[&new]));
    }

    #[test]
    fn what_is_known_of_the_other_sources_stays_and_a_source_that_is_gone_goes() {
        let (nginx, edge, gone) = (seen("nginx", "s", 15), seen("edge", "t", 3), seen("gone", "u", 9));
        check(&[&gone, &edge], &[&nginx], Some(&[&nginx, &edge]));
    }
}
