//! Does a write in a slot really pass through the webhook? One is tried, as a dry run: it is judged and
//! stamped as any other, and nothing is stored.

use hotdesk_slots::keys;
use hotdesk_slots::text::{sanitize, sanitize_short};
use hotdesk_slots::webhook_path::redacted;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};

use super::finding::{Finding, Id};
use super::snapshot::Snapshot;

const SUBJECT: &str = "a write in a slot";
/// Nothing of this name is ever stored.
const NAME: &str = "hotdesk-doctor";

/// In how many slots it is tried.
const ATTEMPTS: usize = 3;

/// A write that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Probe {
    pub(super) namespace: String,
    pub(super) came_back: CameBack,
}

/// What the API server made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CameBack {
    /// Admitted, with the stamp that only the webhook writes.
    Stamped,
    /// Admitted, and nothing had seen it.
    Unstamped,
    /// Refused by the webhook, in its own words.
    DeniedByWebhook(String),
    /// Refused by the policy: the webhook was not asked, or let a stranger through.
    DeniedByPolicy(String),
    /// The webhook could not be called.
    NotCalled(String),
    /// Refused before it came so far, or something else.
    Unknown(String),
}

/// Tries a write in one of these slots: in another if the first answer says nothing, as where a slot is just being deleted.
pub(super) async fn run(client: &Client, slots: &[String]) -> Option<Probe> {
    let mut last = None;
    for slot in slots.iter().take(ATTEMPTS) {
        let probe = write(client, slot).await;
        let said = !matches!(probe.came_back, CameBack::Unknown(_));
        last = Some(probe);
        if said {
            break;
        }
    }
    last
}

async fn write(client: &Client, namespace: &str) -> Probe {
    let probe = ConfigMap {
        metadata: ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() },
        ..ConfigMap::default()
    };
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let came_back = match api.create(&dry_run, &probe).await {
        Ok(admitted) => {
            let stamp = admitted.metadata.labels.unwrap_or_default().remove(keys::SLOT);
            if stamp.as_deref() == Some(namespace) { CameBack::Stamped } else { CameBack::Unstamped }
        }
        Err(kube::Error::Api(status)) => refused(&status.message),
        Err(other) => CameBack::Unknown(sanitize_short(&other.to_string())),
    };
    Probe { namespace: namespace.to_owned(), came_back }
}

/// Who refused it, by the words that the API server puts around theirs.
fn refused(message: &str) -> CameBack {
    let words = |mark: &str| message.split_once(mark).map(|(_, words)| sanitize(words));
    if let Some(words) = words("admission webhook \"gate.hotdesk.dev\" denied the request: ") {
        CameBack::DeniedByWebhook(words)
    } else if let Some(words) = words("denied request: ") {
        CameBack::DeniedByPolicy(words)
    } else if message.contains("failed calling webhook \"gate.hotdesk.dev\"") {
        // The API server's words hold the whole URL.
        CameBack::NotCalled(redacted(&sanitize(message)))
    } else {
        CameBack::Unknown(sanitize_short(message))
    }
}

/// What the write proves.
pub(super) fn judge(snapshot: &Snapshot) -> Vec<Finding> {
    let Some(Probe { namespace, came_back }) = &snapshot.then.probe else { return Vec::new() };
    let logs = "kubectl -n hotdesk logs -l app.kubernetes.io/component=webhook --tail=20";
    vec![match came_back {
        CameBack::Stamped => Finding::ok(
            Id::WriteProbe,
            SUBJECT,
            format!("passed through the webhook and came back with the stamp (a dry run in {namespace})"),
        ),
        CameBack::DeniedByWebhook(words) if words.contains("cannot see the Slots") => {
            Finding::problem(Id::WriteProbe, SUBJECT, format!("is denied to everybody: {words}")).with_fix(logs)
        }
        CameBack::DeniedByWebhook(_) => Finding::ok(
            Id::WriteProbe,
            SUBJECT,
            format!("was turned away by the webhook, for you do not hold {namespace} (a dry run)"),
        ),
        CameBack::Unstamped => Finding::problem(
            Id::WriteProbe,
            SUBJECT,
            format!("was admitted in {namespace} and came back without the stamp: the webhook does not see it"),
        )
        .with_fix("what is said above of the webhook configurations"),
        CameBack::DeniedByPolicy(words) => Finding::problem(
            Id::WriteProbe,
            SUBJECT,
            format!("was stopped by the policy alone, not by the webhook: {words}"),
        )
        .with_fix(logs),
        CameBack::NotCalled(message) => Finding::problem(
            Id::WriteProbe,
            SUBJECT,
            format!("fails, for the API server cannot call the webhook: {message}"),
        )
        .with_fix(logs),
        CameBack::Unknown(message) => Finding::unknown(Id::WriteProbe, SUBJECT, message),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_refused_is_told_by_the_words_around_theirs() {
        for (message, expected) in [
            (
                "admission webhook \"gate.hotdesk.dev\" denied the request: slot \"mew\" is free",
                CameBack::DeniedByWebhook("slot \"mew\" is free".to_owned()),
            ),
            (
                "configmaps \"x\" is forbidden: ValidatingAdmissionPolicy 'hotdesk-gate' with binding 'hotdesk-gate' \
                 denied request: slot \"mew\" is held",
                CameBack::DeniedByPolicy("slot \"mew\" is held".to_owned()),
            ),
            (
                "Internal error occurred: failed calling webhook \"gate.hotdesk.dev\": failed to call webhook: Post \
                 \"https://w.hotdesk.svc:443/00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff/mutate\": x509",
                CameBack::NotCalled(
                    "Internal error occurred: failed calling webhook \"gate.hotdesk.dev\": failed to call webhook: Post \
                     \"https://w.hotdesk.svc:443/…/mutate\": x509"
                        .to_owned(),
                ),
            ),
            (
                "configmaps is forbidden: User \"bob\" cannot create resource \"configmaps\"",
                CameBack::Unknown("configmaps is forbidden: User \"bob\" cannot create resource \"configmaps\"".to_owned()),
            ),
        ] {
            assert_eq!(refused(message), expected);
        }
    }
}
