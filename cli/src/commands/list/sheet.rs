//! How do the slots look in a spreadsheet?

use jiff::Timestamp;

use crate::failure::Failure;
use crate::view::{Phase, SlotView};

/// The first of them are the columns that a sheet of claims has, so that this file is one.
const HEADER: [&str; 11] = [
    "Slot",
    "Users",
    "Purpose",
    "Until",
    "Keep until",
    "Host",
    "Groups",
    "Standing",
    "Last activity",
    "Verdict",
    "Reap at",
];

/// The slots as CSV.
///
/// # Errors
/// When it cannot be written, which no row of ours should cause.
pub(super) fn write(rows: &[SlotView]) -> Result<String, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written =
        writer.write_record(HEADER).and_then(|()| rows.iter().try_for_each(|view| writer.write_record(line(view))));
    let failed = |e: String| Failure::Refused(format!("cannot write the output: {e}"));
    written.map_err(|e| failed(e.to_string()))?;
    let bytes = writer.into_inner().map_err(|e| failed(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| failed(e.to_string()))
}

fn line(view: &SlotView) -> [String; 11] {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let phase = match view.phase {
        Phase::Free => "free",
        Phase::Lapsed => "lapsed",
        Phase::Held => "held",
    };
    [
        view.slot.clone(),
        view.users.join(", "),
        view.purpose.clone().unwrap_or_default(),
        time(view.until),
        time(view.keep_until),
        view.host.clone().unwrap_or_default(),
        view.groups.join(", "),
        phase.to_owned(),
        time(view.last_activity.as_ref().map(|seen| seen.time)),
        view.verdict.as_ref().map(|verdict| format!("{:?}", verdict.state)).unwrap_or_default(),
        time(view.reap_at),
    ]
    .map(|cell| disarmed(&cell))
}

/// A spreadsheet runs a cell that begins like a formula; an apostrophe makes it text.
fn disarmed(cell: &str) -> String {
    if cell.trim_start().starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::{claimed, slot};

    #[test]
    fn a_row_is_a_line_and_quotes_what_it_must() {
        let now = "2026-11-23T15:00:00Z".parse().unwrap();
        let mut mew = claimed("mew", "alice@example.com");
        let claim = mew.spec.claim.as_mut().unwrap();
        claim.users.push("bob".to_owned());
        claim.purpose = Some("=HYPERLINK(\"https://evil.example\",\"x\")".to_owned());
        let rows = [SlotView::of(&mew, None, now), SlotView::of(&slot("onix"), None, now)];
        assert_eq!(
            write(&rows).unwrap(),
            "Slot,Users,Purpose,Until,Keep until,Host,Groups,Standing,Last activity,Verdict,Reap at\n\
             mew,\"alice@example.com, bob\",\"'=HYPERLINK(\"\"https://evil.example\"\",\"\"x\"\")\",,,,,held,,,\n\
             onix,,,,,,,free,,,\n"
        );
    }

    #[test]
    fn no_cell_begins_as_a_formula() {
        for (cell, expected) in
            [("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), (" =1", "' =1"), ("a=1", "a=1"), ("", "")]
        {
            assert_eq!(disarmed(cell), expected);
        }
    }
}
