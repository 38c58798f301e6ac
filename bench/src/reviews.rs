//! Which reviews are sent? Those of an API server, with the same entries in the same order, as large as asked for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::control_plane::Person;
use crate::control_plane::slots::marks;

/// The uid of all of them: wrk sends the same bytes again and again.
pub const UID: &str = "705ab4f5-6393-11e8-b7cc-42010a800002";

/// A line of a configuration file as JSON writes it: a reader that skips a body meets escapes in it.
const LINE: &str = r#"server.endpoint = \"https://internal.example.com:8443/v1\"\n"#;

/// What a review asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// The holder deletes: allowed, and nothing to change.
    Gate,
    /// The holder creates: allowed, and stamped.
    Stamp,
    /// A stranger creates: denied.
    Deny,
}

impl Question {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gate, Self::Stamp, Self::Deny];

    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Stamp => "stamp",
            Self::Deny => "deny",
        }
    }

    /// Where the API server asks it.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Gate => "/validate",
            Self::Stamp | Self::Deny => "/mutate",
        }
    }

    fn who(self) -> Person {
        match self {
            Self::Gate | Self::Stamp => Person::Alice,
            Self::Deny => Person::Bob,
        }
    }
}

/// What an object carries that is to be stamped, which decides what the stamp's patch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Neither labels nor annotations.
    Bare,
    /// Labels only, as helm's records of a release.
    Labelled,
    /// Both, as everything that helm writes for a chart.
    Annotated,
}

impl Sent {
    fn marks(self) -> &'static str {
        match self {
            Self::Bare => "",
            Self::Labelled => r#""labels":{"app":"web"},"#,
            Self::Annotated => r#""labels":{"app":"web"},"annotations":{"app":"web"},"#,
        }
    }
}

/// The review of a ConfigMap in a slot that Alice holds: `size` bytes, or as short as it can be if that is longer. What is
/// sent is bare, so that the answer to it is right for any object that is.
#[must_use]
pub fn review(question: Question, slot: &str, size: usize) -> String {
    review_of(question, Sent::Bare, slot, size)
}

/// The same, of a ConfigMap that was sent with these marks.
#[must_use]
pub fn review_of(question: Question, sent: Sent, slot: &str, size: usize) -> String {
    let room = size.saturating_sub(written(question, sent, slot, "").len());
    written(question, sent, slot, &bulk(room))
}

/// So many bytes of a ConfigMap's data, half of it text with escapes and half as unbroken as a Secret's.
fn bulk(room: usize) -> String {
    let keys = r#""a":"","b":"""#.len();
    let Some(room) = room.checked_sub(keys) else { return String::new() };
    let text = LINE.repeat(room / 2 / LINE.len());
    let rest = room - text.len();
    let mut encoded = STANDARD.encode([0x5a; 3 << 10]).repeat(rest / (4 << 10) + 1);
    encoded.truncate(rest);
    format!(r#""a":"{text}","b":"{encoded}""#)
}

fn written(question: Question, sent: Sent, slot: &str, data: &str) -> String {
    let (kind, resource) = (of("kind", "ConfigMap"), of("resource", "configmaps"));
    let (operation, new, old) = match question {
        Question::Gate => ("DELETE", "null".to_owned(), stored(slot, data)),
        Question::Stamp | Question::Deny => ("CREATE", object(slot, sent.marks(), data), "null".to_owned()),
    };
    [
        r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"#,
        &format!(r#""uid":"{UID}","kind":{kind},"resource":{resource},"requestKind":{kind},"#),
        &format!(r#""requestResource":{resource},"name":"web","namespace":"{slot}","operation":"{operation}","#),
        &format!(r#""userInfo":{},"object":{new},"oldObject":{old},"#, user(question.who())),
        &options(question),
        "}}",
    ]
    .concat()
}

fn of(what: &str, name: &str) -> String {
    format!(r#"{{"group":"","version":"v1","{what}":"{name}"}}"#)
}

fn user(who: Person) -> String {
    let credential = r#""authentication.kubernetes.io/credential-id":["JTI=6f0e"]"#;
    let groups = r#"["developers","system:authenticated"]"#;
    format!(r#"{{"username":"{}","groups":{groups},"extra":{{{credential}}}}}"#, who.name())
}

fn options(question: Question) -> String {
    let kind = if question == Question::Gate { "DeleteOptions" } else { "CreateOptions" };
    format!(r#""dryRun":false,"options":{{"kind":"{kind}","apiVersion":"meta.k8s.io/v1"}}"#)
}

/// As it is stored: with the stamp.
fn stored(slot: &str, data: &str) -> String {
    let (labels, annotations) = marks(slot);
    object(slot, &format!(r#""labels":{labels},"annotations":{annotations},"#), data)
}

fn object(slot: &str, marks: &str, data: &str) -> String {
    [
        r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"#,
        &format!(r#""name":"web","namespace":"{slot}",{marks}"managedFields":[{{"manager":"helm","#),
        r#""operation":"Update","apiVersion":"v1","time":"2026-01-01T00:00:00Z","#,
        r#""fieldsType":"FieldsV1","fieldsV1":{"f:data":{}}}]},"#,
        &format!(r#""data":{{{data}}}}}"#),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn reviews_are_json_of_the_size_asked_for() {
        for (question, size) in
            Question::ALL.into_iter().flat_map(|question| [1 << 10, 64 << 10, 1 << 20].map(|size| (question, size)))
        {
            let review = review(question, "slot-1", size);
            serde_json::from_str::<Value>(&review).unwrap();
            assert!(review.len() == size || (size == 1 << 10 && review.len() < 1300), "{question:?}: {}", review.len());
        }
    }

    #[test]
    fn the_gate_is_asked_about_a_stamped_object_and_the_stamp_about_one_without() {
        let labels = |question, object: &str| {
            let review: Value = serde_json::from_str(&review(question, "slot-1", 0)).unwrap();
            review.pointer(&format!("/request/{object}/metadata/labels/hotdesk.dev~1slot")).cloned()
        };
        assert_eq!(labels(Question::Gate, "oldObject"), Some("slot-1".into()));
        assert_eq!(labels(Question::Stamp, "object"), None);
    }

    #[test]
    fn large_reviews_hold_escapes_as_real_ones_do() {
        let review = review(Question::Stamp, "slot-1", 64 << 10);
        assert!(review.matches(r#"\""#).count() > 1000, "skipping them is part of the work");
    }
}
