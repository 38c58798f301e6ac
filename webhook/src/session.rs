//! Is this request the beginning of a person's work inside a pod, or another sign that somebody is at work (`write`)?
//!
//! Somebody at a breakpoint makes no ingress traffic. What the gate lets through here is the only sign of them, so the
//! webhook notes it in the Slot's status (`recorder`), where the reaper finds it.

use jiff::Timestamp;

use crate::decide::{Decision, Role};
use crate::review::{Operation, Request};

pub mod record;
pub mod recorder;
pub mod write;

/// The longest name that is noted, in bytes.
const LONGEST_NAME: usize = 100;

/// Somebody at work in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The slot.
    pub slot: String,
    /// When it began.
    pub time: Timestamp,
    /// Who.
    pub by: String,
    /// `exec`, `attach`, `portforward` or `ephemeralcontainers`; of a write `created`, `changed`, `deleted` or
    /// `called`.
    pub kind: &'static str,
    /// Which of the two it is.
    pub field: Field,
}

/// Where it is noted in the Slot's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `lastSession`
    Session,
    /// `lastWrite`, with what was written.
    Write(&'static str),
}

/// The session that begins with this request, if it is let through and is one.
#[must_use]
pub fn begun<O>(request: &Request<'_, O>, by: &str, decision: Decision, now: Timestamp) -> Option<Session> {
    let is_pods = request.resource.group.as_str().is_empty() && request.resource.resource.as_str() == "pods";
    let kind = match (request.operation, request.subresource()) {
        (Operation::Connect, "exec") => "exec",
        (Operation::Connect, "attach") => "attach",
        (Operation::Connect, "portforward") => "portforward",
        (Operation::Update, "ephemeralcontainers") => "ephemeralcontainers",
        _ => return None,
    };
    let begins = is_pods && is_persons(decision) && request.dry_run != Some(true);
    begins.then(|| Session {
        slot: request.namespace().to_owned(),
        time: now,
        by: shown(by, decision),
        kind,
        field: Field::Session,
    })
}

/// The name under which somebody is noted. It is shown to others in many places, so it is the name of a claimant that could
/// stand in a claim; of anybody else, only what they are is said. A forged review can then name nobody but a claimant.
fn shown(by: &str, decision: Decision) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._+-:=".contains(&byte);
    let is_name = (1..=LONGEST_NAME).contains(&by.len()) && by.bytes().all(is_plain);
    let role = match decision {
        Decision::Allow(Role::Claimant) if is_name => by,
        Decision::Allow(Role::Claimant) => "a claimant",
        Decision::Allow(Role::Deployer) => "a deployer",
        Decision::Allow(_) => "an administrator",
        Decision::Tolerate(..) | Decision::Deny(_) | Decision::Forbid(_) => "a stranger",
    };
    role.to_owned()
}

/// Programs connect all the time, and need nobody's slot for that. A deployer is let in for who holds the slot, whose session it
/// may be: a web terminal.
fn is_persons(decision: Decision) -> bool {
    match decision {
        Decision::Allow(role) => {
            matches!(role, Role::Claimant | Role::Deployer | Role::Administrator | Role::BreakGlass)
        }
        Decision::Tolerate(..) => true,
        Decision::Deny(_) | Decision::Forbid(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Reason;
    use crate::review::GateReview;
    use hotdesk_slots::Mode;
    use serde_json::{Value, json};

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    #[track_caller]
    fn check(request: &Value, decision: Decision, expected: Option<&str>) {
        let mut whole = json!({
            "uid": "u", "operation": "CONNECT", "namespace": "mew", "name": "web", "subResource": "exec",
            "kind": {"group": "", "version": "v1", "kind": "PodExecOptions"},
            "resource": {"group": "", "version": "v1", "resource": "pods"}, "userInfo": {"username": "alice"},
        });
        whole.as_object_mut().unwrap().extend(request.as_object().unwrap().clone());
        let review =
            json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": whole}).to_string();
        let review = GateReview::parse(review.as_bytes()).unwrap();
        let session = begun(&review.request, "alice", decision, now());
        assert_eq!(session.map(|session| session.kind), expected, "{whole}");
    }

    const CLAIMANT: Decision = Decision::Allow(Role::Claimant);

    #[test]
    fn exec_attach_port_forward_and_debug_are_sessions_and_nothing_else_is() {
        for kind in ["exec", "attach", "portforward"] {
            check(&json!({"subResource": kind}), CLAIMANT, Some(kind));
        }
        check(
            &json!({"operation": "UPDATE", "subResource": "ephemeralcontainers"}),
            CLAIMANT,
            Some("ephemeralcontainers"),
        );
        for request in [
            json!({"subResource": "proxy"}),
            json!({"operation": "UPDATE", "subResource": "exec"}),
            json!({"operation": "UPDATE", "subResource": "status"}),
            json!({"operation": "DELETE", "subResource": null}),
            json!({"resource": {"group": "", "version": "v1", "resource": "services"}}),
            json!({"resource": {"group": "example.com", "version": "v1", "resource": "pods"}}),
            json!({"operation": "UPDATE", "subResource": "ephemeralcontainers", "dryRun": true}),
        ] {
            check(&request, CLAIMANT, None);
        }
    }

    #[test]
    fn a86_nobody_but_a_claimant_is_named_and_only_by_a_plain_name() {
        let warned = Decision::Tolerate(Reason::Held, Mode::Warn);
        for (by, decision, expected) in [
            ("alice@example.com", CLAIMANT, "alice@example.com"),
            ("github:octo-cat", CLAIMANT, "github:octo-cat"),
            ("root@example.com", Decision::Allow(Role::Administrator), "an administrator"),
            ("bob@example.com", warned, "a stranger"),
            ("\" is nobody; run: rm", Decision::Allow(Role::BreakGlass), "an administrator"),
            ("https://evil.example.com", Decision::Allow(Role::Administrator), "an administrator"),
            ("<!channel>", warned, "a stranger"),
            ("system:serviceaccount:argocd:server", Decision::Allow(Role::Deployer), "a deployer"),
            ("\u{1b}[31m", warned, "a stranger"),
            ("", CLAIMANT, "a claimant"),
            (&"a".repeat(101), CLAIMANT, "a claimant"),
            (&"a".repeat(100), CLAIMANT, &"a".repeat(100)),
        ] {
            assert_eq!(shown(by, decision), expected);
        }
    }

    #[test]
    fn only_people_and_who_works_for_them_have_sessions() {
        for (decision, counts) in [
            (Decision::Allow(Role::Administrator), true),
            (Decision::Allow(Role::BreakGlass), true),
            (Decision::Tolerate(Reason::Held, Mode::Warn), true),
            (Decision::Deny(Reason::Held), false),
            (Decision::Allow(Role::OwnServiceAccount), false),
            // The web terminal of Argo CD, or a CI that looks into a pod: it is let in for who holds the slot.
            (Decision::Allow(Role::Deployer), true),
            (Decision::Allow(Role::Machinery), false),
        ] {
            check(&json!({}), decision, counts.then_some("exec"));
        }
    }
}
