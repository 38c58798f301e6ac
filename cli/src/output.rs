//! How is a result written, for people and for machines?

use std::io::Write as _;

use serde::Serialize;

use crate::args::Form;
use crate::failure::Failure;

/// Writes to standard output. Colours go to terminals only, and not where NO_COLOR is set.
///
/// # Errors
/// When the reader is gone, or there is no room.
pub(crate) fn show(text: &str) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// The value as JSON or YAML; none for the forms that people read.
///
/// # Errors
/// When it cannot be written, which no value of ours should cause.
pub(crate) fn machine<T: Serialize>(value: &T, form: Form) -> Result<Option<String>, Failure> {
    let text = match form {
        Form::Table | Form::Wide | Form::Csv => return Ok(None),
        Form::Json => serde_json::to_string_pretty(value).map(|json| json + "\n").map_err(|e| e.to_string()),
        Form::Yaml => serde_saphyr::to_string(value).map_err(|e| e.to_string()),
    };
    text.map(Some).map_err(|e| Failure::Refused(format!("cannot write the output: {e}")))
}
