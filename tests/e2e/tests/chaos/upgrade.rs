//! From the charts of before, with the programs of before, under the load.

use std::process::Command;

use hotdesk_e2e::people::root;
use hotdesk_e2e::{CommandOutput, admin, installation};
use serde_json::Value;

use crate::{PER_SECOND, in_hotdesk, not_run, under_load_in};

/// One of the slots of charts/slots/examples/pokemon.yaml.
const SLOT: &str = "mew";

pub(crate) fn script(path: &str, args: &[&str]) -> CommandOutput {
    let mut command = Command::new(root().join(path));
    command.args(args);
    CommandOutput::run(command, "")
}

/// Leaves the installation of today behind, also where the test failed.
struct Today;

impl Drop for Today {
    fn drop(&mut self) {
        let _restored: CommandOutput = script("tests/install", &[]);
        let free = r#"{"spec":{"claim":null}}"#;
        let _freed: CommandOutput = admin().kubectl(&["-n", SLOT, "patch", "slot", "slot", "--type=merge", "-p", free]);
    }
}

#[test]
fn hotdesk_is_upgraded_from_the_charts_of_before() {
    let _held = installation::exclusive();
    if !script("tests/before/images", &["loaded"]).ok() {
        let why = "tests/before/images builds the programs of that time first";
        return not_run("hotdesk_is_upgraded_from_the_charts_of_before", why);
    }
    for availability in ["continue", "strict"] {
        let today = Today;
        script("tests/before/install", &[&format!("availability={availability}")]).succeeded();
        let claim = r#"{"spec":{"claim":{"users":["alice@example.com"]}}}"#;
        admin().kubectl(&["-n", SLOT, "patch", "slot", "slot", "--type=merge", "-p", claim]).succeeded();
        let ended = under_load_in(SLOT, &format!("upgrade from before ({availability})"), |more| {
            let settings = [format!("--set=availability={availability}")];
            let settings = settings.each_ref().map(String::as_str);
            script("tests/install", &settings).succeeded();
            assert_eq!(failure_policy(), "Ignore", "a holder goes on while the path is not published");
            in_hotdesk(&["wait", "--for=condition=complete", "job", "-l", "app.kubernetes.io/component=certs"]);
            more(crate::AROUND);
            script("tests/install", &settings).succeeded();
            more(crate::AROUND);
        });
        if availability == "continue" {
            ended.holder_lost_nothing();
        } else {
            // helm changes the webhook configurations some seconds before the policy, which still wants every stamp then.
            let lost = ended.failed.len();
            assert!(lost < 10 * PER_SECOND, "{lost} were lost, the first: {:?}", ended.failed.first());
        }
        assert_eq!(failure_policy(), if availability == "strict" { "Fail" } else { "Ignore" });
        nothing_of_before_is_left();
        drop(today);
    }
}

/// What becomes of a holder's write while no webhook answers.
fn failure_policy() -> String {
    let first = ["get", "mutatingwebhookconfiguration", "hotdesk", "-o", "jsonpath={.webhooks[0].failurePolicy}"];
    admin().kubectl(&first).succeeded().stdout
}

/// What the charts of before put into the slots is gone, and stays gone.
fn nothing_of_before_is_left() {
    let left =
        admin().kubectl(&["-n", SLOT, "get", "cronjobs,serviceaccounts,secrets", "-o", "name"]).succeeded().stdout;
    assert!(!left.contains("hotdesk-reaper") && !left.contains("hotdesk-reviver"), "{left}");
    let access = in_hotdesk(&["get", "deployments,serviceaccounts", "-o", "name"]).succeeded().stdout;
    assert!(!access.contains("access"), "{access}");
    let all = |kinds: &str| {
        let list = admin().kubectl(&["get", kinds, "-A", "-o", "json"]).succeeded().json();
        list["items"].as_array().unwrap().clone()
    };
    // Those of the release: what other tests leave behind is theirs.
    let mut slots = all("slots.hotdesk.dev");
    slots.retain(|slot| slot["metadata"]["annotations"]["meta.helm.sh/release-name"] == "slots");
    let slots: Vec<Value> = slots.iter().map(|slot| slot["metadata"]["namespace"].clone()).collect();
    assert!(slots.iter().any(|slot| slot == SLOT), "{slots:?}");
    for binding in all("rolebindings,clusterrolebindings") {
        let mut subjects = binding["subjects"].as_array().into_iter().flatten();
        let of_a_slot = |s: &Value| s["kind"] == "ServiceAccount" && slots.contains(&s["namespace"]);
        assert!(!subjects.any(of_a_slot), "{binding}");
    }
    for role in all("clusterroles,clusterrolebindings") {
        let name = role["metadata"]["name"].as_str().unwrap();
        assert!(!(name.contains("hotdesk") && name.ends_with("-access")), "{name}");
    }
}
