//! How does a text become a table? CSV, as spreadsheets save it.

use crate::cells::{Line, Table};

/// Reads the bytes of a CSV file, with commas, semicolons or tabs, as spreadsheets save it.
///
/// # Errors
/// What is wrong, and how to save it.
pub fn parse(bytes: &[u8]) -> Result<Table, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("it is not UTF-8 (byte {}): save it as \"CSV UTF-8\"", error.valid_up_to() + 1))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\0') {
        return Err("it is UTF-16, or not a text: save it as \"CSV UTF-8\"".to_owned());
    }
    // With one quote too many, all rows after it would be taken for one cell, and their slots for released.
    if text.matches('"').count() % 2 == 1 {
        return Err("its quotes do not come in pairs: a cell with a quote in it is \"written \"\"so\"\"\"".to_owned());
    }
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes());
    let (mut lines, mut counted, mut number) = (Vec::new(), 0, 1);
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        // The reader counts neither empty lines nor carriage returns as an editor does.
        let start =
            record.position().map_or(counted, |at| first_of(text, usize::try_from(at.byte()).unwrap_or(counted)));
        number += breaks(text.get(counted..start).unwrap_or_default());
        counted = start;
        lines.push(Line { number, cells: record.iter().map(str::to_owned).collect() });
    }
    Ok(Table { lines })
}

/// Lines that end in `\n`, `\r\n`, or, as old spreadsheets save them, in `\r` alone.
fn breaks(text: &str) -> usize {
    text.matches(['\n', '\r']).count() - text.matches("\r\n").count()
}

/// Where the row begins, behind the line breaks before it.
fn first_of(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + (rest.len() - rest.trim_start_matches(['\r', '\n']).len())
}

/// The header tells: spreadsheets of half the world save semicolons.
fn delimiter(text: &str) -> u8 {
    let header = text.split(['\n', '\r']).find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |sign: u8| header.bytes().filter(|byte| *byte == sign).count();
    [b';', b'\t'].into_iter().filter(|sign| count(*sign) > count(b',')).max_by_key(|sign| count(*sign)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &[u8], expected: &[(usize, &[&str])]) {
        let table = parse(text).unwrap();
        let lines: Vec<(usize, Vec<&str>)> =
            table.lines.iter().map(|line| (line.number, line.cells.iter().map(String::as_str).collect())).collect();
        let expected: Vec<(usize, Vec<&str>)> = expected.iter().map(|(n, cells)| (*n, cells.to_vec())).collect();
        assert_eq!(lines, expected, "{}", String::from_utf8_lossy(text));
    }

    #[test]
    fn commas_semicolons_and_tabs_are_all_csv() {
        for text in
            ["Slot,Users\nmew,\"alice, bob\"\n", "Slot;Users\r\nmew;alice, bob\r\n", "Slot\tUsers\nmew\talice, bob"]
        {
            check(text.as_bytes(), &[(1, &["Slot", "Users"]), (2, &["mew", "alice, bob"])]);
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_header() {
        check("\u{feff}Slot,Users\n".as_bytes(), &[(1, &["Slot", "Users"])]);
    }

    #[test]
    fn rows_have_the_numbers_of_their_lines() {
        check(
            b"Slot,Users\n\nmew,alice\n,,,\nabra\n",
            &[(1, &["Slot", "Users"]), (3, &["mew", "alice"]), (4, &["", "", "", ""]), (5, &["abra"])],
        );
        for end in ["\n", "\r\n", "\r"] {
            let text = ["Slot,Users", "", "mew,\"alice", "bob\"", "abra,carol", ""].join(end);
            let cell = format!("alice{end}bob");
            check(text.as_bytes(), &[(1, &["Slot", "Users"]), (3, &["mew", &cell]), (5, &["abra", "carol"])]);
        }
        check("a,\"żółw\n\"\"x\"\"\"\nb".as_bytes(), &[(1, &["a", "żółw\n\"x\""]), (3, &["b"])]);
    }

    #[test]
    fn what_cannot_be_trusted_is_refused() {
        let latin = b"Slot,Users\nmew,m\xfcller\n";
        assert!(parse(latin).unwrap_err().contains("not UTF-8 (byte 17)"), "{:?}", parse(latin));
        let open = b"Slot,Users\nmew,\"alice\nabra,bob\n";
        assert!(parse(open).unwrap_err().contains("do not come in pairs"));
        assert!(parse(b"S\0l\0o\0t\0,\0U\0").unwrap_err().contains("it is UTF-16"));
        assert_eq!(parse(b"").unwrap(), Table::default());
    }
}
