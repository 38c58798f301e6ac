//! A revive or a reap that was killed, or failed: the next one finishes it.

use super::*;

#[test]
fn a_revive_that_was_killed_is_finished_by_the_next() {
    let _held = installation::shared();
    let ingress = seeing();
    for helm in Helm::BOTH {
        let slot = slot(&ingress);
        // A pod that takes its time leaves time to kill the reviver in the middle of the rollback.
        install(&slot, &alice(), helm, "shop", &["--set", "readySeconds=10"]);
        let (before, said) = (snapshot(&slot), as_helm_says(&slot, &alice(), helm, "shop"));
        reap(&slot, &alice());
        let job = reaper::start_revive(&slot, &[], &[]);
        until("the rollback to be under way", Duration::from_secs(60), || {
            let found =
                slot.kubectl(&admin(), &["get", "secrets", "-l", "owner=helm,status=pending-rollback", "-o", "name"]);
            let there = found.stdout.contains("shop") && slot.names("deployments").len() == 2;
            if there { Ok(()) } else { Err(found.to_string()) }
        });
        reaper::kubectl(&["delete", "job", &job, "--cascade=foreground", "--grace-period=0", "--force"]).succeeded();
        let pod = format!("job-name={job}");
        reaper::kubectl(&["wait", "--for=delete", "pod", "-l", &pod, "--timeout=60s"]).succeeded();
        assert_eq!(saved(&slot).len(), 1, "what is not back stays saved");
        reaper::revive(&slot, &[]).succeeded().said(&["Back in"]);
        assert_same(&before, &snapshot(&slot));
        assert_eq!(said, as_helm_says(&slot, &alice(), helm, "shop"));
        let pending =
            slot.kubectl(&admin(), &["get", "secrets", "-l", "owner=helm,status=pending-rollback", "-o", "name"]);
        assert_eq!(pending.stdout, "", "{helm:?}");
    }
}

#[test]
fn a_revive_that_failed_is_finished_by_the_next_and_what_was_kept_stays() {
    let _held = installation::shared();
    let ingress = seeing();
    // The pods are ready later than the reviver waits.
    let slot = slot_with(&ingress, &json!({"revive": {"timeout": "3s"}}));
    install(&slot, &alice(), Helm::V4, "shop", &["--set", "readySeconds=12"]);
    let edit = json!({"data": {"greeting": "by hand"}}).to_string();
    slot.kubectl(&alice(), &["patch", "configmap", "shop-settings", "--type=merge", "-p", &edit]).succeeded();
    let (before, said) = (snapshot(&slot), as_helm_says(&slot, &alice(), Helm::V4, "shop"));
    let kept = slot.get("configmap", "shop-settings")["metadata"]["uid"].clone();
    reap(&slot, &alice());
    reaper::revive(&slot, &[]).failed_saying(&["shop is not back: helm failed", "stays saved: run it again"]);
    assert_eq!(said, as_helm_says(&slot, &alice(), Helm::V4, "shop"), "the next deploy compares with it");
    slot.kubectl(&alice(), &["wait", "deployments", "--all", "--for=condition=Available", "--timeout=60s"]).succeeded();
    reaper::revive(&slot, &[]).succeeded().said(&["Back in"]);
    assert_same(&before, &snapshot(&slot));
    assert_eq!(slot.get("configmap", "shop-settings")["metadata"]["uid"], kept, "it was not deleted and made again");
    assert_eq!(said, as_helm_says(&slot, &alice(), Helm::V4, "shop"));
}

#[test]
fn a_release_that_a_killed_reap_left_half_gone_is_made_whole() {
    let _held = installation::shared();
    let ingress = seeing();
    // How long a reap that died counts as under way.
    let slot = slot_with(&ingress, &json!({"uninstallTimeout": "5s"}));
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
    let (before, said) = (snapshot(&slot), as_helm_says(&slot, &alice(), Helm::V4, "web"));
    let hold = |list: Value| {
        let patch = json!({"metadata": {"finalizers": list}}).to_string();
        slot.kubectl(&alice(), &["patch", "service", "web", "--type=merge", "-p", &patch]).succeeded();
    };
    hold(json!(["e2e.hotdesk.test/hold"]));
    reaper::until_older(&slot, &alice(), 2);
    let job = reaper::start(&slot, &[]);
    until("the release to be half gone", Duration::from_secs(60), || {
        let service = slot.get("service", "web");
        let going = !service["metadata"]["deletionTimestamp"].is_null() && slot.names("deployments").is_empty();
        if going { Ok(()) } else { Err(service["metadata"].to_string()) }
    });
    reaper::kubectl(&["delete", "job", &job, "--cascade=foreground", "--grace-period=0", "--force"]).succeeded();
    hold(json!([]));
    // A reap that had the time to say that it ended is over at once.
    until("the reap to count as ended", Duration::from_secs(120), || {
        let run = reaper::revive(&slot, &[]);
        if run.exit_code == 0 { Ok(run) } else { Err(format!("{run:?}")) }
    })
    .said(&["Back in"]);
    assert_same(&before, &snapshot(&slot));
    assert_eq!(said, as_helm_says(&slot, &alice(), Helm::V4, "web"));
}
