//! What does the API server get back?

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotdesk_slots::json::push_text;
use serde::Serialize;

/// The beginning of every answer, which nothing in it can change.
const OPENING: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"#;
/// What an answer without a patch needs, and a denial seldom exceeds.
const ROOM: usize = 512;

/// The answer to one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The request's own uid.
    pub uid: Cow<'a, str>,
    /// Why it is denied; absent if it is allowed.
    pub denial: Option<Denial>,
    /// What shall be changed, as the JSON of a JSON Patch. Never sent with a denial.
    pub patch: Option<Vec<u8>>,
    /// Shown by the client.
    pub warnings: Vec<String>,
    /// For the API server's audit log, which puts the webhook's name before each key.
    pub audit: Audit<'a>,
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit<'a> {
    /// The slot.
    pub slot: Cow<'a, str>,
    /// Its owner at that moment.
    pub owner: String,
    /// The decision, and as whom or why not.
    pub decision: (&'static str, &'static str),
}

#[derive(Serialize)]
struct Status<'a> {
    status: &'static str,
    code: u16,
    reason: &'static str,
    message: &'a str,
}

impl<'a> Reply<'a> {
    /// The API server's JSON.
    ///
    /// # Errors
    /// Never for what this crate builds; serde asks for it.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let patch = self.patch.as_ref().filter(|_| self.denial.is_none());
        let mut json = Vec::with_capacity(ROOM + patch.map_or(0, |patch| patch.len() * 4 / 3));
        json.extend_from_slice(OPENING.as_bytes());
        push_text(&mut json, &self.uid);
        json.extend_from_slice(if self.denial.is_some() { br#","allowed":false"# } else { br#","allowed":true"# });
        if let Some(denial) = &self.denial {
            json.extend_from_slice(br#","status":"#);
            serde_json::to_writer(&mut json, &denial.status())?;
        }
        if !self.warnings.is_empty() {
            json.extend_from_slice(br#","warnings":"#);
            serde_json::to_writer(&mut json, &self.warnings)?;
        }
        self.audit.write(&mut json);
        if let Some(patch) = patch {
            json.extend_from_slice(br#","patchType":"JSONPatch","patch":""#);
            push_base64(&mut json, patch);
            json.push(b'"');
        }
        json.extend_from_slice(b"}}");
        Ok(json)
    }

    /// A denial that is no decision about people.
    #[must_use]
    pub fn refused(uid: Cow<'a, str>, code: u16, message: String) -> Self {
        let audit = Audit { decision: ("deny", "error"), ..Audit::default() };
        Self { uid, denial: Some(Denial { code, message }), audit, ..Self::default() }
    }
}

/// Appends the Base64 of these bytes, which needs no escapes.
fn push_base64(json: &mut Vec<u8>, bytes: &[u8]) {
    let at = json.len();
    json.resize(at + bytes.len().div_ceil(3) * 4, b'=');
    // There is exactly as much room as it takes.
    let written = json.get_mut(at..).and_then(|room| STANDARD.encode_slice(bytes, room).ok());
    json.truncate(at + written.unwrap_or_default());
}

impl Audit<'_> {
    fn write(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(br#","auditAnnotations":{"decision":""#);
        // Words of hotdesk's own.
        json.extend_from_slice(self.decision.0.as_bytes());
        json.push(b' ');
        json.extend_from_slice(self.decision.1.as_bytes());
        json.push(b'"');
        for (key, value) in [(br#","slot":"#.as_slice(), &*self.slot), (br#","owner":"#, &*self.owner)] {
            if !value.is_empty() {
                json.extend_from_slice(key);
                push_text(json, value);
            }
        }
        json.push(b'}');
    }
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
