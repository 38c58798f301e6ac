//! How is what was reaped written down, so that it can be brought back?
//!
//! One Secret for each reaped release. Its data is the release's record as helm packed it, without the outer base64, so
//! that it always fits where the record itself did. What else must be known is small and stands in an annotation, so
//! that a list of the metadata tells what is there. The keys are not `hotdesk.dev/…`: those are the claim's, and are
//! taken off whatever else carries them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotdesk_slots::undo::{ABOUT, About, LABEL_RELEASE, LABEL_REVISION, SECRET_TYPE};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::record::{Record, RecordError};

/// The field of the Secret that holds the record.
const FIELD: &str = "release";

/// The most that the annotation may take: Kubernetes gives all annotations of an object 256 KiB.
const MAX_ABOUT: usize = 192 * 1024;

/// Why a release cannot be saved, or what was saved cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// The record of the release.
    #[error("its record cannot be read: {0}")]
    Record(#[from] RecordError),
    /// There are too many objects to name.
    #[error("it has too many objects to write down ({0} KiB, and {limit} are the most)", limit = MAX_ABOUT / 1024)]
    TooMuch(usize),
    /// The annotation.
    #[error("its annotation {ABOUT} cannot be read: {0}")]
    About(String),
    /// The data.
    #[error("its field \"{FIELD}\" is missing")]
    Missing,
}

/// The name of the Secret: the same for every attempt to reap one revision, and for no other. The record's own uid tells
/// apart two installations of one name.
#[must_use]
pub fn secret_name(release: &str, revision: i64, uid: &str) -> String {
    let uid: String = uid.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    format!("reaped.{release}.v{revision}.{uid}")
}

/// The Secret that saves a release; `packed` is the value of the record's `data.release`.
///
/// # Errors
/// When the record is not base64, or too much must be written down.
pub fn to_secret(name: &str, about: &About, packed: &[u8]) -> Result<Secret, SavedError> {
    let text = serde_json::to_string(about).map_err(|e| SavedError::About(e.to_string()))?;
    if text.len() > MAX_ABOUT {
        return Err(SavedError::TooMuch(text.len() / 1024));
    }
    let record = STANDARD.decode(packed).map_err(|_| RecordError::Base64)?;
    let labels = [(LABEL_RELEASE, about.release.clone()), (LABEL_REVISION, about.revision.to_string())];
    Ok(Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value)).into()),
            annotations: Some(BTreeMap::from([(ABOUT.to_owned(), text)])),
            ..ObjectMeta::default()
        },
        type_: Some(SECRET_TYPE.to_owned()),
        data: Some(BTreeMap::from([(FIELD.to_owned(), ByteString(record))])),
        ..Secret::default()
    })
}

/// What is known of a saved release, from the Secret's metadata alone.
///
/// # Errors
/// When the annotation is missing or not ours.
pub fn about(metadata: &ObjectMeta) -> Result<About, SavedError> {
    let text = metadata.annotations.as_ref().and_then(|notes| notes.get(ABOUT));
    let text = text.ok_or_else(|| SavedError::About("it is missing".to_owned()))?;
    serde_json::from_str(text).map_err(|e| SavedError::About(e.to_string()))
}

/// The value of the record's `data.release`, byte by byte as helm wrote it, and what it holds.
///
/// # Errors
/// When it is missing, or not a record.
pub fn packed(secret: &Secret) -> Result<(String, Record), SavedError> {
    let raw = secret.data.as_ref().and_then(|data| data.get(FIELD)).ok_or(SavedError::Missing)?;
    let packed = STANDARD.encode(&raw.0);
    let record = Record::decode(packed.as_bytes())?;
    Ok((packed, record))
}

/// What a further attempt to reap the same revision adds: it joins the newer run, and knows better what is alive.
#[must_use]
pub fn joined(before: About, now: About) -> About {
    let mut replicas = now.replicas;
    replicas.extend(
        before
            .replicas
            .into_iter()
            .filter(|old| !replicas.iter().any(|new| new.object == old.object))
            .collect::<Vec<_>>(),
    );
    About { replicas, ..now }
}

