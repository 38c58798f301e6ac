//! A hundred writes a second through the API server, half of them by a holder and half by a stranger, and what became
//! of each. It goes on while something happens to hotdesk.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::Client;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::objects;

/// Between two writes of one person: fifty a second each.
const PACE: Duration = Duration::from_millis(20);
/// The most writes of one person that wait for an answer; a slower server is not asked for more.
const IN_FLIGHT: usize = 64;
/// How long the API server may take. Longer than the webhook's timeout, so that each write gets an answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What became of the writes.
#[derive(Debug, Default)]
pub struct Tally {
    /// Writes of the holder that were admitted.
    pub holder_admitted: AtomicU64,
    /// Why the others were not, and after how many seconds of the load.
    pub holder_failed: Mutex<Vec<String>>,
    /// Writes of the stranger that hotdesk, or the API server for it, refused.
    pub stranger_refused: AtomicU64,
    /// Those of them that were told who holds the slot, or that no webhook answered: by hotdesk's own doing, and by nothing else.
    pub stranger_told: AtomicU64,
    /// The names of the stranger's objects that were admitted.
    pub stranger_admitted: Mutex<Vec<String>>,
}

/// A load that runs until it is ended.
pub struct Load {
    tally: Arc<Tally>,
    runtime: Option<Runtime>,
}

impl Load {
    /// Begins: `holder` and `stranger` write ConfigMaps into the slot, as dry runs, which admission judges as any other
    /// write and which fill no disk.
    pub fn begin(slot: &str, holder: &str, stranger: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let tally = Arc::new(Tally::default());
        let (client, begun) = (runtime.block_on(client()), Instant::now());
        for (who, is_holder) in [(holder, true), (stranger, false)] {
            let writer =
                Writer { client: client.clone(), slot: slot.to_owned(), who: who.to_owned(), is_holder, begun };
            runtime.spawn(write_steadily(writer, Arc::clone(&tally)));
        }
        Self { tally, runtime: Some(runtime) }
    }

    /// How many writes of the holder were admitted up to now.
    pub fn admitted(&self) -> u64 {
        self.tally.holder_admitted.load(Ordering::Relaxed)
    }

    /// Ends it, and says what became of the writes. No stranger's write may have been admitted.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(TIMEOUT);
        }
        let locked = |texts: &Mutex<Vec<String>>| texts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let strangers = locked(&self.tally.stranger_admitted);
        assert!(strangers.is_empty(), "a stranger was admitted {} times: {:?}", strangers.len(), strangers.first());
        let refused = self.tally.stranger_refused.load(Ordering::Relaxed);
        let told = self.tally.stranger_told.load(Ordering::Relaxed);
        assert!(told > 0, "none of {refused} refusals of strangers is hotdesk's: this test shows nothing");
        Ended {
            admitted: self.admitted(),
            failed: locked(&self.tally.holder_failed),
            refused,
            meanwhile: String::new(),
        }
    }
}

/// What became of the writes of a load that has ended.
#[derive(Debug)]
pub struct Ended {
    pub admitted: u64,
    pub failed: Vec<String>,
    pub refused: u64,
    /// What the cluster tells of that time, where somebody may ask why a write failed.
    pub meanwhile: String,
}

impl Ended {
    /// The holder lost nothing.
    #[track_caller]
    pub fn holder_lost_nothing(self) -> Self {
        let end = |failed: Option<&String>| failed.cloned().unwrap_or_default();
        let (first, last) = (end(self.failed.first()), end(self.failed.last()));
        let (lost, all) = (self.failed.len(), self.admitted as usize + self.failed.len());
        assert!(
            lost == 0,
            "the holder lost {lost} of {all} writes, the first {first}\nand the last {last}\n{}",
            self.meanwhile
        );
        self
    }

    /// One line for the log of the test run.
    pub fn tell(&self, what: &str) {
        use std::io::Write as _;
        let line = format!(
            "CHAOS {what}: 0 of {} strangers admitted, {} of {} holder's writes failed\n",
            self.refused,
            self.failed.len(),
            self.admitted as usize + self.failed.len()
        );
        // Past the capture of the test harness: this line is the result.
        let _unwritable = std::io::stderr().write_all(line.as_bytes());
    }
}

/// The same write of the holder, so many of them under way at any time, until it is ended.
pub struct Flood {
    answered: Arc<Mutex<Vec<Result<(), String>>>>,
    runtime: Runtime,
}

impl Flood {
    /// Begins to put `object` to `url`, in the name of `who`.
    pub fn begin(at_a_time: usize, who: &str, url: &str, object: &Value) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (client, answered) = (runtime.block_on(client()), Arc::new(Mutex::new(Vec::new())));
        let request = http::Request::put(url)
            .header("Content-Type", "application/json")
            .header("Impersonate-User", who)
            .header("Impersonate-Group", "developers")
            .body(object.to_string().into_bytes())
            .unwrap();
        for _ in 0..at_a_time {
            let (client, answered, request) = (client.clone(), Arc::clone(&answered), request.clone());
            runtime.spawn(async move {
                loop {
                    let answer = client.request::<Value>(request.clone()).await.map(drop);
                    let answer = answer.map_err(|error| error.to_string());
                    answered.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
                }
            });
        }
        Self { answered, runtime }
    }

    /// Ends it, and says what was answered; what is still under way is not.
    pub fn end(self) -> Vec<Result<(), String>> {
        self.runtime.shutdown_background();
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn client() -> Client {
    objects::client(|config| config.read_timeout = Some(TIMEOUT)).await
}

#[derive(Clone)]
struct Writer {
    client: Client,
    slot: String,
    who: String,
    is_holder: bool,
    begun: Instant,
}

async fn write_steadily(writer: Writer, tally: Arc<Tally>) {
    let mut ticks = tokio::time::interval(PACE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut under_way = JoinSet::new();
    for number in 0_u64.. {
        ticks.tick().await;
        while under_way.len() >= IN_FLIGHT {
            let _one_ended = under_way.join_next().await;
        }
        while under_way.try_join_next().is_some() {}
        let (writer, tally) = (writer.clone(), Arc::clone(&tally));
        under_way.spawn(async move { writer.write(number, &tally).await });
    }
}

impl Writer {
    async fn write(&self, number: u64, tally: &Tally) {
        let name = format!("load-{number}");
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}});
        let request =
            http::Request::post(format!("/api/v1/namespaces/{}/configmaps?dryRun=All&timeout=15s", self.slot))
                .header("Content-Type", "application/json")
                .header("Impersonate-User", &self.who)
                .header("Impersonate-Group", "developers")
                .body(object.to_string().into_bytes())
                .unwrap();
        let answer = self.client.request::<Value>(request).await;
        let note = |texts: &Mutex<Vec<String>>, text: String| {
            texts.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        };
        match (answer, self.is_holder) {
            (Ok(_), true) => drop(tally.holder_admitted.fetch_add(1, Ordering::Relaxed)),
            (Ok(_), false) => note(&tally.stranger_admitted, name),
            (Err(error), true) => {
                let after = self.begun.elapsed().as_secs_f32();
                note(&tally.holder_failed, format!("after {after:.1} s: {error}"));
            }
            // A server that cannot be reached has admitted nobody either.
            (Err(error), false) => {
                let said = error.to_string();
                let is_hotdesks = said.contains("is held by") || said.contains("hotdesk.dev");
                tally.stranger_refused.fetch_add(1, Ordering::Relaxed);
                tally.stranger_told.fetch_add(u64::from(is_hotdesks), Ordering::Relaxed);
            }
        }
    }
}
