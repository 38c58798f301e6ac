//! The certificate comes from elsewhere, or its Secret is gone.

use std::collections::BTreeSet;
use std::time::Duration;

use hotdesk_e2e::cert_manager::CertManager;
use hotdesk_e2e::certs::renew;
use hotdesk_e2e::people::root;
use hotdesk_e2e::slot::unique;
use hotdesk_e2e::{CommandOutput, Helm, admin, installation, until};

use crate::{AROUND, all_are_ready, in_hotdesk, not_run, told_by_each, under_load};

/// The installation with another `certs.mode`, and the same values otherwise.
fn upgrade_to(mode: &str) -> CommandOutput {
    let chart = root().join("charts/hotdesk").to_string_lossy().into_owned();
    let mode = format!("certs.mode={mode}");
    let args = ["upgrade", "hotdesk", &chart, "-n", "hotdesk", "--reuse-values", "--set", &mode];
    let wait = ["--wait", "--timeout=5m", "--server-side=true", "--force-conflicts"];
    admin().helm(Helm::V4, &[&args[..], &wait].concat())
}

/// Puts the installation back as it was, also where the test failed.
struct SelfSigned;

impl Drop for SelfSigned {
    fn drop(&mut self) {
        let _restored: CommandOutput = upgrade_to("self-signed");
    }
}

/// When the certificates that the webhook's pods show end, as they say themselves.
fn shown() -> Result<BTreeSet<String>, String> {
    told_by_each("hotdesk_webhook_certificate_expiry_timestamp").map(BTreeSet::from_iter)
}

fn another_is_shown_than(before: &BTreeSet<String>) {
    until("every webhook to show another certificate", Duration::from_secs(180), || {
        let now = shown()?;
        if now.is_disjoint(before) { Ok(()) } else { Err(format!("before {before:?}, now {now:?}")) }
    });
}

/// A run of the certs job, as the schedule would start it.
fn run_the_job() {
    let job = unique("certs");
    in_hotdesk(&["create", "job", &job, "--from=cronjob/hotdesk-certs"]).succeeded();
    in_hotdesk(&["wait", "--for=condition=complete", &format!("job/{job}"), "--timeout=240s"]).succeeded();
    in_hotdesk(&["delete", "job", &job]).succeeded();
}

#[test]
fn cert_manager_takes_over_replaces_its_authority_and_leaves_again() {
    let _held = installation::exclusive();
    let Some(cert_manager) = CertManager::start() else {
        let why = "tests/servers/get builds cert-manager first";
        return not_run("cert_manager_takes_over_replaces_its_authority_and_leaves_again", why);
    };
    let restored = SelfSigned;
    under_load("from the certs job to cert-manager", |_, more| {
        let before = shown().unwrap();
        upgrade_to("cert-manager").succeeded();
        another_is_shown_than(&before);
        more(AROUND);
    })
    .holder_lost_nothing();
    under_load("cert-manager's CA replaced", |_, more| {
        let before = shown().unwrap();
        cert_manager.replace_ca();
        run_the_job();
        another_is_shown_than(&before);
        more(AROUND);
    })
    .holder_lost_nothing();
    under_load("path renewed with cert-manager", |_, _| renew("path").completed_within(240)).holder_lost_nothing();
    under_load("and back to the certs job", |_, more| {
        let before = shown().unwrap();
        upgrade_to("self-signed").succeeded();
        another_is_shown_than(&before);
        more(AROUND);
    })
    .holder_lost_nothing();
    drop(restored);
}

#[test]
fn the_secrets_are_emptied() {
    let _held = installation::exclusive();
    for name in ["hotdesk-webhook-tls", "hotdesk-ca", "hotdesk-webhook-path"] {
        under_load(&format!("Secret {name} emptied"), |_, more| {
            let nothing = r#"[{"op": "remove", "path": "/data"}]"#;
            in_hotdesk(&["patch", "secret", name, "--type=json", "-p", nothing]).succeeded();
            more(AROUND);
            run_the_job();
            more(3 * AROUND);
        })
        .holder_lost_nothing();
    }
    all_are_ready();
}
