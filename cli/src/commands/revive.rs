//! `hotdesk revive SLOT`: what was reaped there, and what comes back?

use std::io::IsTerminal as _;

use hotdesk_slots::requests::{RequestKind, SavedRelease};
use hotdesk_slots::text::{list, sanitize_short, sentence};
use hotdesk_slots::{ClaimState, ClaimView, Slot};
use jiff::Timestamp;

use super::reap::{finish, needs_reaper};
use crate::args::{Form, Revive};
use crate::cluster::Cluster;
use crate::commands::{Done, agreed, relative};
use crate::failure::Failure;
use crate::request;
use crate::suggest;
use crate::view::slot_name;

/// How many of the objects that stay are named.
const KEPT_SHOWN: usize = 8;

/// Brings back what was reaped in a slot.
///
/// # Errors
/// Who says no, in their words; that nothing is saved; that it does not end.
pub(crate) async fn run(cluster: &Cluster, args: &Revive, form: Form) -> Result<Done, Failure> {
    let (slots, now) = (cluster.slots().await?, cluster.now.timestamp());
    let slot = suggest::find(&slots, &args.slot, now)?;
    needs_reaper(slot)?;
    let wanted = wanted(slot, &args.releases, now).map_err(Failure::Refused)?;
    let owner = owner(slot, now);
    for line in beforehand(&wanted, owner.as_deref(), now) {
        request::on_stderr(&line);
    }
    let doubtful = wanted.iter().any(|saved| !reservations(saved, owner.as_deref()).is_empty());
    let ask = doubtful && !args.dry_run && !args.yes && std::io::stdin().is_terminal();
    if ask && !agreed("Restore them anyway?", "--yes")? {
        return Ok(Done { text: "Nothing was brought back.\n".to_owned(), well: false });
    }
    let name = slot_name(slot);
    let id = request::ask(cluster, name, RequestKind::Revive, args.dry_run, &args.releases).await?;
    finish(cluster, name, (RequestKind::Revive, &id), args.wait.timeout(), form).await
}

/// The newest save of each release that is asked for; of none in particular, those of the last reap.
fn wanted<'a>(slot: &'a Slot, releases: &[String], now: Timestamp) -> Result<Vec<&'a SavedRelease>, String> {
    let (name, status) = (slot_name(slot), slot.status.as_ref());
    let saved = status.iter().flat_map(|status| &status.saved);
    let saved: Vec<&SavedRelease> = saved.filter(|saved| saved.until.0 > now).collect();
    if saved.is_empty() {
        return Err(format!(
            "nothing is saved in {name}: nothing was cleared there lately, or it was brought back already. What was \
             deployed there is installed again with helm; what was kept of it is taken over"
        ));
    }
    let mut names: Vec<&str> = saved.iter().map(|saved| saved.release.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let newest = |name: &str| saved.iter().copied().filter(|one| one.release == name).max_by_key(|one| one.at.0);
    let wanted: Vec<&SavedRelease> = if releases.is_empty() {
        let last = saved.iter().map(|saved| saved.run.0).max();
        names.iter().filter_map(|name| newest(name)).filter(|saved| Some(saved.run.0) == last).collect()
    } else {
        if let Some(missing) = releases.iter().find(|name| newest(name).is_none()) {
            let names: Vec<String> = names.into_iter().map(sanitize_short).collect();
            return Err(format!(
                "{} is not saved in {name}, or no longer; saved are: {}",
                sanitize_short(missing),
                list(&names)
            ));
        }
        releases.iter().filter_map(|name| newest(name)).collect()
    };
    wanted.iter().find(|saved| is_anothers(saved, slot)).map_or(Ok(()), |saved| Err(anothers(saved, name)))?;
    Ok(wanted)
}

/// True for what was cleared under another claim than the present one. In a free slot administrators alone ask, for anybody's.
fn is_anothers(saved: &SavedRelease, slot: &Slot) -> bool {
    slot.spec.claim.is_some() && (saved.claim_id.is_none() || saved.claim_id.as_deref() != slot.claim_id())
}

fn anothers(saved: &SavedRelease, slot: &str) -> String {
    let whose = saved.owner.as_deref().map_or_else(|| "somebody else".to_owned(), sanitize_short);
    format!(
        "{} was cleared while {whose} held {slot}, under another claim than yours: ask an administrator, who can bring it \
         back while nobody holds the slot",
        sanitize_short(&saved.release)
    )
}

/// What is said before anything is done.
fn beforehand(wanted: &[&SavedRelease], owner: Option<&str>, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    for saved in wanted {
        let (name, ago) = (sanitize_short(&saved.release), relative(saved.at.0, now));
        lines.push(format!("{name} (revision {}), cleared {ago}", saved.revision));
        let kept: Vec<String> = saved.kept.iter().take(KEPT_SHOWN).map(|object| sanitize_short(object)).collect();
        if !kept.is_empty() {
            let more = saved.kept.len().saturating_sub(kept.len());
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            lines.push(format!("  was kept, and stays as it is now: {}{more}", list(&kept)));
        }
        lines.extend(reservations(saved, owner).into_iter().map(|line| format!("  {line}")));
    }
    lines
}

