//! The certs job, run by hand: something is renewed now.

use serde_json::Value;

use crate::CommandOutput;
use crate::people::admin;
use crate::slot::unique;

/// A Job that renews something.
pub struct Renewal(String);

fn in_hotdesk(args: &[&str]) -> CommandOutput {
    admin().kubectl(&[&["-n", "hotdesk"], args].concat())
}

/// Begins to renew `leaf`, `ca` or `path`, by the certs job with one more argument.
#[must_use]
pub fn renew(what: &str) -> Renewal {
    let job = unique("renew");
    let from = ["create", "job", &job, "--from=cronjob/hotdesk-certs", "--dry-run=client", "-o", "json"];
    let mut object = in_hotdesk(&from).succeeded().json();
    let container = &mut object["spec"]["template"]["spec"]["containers"][0];
    let mut args = container["args"].as_array().cloned().unwrap_or_default();
    args.push(format!("--renew-now={what}").into());
    // The kubelet of the test cluster brings a Secret into a pod within seconds.
    args.push("--path-settle=20s".into());
    container["args"] = Value::Array(args);
    admin().apply("hotdesk", &object.to_string()).succeeded();
    Renewal(job)
}

impl Renewal {
    /// Waits until everything is renewed, and for so many seconds at most.
    pub fn completed_within(self, seconds: u64) {
        let (job, timeout) = (format!("job/{}", self.0), format!("--timeout={seconds}s"));
        in_hotdesk(&["wait", "--for=condition=complete", &job, &timeout]).succeeded();
        in_hotdesk(&["delete", "job", &self.0]).succeeded();
    }
}