/// True if it is so old that it may go. What cannot be read has no time of its own, and goes by its Secret's.
#[must_use]
pub fn is_over(metadata: &ObjectMeta, keep: SignedDuration, now: Timestamp) -> bool {
    let created = metadata.creation_timestamp.as_ref().map(|time| time.0);
    let at = about(metadata).ok().map(|about| about.at).max(created);
    at.is_some_and(|at| now.duration_since(at) > keep)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotdesk_slots::undo::{ObjectRef, Replicas};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    fn about_web(at: Timestamp) -> About {
        About { release: "web".to_owned(), revision: 3, at, run: at, ..About::default() }
    }

    const RECORD: &str = include_str!("../../tests/data/record-helm4.txt");

    #[test]
    fn a_record_comes_back_byte_by_byte() {
        let secret = to_secret("x", &about_web(now()), RECORD.trim().as_bytes()).unwrap();
        assert_eq!(packed(&secret).unwrap().0, RECORD.trim());
        assert_eq!(about(&secret.metadata).unwrap(), about_web(now()));
        assert_eq!(secret.type_.as_deref(), Some("hotdesk.dev/reaped-release"));
        let saved = secret.data.unwrap().remove(FIELD).unwrap().0.len();
        assert!(saved <= RECORD.trim().len(), "{saved} bytes must fit where the record did");
    }

    #[test]
    fn no_key_of_ours_is_one_that_the_gate_takes_off() {
        let metadata = to_secret("x", &about_web(now()), RECORD.trim().as_bytes()).unwrap().metadata;
        let (labels, notes) = (metadata.labels.unwrap(), metadata.annotations.unwrap());
        for key in labels.keys().chain(notes.keys()) {
            assert!(!hotdesk_slots::keys::is_reserved(key), "{key}");
        }
    }

    #[test]
    fn what_cannot_be_written_down_is_an_error() {
        let kept = (0..4000).map(|i| ObjectRef {
            kind: "ConfigMap".to_owned(),
            name: format!("{i:0>60}"),
            ..ObjectRef::default()
        });
        let about = About { kept: kept.collect(), ..about_web(now()) };
        let error = to_secret("x", &about, RECORD.trim().as_bytes()).unwrap_err().to_string();
        assert!(error.contains("too many objects"), "{error}");
        assert!(to_secret("x", &about_web(now()), b"%%%").unwrap_err().to_string().contains("not base64"));
    }

    #[test]
    fn the_name_is_that_of_one_revision_of_one_installation() {
        assert_eq!(secret_name("web", 3, "0a1b2c3d-4e5f-aaaa"), "reaped.web.v3.0a1b2c3d");
    }

    #[test]
    fn a_second_attempt_keeps_the_replicas_of_what_is_gone_already() {
        let object =
            |name: &str| ObjectRef { kind: "Deployment".to_owned(), name: name.to_owned(), ..ObjectRef::default() };
        let with = |replicas: &[(&str, i64)]| {
            let replicas = replicas.iter().map(|(name, n)| Replicas { object: object(name), replicas: *n }).collect();
            About { replicas, ..about_web(now()) }
        };
        let later = joined(with(&[("web", 3), ("api", 2)]), with(&[("api", 5)]));
        let found: Vec<(&str, i64)> = later.replicas.iter().map(|r| (r.object.name.as_str(), r.replicas)).collect();
        assert_eq!(found, [("api", 5), ("web", 3)]);
    }

    #[test]
    fn only_what_is_older_than_it_is_kept_for_goes() {
        let day = SignedDuration::from_hours(24);
        for (about_age, secret_age, over) in
            [(Some(25), 25, true), (Some(23), 25, false), (Some(25), 23, false), (None, 25, true), (None, 23, false)]
        {
            let ago = |hours: i64| now() - SignedDuration::from_hours(hours);
            let text = about_age.map(|hours| serde_json::to_string(&about_web(ago(hours))).unwrap());
            let metadata = ObjectMeta {
                creation_timestamp: Some(Time(ago(secret_age))),
                annotations: text.map(|text| BTreeMap::from([(ABOUT.to_owned(), text)])),
                ..ObjectMeta::default()
            };
            assert_eq!(is_over(&metadata, day, now()), over, "{about_age:?} {secret_age}");
        }
        assert!(!is_over(&ObjectMeta::default(), day, now()), "no time at all is not old");
    }
}
