//! Where is the record of this webhook written, and when?
//!
//! In one `ConfigMap` in the namespace of the reapers, where no holder of a slot may write. Each webhook has an entry of its own,
//! so none waits for another. What cannot be written is tried again at the next beat, and tells the reapers by being absent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hotdesk_slots::session_records::{BEAT, CONFIG_MAP, Records};
use hotdesk_slots::text::sanitize;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Config};
use serde_json::json;
use tokio::sync::Notify;

use super::{OwnRecord, State, Written};
use crate::health::can_answer;
use crate::serve::Shared;
use crate::session::recorder::SessionRecorder;

const MANAGER: &str = "hotdesk-webhook";
/// So many webhooks begin at the same moment.
const ATTEMPTS: usize = 5;
/// Shorter than a beat, so that a dead connection costs one.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often it is looked whether the first review could be answered.
const FIRST: Duration = Duration::from_secs(1);

/// Keeps the record of this webhook.
pub struct RecordKeeper {
    own: Mutex<OwnRecord>,
    map: Api<ConfigMap>,
    shared: Arc<Shared>,
    recorders: Vec<Arc<SessionRecorder>>,
    /// The oldest entries were removed.
    has_room: AtomicBool,
    ending: Notify,
    /// What is written later is stored later.
    turn: tokio::sync::Mutex<()>,
}

impl RecordKeeper {
    /// Of the webhook in this pod, in that namespace.
    ///
    /// # Errors
    /// If the configuration cannot be used.
    pub fn new(
        mut config: Config,
        (namespace, pod): (&str, &str),
        shared: Arc<Shared>,
        recorders: Vec<Arc<SessionRecorder>>,
    ) -> kube::Result<Self> {
        config.connect_timeout = Some(TIMEOUT);
        config.read_timeout = Some(TIMEOUT);
        config.write_timeout = Some(TIMEOUT);
        config.default_retry = false;
        Ok(Self {
            own: Mutex::new(OwnRecord::of(pod)),
            map: Api::namespaced(Client::try_from(config)?, namespace),
            shared,
            recorders,
            has_room: AtomicBool::new(false),
            ending: Notify::new(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// Writes it at each beat, until [`RecordKeeper::end`].
    pub async fn follow(&self) {
        let mut failing = false;
        loop {
            let began = Instant::now();
            let turn = self.turn.lock().await;
            let written = self.own().tick(self.state(OwnRecord::late_before));
            let pause = if written.is_some() { Duration::try_from(BEAT).unwrap_or(TIMEOUT) } else { FIRST };
            if let Some(written) = written {
                let result = self.write(written).await;
                if let (Err(error), false) = (&result, failing) {
                    tracing::warn!(%error, "it cannot be noted in ConfigMap {CONFIG_MAP} that sessions are noted: until it can, no slot is found idle");
                }
                failing = result.is_err();
            }
            drop(turn);
            tokio::select! {
                () = tokio::time::sleep(pause.saturating_sub(began.elapsed())) => {}
                () = self.ending.notified() => return,
            }
        }
    }

    /// Writes the last of it, once all reviews were answered, or not, and what they left was written.
    pub async fn end(&self, all_answered: bool) {
        self.ending.notify_one();
        let _turn = self.turn.lock().await;
        // What is not written now never is.
        let Some(written) = self.own().end(self.state(|_| Timestamp::MAX), all_answered) else { return };
        if let Err(error) = self.write(written).await {
            tracing::error!(%error, "the end of this webhook could not be noted in ConfigMap {CONFIG_MAP}");
        }
    }

    fn state(&self, late_before: impl Fn(Timestamp) -> Timestamp) -> State {
        #[expect(clippy::disallowed_methods, reason = "the edge: the time of a record is read here")]
        let now = Timestamp::now();
        let late_before = late_before(now);
        State {
            now,
            mono: Instant::now(),
            can_answer: can_answer(&self.shared, now),
            lost: self.recorders.iter().flat_map(|recorder| recorder.take_lost()).collect(),
            late: self.recorders.iter().flat_map(|recorder| recorder.late(late_before)).collect(),
        }
    }

    async fn write(&self, written: Written) -> Result<(), String> {
        let mut attempt = 1;
        loop {
            match self.attempt(&written).await {
                // Another webhook began at the same moment.
                Err(kube::Error::Api(status)) if status.code == 409 && attempt < ATTEMPTS => attempt += 1,
                result => return result.map_err(|error| reason(&error)),
            }
        }
    }

    async fn attempt(&self, (entry, record): &Written) -> kube::Result<()> {
        let mut patch = json!({});
        let mut data = BTreeMap::new();
        if !self.has_room.load(Ordering::Relaxed) {
            let found = self.map.get(CONFIG_MAP).await?;
            // What cannot be read, an administrator removes: the reapers say so.
            let records = Records::parse(&found.data.unwrap_or_default()).unwrap_or_default();
            data = records.without_the_oldest(record.written_until);
            patch = json!({"metadata": {"resourceVersion": found.metadata.resource_version}});
        }
        let text = serde_json::to_string(record).map_err(kube::Error::SerdeError)?;
        data.insert(entry.clone(), Some(text));
        if let Some(patch) = patch.as_object_mut() {
            patch.insert("data".to_owned(), json!(data));
        }
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        self.map.patch(CONFIG_MAP, &parameters, &Patch::Merge(patch)).await?;
        self.has_room.store(true, Ordering::Relaxed);
        Ok(())
    }

    // A panic while the lock was held leaves at worst one beat unwritten.
    fn own(&self) -> std::sync::MutexGuard<'_, OwnRecord> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the API server says, without the rest of its answer.
fn reason(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => sanitize(&status.message),
        other => sanitize(&other.to_string()),
    }
}
