//! What does the API server get back?

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotdesk_slots::json::push_text;

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
    /// 403 for a decision, 413 for what is too large, 400 for a request that cannot be read, 408 and 503 for one that took too
    /// long or came with too many others, 500 for an error of ours.
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

impl<'a> Reply<'a> {
    /// The API server's JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let patch = self.patch.as_ref().filter(|_| self.denial.is_none());
        let mut json = Vec::with_capacity(ROOM + patch.map_or(0, |patch| patch.len() * 4 / 3));
        json.extend_from_slice(OPENING.as_bytes());
        push_text(&mut json, &self.uid);
        json.extend_from_slice(if self.denial.is_some() { br#","allowed":false"# } else { br#","allowed":true"# });
        if let Some(denial) = &self.denial {
            denial.write(&mut json);
        }
        if !self.warnings.is_empty() {
            json.extend_from_slice(br#","warnings":"#);
            push_list(&mut json, &self.warnings);
        }
        self.audit.write(&mut json);
        if let Some(patch) = patch {
            json.extend_from_slice(br#","patchType":"JSONPatch","patch":""#);
            // Base64 needs no escapes. It is written where it belongs, for it may be long.
            let start = json.len();
            json.resize(start + patch.len().div_ceil(3) * 4, b'=');
            let written = json.get_mut(start..).and_then(|room| STANDARD.encode_slice(patch, room).ok());
            json.truncate(start + written.unwrap_or_default());
            json.push(b'"');
        }
        json.extend_from_slice(b"}}");
        json
    }

    /// A denial that is not a decision about people.
    #[must_use]
    pub fn refused(uid: Cow<'a, str>, code: u16, message: String) -> Self {
        let audit = Audit { decision: ("deny", "error"), ..Audit::default() };
        Self { uid, denial: Some(Denial { code, message }), audit, ..Self::default() }
    }
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
    fn write(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(br#","status":{"status":"Failure","code":"#);
        json.extend_from_slice(self.code.to_string().as_bytes());
        json.extend_from_slice(br#","reason":""#);
        json.extend_from_slice(self.reason().as_bytes());
        json.extend_from_slice(br#"","message":"#);
        push_text(json, &self.message);
        json.push(b'}');
    }

    /// The reasons that Kubernetes' own clients know for these codes.
    fn reason(&self) -> &'static str {
        match self.code {
            400 => "BadRequest",
            403 => "Forbidden",
            408 => "Timeout",
            413 => "RequestEntityTooLarge",
            503 => "ServiceUnavailable",
            _ => "InternalError",
        }
    }
}

fn push_list(json: &mut Vec<u8>, texts: &[String]) {
    for (i, text) in texts.iter().enumerate() {
        json.push(if i == 0 { b'[' } else { b',' });
        push_text(json, text);
    }
    json.push(b']');
}
