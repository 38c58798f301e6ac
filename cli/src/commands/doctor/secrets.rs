//! Are the Secrets that a reaper needs where it runs? Before, they were in the slots, where who deploys can read them.

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};

use super::ask::{AT_ONCE, Answered, timed};
use super::finding::{Finding, Id};
use super::reapers::Reaper;
use super::slots::SUBJECT;

/// A Secret that a slot's reaper needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    slot: String,
    /// Where the reaper runs.
    namespace: String,
    name: String,
    place: Answered<Place>,
}

/// Where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Where the reaper runs.
    There,
    /// Only in the slot.
    InSlot,
    /// In neither.
    Nowhere,
}

/// Looks for each, at its metadata alone.
pub(super) async fn ask(client: &Client, reapers: &[Reaper]) -> Vec<Wanted> {
    let wanted = reapers.iter().flat_map(|reaper| reaper.secrets.iter().map(move |name| (reaper, name)));
    let asked = wanted.map(|(reaper, name)| async move {
        let (slot, namespace) = (reaper.slot.clone(), reaper.namespace.clone());
        Wanted { place: place(client, reaper, name).await, slot, namespace, name: name.clone() }
    });
    futures::stream::iter(asked).buffered(AT_ONCE).collect().await
}

async fn place(client: &Client, reaper: &Reaper, name: &str) -> Answered<Place> {
    let is_in = |namespace: &str| {
        let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
        async move { timed(api.get_metadata_opt(name)).await.map(|found| found.is_some()) }
    };
    if is_in(&reaper.namespace).await? {
        return Ok(Place::There);
    }
    Ok(if is_in(&reaper.slot).await? { Place::InSlot } else { Place::Nowhere })
}

/// Which are missing, and how they get there.
pub(super) fn judge(wanted: &[Wanted]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = wanted.iter().filter_map(missing).collect();
    if let Some(why) = wanted.iter().find_map(|wanted| wanted.place.as_ref().err()) {
        findings.push(Finding::unknown(Id::ReaperSecrets, "the reapers' Secrets", why));
    }
    findings
}

fn missing(wanted: &Wanted) -> Option<Finding> {
    let Wanted { slot, namespace, name, place } = wanted;
    let message = format!("its reaper needs the Secret {name}, which is not in {namespace}");
    let subject = format!("{SUBJECT}{slot}");
    match place.as_ref().ok()? {
        Place::There => None,
        Place::Nowhere => {
            let fix = format!("make it there: kubectl -n {namespace} create secret generic {name} --from-file=FILE");
            Some(Finding::problem(Id::ReaperSecrets, subject, message).with_fix(fix))
        }
        Place::InSlot => {
            let message = format!("{message}; it is in the slot, where everybody who deploys can read it");
            let fix = format!(
                "kubectl -n {slot} get secret {name} -o yaml | grep -vE '^  (namespace|uid|resourceVersion|creationTimestamp):|\
                 ^    hotdesk.dev/' | kubectl -n {namespace} apply -f - && kubectl -n {slot} delete secret {name}"
            );
            Some(Finding::problem(Id::ReaperSecrets, subject, message).with_fix(fix))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn wanted(place: Answered<Place>) -> Wanted {
        let text = str::to_owned;
        Wanted { slot: text("mew"), namespace: text("hotdesk-jobs"), name: text("google"), place }
    }

    #[track_caller]
    fn check(place: Answered<Place>, expected: Option<(Level, &str, &str)>) {
        let found = judge(&[wanted(place)]);
        let Some((level, message, fix)) = expected else { return assert_eq!(found, []) };
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((finding.level, finding.id), (level, Id::ReaperSecrets));
        assert!(finding.message.contains(message), "{finding:?} does not say {message:?}");
        assert!(finding.fix.as_deref().unwrap_or_default().contains(fix), "{finding:?} does not say {fix:?}");
    }

    #[test]
    fn a_secret_that_is_not_where_the_reaper_runs_is_told_with_how_it_gets_there() {
        check(Ok(Place::There), None);
        check(
            Ok(Place::Nowhere),
            Some((Level::Problem, "google, which is not in hotdesk-jobs", "create secret generic google")),
        );
        let move_it = "kubectl -n hotdesk-jobs apply -f - && kubectl -n mew delete secret google";
        check(
            Ok(Place::InSlot),
            Some((Level::Problem, "it is in the slot, where everybody who deploys can read it", move_it)),
        );
        check(Err("forbidden".to_owned()), Some((Level::Unknown, "forbidden", "")));
    }
}
