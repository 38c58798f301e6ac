//! `hotdesk revive SLOT`: what was reaped there, and what comes back?

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use hotdesk_slots::text::{list, plain};
use hotdesk_slots::undo::{ABOUT, About, SECRET_TYPE};
use hotdesk_slots::{ClaimView, Slot, Standing};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use super::reap::finish;
use crate::args::{Form, Revive};
use crate::cluster::Cluster;
use crate::commands::{Done, relative};
use crate::failure::Failure;
use crate::job::{self, Wish};
use crate::near;
use crate::row::slot_name;

/// The service account that brings releases back, by the name that the chart gives it.
const REVIVER: &str = "hotdesk-reviver";

/// Brings back what was reaped in a slot.
///
/// # Errors
/// Who says no, in their words; that nothing is saved; that it does not end.
pub(crate) async fn run(cluster: &Cluster, args: &Revive, form: Form) -> Result<Done, Failure> {
    let (slots, now) = (cluster.slots().await?, cluster.now.timestamp());
    let found = near::find(&slots, &args.slot, now)?;
    let slot = slot_name(found).to_owned();
    let made = job::made(&job::needed_cron_job(cluster, &slot).await?, &wish(args));
    // The gate says no before anything else is asked.
    job::create(cluster, &slot, &made, true).await?;
    needed_account(cluster, &slot).await?;
    if let Some(job) = job::under_way(cluster, &slot, "reviver").await? {
        return Err(Failure::Refused(format!(
            "somebody is reviving {slot} right now. Follow it: kubectl -n {slot} logs -f job/{job}"
        )));
    }
    let saved = saved(cluster, &slot).await?;
    let wanted = wanted(&saved, &args.releases, &slot).map_err(Failure::Refused)?;
    let lines = beforehand(&wanted, owner(found, now).as_deref(), now);
    for line in &lines {
        job::on_stderr(line);
    }
    let doubtful = wanted.iter().any(|about| !about.reservations(owner(found, now).as_deref()).is_empty());
    if doubtful && !args.dry_run && !args.yes && !agreed()? {
        return Ok(Done { text: "Nothing was brought back.\n".to_owned(), well: false });
    }
    let name = job::create(cluster, &slot, &made, false).await?;
    finish(cluster, &slot, &name, args.wait.then_some(args.timeout), form).await
}

fn wish(args: &Revive) -> Wish {
    let env = vec![
        ("HOTDESK_LOG_FORMAT", "text".to_owned()),
        // Whatever the reaper is told.
        ("HOTDESK_DRY_RUN", args.dry_run.to_string()),
    ];
    let command = ["revive", "--"].map(str::to_owned).into_iter().chain(args.releases.iter().cloned());
    Wish { prefix: "revive", component: "reviver", service_account: Some(REVIVER), args: command.collect(), env }
}

async fn needed_account(cluster: &Cluster, slot: &str) -> Result<(), Failure> {
    let api: Api<ServiceAccount> = Api::namespaced(cluster.client(), slot);
    match api.get_opt(REVIVER).await {
        Ok(None) => Err(Failure::Refused(format!(
            "nobody brings anything back in {slot}: there is no ServiceAccount {REVIVER}. Whoever runs the cluster sets \
             reaper.revive.enabled for it in charts/slots"
        ))),
        // Who may not look may still be right: the Job tells.
        _ => Ok(()),
    }
}

/// The saved releases, as far as this person may see.
async fn saved(cluster: &Cluster, slot: &str) -> Result<Vec<About>, Failure> {
    let api: Api<Secret> = Api::namespaced(cluster.client(), slot);
    let listed = api.list_metadata(&ListParams::default().fields(&format!("type={SECRET_TYPE}"))).await;
    let listed = listed.map_err(|e| Failure::of(&format!("list what is saved in {slot}"), &cluster.server, &e))?;
    let about =
        |found: &kube::api::PartialObjectMeta<Secret>| serde_json::from_str(found.annotations().get(ABOUT)?).ok();
    Ok(listed.items.iter().filter_map(about).collect())
}

/// The newest save of each release that is asked for; of none in particular, those of the last reap.
fn wanted<'a>(saved: &'a [About], releases: &[String], slot: &str) -> Result<Vec<&'a About>, String> {
    if saved.is_empty() {
        return Err(format!(
            "nothing is saved in {slot}: nothing was cleared there lately, or it was brought back already. What was \
             deployed there is installed anew with helm; what was kept of it is taken over"
        ));
    }
    let mut names: Vec<&str> = saved.iter().map(|about| about.release.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let newest = |name: &str| saved.iter().filter(|about| about.release == name).max_by_key(|about| about.at);
    if releases.is_empty() {
        let last = saved.iter().map(|about| about.run).max();
        return Ok(names.iter().filter_map(|name| newest(name)).filter(|about| Some(about.run) == last).collect());
    }
    match releases.iter().find(|name| newest(name).is_none()) {
        Some(missing) => {
            let names: Vec<String> = names.into_iter().map(plain).collect();
            Err(format!("{} is not saved in {slot}, or no longer; saved are: {}", plain(missing), list(&names)))
        }
        None => Ok(releases.iter().filter_map(|name| newest(name)).collect()),
    }
}

