//! Where does the table play? Slots that its rows share, and slots of a row's own.

use std::sync::OnceLock;
use std::time::Duration;

use hotdesk_e2e::slot::{SlotBuilder, test_image, unique};
use hotdesk_e2e::{Helm, TestSlot, admin, alice, until};
use serde_json::{Value, json};

use crate::api::{Actor, Api, Ask, MALLORY, administrator, core, group, mallory, slot_of};
use crate::gated::Gated;
use crate::kinds::{Kind, discover, idle_pod};
use crate::snapshot::Snapshot;
use crate::sweep::Swept;
use crate::table::{Verdict, held};

/// What the rows share. Each part is made when the first row needs it.
#[derive(Default)]
pub struct World {
    pub api: Api,
    pub swept: Swept,
    kinds: OnceLock<Vec<Kind>>,
    gated: OnceLock<Gated>,
    alices: OnceLock<House>,
    workshop: OnceLock<TestSlot>,
    free: OnceLock<TestSlot>,
    lapsed: OnceLock<TestSlot>,
    bobs: OnceLock<TestSlot>,
    desk: OnceLock<TestSlot>,
    own_accounts: OnceLock<TestSlot>,
    swept_slots: OnceLock<crate::sweep::Slots>,
    pod_of_alices: OnceLock<(TestSlot, Actor)>,
    mallory: OnceLock<ClusterAdmin>,
    gadgets: OnceLock<crate::templates::Gadgets>,
    street: OnceLock<crate::neighbours::Street>,
}

/// Alice's slot, with a release of hers that runs.
pub struct House {
    pub slot: TestSlot,
    /// The name of its running pod.
    pub pod: String,
}

impl House {
    fn build() -> Self {
        let slot = TestSlot::held_by("alice@example.com");
        slot.helm_install(&alice(), Helm::V4, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
        let pod = slot.names("pods").into_iter().find(|name| name.starts_with("web-")).expect("a pod of web");
        // What its controllers still do to it is over when the pod is among the Service's endpoints.
        until("the endpoints of web", Duration::from_secs(30), || {
            let slices = slot.kubectl(&admin(), &["get", "endpointslices", "-o", "json"]).succeeded().json();
            let ready = slices["items"]
                .as_array()
                .unwrap()
                .iter()
                .any(|slice| slice["endpoints"][0]["conditions"]["ready"] == true);
            if ready { Ok(()) } else { Err(slices.to_string()) }
        });
        Self { slot, pod }
    }

    pub fn name(&self) -> &str {
        self.slot.name()
    }

    pub fn core(&self, rest: &str) -> String {
        core(self.name(), rest)
    }

    pub fn deployment(&self) -> String {
        group("apps/v1", self.name(), "deployments/web")
    }

    pub fn pod(&self, rest: &str) -> String {
        self.core(&format!("pods/{}{rest}", self.pod))
    }

    pub fn slot(&self) -> String {
        slot_of(self.name())
    }
}

impl World {
    pub fn kinds(&self) -> &[Kind] {
        // Custom resources are swept over, too.
        self.gadgets();
        self.kinds.get_or_init(|| discover(&self.api))
    }

    pub fn gated(&self) -> &Gated {
        self.gated.get_or_init(Gated::read)
    }

    /// Alice's slot, where nothing may change.
    pub fn alices(&self) -> &House {
        self.alices.get_or_init(House::build)
    }

    /// Another slot of alice's, where she may do whatever a row needs, with every right of RBAC.
    pub fn workshop(&self) -> &TestSlot {
        self.workshop.get_or_init(|| {
            let slot = trusted("alice@example.com");
            let alice = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alice@example.com"});
            self.bind(slot.name(), "cluster-admin", &alice);
            let gadgets = json!({"namespace": slot.name(), "group": "attacks.hotdesk.test", "resource": "gadgets", "verb": "create"});
            self.until_allowed("alice@example.com", &gadgets);
            slot
        })
    }

    /// A slot that nobody holds, where nothing may change.
    pub fn free(&self) -> &TestSlot {
        self.free.get_or_init(TestSlot::free)
    }

    /// Alice's slot by a claim that has lapsed, where nothing may change.
    pub fn lapsed(&self) -> &TestSlot {
        self.lapsed.get_or_init(lapsed_slot)
    }

    /// Bob's slot, where nothing may change.
    pub fn bobs(&self) -> &TestSlot {
        self.bobs.get_or_init(|| TestSlot::held_by("bob@example.com"))
    }

