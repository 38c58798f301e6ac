//! A slot of a test's own, made from the chart that users install.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::people::{cluster_dir, root};
use crate::{CommandOutput, Person, objects, until};

/// Where the reapers live, as the charts have it.
pub const JOBS: &str = "hotdesk-jobs";
/// Where they write down what they are about to uninstall.
pub const SAVED: &str = "hotdesk-saved";

/// A slot namespace that is deleted when the test ends.
#[derive(Debug)]
pub struct TestSlot {
    name: String,
}

/// What a test slot shall be like.
#[derive(Debug, Clone)]
pub struct SlotBuilder {
    users: Vec<String>,
    purpose: &'static str,
    slot: Value,
    reaper: Value,
    observer: Value,
    name: Option<String>,
    editors: Vec<String>,
    access: &'static str,
}

/// Words that no other test has: the suite runs twice in a row, in any order and in parallel.
pub fn unique(prefix: &str) -> String {
    format!("{prefix}-{:06x}", RandomState::new().hash_one(std::process::id()) & 0x00ff_ffff)
}

impl SlotBuilder {
    /// A slot that nobody holds.
    pub fn free() -> Self {
        let editors = vec!["developers".to_owned()];
        Self {
            users: Vec::new(),
            purpose: "",
            slot: json!({}),
            reaper: json!({}),
            observer: json!({}),
            name: None,
            editors,
            access: "shared",
        }
    }

    /// A slot that these people hold.
    pub fn held_by(users: &[&str]) -> Self {
        Self { users: users.iter().map(|u| (*u).to_owned()).collect(), purpose: "checkout", ..Self::free() }
    }

    /// A particular name, where the name is what is tested.
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// One more group that may edit as far as RBAC goes.
    pub fn edited_by(mut self, group: &str) -> Self {
        self.editors.push(group.to_owned());
        self
    }

    /// Only the holders of the slot have rights there.
    pub fn access_follows_the_claim(mut self) -> Self {
        self.access = "follow-claim";
        self
    }

    /// Values of the chart for all reapers.
    pub fn reaper(mut self, values: Value) -> Self {
        self.reaper = values;
        self
    }

    /// One job reads for all slots. There is one of it in a cluster: see [`Observer`](crate::reaper::Observer).
    pub fn observed(mut self) -> Self {
        self.observer = json!({"enabled": true, "schedule": in_half_an_hour()});
        self
    }

    /// Makes the slot, and waits until hotdesk knows it.
    pub fn make(self) -> TestSlot {
        let slot = TestSlot { name: self.name.clone().unwrap_or_else(|| unique("slot")) };
        slot.install(&self);
        if !self.users.is_empty() {
            let claim = json!({"users": self.users, "purpose": self.purpose});
            slot.patch(&json!({"spec": {"claim": claim}}));
        }
        slot.wait_until_known();
        slot
    }
}

impl TestSlot {
    /// A slot that nobody holds.
    pub fn free() -> Self {
        SlotBuilder::free().make()
    }

    /// A slot that this person holds.
    pub fn held_by(user: &str) -> Self {
        SlotBuilder::held_by(&[user]).make()
    }

