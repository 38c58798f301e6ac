//! What does the API server get back?

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::review::{API_VERSION, KIND};

/// The answer to one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The request's own uid.
    pub uid: String,
    /// Why it is denied; absent if it is allowed.
    pub denial: Option<Denial>,
    /// What shall be changed, as the JSON of a JSON Patch. Never sent with a denial.
    pub patch: Option<Vec<u8>>,
    /// Shown by the client.
    pub warnings: Vec<String>,
    /// For the API server's audit log, which puts the webhook's name before each key.
    pub audit: Audit,
}

/// A denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// 403 for a decision, 400 for a request that cannot be read, 500 for an error of ours.
    pub code: u16,
    /// What the person reads.
    pub message: String,
}

/// What the audit log shall hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// The slot.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub slot: String,
    /// Its owner at that moment.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// The decision, and as whom or why not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub decision: String,
}

/// The end of a response, and of the review around it.
const CLOSING: &str = "}}";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
    #[serde(skip_serializing_if = "is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "is_default")]
    audit_annotations: &'a Audit,
}

#[derive(Serialize)]
struct Status<'a> {
    status: &'static str,
    code: u16,
    reason: &'static str,
    message: &'a str,
}

impl Reply {
    /// The API server's JSON.
    ///
    /// # Errors
    /// Never for what this crate builds; serde asks for it.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let mut json = serde_json::to_string(&self.wire())?;
        if let Some(patch) = self.patch.as_ref().filter(|_| self.denial.is_none()) {
            append_patch(&mut json, patch);
        }
        Ok(json)
    }

    fn wire(&self) -> Wire<'_> {
        Wire {
            api_version: API_VERSION,
            kind: KIND,
            response: Response {
                uid: &self.uid,
                allowed: self.denial.is_none(),
                status: self.denial.as_ref().map(Denial::status),
                warnings: &self.warnings,
                audit_annotations: &self.audit,
            },
        }
    }

    /// A denial that is no decision about people.
    #[must_use]
    pub fn refused(uid: String, code: u16, message: String) -> Self {
        let audit = Audit { decision: "deny error".to_owned(), ..Audit::default() };
        Self { uid, denial: Some(Denial { code, message }), audit, ..Self::default() }
    }
}

/// The JSON of a patch; none if it would change nothing.
#[must_use]
pub fn patch<T: Serialize>(changes: &[T]) -> Option<Vec<u8>> {
    // Texts, and maps from texts to texts, can always be written; what were not stamped, the policy would deny.
    if changes.is_empty() { None } else { serde_json::to_vec(changes).ok() }
}

/// Puts the patch at the end of the response. Base64 holds nothing that JSON would escape, so nothing need look for it.
fn append_patch(json: &mut String, patch: &[u8]) {
    let end = json.len().saturating_sub(CLOSING.len());
    json.truncate(end);
    json.reserve(patch.len() * 4 / 3 + 64);
    json.push_str(",\"patchType\":\"JSONPatch\",\"patch\":\"");
    STANDARD.encode_string(patch, json);
    json.push('"');
    json.push_str(CLOSING);
}

impl Denial {
    fn status(&self) -> Status<'_> {
        // The reasons that Kubernetes' own clients know for these codes.
        let reason = match self.code {
            400 => "BadRequest",
            403 => "Forbidden",
            _ => "InternalError",
        };
        Status { status: "Failure", code: self.code, reason, message: &self.message }
    }
}

fn is_empty(warnings: &&[String]) -> bool {
    warnings.is_empty()
}

fn is_default(audit: &&Audit) -> bool {
    **audit == Audit::default()
}