/// What is said before anything is done.
fn beforehand(wanted: &[&About], owner: Option<&str>, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    for about in wanted {
        let (name, ago) = (plain(&about.release), relative(about.at, now));
        lines.push(format!("{name} (revision {}), cleared {ago}", about.revision));
        let kept: Vec<String> = about.kept.iter().take(8).map(ToString::to_string).collect();
        if !kept.is_empty() {
            let more = about.kept.len().saturating_sub(kept.len());
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            lines.push(format!("  was kept, and stays as it is now: {}{more}", list(&kept)));
        }
        lines.extend(about.reservations(owner).into_iter().map(|line| format!("  {line}")));
    }
    lines
}

fn owner(slot: &Slot, now: Timestamp) -> Option<String> {
    let view = slot.spec.claim.as_ref().map(ClaimView::lenient);
    let held = Standing::of(view.as_ref(), now).held();
    held.and_then(|claim| claim.users.first()).map(ToString::to_string)
}

/// Asks whoever sits there; who does not sit there has read the documentation.
fn agreed() -> Result<bool, Failure> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Ok(true);
    }
    let asked = write!(anstream::stderr(), "Bring them back so? [y/N] ").and_then(|()| anstream::stderr().flush());
    let mut answer = String::new();
    let read = asked.and_then(|()| input.lock().read_line(&mut answer));
    read.map_err(|e| Failure::Refused(format!("cannot ask: {e}; pass --yes")))?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotdesk_slots::undo::ObjectRef;

    fn at(hour: i8) -> Timestamp {
        format!("2026-11-23T{hour:02}:00:00Z").parse().unwrap()
    }

    fn about(release: &str, run: i8) -> About {
        About { release: release.to_owned(), revision: 3, run: at(run), at: at(run), ..About::default() }
    }

    #[track_caller]
    fn check(releases: &[&str], expected: Result<&[&str], &str>) {
        let saved = [about("web", 9), about("web", 11), about("api", 11), about("old", 9)];
        let releases: Vec<String> = releases.iter().map(|name| (*name).to_owned()).collect();
        let found = wanted(&saved, &releases, "mew");
        let found =
            found.map(|all| all.iter().map(|about| format!("{} {}", about.release, about.run)).collect::<Vec<_>>());
        let expected = expected.map(|all| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    #[test]
    fn by_default_the_last_reap_is_undone() {
        check(&[], Ok(&["api 2026-11-23T11:00:00Z", "web 2026-11-23T11:00:00Z"]));
        check(&["old"], Ok(&["old 2026-11-23T09:00:00Z"]));
        check(&["x\u{7}"], Err("x\u{fffd} is not saved in mew, or no longer; saved are: api, old and web"));
        assert!(wanted(&[], &[], "mew").unwrap_err().starts_with("nothing is saved in mew: "));
    }

    #[test]
    fn what_stays_and_what_does_not_come_back_is_said_beforehand() {
        let kept =
            vec![ObjectRef { kind: "ConfigMap".to_owned(), name: "settings".to_owned(), ..ObjectRef::default() }];
        let lost = vec!["the data of PersistentVolumeClaim/cache".to_owned()];
        let about = About { kept, lost, owner: Some("bob".to_owned()), ..about("web", 14) };
        assert_eq!(
            beforehand(&[&about], Some("alice"), at(15)),
            [
                "web (revision 3), cleared 1 h ago",
                "  was kept, and stays as it is now: ConfigMap/settings",
                "  it was reaped while bob held the slot",
                "  not brought back: the data of PersistentVolumeClaim/cache",
            ]
        );
    }

    #[test]
    fn a_name_that_looks_like_a_flag_is_a_name() {
        let args = Revive {
            slot: "mew".to_owned(),
            releases: vec!["--keep=x".to_owned()],
            dry_run: false,
            yes: false,
            wait: true,
            timeout: jiff::SignedDuration::from_mins(15),
        };
        assert_eq!(wish(&args).args, ["revive", "--", "--keep=x"]);
        assert!(wish(&args).env.contains(&("HOTDESK_DRY_RUN", "false".to_owned())));
    }
}
