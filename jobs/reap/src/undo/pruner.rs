//! One run of `hotdesk-reap prune`: which saved releases, of all slots, are kept for no longer?

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, PartialObjectMeta, Preconditions};
use kube::{Api, ResourceExt as _};

use super::saved::is_over;
use super::store::saves;
use crate::api::Cluster;
use crate::args::Args;
use crate::report::{Conclusion, Exit};

/// Removes what is kept for no longer.
pub async fn prune(args: &Args, now: fn() -> Timestamp) -> Conclusion {
    match attempt(args, now()).await {
        Ok(conclusion) => conclusion,
        Err(why) => Conclusion { exit: Exit::Error, message: format!("Nothing was removed: {why}.") },
    }
}

async fn attempt(args: &Args, now: Timestamp) -> Result<Conclusion, String> {
    let cluster = Cluster::connect(args).await.map_err(|error| format!("{error:#}"))?;
    let api: Api<Secret> = Api::namespaced(cluster.client.clone(), &args.undo.saved_namespace);
    let all = cluster.all("the saved releases cannot be listed", api.list_metadata(&saves())).await?;
    let over = all.iter().filter(|found| is_over(&found.metadata, args.undo.revive_for, now));
    let (mut removed, mut problems) = (0_usize, Vec::new());
    for found in over {
        match remove(&cluster, &api, found, args.dry_run).await {
            Ok(()) => removed += 1,
            Err(why) => problems.push(why),
        }
    }
    for why in &problems {
        tracing::error!("{why}");
    }
    Ok(conclusion(all.len(), removed, &problems, args.dry_run))
}

fn conclusion(all: usize, removed: usize, problems: &[String], dry_run: bool) -> Conclusion {
    let done = if dry_run { "Dry run: would remove" } else { "Removed" };
    let message = format!("{done} {removed} of {all} saved releases.");
    match problems.first() {
        None => Conclusion { exit: Exit::Fine, message },
        Some(why) => {
            let message = format!("{message} {} could not be removed, such as: {why}.", problems.len());
            Conclusion { exit: Exit::Error, message }
        }
    }
}

async fn remove(
    cluster: &Cluster,
    api: &Api<Secret>,
    found: &PartialObjectMeta<Secret>,
    dry_run: bool,
) -> Result<(), String> {
    let name = found.name_any();
    // Another of that name, made since it was listed, stays.
    let seen = Preconditions { resource_version: found.resource_version(), uid: found.uid() };
    let only = DeleteParams { preconditions: Some(seen), dry_run, ..DeleteParams::default() };
    let removed = async {
        match api.delete(&name, &only).await {
            // Somebody has brought it back since.
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            other => other.map(|_| ()),
        }
    };
    cluster.answer(&format!("{name} cannot be removed"), removed).await?;
    tracing::info!(saved = name, "removed: it is kept for no longer");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_removed_fails_the_run() {
        let problem = ["mew.reaped.web.v1.x cannot be removed: forbidden (403)".to_owned()];
        let failed = conclusion(3, 1, &problem, false);
        assert_eq!(failed.exit, Exit::Error);
        assert_eq!(
            failed.message,
            "Removed 1 of 3 saved releases. 1 could not be removed, such as: mew.reaped.web.v1.x cannot be removed: \
             forbidden (403)."
        );
        assert_eq!(conclusion(3, 1, &[], true).message, "Dry run: would remove 1 of 3 saved releases.");
    }
}
