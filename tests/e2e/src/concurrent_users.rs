//! Many people at the same moment, through the real API server, as identities that exist by impersonation alone.

use futures::future::join_all;
use kube::Client;
use serde_json::{Value, json};

use crate::objects;

/// A way to the API server for any number of people.
pub struct Crowd {
    client: Client,
    runtime: tokio::runtime::Runtime,
}

/// A write of a Slot by somebody.
#[derive(Debug, Clone)]
pub struct Write {
    pub who: String,
    pub slot: String,
    /// A merge patch.
    pub patch: Value,
}

/// What they were told.
#[derive(Debug, Clone)]
pub struct Told {
    pub who: String,
    pub slot: String,
    /// 200 if it was done.
    pub code: u16,
    pub message: String,
}

impl Write {
    /// A claim for oneself.
    pub fn claim(who: &str, slot: &str) -> Self {
        let patch = json!({"spec": {"claim": {"users": [who], "purpose": "crowd"}}});
        Self { who: who.to_owned(), slot: slot.to_owned(), patch }
    }

    /// The end of a claim.
    pub fn release(who: &str, slot: &str) -> Self {
        Self { who: who.to_owned(), slot: slot.to_owned(), patch: json!({"spec": {"claim": null}}) }
    }
}

impl Crowd {
    /// People in the group `developers`, whom the administrator of the cluster impersonates.
    pub fn gather() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let client = runtime.block_on(objects::client(|_| ()));
        Self { client, runtime }
    }

    /// All of these at once.
    pub fn write(&self, writes: &[Write]) -> Vec<Told> {
        self.runtime.block_on(join_all(writes.iter().map(|write| self.send(write))))
    }

    async fn send(&self, write: &Write) -> Told {
        let request = http::Request::patch(format!("/apis/hotdesk.dev/v1alpha1/namespaces/{}/slots/slot", write.slot))
            .header("Content-Type", "application/merge-patch+json")
            .header("Impersonate-User", &write.who)
            .header("Impersonate-Group", "developers")
            .body(write.patch.to_string().into_bytes())
            .unwrap();
        let (who, slot) = (write.who.clone(), write.slot.clone());
        match self.client.request::<Value>(request).await {
            Ok(_) => Told { who, slot, code: 200, message: String::new() },
            Err(kube::Error::Api(status)) => Told { who, slot, code: status.code, message: status.message.clone() },
            Err(error) => panic!("{who}, {slot}: {error}"),
        }
    }
}