    /// A slot that somebody else made; its namespace goes when the test ends.
    pub fn adopt(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    fn install(&self, builder: &SlotBuilder) {
        let mut slot = builder.slot.clone();
        slot["name"] = json!(self.name);
        let mut reaper = builder.reaper.clone();
        reaper["image"] = product_image("reaper");
        if reaper["schedule"].is_null() {
            reaper["schedule"] = json!(in_half_an_hour());
        }
        let values = json!({"slots": [slot], "editors": {"groups": builder.editors}, "reaper": reaper, "observer": builder.observer,
            "access": builder.access});
        let mut template = Command::new(cluster_dir().join("bin/helm"));
        let chart = root().join("charts/slots");
        template.args(["template", "slots", "-n", "hotdesk", "-f", "-"]).arg(chart);
        let manifest = CommandOutput::run(template, &values.to_string()).succeeded().stdout;
        let objects: Vec<Value> = serde_saphyr::from_multiple(&manifest).unwrap();
        objects::apply(&objects);
    }

    /// Changes the Slot object, as the administrator.
    pub fn patch(&self, patch: &Value) {
        objects::patch(&self.name, "slots", "slot", patch);
    }

    /// The Slot object.
    pub fn object(&self) -> Value {
        self.get("slots", "slot")
    }

    /// Waits until a probe is answered from the Slot as it is now, by the webhook and by the policy.
    pub fn wait_until_known(&self) {
        let owner = self.object()["spec"]["claim"]["users"][0].as_str().map(str::to_owned);
        until(&format!("hotdesk to know slot {}", self.name), Duration::from_secs(30), || {
            let who = owner.as_deref().unwrap_or("nobody@example.com");
            let probe = self.probe(who);
            // Where access follows the claim, nobody but the holder has the right at all.
            let nobodys = ["is free", "cannot create resource"].iter().any(|says| probe.stderr.contains(says));
            let as_it_is = if owner.is_some() { probe.ok() } else { nobodys };
            if as_it_is { Ok(()) } else { Err(probe.to_string()) }
        });
    }

    /// A write that is judged and not done.
    pub fn probe(&self, who: &str) -> CommandOutput {
        objects::probe(&self.name, who)
    }

    /// An object of the slot as the administrator sees it.
    pub fn get(&self, kind: &str, name: &str) -> Value {
        objects::get(&self.name, kind, name)
    }

    /// The names of all objects of a kind.
    pub fn names(&self, kind: &str) -> Vec<String> {
        let names = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
        objects::list(&self.name, kind, "").iter().map(names).collect()
    }

    /// kubectl in this slot.
    pub fn kubectl(&self, who: &Person, args: &[&str]) -> CommandOutput {
        who.kubectl(&[&["-n", self.name()], args].concat())
    }

    /// `helm install` of one of the tests' charts, and more arguments.
    pub fn helm_install(
        &self,
        who: &Person,
        helm: crate::Helm,
        release: &str,
        chart: &str,
        more: &[&str],
    ) -> CommandOutput {
        let path = crate::people::chart(chart);
        let args = ["install", release, &path, "-n", self.name(), "--set", &format!("image={}", test_image("app"))];
        who.helm(helm, &[&args[..], more].concat())
    }
}

impl Drop for TestSlot {
    fn drop(&mut self) {
        // The deletion goes on by itself; a namespace that is left over harms no other test.
        objects::delete("", "namespaces", &self.name);
        // What is hotdesk's own stands outside of it.
        let own = format!("hotdesk.dev/slot={}", self.name);
        for kind in ["cronjobs", "jobs", "serviceaccounts"] {
            objects::delete_all(JOBS, kind, &own);
        }
        objects::delete_all(SAVED, "secrets", &own);
        objects::delete_all("", "rolebindings", &own);
        objects::delete_all("", "clusterrolebindings", &own);
        objects::delete("", "validatingadmissionpolicybindings", &format!("slots-jobs-{}", self.name));
    }
}

/// The reference of one of the test images that `tests/cluster/images` loaded: `app` or `nginx`.
pub fn test_image(name: &str) -> String {
    format!("{}/{name}:{}", images_env("HOTDESK_TEST_IMAGE_PREFIX"), images_env("HOTDESK_TEST_IMAGE_TAG"))
}

/// One of hotdesk's own images, as the charts' values name it.
pub fn product_image(name: &str) -> Value {
    let repository = format!("{}/{name}", images_env("HOTDESK_IMAGE_PREFIX"));
    json!({"repository": repository, "tag": images_env("HOTDESK_IMAGE_TAG"), "pullPolicy": "IfNotPresent"})
}

fn images_env(key: &str) -> String {
    let path = cluster_dir().join("images.env");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}; run `make install`", path.display()));
    text.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix('=')).unwrap().to_owned()
}

/// Hourly, as slots have it, but at a minute that no test lives to see: a run of the slot's own, among those that the test
/// starts, would judge before them.
#[allow(clippy::disallowed_methods)] // a test's own edge
fn in_half_an_hour() -> String {
    let now = Timestamp::now().as_second();
    format!("{} * * * *", (now / 60 + 30) % 60)
}
