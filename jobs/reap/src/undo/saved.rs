//! How is what was reaped written down, so that it can be brought back?
//!
//! One Secret for each reaped release, in a namespace of hotdesk's own. Its data is the release's record as helm packed it, without the outer base64, so
//! that it always fits where the record itself did. What else must be known is small and stands in an annotation, so
//! that a list of the metadata tells what is there.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotdesk_slots::keys;
use hotdesk_slots::undo::{ABOUT, About, LABEL_RELEASE, LABEL_REVISION, SECRET_TYPE};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use sha2::{Digest as _, Sha256};

use crate::helm::record::{Record, RecordError};

/// The field of the Secret that holds the record.
const FIELD: &str = "release";

/// The longest name that Kubernetes takes, and the longest value of a label.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

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

/// The name of the Secret. It begins with the slot's, which tells whose it is. Every attempt of one reap has the same; so has
/// every other of that day under the same claim, so that a reap that fails each hour does not save as often. The record's
/// own uid tells apart two installations of one name.
#[must_use]
pub fn secret_name(slot: &str, about: &About, uid: &str) -> String {
    let day = about.run.to_zoned(TimeZone::UTC).date();
    let claim = about.claim_id.as_deref().unwrap_or_default();
    let digest = Sha256::digest(format!("{}\0{uid}\0{claim}\0{day}", about.release));
    let hash: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let (before, after) = (format!("{slot}.reaped."), format!(".v{}.{hash}", about.revision));
    let room = MAX_NAME.saturating_sub(before.len() + after.len());
    format!("{before}{}{after}", cut(&about.release, room))
}

/// The beginning of a name, which ends as names must.
fn cut(name: &str, most: usize) -> &str {
    let end = name.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= most).last();
    name.get(..end.unwrap_or(0)).unwrap_or_default().trim_end_matches(|c: char| !c.is_ascii_alphanumeric())
}

/// The Secret that saves a release of a slot; `packed` is the value of the record's `data.release`.
///
/// # Errors
/// When the record is not base64, or too much must be written down.
pub fn to_secret(slot: &str, name: &str, about: &About, packed: &[u8]) -> Result<Secret, SavedError> {
    let text = serde_json::to_string(about).map_err(|e| SavedError::About(e.to_string()))?;
    if text.len() > MAX_ABOUT {
        return Err(SavedError::TooMuch(text.len() / 1024));
    }
    let record = STANDARD.decode(packed).map_err(|_| RecordError::Base64)?;
    let labels = [
        (keys::SLOT, slot.to_owned()),
        (LABEL_RELEASE, cut(&about.release, MAX_LABEL).to_owned()),
        (LABEL_REVISION, about.revision.to_string()),
    ];
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

/// True if it is kept for no longer. What cannot be read does not say until when, and goes by its Secret's age.
#[must_use]
pub fn is_over(metadata: &ObjectMeta, keep: SignedDuration, now: Timestamp) -> bool {
    match about(metadata) {
        Ok(about) => about.until <= now,
        Err(_) => metadata.creation_timestamp.as_ref().is_some_and(|made| now.duration_since(made.0) > keep),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotdesk_slots::undo::ObjectRef;
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
        let secret = to_secret("mew", "x", &about_web(now()), RECORD.trim().as_bytes()).unwrap();
        assert_eq!(packed(&secret).unwrap().0, RECORD.trim());
        assert_eq!(about(&secret.metadata).unwrap(), about_web(now()));
        assert_eq!(secret.type_.as_deref(), Some("hotdesk.dev/reaped-release"));
        let saved = secret.data.unwrap().remove(FIELD).unwrap().0.len();
        assert!(saved <= RECORD.trim().len(), "{saved} bytes must fit where the record did");
    }

    #[test]
    fn a_save_says_whose_it_is() {
        let secret = to_secret("mew", "x", &about_web(now()), RECORD.trim().as_bytes()).unwrap();
        let labels = secret.metadata.labels.unwrap();
        assert_eq!(labels.get(keys::SLOT).map(String::as_str), Some("mew"));
        assert_eq!(labels.get("reaped.hotdesk.dev/release").map(String::as_str), Some("web"));
    }

    #[test]
    fn what_cannot_be_written_down_is_an_error() {
        let kept = (0..4000).map(|i| ObjectRef {
            kind: "ConfigMap".to_owned(),
            name: format!("{i:0>60}"),
            ..ObjectRef::default()
        });
        let about = About { kept: kept.collect(), ..about_web(now()) };
        let error = to_secret("mew", "x", &about, RECORD.trim().as_bytes()).unwrap_err().to_string();
        assert!(error.contains("too many objects"), "{error}");
        assert!(to_secret("mew", "x", &about_web(now()), b"%%%").unwrap_err().to_string().contains("not base64"));
    }

    #[test]
    fn the_name_is_that_of_one_revision_of_one_installation_under_one_claim_on_one_day() {
        let name = secret_name("mew", &about_web(now()), "u1");
        let (slot, rest) = name.split_once('.').unwrap();
        assert_eq!((slot, rest.rsplit_once('.').unwrap().0), ("mew", "reaped.web.v3"));
        assert_eq!(name, secret_name("mew", &about_web(now() + SignedDuration::from_hours(2)), "u1"));
        let other_claim = About { claim_id: Some("c2".to_owned()), ..about_web(now()) };
        for other in [
            secret_name("mew", &about_web(now()), "u2"),
            secret_name("mew", &about_web(now() + SignedDuration::from_hours(12)), "u1"),
            secret_name("mew", &other_claim, "u1"),
        ] {
            assert_ne!(name, other);
        }
    }

    #[test]
    fn a_name_that_helm_would_never_give_fits_as_well() {
        let about = |release: String| About { release, ..about_web(now()) };
        let long = about(format!("{}-{}", "a".repeat(174), "b".repeat(50)));
        let name = secret_name(&"s".repeat(63), &long, "u1");
        assert!(name.len() <= 253 && name.contains(&"a".repeat(150)), "{name}");
        // Whatever ends where it is cut.
        let dashes = about(format!("a{}", "-.".repeat(110)));
        let name = secret_name(&"s".repeat(63), &dashes, "u1");
        assert!(name.contains("reaped.a.v3."), "{name}");
        assert_ne!(name, secret_name(&"s".repeat(63), &about(format!("a{}", "-.".repeat(109))), "u1"));
        let secret = to_secret("mew", "x", &long, RECORD.trim().as_bytes()).unwrap();
        assert_eq!(secret.metadata.labels.unwrap().get(LABEL_RELEASE).map(String::len), Some(63));
    }

    #[test]
    fn what_is_kept_until_then_stays_and_what_cannot_be_read_goes_by_its_age() {
        let day = SignedDuration::from_hours(24);
        // Hours until which it is kept, and its Secret's age.
        for (until, age, over) in
            [(Some(1), 25, false), (Some(-1), 1, true), (Some(0), 1, true), (None, 25, true), (None, 23, false)]
        {
            let hours = SignedDuration::from_hours;
            let text = until.map(|until| {
                let about = About { until: now() + hours(until), ..about_web(now()) };
                serde_json::to_string(&about).unwrap()
            });
            let metadata = ObjectMeta {
                creation_timestamp: Some(Time(now() - hours(age))),
                annotations: text.map(|text| BTreeMap::from([(ABOUT.to_owned(), text)])),
                ..ObjectMeta::default()
            };
            assert_eq!(is_over(&metadata, day, now()), over, "{until:?} {age}");
        }
        assert!(!is_over(&ObjectMeta::default(), day, now()), "no time at all is not old");
    }
}
