//! What does a CSV file hold?

use std::io::Read as _;
use std::path::Path;

use hotdesk_sheet::{Table, csv};

use crate::source::SourceError;

/// A thousand slots fit many times over.
const MAX_BYTES: u64 = 16 << 20;

/// Reads a file.
///
/// # Errors
/// When it cannot be read, or is not a CSV file that can be trusted.
pub fn read(path: &Path) -> Result<Table, SourceError> {
    let dry_run = path.display();
    let mut bytes = Vec::new();
    // A mounted ConfigMap is swapped, and for a moment there is none.
    let open = std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    open.map_err(|error| SourceError::transient(format!("{dry_run} cannot be read: {error}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(SourceError::Permanent(format!("{dry_run} is larger than {} MiB", MAX_BYTES >> 20)));
    }
    csv::parse(&bytes).map_err(|what| SourceError::Permanent(format!("{dry_run}: {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_may_come_back() {
        let gone = read("/nonexistent/slots.csv".as_ref()).unwrap_err();
        assert!(gone.is_transient() && gone.to_string().contains("/nonexistent/slots.csv cannot be read"), "{gone}");
    }
}
