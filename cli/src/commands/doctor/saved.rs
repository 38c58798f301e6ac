//! Did an earlier version leave in a slot what it saved of reaped releases?
//!
//! Everybody who could edit in the slot could write such a Secret. So only an administrator reads it, who knows whom to trust.

use std::collections::BTreeMap;

use hotdesk_slots::text::{list, sanitize_short};
use hotdesk_slots::undo::LABEL_RELEASE;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::ask::{Answered, timed};
use super::finding::{Finding, Id};
use super::slots::SUBJECT;

/// What is saved in each slot, by the Secrets' names.
pub(super) type Saved = BTreeMap<String, Vec<String>>;

/// Looks in these slots, at the metadata alone.
pub(super) async fn ask(client: &Client, slots: &[String]) -> Answered<Saved> {
    let secrets: Api<Secret> = Api::all(client.clone());
    let found = timed(secrets.list_metadata(&ListParams::default().labels(LABEL_RELEASE))).await?;
    let mut saved = Saved::new();
    for secret in found.items {
        if let Some(slot) = secret.namespace().filter(|namespace| slots.contains(namespace)) {
            saved.entry(slot).or_default().push(secret.name_any());
        }
    }
    Ok(saved)
}

/// Which slots have any, and what to do with it.
pub(super) fn judge(saved: &Answered<Saved>) -> Vec<Finding> {
    let saved = match saved {
        Ok(saved) => saved,
        Err(why) => return vec![Finding::unknown(Id::SavedInSlots, "saved releases in slots", why)],
    };
    saved.iter().map(|(slot, names)| left(slot, names)).collect()
}

fn left(slot: &str, names: &[String]) -> Finding {
    let shown: Vec<String> = names.iter().map(|name| sanitize_short(name)).collect();
    let message = format!(
        "an earlier version saved {} here; this is unverified, for everybody who could edit in {slot} could write it, \
         and no revive reads it",
        list(&shown)
    );
    let fix = format!(
        "bring back what you trust by hand (docs/undo.md, \"What an earlier version saved\"), and delete the rest: \
         kubectl -n {slot} delete secret -l {LABEL_RELEASE}"
    );
    Finding::warning(Id::SavedInSlots, format!("{SUBJECT}{slot}"), message).with_fix(fix)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn what_lies_in_a_slot_is_told_as_unverified_and_where_it_is() {
        assert_eq!(judge(&Ok(Saved::new())), []);
        let saved = Saved::from([("mew".to_owned(), vec!["reaped.web.v3.1a2b3c4d".to_owned()])]);
        let [finding] = judge(&Ok(saved)).try_into().expect("one finding");
        assert_eq!((finding.level, finding.id), (Level::Warning, Id::SavedInSlots));
        for said in ["saved reaped.web.v3.1a2b3c4d", "unverified"] {
            assert!(finding.message.contains(said), "{finding:?} does not say {said:?}");
        }
        assert!(
            finding.fix.is_some_and(|fix| fix.contains("kubectl -n mew delete secret -l reaped.hotdesk.dev/release"))
        );
        assert_eq!(judge(&Err("forbidden".to_owned()))[0].level, Level::Unknown);
    }
}