    /// Another slot of bob's, where he may do whatever a row needs, but for the names of his claim.
    pub fn desk(&self) -> &TestSlot {
        self.desk.get_or_init(|| TestSlot::held_by("bob@example.com"))
    }

    /// Alice's slot, in which hotdesk's own accounts have every right that RBAC can give. Nothing may change there.
    pub fn own_accounts(&self) -> &TestSlot {
        self.own_accounts.get_or_init(|| crate::accounts::slot(self))
    }

    pub fn swept_slots(&self) -> &crate::sweep::Slots {
        self.swept_slots.get_or_init(|| crate::sweep::Slots::make(self))
    }

    /// A pod of alice's own slot, which she trusts, with every right that RBAC can give there.
    pub fn pod_of_alices(&self) -> &(TestSlot, Actor) {
        self.pod_of_alices.get_or_init(|| {
            let slot = trusted("alice@example.com");
            let subject = json!({"kind": "ServiceAccount", "name": "default", "namespace": slot.name()});
            self.bind(slot.name(), "cluster-admin", &subject);
            let own = Actor::by_token(&self.pod_with_token(slot.name(), "own", "default"));
            self.until_known("the pod's token to work", &own, slot.name(), true);
            (slot, own)
        })
    }

    /// Two slots with hosts, alice's and bob's, where bob has every right of RBAC in his.
    pub fn street(&self) -> &crate::neighbours::Street {
        self.street.get_or_init(|| crate::neighbours::Street::make(self))
    }

    pub fn gadgets(&self) -> &crate::templates::Gadgets {
        self.gadgets.get_or_init(|| crate::templates::Gadgets::make(&self.api))
    }

    /// Cluster-admin for RBAC, and nothing for hotdesk.
    pub fn mallory(&self) -> Actor {
        self.mallory.get_or_init(|| ClusterAdmin::make(&self.api));
        mallory()
    }

    pub fn snapshot(&self, namespace: &str) -> Snapshot {
        Snapshot::of(self, namespace)
    }

    /// This holds, and nothing in the slot is another than before.
    pub fn unchanged(&self, namespace: &str, act: impl FnOnce() -> Verdict) -> Verdict {
        let before = self.snapshot(namespace);
        let verdict = act();
        let changes = before.changes(&self.snapshot(namespace));
        held(changes.is_empty(), || format!("something changed in {namespace}: {}", changes.join("\n")))?;
        verdict
    }

    /// This request into alice's slot is denied, naming her, and nothing there changes.
    pub fn denied(&self, who: &Actor, ask: impl FnOnce(&House) -> Ask) -> Verdict {
        self.denied_saying(who, &["is held by alice@example.com"], ask)
    }

    /// The same for another reason.
    pub fn denied_saying(&self, who: &Actor, parts: &[&str], ask: impl FnOnce(&House) -> Ask) -> Verdict {
        let house = self.alices();
        self.unchanged(house.name(), || self.api.send(who, ask(house)).denied(parts))
    }

    /// The Slot object as it is.
    pub fn slot(&self, namespace: &str) -> Value {
        self.api.set_up(Ask::get(slot_of(namespace)))
    }

    /// A merge patch of the Slot by the administrator.
    pub fn set_slot(&self, namespace: &str, patch: &Value) {
        self.api.set_up(Ask::merge(slot_of(namespace), patch));
    }

    /// An object that the administrator makes.
    pub fn make(&self, collection: &str, object: &Value) -> Value {
        self.api.set_up(Ask::post(collection, object))
    }

