//! What does the API server get back?

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// The slot.
    pub slot: String,
    /// Its owner at that moment.
    pub owner: String,
    /// The decision, and as whom or why not.
    pub decision: String,
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
            // Base64 needs no escapes.
            json.extend_from_slice(br#","patchType":"JSONPatch","patch":""#);
            json.extend_from_slice(STANDARD.encode(patch).as_bytes());
            json.push(b'"');
        }
        json.extend_from_slice(b"}}");
        Ok(json)
    }

    /// A denial that is no decision about people.
    #[must_use]
    pub fn refused(uid: String, code: u16, message: String) -> Self {
        let audit = Audit { decision: "deny error".to_owned(), ..Audit::default() };
        Self { uid, denial: Some(Denial { code, message }), audit, ..Self::default() }
    }
}

impl Audit {
    fn write(&self, json: &mut Vec<u8>) {
        let said = [("slot", &self.slot), ("owner", &self.owner), ("decision", &self.decision)];
        let mut separator: &[u8] = br#","auditAnnotations":{"#;
        for (key, value) in said.into_iter().filter(|(_, value)| !value.is_empty()) {
            json.extend_from_slice(separator);
            push_text(json, key);
            json.push(b':');
            push_text(json, value);
            separator = b",";
        }
        if separator == b"," {
            json.push(b'}');
        }
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
