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

use crate::helm::release::{Phase, State};

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
    /// The object.
    #[serde(default)]
    pub manifest: String,
    /// When it runs.
    #[serde(default)]
    pub events: Vec<String>,
}

impl Hook {
    /// True if an uninstall runs it, before or after.
    #[must_use]
    pub fn is_of_an_uninstall(&self) -> bool {
        self.events.iter().any(|event| event == "pre-delete" || event == "post-delete")
    }
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

    /// True for what a rollback to this revision made.
    ///
    /// # Errors
    /// When there is no status.
    pub fn is_rollback_to(&self, revision: i64) -> Result<bool, RecordError> {
        let info: Described = self.field("info")?;
        Ok(info.status == "deployed" && info.description == format!("Rollback to {revision}"))
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

    /// The same with another manifest; every other field is carried over byte by byte.
    ///
    /// # Errors
    /// Never in practice: a text is always JSON.
    pub fn with_manifest(&self, manifest: &str) -> Result<Self, RecordError> {
        let mut fields = self.fields.clone();
        fields.insert("manifest".to_owned(), to_raw_value(manifest)?);
        Ok(Self { fields })
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
mod tests;
