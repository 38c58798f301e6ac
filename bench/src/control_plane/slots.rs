//! Which Slots are there? As many as a section wants, each held by Alice, with the marks that hotdesk would have written.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use hotdesk_slots::claim::ClaimView;
use hotdesk_slots::slot::{Claim, SLOT_NAME, Slot, SlotSpec};
use hotdesk_slots::stamp::Stamp;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::chart::Chart;
use super::{ControlPlane, Person};

/// What the Slots' holders say that they do.
const PURPOSE: &str = "benchmark";
/// As many creates at once as keep two cores busy.
const AT_ONCE: usize = 32;
/// An API server that answers nothing for so long has failed.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Alice, and as many others as make up the number: the users of a claim.
#[must_use]
pub fn claimants(number: usize) -> Vec<String> {
    let others = (1..number).map(|i| format!("person-{i}@example.com"));
    std::iter::once(Person::Alice.name().to_owned()).chain(others).collect()
}

/// A Slot that these people hold, stamped as the webhook stamps a Slot when it is written.
#[must_use]
pub fn slot(namespace: &str, users: &[String]) -> Slot {
    let claim = Claim { users: users.to_vec(), purpose: Some(PURPOSE.to_owned()), ..Claim::default() };
    let stamp = Stamp::of_slot(namespace, Some(&ClaimView::parse_lossy(&claim)));
    let mut slot = Slot::new(SLOT_NAME, SlotSpec { claim: Some(claim), ..SlotSpec::default() });
    slot.metadata.namespace = Some(namespace.to_owned());
    slot.metadata.labels = Some(owned(stamp.labels));
    slot.metadata.annotations = Some(owned(stamp.annotations));
    slot
}

/// The labels and annotations of every object in a slot that Alice alone holds.
#[must_use]
pub fn marks(namespace: &str) -> (Value, Value) {
    let claim = ClaimView::parse_lossy(&slot(namespace, &claimants(1)).spec.claim.unwrap_or_default());
    let stamp = Stamp::of(namespace, Some(&claim));
    (
        json!(owned::<serde_json::Map<_, _>, _>(stamp.labels)),
        json!(owned::<serde_json::Map<_, _>, _>(stamp.annotations)),
    )
}

fn owned<M: FromIterator<(String, V)>, V: From<String>>(marks: Vec<(&'static str, String)>) -> M {
    marks.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect()
}

impl ControlPlane {
    /// Tells the API server what a Slot is, and waits until it knows.
    ///
    /// # Errors
    /// If it does not take it.
    pub fn add_slots_kind(&self, chart: &Chart) -> anyhow::Result<()> {
        self.apply(&[chart.crd()?])?;
        let wait = ["wait", "--for=condition=Established", "--timeout=30s", "crd/slots.hotdesk.dev"];
        self.kubectl(Person::Admin, &wait).map(drop)
    }

    /// Creates these Slots, many at once.
    ///
    /// # Errors
    /// If one is refused.
    pub fn create_slots(&self, slots: Vec<Slot>) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client = self.client().await?;
            create(&client, slots).await
        })
    }

    /// A client of the administrator.
    ///
    /// # Errors
    /// If its kubeconfig cannot be read.
    pub async fn client(&self) -> anyhow::Result<Client> {
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig(Person::Admin))?;
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        config.default_retry = false;
        config.read_timeout = Some(TIMEOUT);
        config.proxy_url = None;
        Ok(Client::try_from(config)?)
    }
}

/// Each worker takes the next one that nobody has taken.
async fn create(client: &Client, slots: Vec<Slot>) -> anyhow::Result<()> {
    let (slots, next) = (std::sync::Arc::new(slots), std::sync::Arc::new(AtomicUsize::new(0)));
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE.min(slots.len()) {
        let (client, slots, next) = (client.clone(), slots.clone(), next.clone());
        workers.spawn(async move {
            while let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed)) {
                create_one(&client, slot).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(())
}

async fn create_one(client: &Client, slot: &Slot) -> anyhow::Result<()> {
    let namespace = slot.metadata.namespace.as_deref().unwrap_or_default();
    let slots: Api<Slot> = Api::namespaced(client.clone(), namespace);
    let created = slots.create(&PostParams::default(), slot).await;
    created.map(drop).with_context(|| format!("the Slot of {namespace}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_people_hold_a_slot_as_were_wished_for_and_alice_first() {
        let users = claimants(200);
        assert_eq!((users.len(), users.first().map(String::as_str)), (200, Some(Person::Alice.name())));
    }

    #[test]
    fn a_slot_carries_what_its_objects_carry() {
        let slot = slot("pikachu", &claimants(1));
        let (labels, annotations) = marks("pikachu");
        assert_eq!(json!(slot.metadata.labels), labels);
        let of_slot = json!(slot.metadata.annotations);
        let missing = annotations.as_object().unwrap().iter().find(|(key, value)| of_slot.get(key) != Some(value));
        assert_eq!(missing, None, "the policy would deny every object");
    }
}
