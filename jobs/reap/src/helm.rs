//! How is helm run? As a program with arguments, never through a shell, and never forever.
//!
//! What it wrote down about a release: `record` reads and writes that, `release` says what is known of it, and `manifest` what
//! its objects are and which of them stay (`yaml` reads a document of it).

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use hotdesk_slots::text::{sanitize, sanitize_short};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::process::Command;

use crate::args::Args;
use crate::helm::release::{Driver, Release};

pub mod manifest;
pub mod record;
pub mod release;
mod yaml;

/// What helm gets on top of its own time limit, which does not count every request that it makes.
const GRACE: Duration = Duration::from_secs(60);

/// The most signs of one line of helm's errors that are told on.
const MAX_SAID: usize = 400;

/// How long helm may take to say which version it is.
const VERSION_LIMIT: Duration = Duration::from_secs(30);

/// helm, for one namespace.
#[derive(Debug)]
pub struct Helm {
    program: PathBuf,
    namespace: String,
    timeout: SignedDuration,
    revive_timeout: SignedDuration,
    /// The image's root file system is read-only, and helm wants to write caches.
    home: TempDir,
}

/// Why helm did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HelmError {
    /// It did not even begin.
    #[error("{0}")]
    NotRun(String),
    /// It began, and failed.
    #[error("{0}")]
    Failed(String),
}

impl Helm {
    /// Prepares helm.
    ///
    /// # Errors
    /// When there is no place for its caches.
    pub fn new(args: &Args, namespace: &str) -> anyhow::Result<Self> {
        let home =
            TempDir::with_prefix("hotdesk-helm-").context("no directory for helm's caches: mount one at /tmp")?;
        Ok(Self {
            program: args.helm.clone(),
            namespace: namespace.to_owned(),
            timeout: args.uninstall_timeout,
            revive_timeout: args.undo.revive_timeout,
            home,
        })
    }

    /// Asks helm for its version, and so whether it works at all.
    ///
    /// # Errors
    /// When it cannot be run, or is neither version 3 nor 4.
    pub async fn version(&self) -> Result<String, HelmError> {
        let mut command = self.command();
        command.args(["version", "--short"]);
        let output = self.run(command, VERSION_LIMIT).await?;
        let version = sanitize_short(String::from_utf8_lossy(&output.stdout).trim());
        let known = version.starts_with("v3.") || version.starts_with("v4.");
        if known {
            Ok(version)
        } else {
            Err(HelmError::NotRun(format!("helm must be version 3 or 4, and says \"{version}\"")))
        }
    }

    /// When an uninstall that begins now has ended, one way or the other.
    #[must_use]
    pub fn done_by(&self, now: Timestamp) -> Timestamp {
        now.checked_add(self.timeout).and_then(|end| end.checked_add(GRACE)).unwrap_or(Timestamp::MAX)
    }

    /// Uninstalls a release, with its hooks or without, and waits until its objects are gone.
    ///
    /// # Errors
    /// When helm cannot be run, says that it failed, or takes too long.
    pub async fn uninstall(&self, release: &Release, reason: &str, hooks: bool) -> Result<(), HelmError> {
        let limit = format!("{}s", self.timeout.as_secs().max(1));
        let mut command = self.command();
        command.env("HELM_DRIVER", release.driver.as_str());
        command.args([
            "uninstall",
            "--namespace",
            &self.namespace,
            "--wait",
            "--timeout",
            &limit,
            "--description",
            reason,
        ]);
        if !hooks {
            command.arg("--no-hooks");
        }
        command.args(["--", &release.name]);
        // Without it helm says that an uninstall failed, and not why.
        command.env("HELM_DEBUG", "true");
        let limit = Duration::try_from(self.timeout).unwrap_or(VERSION_LIMIT) + GRACE;
        let output = self.run(command, limit).await.map_err(unbegun)?;
        tell(&release.name, &output);
        Ok(())
    }

