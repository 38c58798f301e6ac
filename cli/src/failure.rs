//! What went wrong, in words that a person can act on, and with which exit code?

use std::io::Write as _;
use std::process::ExitCode;

use hotdesk_slots::text::sanitize;

/// Why a command did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// Somebody else holds it, the server denied it, or it failed.
    #[error("{0}")]
    Refused(String),
    /// Something is typed wrong.
    #[error("{0}")]
    Usage(String),
    /// There is no cluster to ask, or no hotdesk in it.
    #[error("{0}")]
    NoCluster(String),
    /// The object changed since it was read; read it again.
    #[error("somebody else changed the slot at the same time, again and again: try once more")]
    Conflict,
}

impl Failure {
    /// What a request's error means. `tried` completes "may not …" and "cannot …".
    pub(crate) fn of(tried: &str, server: &str, error: &kube::Error) -> Self {
        let kube::Error::Api(status) = error else {
            return Self::NoCluster(unreachable(server, error));
        };
        let message = sanitize(&status.message);
        match status.code {
            401 => Self::NoCluster(format!(
                "the cluster at {server} does not know you: log in to it again (kubectl auth whoami shows whether it worked)"
            )),
            403 => Self::Refused(denied(tried, &message)),
            // A 404 for a named object is told apart by its details; this one is for the whole kind.
            404 if status.details.as_ref().is_none_or(|d| d.name.is_empty()) => Self::NoCluster(format!(
                "hotdesk is not installed in the cluster at {server}: it knows no slots.hotdesk.dev. \
                 The people who run the cluster install it with: helm install hotdesk charts/hotdesk -n hotdesk --create-namespace"
            )),
            409 => Self::Conflict,
            _ => Self::Refused(format!("cannot {tried}: {message}")),
        }
    }

    /// Prints itself, and says how the process ends.
    pub(crate) fn report(&self) -> ExitCode {
        let red = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
        // Where even this cannot be written, the exit code is all that is left.
        let _unwritable = writeln!(anstream::stderr(), "{red}error:{red:#} {self}");
        ExitCode::from(self.code())
    }

    /// The exit code, as `--help` documents it.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Conflict => 1,
            Self::Usage(_) => 2,
            Self::NoCluster(_) => 3,
        }
    }
}

/// Prints what clap says: help and version to standard output, the rest to standard error.
pub(crate) fn misused(error: &clap::Error) -> ExitCode {
    let _unwritable = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// The words of the part that denied it, without what the layers between put around them.
fn denied(tried: &str, message: &str) -> String {
    let by_admission = ["denied the request: ", "denied request: "];
    match by_admission.iter().find_map(|mark| message.split_once(mark)) {
        Some((_around, words)) => words.to_owned(),
        None => format!(
            "Kubernetes does not let you {tried}: {message}. Ask the people who run the cluster for that right (RBAC)"
        ),
    }
}

fn unreachable(server: &str, error: &kube::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let cause = sanitize(&cause.to_string());
    match error {
        kube::Error::Auth(_) => format!("cannot log in to the cluster at {server}: {cause}"),
        kube::Error::SerdeError(_) => format!("the answer of the cluster at {server} cannot be read: {cause}"),
        _ => format!(
            "the cluster at {server} cannot be reached: {cause}. Is this the right context, and is the network or VPN up?"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    fn api(code: u16, message: &str) -> Failure {
        let status = Status { code, message: message.to_owned(), ..Status::default() };
        Failure::of("claim slots in mew", "https://cluster", &kube::Error::Api(Box::new(status)))
    }

    #[test]
    fn a_denial_is_shown_in_the_words_of_who_denied() {
        let words = "slot \"mew\" is held by bob@example.com";
        for around in [
            "admission webhook \"slots.hotdesk.dev\" denied the request: ",
            "slots.hotdesk.dev \"slot\" is forbidden: ValidatingAdmissionPolicy 'a' with binding 'a' denied request: ",
        ] {
            assert_eq!(api(403, &format!("{around}{words}")), Failure::Refused(words.to_owned()));
        }
    }

    #[test]
    fn each_failure_says_what_to_do_and_ends_with_its_exit_code() {
        for (code, message, says, exit) in [
            (401, "Unauthorized", "log in", 3),
            (403, "slots.hotdesk.dev is forbidden: User \"bob\" cannot patch", "Ask the people who run the cluster", 1),
            (404, "404 page not found", "helm install hotdesk", 3),
            (409, "the object has been modified", "try once more", 1),
            (500, "etcd is away", "etcd is away", 1),
        ] {
            let failure = api(code, message);
            assert!(failure.to_string().contains(says), "{code}: {failure}");
            assert_eq!(failure.code(), exit, "{code}");
        }
    }

    #[test]
    fn what_a_server_says_cannot_harm_the_terminal() {
        let failure = api(403, "webhook denied the request: \u{1b}]0;owned\u{7}");
        assert!(!failure.to_string().contains('\u{1b}'), "{failure:?}");
    }
}
