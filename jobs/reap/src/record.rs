//! What does helm's record of a release hold, and how is it written back?
//!
//! `data.release` is base64 of gzip of JSON. Of the JSON only `manifest` is ever changed; every other
//! field is carried over byte by byte, numbers included.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::release::{Phase, State};

/// The most that a record may unpack to: far beyond what a 1 MiB Secret of charts holds, far below
/// what would exhaust a small pod.
const MAX_UNPACKED: u64 = 64 * 1024 * 1024;

const GZIP: &[u8] = &[0x1f, 0x8b, 0x08];

/// A record, unpacked.
#[derive(Debug)]
pub struct Record {
    fields: BTreeMap<String, Box<RawValue>>,
}

/// Why a record cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The outer encoding.
    #[error("it is not base64")]
    Base64,
    /// The compression.
    #[error("it cannot be unpacked: {0}")]
    Gzip(#[from] std::io::Error),
    /// More than [`MAX_UNPACKED`].
    #[error("it unpacks to more than {} MiB", MAX_UNPACKED / 1024 / 1024)]
    TooLarge,
    /// The content.
    #[error("it is not the JSON that helm writes: {0}")]
    Json(#[from] serde_json::Error),
    /// A status that helm does not have, or `unknown`.
    #[error("its status is \"{0}\"")]
    Status(String),
    /// A time that is none.
    #[error("its {0} is \"{1}\"")]
    Time(&'static str, String),
    /// The record says that it is of another release.
    #[error("it says that it is revision {1} of {0}")]
    OfAnother(String, i64),
}

#[derive(Deserialize)]
struct Info {
    status: String,
    last_deployed: String,
    #[serde(default)]
    deleted: Option<String>,
}

#[derive(Deserialize)]
struct Described {
    status: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct FirstDeployed {
    first_deployed: String,
}

/// A hook of a release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hook {
    /// The name of its object.
    pub name: String,
    /// The kind of its object.
    pub kind: String,
    /// When it runs.
    #[serde(default)]
    pub events: Vec<String>,
}

impl Record {
    /// Unpacks the value of `data.release`.
    ///
    /// # Errors
    /// When it is not what helm writes.
    pub fn decode(release: &[u8]) -> Result<Self, RecordError> {
        let packed = STANDARD.decode(release).map_err(|_| RecordError::Base64)?;
        let json = if packed.starts_with(GZIP) { unpack(&packed)? } else { packed };
        Ok(Self { fields: serde_json::from_slice(&json)? })
    }

    /// Packs it as helm does.
    ///
    /// # Errors
    /// Never in practice: everything is written to memory.
    pub fn encode(&self) -> Result<String, RecordError> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&serde_json::to_vec(&self.fields)?)?;
        Ok(STANDARD.encode(gzip.finish()?))
    }

    /// What it says of its release, which must be this revision of this name.
    ///
    /// # Errors
    /// When it is of another release, or a field is not helm's.
    pub fn state(&self, name: &str, revision: i64) -> Result<State, RecordError> {
        let (own_name, own_revision): (String, i64) = (self.field("name")?, self.field("version")?);
        if own_name != name || own_revision != revision {
            return Err(RecordError::OfAnother(own_name, own_revision));
        }
        let info: Info = self.field("info")?;
        let phase = Phase::parse(&info.status).ok_or(RecordError::Status(info.status))?;
        let time = |field, text: String| text.parse().map_err(|_| RecordError::Time(field, text));
        let last_deployed: Timestamp = time("last_deployed", info.last_deployed)?;
        // Go's zero time stands for "not yet"; so does nothing.
        let deleted = info.deleted.filter(|text| !text.is_empty() && !text.starts_with("0001-"));
        let deleted = deleted.map(|text| time("deleted", text)).transpose()?;
        Ok(State { phase, last_deployed, deleted })
    }

    /// When the release was first installed: all revisions of one installation have it in common, and no other has.
    ///
    /// # Errors
    /// When it is not a time.
    pub fn first_deployed(&self) -> Result<Timestamp, RecordError> {
        let times: FirstDeployed = self.field("info")?;
        times.first_deployed.parse().map_err(|_| RecordError::Time("first_deployed", times.first_deployed))
    }

    /// True for a rollback that is under way, or that failed or was killed.
    ///
    /// # Errors
    /// When there is no status.
    pub fn is_unfinished_rollback(&self) -> Result<bool, RecordError> {
        let info: Described = self.field("info")?;
        // helm says so of a rollback that could not write its objects, or whose objects did not get ready.
        let failed = ["Rollback \"", "Release \""].iter().any(|words| info.description.starts_with(words));
        Ok(info.status == "pending-rollback" || info.status == "failed" && failed)
    }

    /// The hooks of the release.
    ///
    /// # Errors
    /// When they are not what helm writes.
    pub fn hooks(&self) -> Result<Vec<Hook>, RecordError> {
        // helm leaves the field out where there is none, or writes null.
        if self.fields.contains_key("hooks") {
            Ok(self.field::<Option<_>>("hooks")?.unwrap_or_default())
        } else {
            Ok(Vec::new())
        }
    }

    /// The objects of the release, as one YAML text; helm leaves the field out where there is none.
    ///
    /// # Errors
    /// When it is not a text.
    pub fn manifest(&self) -> Result<String, RecordError> {
        if self.fields.contains_key("manifest") { self.field("manifest") } else { Ok(String::new()) }
    }

    /// Puts another manifest in.
    ///
    /// # Errors
    /// Never in practice: a text is always JSON.
    pub fn set_manifest(&mut self, manifest: &str) -> Result<(), RecordError> {
        self.fields.insert("manifest".to_owned(), to_raw_value(manifest)?);
        Ok(())
    }

    fn field<'a, T: Deserialize<'a>>(&'a self, name: &'static str) -> Result<T, RecordError> {
        let raw =
            self.fields.get(name).ok_or_else(|| serde::de::Error::missing_field(name)).map_err(RecordError::Json)?;
        Ok(serde_json::from_str(raw.get())?)
    }
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, RecordError> {
    let mut json = Vec::new();
    let read = GzDecoder::new(packed).take(MAX_UNPACKED + 1).read_to_end(&mut json)?;
    if read as u64 > MAX_UNPACKED { Err(RecordError::TooLarge) } else { Ok(json) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn pack(json: &str) -> String {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(json.as_bytes()).unwrap();
        STANDARD.encode(gzip.finish().unwrap())
    }

    fn record(info: &Value) -> Record {
        let json = json!({"name": "web", "version": 3, "namespace": "mew", "manifest": "a: b\n", "info": info});
        Record::decode(pack(&json.to_string()).as_bytes()).unwrap()
    }

    #[test]
    fn reads_what_helm_3_and_helm_4_write() {
        for (file, name) in [
            (include_str!("../tests/data/record-helm3.txt"), "web"),
            (include_str!("../tests/data/record-helm4.txt"), "web"),
        ] {
            let record = Record::decode(file.trim().as_bytes()).unwrap();
            let state = record.state(name, 1).unwrap();
            assert_eq!((state.phase, state.deleted), (Phase::Deployed, None));
            assert!(state.last_deployed > "2026-01-01T00:00:00Z".parse().unwrap());
            assert!(record.manifest().unwrap().contains("kind: ConfigMap"));
        }
    }

    #[test]
    fn reads_a_time_with_an_offset() {
        let info =
            json!({"status": "pending-upgrade", "last_deployed": "2026-11-23T16:04:05.123456789+01:00", "deleted": ""});
        let state = record(&info).state("web", 3).unwrap();
        assert_eq!(state.phase, Phase::Pending);
        assert_eq!(state.last_deployed, "2026-11-23T15:04:05.123456789Z".parse().unwrap());
    }

    #[test]
    fn a_rollback_that_did_not_end_well_is_told_from_other_failures() {
        for (status, description, unfinished) in [
            ("pending-rollback", "Rollback to 3", true),
            ("failed", "Rollback \"web\" failed: denied", true),
            ("failed", "Release \"web\" failed: timed out", true),
            ("failed", "Upgrade \"web\" failed: timed out", false),
            ("pending-upgrade", "Preparing upgrade", false),
            ("deployed", "Rollback to 3", false),
        ] {
            let info = json!({"status": status, "description": description});
            assert_eq!(record(&info).is_unfinished_rollback().unwrap(), unfinished, "{status} {description}");
        }
        assert!(!record(&json!({"status": "failed"})).is_unfinished_rollback().unwrap());
    }

    #[test]
    fn hooks_are_read_and_may_be_missing() {
        let hooks = |json: &str| Record::decode(pack(json).as_bytes()).unwrap().hooks().unwrap();
        let hook = Hook { name: "up".to_owned(), kind: "Job".to_owned(), events: vec!["pre-install".to_owned()] };
        let json = r#"{"hooks":[{"name":"up","kind":"Job","path":"a","manifest":"b","events":["pre-install"]}]}"#;
        assert_eq!(hooks(json), [hook]);
        assert_eq!(hooks("{}"), []);
        assert_eq!(hooks(r#"{"hooks":null}"#), []);
    }

    #[track_caller]
    fn check_error(record: Result<State, RecordError>, expected: &str) {
        let error = record.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn whatever_helm_would_not_write_is_an_error() {
        let read = |info: &Value| record(info).state("web", 3);
        check_error(
            read(&json!({"status": "unknown", "last_deployed": "2026-11-23T15:04:05Z"})),
            "status is \"unknown\"",
        );
        check_error(read(&json!({"status": "dancing", "last_deployed": "2026-11-23T15:04:05Z"})), "dancing");
        check_error(read(&json!({"status": "deployed", "last_deployed": ""})), "last_deployed is \"\"");
        check_error(read(&json!({"status": "deployed"})), "last_deployed");
        check_error(record(&json!({})).state("api", 3), "revision 3 of web");
        check_error(record(&json!({})).state("web", 4), "revision 3 of web");
        for (release, expected) in [
            ("%%%", "not base64"),
            ("bm90IGpzb24=", "not the JSON"),
            ("H4sI", "cannot be unpacked"),
            ("", "not the JSON"),
        ] {
            let error = Record::decode(release.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{release}: {error}");
        }
    }

    #[test]
    fn a_release_without_objects_has_an_empty_manifest() {
        assert_eq!(Record::decode(pack(r#"{"name":"web"}"#).as_bytes()).unwrap().manifest().unwrap(), "");
        assert!(Record::decode(pack(r#"{"manifest":7}"#).as_bytes()).unwrap().manifest().is_err());
    }

    #[test]
    fn a_record_that_would_fill_the_memory_is_refused() {
        let bomb = pack(&" ".repeat(usize::try_from(MAX_UNPACKED).unwrap() + 1));
        assert!(matches!(Record::decode(bomb.as_bytes()), Err(RecordError::TooLarge)));
    }

    #[test]
    fn only_the_manifest_changes() {
        let fields = r#""name":"web","version":3,"config":{"big":123456789012345678901234567890,"f":1.10,"e":1E400,"s":"\u00e9"}"#;
        let mut record = Record::decode(pack(&format!("{{{fields},\"manifest\":\"x\"}}")).as_bytes()).unwrap();
        record.set_manifest("y: \"1\"\n").unwrap();
        let again = Record::decode(record.encode().unwrap().as_bytes()).unwrap();
        assert_eq!(again.manifest().unwrap(), "y: \"1\"\n");
        assert_eq!(
            again.fields["config"].get(),
            r#"{"big":123456789012345678901234567890,"f":1.10,"e":1E400,"s":"\u00e9"}"#
        );
    }

    proptest! {
        #[test]
        fn a_record_reads_back_as_it_was_written(manifest in any::<String>(), extra in "\\PC{0,40}") {
            let json = json!({"name": "web", "manifest": "", "config": {"x": extra}});
            let mut record = Record::decode(pack(&json.to_string()).as_bytes()).unwrap();
            record.set_manifest(&manifest).unwrap();
            let again = Record::decode(record.encode().unwrap().as_bytes()).unwrap();
            prop_assert_eq!(again.manifest().unwrap(), manifest);
            prop_assert_eq!(again.fields["config"].get(), record.fields["config"].get());
        }
    }
}