    /// Makes the objects of a recorded revision, with its hooks or without, and waits until they are ready.
    ///
    /// # Errors
    /// When helm cannot be run, says that it failed, or takes too long.
    pub async fn rollback(&self, name: &str, revision: i64, driver: Driver, hooks: bool) -> Result<(), HelmError> {
        let limit = format!("{}s", self.revive_timeout.as_secs().max(1));
        let mut command = self.command();
        command.env("HELM_DRIVER", driver.as_str());
        command.args(["rollback", "--namespace", &self.namespace, "--wait", "--timeout", &limit]);
        if !hooks {
            command.arg("--no-hooks");
        }
        command.args(["--", name, &revision.to_string()]);
        let limit = Duration::try_from(self.revive_timeout).unwrap_or(VERSION_LIMIT) + GRACE;
        let output = self.run(command, limit).await?;
        tell(name, &output);
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        let home = self.home.path();
        command.env("HOME", home);
        for (variable, place) in [
            ("HELM_CACHE_HOME", "cache"),
            ("HELM_CONFIG_HOME", "config"),
            ("HELM_DATA_HOME", "data"),
            ("HELM_PLUGINS", "plugins"),
        ] {
            command.env(variable, home.join(place));
        }
        // What helm keeps there of the API, nobody would ever read; a directory that cannot be made spares writing it.
        command.env("KUBECACHEDIR", "/dev/null/none");
        // What else helm would take from the environment could point it at another place.
        for variable in ["HELM_NAMESPACE", "HELM_DRIVER", "HELM_KUBECONTEXT", "HELM_DEBUG"] {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn run(&self, mut command: Command, limit: Duration) -> Result<Output, HelmError> {
        let program = self.program.display();
        let child =
            command.spawn().map_err(|e| HelmError::NotRun(format!("{program} cannot be run: {e}; set --helm")))?;
        let output = tokio::time::timeout(limit, child.wait_with_output()).await;
        let output = output
            .map_err(|_| HelmError::Failed(format!("helm took longer than {} s and was ended", limit.as_secs())))?;
        let output = output.map_err(|e| HelmError::Failed(format!("helm cannot be waited for: {e}")))?;
        if output.status.success() { Ok(output) } else { Err(HelmError::Failed(said(&output))) }
    }
}

fn tell(release: &str, output: &Output) {
    for line in String::from_utf8_lossy(&output.stdout).lines().filter(|line| !line.trim().is_empty()) {
        tracing::info!(release, "helm: {}", sanitize_short(line));
    }
}

/// A release that another run or a person has uninstalled already was not begun here.
fn unbegun(error: HelmError) -> HelmError {
    match error {
        HelmError::Failed(why) if why.contains("not loaded") && why.contains("release: not found") => {
            HelmError::NotRun(why)
        }
        other => other,
    }
}

/// The end of a line says what was wrong, its beginning with what: of a long one, both are kept.
fn shortened(line: &str) -> String {
    let signs: Vec<char> = sanitize(line).chars().collect();
    if signs.len() <= MAX_SAID {
        return signs.into_iter().collect();
    }
    let (start, rest) = signs.split_at(MAX_SAID / 2);
    let end = rest.iter().skip(rest.len() - MAX_SAID / 2);
    start.iter().chain(&['…']).chain(end).collect()
}

/// What helm says of its own working, not to people.
fn is_chatter(line: &str) -> bool {
    line.contains("[debug]") || line.contains("level=DEBUG") || line.starts_with("helm.sh/")
}

/// Why an uninstall failed. helm says that in its debugging log alone: helm 3 after a colon, helm 4 as an attribute.
fn cause(text: &str) -> Option<&str> {
    let (_, cause) = text.lines().find_map(|line| line.split_once("Failed to delete release"))?;
    let cause = cause.trim_start_matches(['"', ':', ' ']).trim_start_matches("error=").trim_matches('"').trim();
    (!cause.is_empty()).then_some(cause)
}

/// Why helm failed: its error, which may take several lines.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let error = lines.iter().position(|line| line.starts_with("Error:")).unwrap_or(lines.len().saturating_sub(3));
    let told = lines.iter().skip(error).take_while(|line| !is_chatter(line)).take(3);
    let said: Vec<String> = told.chain(&cause(&text)).map(|line| shortened(line.trim_end_matches('.'))).collect();
    let said = if said.is_empty() { "it does not say why".to_owned() } else { said.join("; ") };
    format!("helm failed ({}): {said}", output.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_error_both_ends_are_kept() {
        assert_eq!(shortened("short\u{7}"), "short\u{fffd}");
        let long = shortened(&format!("begins{}ends", "x".repeat(1000)));
        assert!(long.starts_with("begins") && long.ends_with("ends") && long.contains('…'), "{long}");
        assert_eq!(long.chars().count(), MAX_SAID + 1);
    }

    #[track_caller]
    fn check_said(stderr: &str, expected: &str) {
        let status = std::os::unix::process::ExitStatusExt::from_raw(256);
        let output = Output { status, stdout: vec![], stderr: stderr.as_bytes().to_vec() };
        assert_eq!(said(&output), format!("helm failed (exit status: 1): {expected}"));
    }

    #[test]
    fn the_cause_of_a_failed_uninstall_is_found_where_helm_hides_it() {
        check_said("Error: release: already exists.\n", "Error: release: already exists");
        check_said(
            "uninstall.go:103: [debug] uninstall: Deleting web\n\
             uninstall.go:125: [debug] uninstall: Failed to delete release: [Internal error: failed calling webhook \"x\"]\n\
             Error: failed to delete release: web\nhelm.go:92: [debug] failed to delete release: web\nhelm.sh/helm/v3/x\n",
            "Error: failed to delete release: web; [Internal error: failed calling webhook \"x\"]",
        );
        check_said(
            "level=DEBUG msg=\"uninstall: Failed to delete release\" error=\"[Internal error: failed calling webhook]\"\n\
             Error: failed to delete release: web\n",
            "Error: failed to delete release: web; [Internal error: failed calling webhook]",
        );
        check_said("", "it does not say why");
    }

    #[test]
    fn a_release_that_is_not_there_was_not_begun() {
        let failed = |why: &str| HelmError::Failed(format!("helm failed (exit status: 1): Error: {why}"));
        let not_there = failed("uninstall: Release not loaded: web: release: not found");
        assert!(matches!(unbegun(not_there), HelmError::NotRun(_)));
        for other in [failed("context deadline exceeded"), failed("failed to purge the release: release: not found")] {
            assert_eq!(unbegun(other.clone()), other);
        }
    }
}
