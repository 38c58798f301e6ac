//! Where does a pod leave the sentence that `kubectl describe` shows once it has ended?

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use crate::text::cut;

/// Where the kubelet looks for the message, unless the pod says otherwise.
pub const LOG: &str = "/dev/termination-log";

/// The kubelet keeps this much of a message, in bytes.
pub const MAX: usize = 4096;

/// The exit code of wrong usage.
const USAGE: u8 = 2;

/// Leaves a message, cut to what the kubelet keeps. The kubelet makes the file; where there is none, nobody wants one.
pub fn leave(file: &Path, message: &str) {
    if !file.exists() {
        return;
    }
    let opened = OpenOptions::new().write(true).truncate(true).open(file);
    if let Err(error) = opened.and_then(|mut file| file.write_all(cut(message, MAX).as_bytes())) {
        tracing::warn!("cannot write the termination message to {}: {error}", file.display());
    }
}

/// Says that the flags cannot be read, to people and to Kubernetes, and how the process ends. Prints help and version too.
#[must_use]
pub fn misused(error: &clap::Error) -> ExitCode {
    let _unwritable = error.print();
    if error.use_stderr() {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        leave(LOG.as_ref(), &format!("Wrong usage: {first}"));
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_replaces_the_one_before_and_fits() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        leave(&file, "nobody asked for it");
        assert!(!file.exists(), "the kubelet makes the file");
        std::fs::write(&file, "x".repeat(5000)).unwrap();
        leave(&file, "mew is in use");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mew is in use");
        leave(&file, &"ü".repeat(4096));
        assert!(std::fs::read(&file).unwrap().len() <= MAX);
    }
}
