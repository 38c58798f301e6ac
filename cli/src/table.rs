//! How does a table look that people like to read?

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

/// One cell, and how it is set off.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell in plain type. An empty one is shown as a dash, so that a column never looks shifted.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() {
            Self { text: "-".to_owned(), style: Style::new().dimmed() }
        } else {
            Self { text, style: Style::new() }
        }
    }

    /// The same, set off.
    pub(crate) fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

/// Two spaces tell columns apart; lines would be noise in a terminal, and in a pipe.
const GAP: &str = "  ";

/// Lays out a header and rows, one line each, with as wide columns as they need.
pub(crate) fn render(header: &[&str], rows: &[Vec<Cell>]) -> String {
    let bold = Style::new().bold();
    let header: Vec<Cell> = header.iter().map(|title| Cell::new(*title).styled(bold)).collect();
    let lines: Vec<&[Cell]> = std::iter::once(header.as_slice()).chain(rows.iter().map(Vec::as_slice)).collect();
    let width = |column: usize| lines.iter().filter_map(|l| l.get(column)).map(|c| c.text.width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    for line in lines {
        for (i, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let last = i + 1 == line.len();
            let padding = if last { 0 } else { width - cell.text.width() };
            let gap = if last { "\n" } else { GAP };
            let style = cell.style;
            let _infallible = write!(text, "{style}{}{style:#}{:padding$}{gap}", cell.text, "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_in_every_script_and_under_colours() {
        let red = Style::new().fg_color(Some(anstyle::AnsiColor::Red.into()));
        let rows = vec![
            vec![Cell::new("mew"), Cell::new("日本").styled(red), Cell::new("x")],
            vec![Cell::new("mewtwo"), Cell::new(""), Cell::new("yy")],
        ];
        let shown = anstream::adapter::strip_str(&render(&["A", "B", "C"], &rows)).to_string();
        assert_eq!(shown, "A       B     C\nmew     日本  x\nmewtwo  -     yy\n");
    }
}
