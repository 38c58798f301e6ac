//! Which reviews are sent? Those of an API server, byte by byte in its order, as large as asked for.
//!
//! They are about [`SLOT`], which [`HOLDER`] holds and [`STRANGER`] does not.

use serde::Serialize;

/// The slot of all reviews: a namespace, and a Slot in it.
pub const SLOT: &str = "slot-1";
/// Whose claim the slot's is.
pub const HOLDER: &str = "alice";
/// Who holds no slot.
pub const STRANGER: &str = "bob";

/// What a review asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Question {
    /// The holder deletes: allowed, and nothing to change. Goes to `/validate`.
    Gate,
    /// The holder creates: allowed, and stamped. Goes to `/mutate`.
    Stamp,
    /// A stranger creates: denied. Goes to `/mutate`.
    Deny,
}

/// The review of a ConfigMap, `size` bytes long, or as short as it can be if that is longer.
#[must_use]
pub fn review(question: Question, size: usize) -> String {
    let bare = written(question, "");
    written(question, &"x".repeat(size.saturating_sub(bare.len())))
}

fn written(question: Question, data: &str) -> String {
    let (operation, user) = match question {
        Question::Gate => ("DELETE", HOLDER),
        Question::Stamp => ("CREATE", HOLDER),
        Question::Deny => ("CREATE", STRANGER),
    };
    let object = object(data);
    let (new, old, options) = match question {
        Question::Gate => ("null", object.as_str(), "DeleteOptions"),
        Question::Stamp | Question::Deny => (object.as_str(), "null", "CreateOptions"),
    };
    let kind = r#"{"group":"","version":"v1","kind":"ConfigMap"}"#;
    let resource = r#"{"group":"","version":"v1","resource":"configmaps"}"#;
    format!(
        concat!(
            r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"#,
            r#""uid":"705ab4f5-6393-11e8-b7cc-42010a800002","kind":{kind},"resource":{resource},"#,
            r#""requestKind":{kind},"requestResource":{resource},"name":"web","namespace":"{slot}","#,
            r#""operation":"{operation}","userInfo":{{"username":"{user}","groups":["dev","system:authenticated"],"#,
            r#""extra":{{"authentication.kubernetes.io/credential-id":["X509SHA256=5d41402abc4b2a76"]}}}},"#,
            r#""object":{new},"oldObject":{old},"dryRun":true,"#,
            r#""options":{{"kind":"{options}","apiVersion":"meta.k8s.io/v1"}}}}}}"#
        ),
        kind = kind,
        resource = resource,
        slot = SLOT,
        operation = operation,
        user = user,
        new = new,
        old = old,
        options = options,
    )
}

fn object(data: &str) -> String {
    format!(
        concat!(
            r#"{{"kind":"ConfigMap","apiVersion":"v1","metadata":{{"name":"web","namespace":"{slot}","#,
            r#""managedFields":[{{"manager":"helm","operation":"Update","apiVersion":"v1","#,
            r#""fieldsType":"FieldsV1","fieldsV1":{{"f:data":{{"f:a":{{}}}}}}}}]}},"data":{{"a":"{data}"}}}}"#
        ),
        slot = SLOT,
        data = data,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reviews_are_json_of_the_size_asked_for() {
        for question in [Question::Gate, Question::Stamp, Question::Deny] {
            for size in [1 << 10, 64 << 10, 1 << 20] {
                let review = review(question, size);
                assert_eq!(review.len(), size, "{question:?}");
                serde_json::from_str::<serde_json::Value>(&review).unwrap();
            }
        }
    }
}
