//! Which settings of the controller keep requests out of its log, or out of its counters? What each means, the reaper's own
//! code says.

use hotdesk_traffic::ways_in::settings::{Hidden, envoy, is_envoy, is_traefik, nginx, traefik};
use hotdesk_traffic::ways_in::{From, Named};

use super::finding::{Finding, Id};
use super::look::Controller;
use super::observation::subject;
use super::reapers::Uses;

/// What hides requests, of a controller that is read. `proxies` are the `EnvoyProxy` objects that there are.
pub(super) fn judge(controller: &Controller, proxies: &[Named]) -> Vec<Finding> {
    let (subject, id) = (subject(controller), Id::ControllerSettings);
    let mut findings = Vec::new();
    let mut hidden: Vec<Hidden> = Vec::new();
    for config in controller.configs.iter().filter(|_| controller.uses.logs) {
        match config {
            Err(why) => findings.push(Finding::unknown(id, &subject, &format!("its ConfigMap: {why}"))),
            Ok(None) => findings.push(
                Finding::warning(
                    id,
                    &subject,
                    "a ConfigMap that its --configmap names is not there, so its defaults are in force",
                )
                .with_fix("nothing, if that is intended"),
            ),
            Ok(Some(config)) => hidden.extend(nginx::hidden(config)),
        }
    }
    let pods = controller.pods.as_deref().unwrap_or_default();
    hidden.extend(pods.iter().filter(|pod| is_traefik(pod)).flat_map(|pod| traefik::hidden(pod, &controller.files)));
    hidden.extend(proxies.iter().filter(|_| pods.iter().any(is_envoy)).flat_map(envoy::hidden));
    hidden.dedup();
    let concerns = |hidden: &&Hidden| matters(hidden, controller.uses);
    let told = |hidden: &Hidden| {
        let message = format!("{} {}", hidden.of, hidden.says);
        Finding::problem(id, &subject, message).with_fix(hidden.fix.clone())
    };
    findings.extend(hidden.iter().filter(concerns).map(told));
    if findings.is_empty() && controller.uses.logs && !pods.is_empty() {
        findings.push(Finding::ok(
            id,
            subject,
            "its settings, as far as they can be read, keep no requests out of the log",
        ));
    }
    findings
}

/// What cannot be told, or comes late, matters where lines are read.
fn matters(hidden: &Hidden, uses: Uses) -> bool {
    match hidden.from {
        Some(From::All) => true,
        Some(From::Counters) => uses.metrics,
        Some(From::Logs) | None => uses.logs,
    }
}

#[cfg(test)]
mod tests;
