//! Which day does a text mean?

use jiff::civil::{Date, Weekday};

use super::Fault;

/// The years in which a claim can end. Spreadsheets make 1899 of an empty date, and 1930 of the year 30.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2199;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

/// A number as it is written: `01` is another text than `1`, and only four digits are a year.
#[derive(Debug, Clone, Copy)]
struct Number<'a>(&'a str);

/// A text, taken apart.
#[derive(Debug, Default)]
struct Parts<'a> {
    weekday: Option<Weekday>,
    numbers: Vec<Number<'a>>,
    /// Each month that is named, and how many numbers stand before it.
    months: Vec<(i8, usize)>,
    /// The signs before each number and behind the last, since the number or word before.
    gaps: Vec<String>,
}

/// Reads a day.
pub(super) fn day(text: &str) -> Result<Date, Fault> {
    let parts = Parts::of(text).ok_or(Fault::Unknown)?;
    let date = match (parts.months.as_slice(), parts.numbers.as_slice()) {
        ([], [first, second, third]) => numeric(*first, *second, *third, parts.separator())?,
        ([(month, before)], [first, second]) => named(*month, *before, *first, *second)?,
        ([], [first, second]) if first.is_year() || second.is_year() => return Err(Fault::NoDayNamed),
        ([_], [only]) if only.is_year() => return Err(Fault::NoDayNamed),
        ([], [_, _]) | ([_], [_]) => return Err(Fault::NoYearNamed),
        _ => return Err(Fault::Unknown),
    };
    match parts.weekday {
        Some(weekday) if weekday != date.weekday() => Err(Fault::OtherWeekday),
        _ => Ok(date),
    }
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (mut parts, mut rest, mut gap) = (Self::default(), text, String::new());
        while let Some(first) = rest.chars().next() {
            let is_digit = first.is_ascii_digit();
            let same = |c: char| if is_digit { c.is_ascii_digit() } else { c.is_alphabetic() };
            let length = rest.find(|c| !same(c)).unwrap_or(rest.len());
            if length == 0 {
                if !matches!(first, ' ' | ',' | '.' | '-' | '/' | '\'' | '’') {
                    return None;
                }
                gap.push(first);
                rest = rest.get(first.len_utf8()..)?;
                continue;
            }
            let (run, behind) = rest.split_at_checked(length)?;
            rest = behind;
            if is_digit {
                parts.gaps.push(std::mem::take(&mut gap));
                parts.numbers.push(Number(run));
            } else {
                parts.word(&run.to_lowercase(), gap.is_empty())?;
                gap.clear();
            }
        }
        parts.gaps.push(gap);
        parts.gaps.iter().all(|gap| gap.chars().count() <= 3).then_some(())?;
        // A minus before the first number would be part of it.
        (!text.starts_with(['-', '.', '/', ',', '\'', '’'])).then_some(parts)
    }

    /// Takes a word, if it may stand in a date.
    fn word(&mut self, word: &str, follows: bool) -> Option<()> {
        let begins = self.numbers.is_empty() && self.months.is_empty();
        let short = |name: &str| name == word || (word.len() >= 3 && word.len() <= 5 && name.starts_with(word));
        let month = MONTHS.iter().position(|name| short(name)).and_then(|at| i8::try_from(at + 1).ok());
        let weekday = WEEKDAYS.iter().find(|(name, _)| short(name)).map(|(_, weekday)| *weekday);
        match (month, weekday, word) {
            (Some(month), ..) => self.months.push((month, self.numbers.len())),
            (None, Some(weekday), _) if begins && self.weekday.is_none() => self.weekday = Some(weekday),
            (None, None, "st" | "nd" | "rd" | "th") if follows && !begins => {}
            (None, None, "of") if !begins => {}
            _ => return None,
        }
        Some(())
    }

    /// The sign between all numbers, if it is one and the same.
    fn separator(&self) -> Option<char> {
        let [_, first, second, last] = self.gaps.as_slice() else { return None };
        let (first, second) = (first.trim(), second.trim());
        let sign = first.chars().next().filter(|sign| matches!(sign, '-' | '/' | '.'))?;
        (first == second && first.len() == 1 && last.is_empty()).then_some(sign)
    }
}

impl Number<'_> {
    fn is_year(self) -> bool {
        self.0.len() == 4
    }

    fn is_short(self) -> bool {
        self.0.len() <= 2
    }

    fn value(self) -> Result<i16, Fault> {
        self.0.parse().map_err(|_| Fault::Unknown)
    }
}

/// `2027-12-01`, `01.12.2027`, `31/12/2027`
fn numeric(first: Number<'_>, second: Number<'_>, third: Number<'_>, sign: Option<char>) -> Result<Date, Fault> {
    if ![first, second, third].into_iter().any(Number::is_year) {
        return Err(Fault::ShortYear);
    }
    let sign = sign.ok_or(Fault::Unknown)?;
    if first.is_year() && second.is_short() && third.is_short() {
        return date(first, second.value()?, third.value()?);
    }
    if !(third.is_year() && first.is_short() && second.is_short()) {
        return Err(Fault::Unknown);
    }
    let (one, other) = (first.value()?, second.value()?);
    match (sign, one <= 12, other <= 12) {
        // With dots the day always stands first.
        ('.', ..) => date(third, other, one),
        (_, true, true) if one != other => Err(Fault::TwoWays),
        (_, true, false) => date(third, one, other),
        _ => date(third, other, one),
    }
}

/// `1 Dec 2027`, `Dec 1, 2027`, `2027 Dec 1`
fn named(month: i8, before: usize, first: Number<'_>, second: Number<'_>) -> Result<Date, Fault> {
    match (first.is_year(), second.is_year(), before) {
        (false, false, _) => Err(Fault::ShortYear),
        (false, true, 0 | 1) if first.is_short() => date(second, month.into(), first.value()?),
        (true, false, 1) if second.is_short() => date(first, month.into(), second.value()?),
        _ => Err(Fault::Unknown),
    }
}

fn date(year: Number<'_>, month: i16, day: i16) -> Result<Date, Fault> {
    let year = checked_year(year.value()?)?;
    let (month, day) = (i8::try_from(month), i8::try_from(day));
    let (Ok(month), Ok(day)) = (month, day) else { return Err(Fault::NoSuchDay) };
    Date::new(year, month, day).map_err(|_| Fault::NoSuchDay)
}

/// The year, if a claim can end in it.
pub(super) fn checked_year(year: i16) -> Result<i16, Fault> {
    if YEARS.contains(&year) { Ok(year) } else { Err(Fault::FarYear(year)) }
}
