//! How is something told to a workflow of GitHub?
//!
//! A workflow reads lines: of `$GITHUB_ENV` and `$GITHUB_OUTPUT`, and `::command::` lines of what a step
//! prints. A line break inside a value would be a line of the writer's own making, so none gets there.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use hotdesk_slots::text::{is_harmful, sanitize_short};

/// `KEY=value` lines; good for a shell too, for no value holds more than a host may.
///
/// # Errors
/// A value that could be read as something else than one value.
pub(super) fn assignments(pairs: &[(&'static str, &str)]) -> Result<String, String> {
    let mut lines = String::new();
    for (key, value) in pairs {
        let simple = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        if value.is_empty() || !value.chars().all(simple) {
            return Err(format!(
                "{key} would be \"{}\", which is neither a namespace nor a host",
                sanitize_short(value)
            ));
        }
        lines.push_str(&format!("{key}={value}\n"));
    }
    Ok(lines)
}

/// Adds lines to a file that other steps and tools write too.
///
/// # Errors
/// Why it cannot be written.
pub(super) fn append(file: &Path, lines: &str) -> std::io::Result<()> {
    // One write: what others add at the same moment cannot come between.
    OpenOptions::new().append(true).create(true).open(file)?.write_all(lines.as_bytes())
}

/// `::notice::…`: a line that GitHub shows on the page of the run.
pub(super) fn annotation(kind: &str, message: &str) -> String {
    let message: String = message.chars().map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect();
    // GitHub's own escape, and an older form of commands that it finds anywhere in a line.
    let message = message.replace('%', "%25").replace("##[", "# #[");
    format!("::{kind} title=hotdesk::{message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_one_a_line() {
        let lines = assignments(&[("KUBE_NAMESPACE", "mew"), ("HOST", "mew.dev.example.com")]);
        assert_eq!(lines.unwrap(), "KUBE_NAMESPACE=mew\nHOST=mew.dev.example.com\n");
    }

    #[test]
    fn nothing_can_be_slipped_into_the_environment() {
        for value in ["", "a\nPATH=/tmp", "a\rB=c", "$(id)", "a b", "a;b", "a<<EOF", "`id`", "\u{1b}[31m", "a\u{2028}b"]
        {
            let message = assignments(&[("HOST", value)]).unwrap_err();
            assert!(message.starts_with("HOST would be") && !message.contains('\n'), "{value:?}: {message:?}");
        }
    }

    #[test]
    fn an_annotation_is_one_command_and_no_other() {
        let said = annotation("notice", "100%\n::add-mask::x ##[add-mask]y");
        assert_eq!(said, "::notice title=hotdesk::100%25\u{fffd}::add-mask::x # #[add-mask]y");
    }

    #[test]
    fn what_others_wrote_stays() {
        let file = std::env::temp_dir().join(format!("hotdesk-github-{}", std::process::id()));
        std::fs::write(&file, "OTHER=1\n").unwrap();
        append(&file, "KUBE_NAMESPACE=mew\n").unwrap();
        let text = std::fs::read_to_string(&file);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(text.unwrap(), "OTHER=1\nKUBE_NAMESPACE=mew\n");
    }
}
