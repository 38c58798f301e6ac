//! Who wants to hear of what?

use std::path::PathBuf;

use http::Uri;
use serde::Deserialize;

use crate::notification::NotificationKind;
use crate::template::Template;

/// All who want to hear.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Each of them.
    pub targets: Vec<Target>,
}

/// One webhook.
#[derive(Debug, Clone)]
pub struct Target {
    /// What messages about it call it; its address is a secret.
    pub name: String,
    /// How it wants to be told.
    pub format: Format,
    /// What it wants to hear of.
    pub on: Vec<NotificationKind>,
    /// Its address.
    pub address: Address,
    /// In which words.
    pub template: Template,
}

/// The body that a webhook reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `{"text": …}`, as Slack and those who speak like it read it.
    Slack,
    /// What happened, field by field, and the text.
    Json,
}

/// Where a webhook is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// In the settings themselves.
    Plain(Uri),
    /// In a file, such as a mounted Secret; it is read for each message.
    File(PathBuf),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    name: String,
    format: Format,
    #[serde(default = "everything")]
    on: Vec<NotificationKind>,
    url: Option<String>,
    url_file: Option<PathBuf>,
    template: Option<String>,
}

fn everything() -> Vec<NotificationKind> {
    vec![NotificationKind::Notice, NotificationKind::Reaped, NotificationKind::Blind, NotificationKind::Kept]
}

impl Settings {
    /// Reads a JSON list of `{name, format, on, url | urlFile, template}`.
    ///
    /// # Errors
    /// Everything that is wrong with it, one line each.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let written: Vec<Written> = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| format!("{}: {}", error.path(), error.inner()))?;
        let (mut targets, mut problems) = (Vec::new(), Vec::new());
        for (index, written) in written.into_iter().enumerate() {
            match target(written) {
                Ok(target) => targets.push(target),
                Err(found) => problems.extend(found.into_iter().map(|problem| format!("[{index}]: {problem}"))),
            }
        }
        if problems.is_empty() { Ok(Self { targets }) } else { Err(problems.join("\n")) }
    }
}

fn target(written: Written) -> Result<Target, Vec<String>> {
    let address = match (written.url, written.url_file) {
        (Some(url), None) => address(&url).map(Address::Plain),
        (None, Some(file)) => Ok(Address::File(file)),
        _ => Err("exactly one of url and urlFile says where it is".to_owned()),
    };
    let template = match &written.template {
        None => Ok(Template::default()),
        Some(template) => Template::parse(template).map_err(|error| format!("template: {error}")),
    };
    match (address, template) {
        (Ok(address), Ok(template)) => {
            Ok(Target { name: written.name, format: written.format, on: written.on, address, template })
        }
        (address, template) => Err(address.err().into_iter().chain(template.err()).collect()),
    }
}

/// Reads an address; no message shows it.
///
/// # Errors
/// When it is none to which a message can be sent.
pub fn address(text: &str) -> Result<Uri, String> {
    let wrong = || "its address must be a URL that begins with https:// or http://".to_owned();
    let uri: Uri = text.trim().parse().map_err(|_| wrong())?;
    let reachable =
        matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some_and(|host| !host.is_empty());
    if reachable { Ok(uri) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(text: &str, expected: &[&str]) {
        let error = Settings::parse(text).unwrap_err();
        for part in expected {
            assert!(error.contains(part), "{error}");
        }
        assert!(!error.contains("SECRET"), "{error}");
    }

    #[test]
    fn nothing_written_means_nobody_is_told() {
        assert!(Settings::parse("").unwrap().targets.is_empty());
        assert!(Settings::parse("[]").unwrap().targets.is_empty());
    }

    #[test]
    fn a_webhook_hears_of_everything_unless_it_says_otherwise() {
        let text = r#"[{"name": "team", "format": "slack", "urlFile": "/etc/hook"},
                       {"name": "log", "format": "json", "url": "http://log.example.com/x", "on": ["reaped"]}]"#;
        let targets = Settings::parse(text).unwrap().targets;
        assert_eq!(targets.iter().map(|target| target.on.len()).collect::<Vec<_>>(), [4, 1]);
        assert_eq!(targets[0].address, Address::File("/etc/hook".into()));
    }

    #[test]
    fn every_problem_is_told_at_once_and_no_address_is_shown() {
        let text = r#"[{"name": "a", "format": "slack"},
                       {"name": "b", "format": "json", "url": "hooks.example.com/SECRET", "template": "{{ slot"},
                       {"name": "c", "format": "json", "url": "https://x", "urlFile": "y"}]"#;
        check_error(
            text,
            &["[0]: exactly one of", "[1]: its address must be a URL", "[1]: template:", "[2]: exactly one"],
        );
        check_error(r#"[{"name": "a", "format": "teams", "url": "https://x"}]"#, &["format", "teams"]);
        check_error(r#"[{"name": "a", "format": "json", "url": "https://x", "to": "me"}]"#, &["to"]);
        check_error(r#"[{"name": "a", "format": "json", "url": "https://x", "on": ["reap"]}]"#, &["on[0]", "reap"]);
    }
}