    /// Gives these subjects a role within a namespace, and waits until the API server knows.
    pub fn bind(&self, namespace: &str, role: &str, subject: &Value) {
        let name = unique("bind");
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role});
        let binding = json!({"metadata": {"name": name}, "roleRef": role, "subjects": [subject]});
        self.make(&group("rbac.authorization.k8s.io/v1", namespace, "rolebindings"), &binding);
        let user = match subject["kind"].as_str() {
            Some("ServiceAccount") => {
                format!("system:serviceaccount:{}:{}", text(&subject["namespace"]), text(&subject["name"]))
            }
            _ => text(&subject["name"]).to_owned(),
        };
        let asked = json!({"namespace": namespace, "verb": "create", "resource": "configmaps"});
        self.until_allowed(&user, &asked);
    }

    /// Waits until Kubernetes' own authorization lets a user do this.
    pub fn until_allowed(&self, user: &str, attributes: &Value) {
        until(&format!("the right of {user}"), Duration::from_secs(20), || {
            if self.is_allowed(user, &[], attributes) { Ok(()) } else { Err(attributes.to_string()) }
        });
    }

    /// What Kubernetes' own authorization says.
    pub fn is_allowed(&self, user: &str, groups: &[&str], attributes: &Value) -> bool {
        let spec = json!({"user": user, "groups": groups, "resourceAttributes": attributes});
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec});
        let ask = Ask::post("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review);
        self.api.set_up(ask)["status"]["allowed"] == true
    }

    /// A pod that is never scheduled, and the token that the kubelet would give it.
    pub fn pod_with_token(&self, namespace: &str, name: &str, account: &str) -> String {
        let mut spec = idle_pod();
        spec["serviceAccountName"] = json!(account);
        let pod = self.make(&core(namespace, "pods"), &json!({"metadata": {"name": name}, "spec": spec}));
        self.token_of_pod(namespace, account, &pod)
    }

    /// The token that the kubelet gives this pod.
    pub fn token_of_pod(&self, namespace: &str, account: &str, pod: &Value) -> String {
        let bound =
            json!({"kind": "Pod", "apiVersion": "v1", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]});
        let request = json!({"spec": {"boundObjectRef": bound, "expirationSeconds": 3600}});
        let made = self.make(&core(namespace, &format!("serviceaccounts/{account}/token")), &request);
        text(&made["status"]["token"]).to_owned()
    }

    /// Waits until hotdesk's answer to this dry run is as wanted.
    pub fn until_known(&self, what: &str, who: &Actor, namespace: &str, admitted: bool) {
        until(what, Duration::from_secs(30), || {
            let answer = self.api.send(who, create_config_map(namespace, &unique("probe")).dry());
            if answer.ok() == admitted { Ok(()) } else { Err(answer.to_string()) }
        });
    }
}

/// The plainest write.
pub fn create_config_map(namespace: &str, name: &str) -> Ask {
    Ask::post(core(namespace, "configmaps"), &json!({"metadata": {"name": name}, "data": {"a": "b"}}))
}

/// A slot that this person holds, and whose workloads may write there.
pub fn trusted(owner: &str) -> TestSlot {
    let slot = TestSlot::held_by(owner);
    slot.patch(&json!({"spec": {"claim": {"trustWorkloads": true}}}));
    slot
}

/// A slot that was alice's until 2020.
pub fn lapsed_slot() -> TestSlot {
    let slot = SlotBuilder::held_by(&["alice@example.com"]).make();
    slot.patch(&json!({"spec": {"claim": {"until": "2020-01-01T00:00:00Z"}}}));
    until("the lapse to be seen", Duration::from_secs(20), || {
        let probe = slot.probe("alice@example.com");
        if probe.stderr.contains("lapsed") { Ok(()) } else { Err(probe.to_string()) }
    });
    slot
}

/// A running pod of the tests' own image, and what it runs.
pub fn running_pod(world: &World, namespace: &str, name: &str, command: &[&str]) -> Value {
    let container =
        json!({"name": "app", "image": test_image("app"), "imagePullPolicy": "IfNotPresent", "command": command});
    let spec = json!({"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 0});
    let pod = world.make(&core(namespace, "pods"), &json!({"metadata": {"name": name}, "spec": spec}));
    until(&format!("pod {name} to run"), Duration::from_secs(60), || {
        let now = world.api.send(&administrator(), Ask::get(core(namespace, &format!("pods/{name}"))));
        if now.json["status"]["phase"] == "Running" { Ok(()) } else { Err(now.to_string()) }
    });
    pod
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Mallory's right to do anything, taken back at the end.
struct ClusterAdmin {
    name: String,
}

impl ClusterAdmin {
    fn make(api: &Api) -> Self {
        let admin = Self { name: unique("mallory") };
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"});
        let subject = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": MALLORY});
        let binding = json!({"metadata": {"name": admin.name}, "roleRef": role, "subjects": [subject]});
        api.set_up(Ask::post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding));
        until("mallory to be cluster-admin", Duration::from_secs(20), || {
            let answer = api.send(&mallory(), Ask::get("/api/v1/nodes"));
            if answer.ok() { Ok(()) } else { Err(answer.to_string()) }
        });
        admin
    }
}

impl Drop for ClusterAdmin {
    fn drop(&mut self) {
        drop(admin().kubectl(&["delete", "clusterrolebinding", &self.name, "--ignore-not-found"]));
    }
}
