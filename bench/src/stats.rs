//! What do a few rounds say? Medians and ranges, and ratios round by round.

/// What the rounds of one cell say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The middle one.
    pub median: f64,
    /// The least.
    pub low: f64,
    /// The most.
    pub high: f64,
}

/// Median and range; nothing if there are no rounds.
#[must_use]
pub fn summary(values: &[f64]) -> Option<Summary> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (*sorted.first()?, *sorted.last()?);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(Summary { median: f64::midpoint(lower, upper), low, high })
}

/// What each round of `ours` is of the same round of `theirs`. Both ran next to each other, so that whatever slowed the
/// machine down then is in both.
#[must_use]
pub fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    ours.iter().zip(theirs).filter(|(_, theirs)| **theirs > 0.0).map(|(ours, theirs)| ours / theirs).collect()
}

/// What the median of `ours` is of the median of `theirs`.
#[must_use]
pub fn ratio_of_medians(ours: &[f64], theirs: &[f64]) -> Option<f64> {
    let (ours, theirs) = (summary(ours)?.median, summary(theirs)?.median);
    (theirs > 0.0).then(|| ours / theirs)
}

/// All of them, beginning with another one each round: nobody always runs first, or after the same neighbour's heat.
pub fn rotated<T>(all: &[T], round: usize) -> impl Iterator<Item = &T> {
    let (before, after) = all.split_at(if all.is_empty() { 0 } else { round % all.len() });
    after.iter().chain(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_number_of_rounds_has_a_middle_one() {
        assert_eq!(summary(&[3.0, 1.0, 2.0]), Some(Summary { median: 2.0, low: 1.0, high: 3.0 }));
    }

    #[test]
    fn an_even_number_of_rounds_is_halved_between_the_middle_two() {
        assert_eq!(summary(&[4.0, 1.0, 2.0, 8.0]), Some(Summary { median: 3.0, low: 1.0, high: 8.0 }));
    }

    #[test]
    fn no_rounds_say_nothing() {
        assert_eq!(summary(&[]), None);
        assert_eq!(ratio_of_medians(&[], &[1.0]), None);
    }

    #[test]
    fn ratios_compare_the_same_round() {
        assert_eq!(ratios(&[1.0, 9.0], &[2.0, 3.0]), [0.5, 3.0]);
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!(ratios(&[1.0], &[0.0]), [0.0; 0]);
        assert_eq!(ratio_of_medians(&[1.0], &[0.0]), None);
    }

    #[test]
    fn each_round_begins_with_another_one() {
        let order = |round| rotated(&['a', 'b', 'c'], round).collect::<String>();
        assert_eq!((order(0), order(1), order(5)), ("abc".to_owned(), "bca".to_owned(), "cab".to_owned()));
        assert_eq!(rotated::<u8>(&[], 3).count(), 0);
    }
}
