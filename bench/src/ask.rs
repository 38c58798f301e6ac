//! Does a server answer rightly? One review, asked once, before anything is measured.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::programs::output;
use crate::reviews::{Question, UID};

/// What a server on loopback answers to the review in this file.
///
/// # Errors
/// If it does not answer with 200.
pub fn ask(url: &str, body: &Path) -> anyhow::Result<String> {
    let mut curl = Command::new("curl");
    // As wrk, it does not ask whose certificate it is shown: both speak to a port that this run has opened.
    curl.args(["--silent", "--show-error", "--fail-with-body", "--insecure", "--noproxy", "*", "--max-time", "30"])
        .args(["--header", "Content-Type: application/json", "--header", "Expect:", "--data-binary"])
        .arg(format!("@{}", body.display()))
        .arg(url);
    output(&mut curl).with_context(|| format!("{url}, asked {}", body.display()))
}

/// Asks, and fails unless the answer is the right one.
///
/// # Errors
/// If it is allowed or denied wrongly, or stamped wrongly.
pub fn check(url: &str, question: Question, body: &Path) -> anyhow::Result<()> {
    let answer = ask(url, body)?;
    judge(question, &answer).with_context(|| format!("{url} answers {} wrongly: {answer}", question.name()))
}

fn judge(question: Question, answer: &str) -> anyhow::Result<()> {
    let answer: Value = serde_json::from_str(answer)?;
    let response = answer.get("response").context("no response")?;
    let text = |key| response.get(key).and_then(Value::as_str).unwrap_or_default();
    ensure!(text("uid") == UID, "another request's uid");
    let allowed = response.get("allowed").and_then(Value::as_bool).context("neither allowed nor denied")?;
    ensure!(allowed == (question != Question::Deny), "allowed: {allowed}");
    let patch = String::from_utf8(STANDARD.decode(text("patch"))?)?;
    match question {
        // Go's webhooks send a patch that says nothing.
        Question::Gate | Question::Deny => ensure!(["", "[]", "null"].contains(&patch.as_str()), "patched: {patch}"),
        Question::Stamp => ensure!(patch.contains("hotdesk.dev"), "not stamped: {patch}"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(question: Question, response: &str, right: bool) {
        let answer = format!(r#"{{"response":{{"uid":"{UID}",{response}}}}}"#);
        assert_eq!(judge(question, &answer).is_ok(), right, "{question:?}: {response}");
    }

    #[test]
    fn only_right_answers_are_measured() {
        let patch = STANDARD.encode(r#"[{"op":"add","path":"/metadata/labels","value":{"hotdesk.dev/slot":"a"}}]"#);
        let stamped = format!(r#""allowed":true,"patchType":"JSONPatch","patch":"{patch}""#);
        check(Question::Gate, r#""allowed":true"#, true);
        check(Question::Gate, r#""allowed":false"#, false);
        check(Question::Gate, &stamped, false);
        check(Question::Deny, r#""allowed":false,"status":{"code":403}"#, true);
        check(Question::Deny, r#""allowed":true"#, false);
        check(Question::Stamp, &stamped, true);
        check(Question::Stamp, r#""allowed":true"#, false);
        check(Question::Stamp, r#""status":{}"#, false);
    }

    #[test]
    fn an_answer_to_another_request_is_none() {
        judge(Question::Gate, r#"{"response":{"uid":"another","allowed":true}}"#).unwrap_err();
    }
}