/// What a person should know before it is brought back, one line each. `owner` is who holds the slot now.
fn reservations(saved: &SavedRelease, owner: Option<&str>) -> Vec<String> {
    let whose = saved.owner.as_deref().filter(|old| Some(*old) != owner);
    let whose = whose.map(|old| format!("it was cleared while {} held the slot", sanitize_short(old)));
    let lost = saved.lost.iter().map(|what| format!("not brought back: {}", sentence(what)));
    whose.into_iter().chain(lost).collect()
}

fn owner(slot: &Slot, now: Timestamp) -> Option<String> {
    let claim_view = slot.spec.claim.as_ref().map(ClaimView::parse_lossy);
    let held = ClaimState::of(claim_view.as_ref(), now).held();
    held.and_then(|claim| claim.users.first()).map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::claimed;
    use serde_json::{Value, json};

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    fn saved(release: &str, hour: i8, claim_id: Option<&str>) -> Value {
        let at = format!("2026-11-23T{hour:02}:00:00Z");
        json!({"release": release, "revision": 3, "at": at, "run": at, "until": "2026-12-07T00:00:00Z", "claimID": claim_id,
            "owner": "bob"})
    }

    /// A slot that alice holds under the claim c1, with this saved.
    fn slot(saved: &[Value]) -> Slot {
        let mut slot = claimed("mew", "alice");
        slot.metadata.annotations = Some([(hotdesk_slots::keys::CLAIM_ID.to_owned(), "c1".to_owned())].into());
        slot.status = serde_json::from_value(json!({"saved": saved})).unwrap();
        slot
    }

    #[track_caller]
    fn check(slot: &Slot, releases: &[&str], expected: Result<&[&str], &str>) {
        let releases: Vec<String> = releases.iter().map(|name| (*name).to_owned()).collect();
        match (wanted(slot, &releases, now()), expected) {
            (Ok(all), Ok(expected)) => {
                let shown: Vec<String> = all.iter().map(|saved| format!("{} {}", saved.release, saved.run.0)).collect();
                assert_eq!(shown, expected);
            }
            (Err(why), Err(says)) => assert!(why.starts_with(says), "{why}"),
            (found, expected) => panic!("{found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn by_default_the_last_reap_is_undone() {
        let c1 = Some("c1");
        let slot_ = slot(&[saved("web", 9, c1), saved("web", 11, c1), saved("api", 11, c1), saved("old", 9, c1)]);
        check(&slot_, &[], Ok(&["api 2026-11-23T11:00:00Z", "web 2026-11-23T11:00:00Z"]));
        check(&slot_, &["old"], Ok(&["old 2026-11-23T09:00:00Z"]));
        check(&slot_, &["x\u{7}"], Err("x\u{fffd} is not saved in mew, or no longer; saved are: api, old and web"));
        check(&slot(&[]), &[], Err("nothing is saved in mew: "));
        let mut gone = saved("web", 9, c1);
        gone["until"] = json!("2026-11-23T14:59:00Z");
        check(&slot(&[gone]), &[], Err("nothing is saved in mew: "));
    }

    #[test]
    fn what_was_cleared_under_another_claim_is_an_administrators() {
        let says = "web was cleared while bob held mew, under another claim than yours: ask an administrator";
        check(&slot(&[saved("web", 9, Some("c0"))]), &[], Err(says));
        check(&slot(&[saved("web", 9, None)]), &["web"], Err(says));
        let mut free = slot(&[saved("web", 9, Some("c0"))]);
        free.spec.claim = None;
        check(&free, &[], Ok(&["web 2026-11-23T09:00:00Z"]));
    }

    #[test]
    fn what_stays_and_what_does_not_come_back_is_said_beforehand() {
        let mut web = saved("web", 14, Some("c1"));
        web["kept"] = json!(["ConfigMap/settings"]);
        web["lost"] = json!(["the data of PersistentVolumeClaim/cache"]);
        let slot = slot(&[web]);
        assert_eq!(
            beforehand(&wanted(&slot, &[], now()).unwrap(), owner(&slot, now()).as_deref(), now()),
            [
                "web (revision 3), cleared 1 h ago",
                "  was kept, and stays as it is now: ConfigMap/settings",
                "  it was cleared while bob held the slot",
                "  not brought back: the data of PersistentVolumeClaim/cache",
            ]
        );
        let saved = &slot.status.as_ref().unwrap().saved[0];
        assert_eq!(reservations(saved, Some("bob")).len(), 1, "it was theirs");
    }
}
