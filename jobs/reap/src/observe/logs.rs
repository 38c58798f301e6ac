//! What do the ends of a controller's logs show, read once for all slots?
//!
//! What cannot be read is told, and what was read before it counts all the same: somebody was there.

use std::ops::ControlFlow;
use std::pin::pin;

use hotdesk_slots::text::sanitize_short;
use hotdesk_traffic::log::sightings::{Lookout, Sightings};
use hotdesk_traffic::sources::PodSelector;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;

use crate::api::Cluster;
use crate::sources::controllers::{self, Controller};
use crate::sources::lines::{Piece, each_line};

/// Reads the logs of all pods of a controller, and says what could not be read.
pub(super) async fn read(
    cluster: &Cluster,
    place: &PodSelector,
    lookout: &Lookout<'_>,
    sightings: &mut Sightings,
) -> Vec<String> {
    let pods = match controllers::pods(cluster, place).await {
        Ok(pods) => pods,
        Err(why) => return vec![why],
    };
    let mut problems = Vec::new();
    for pod in &pods {
        match controllers::readable(pod, &place.container, lookout.since) {
            Ok(Some(controller)) => {
                for previous in lives(&controller, lookout) {
                    let read = one(cluster, place, &controller.pod, previous, lookout, sightings).await;
                    problems.extend(read.err());
                }
            }
            Ok(None) => {}
            Err(why) => problems.push(why),
        }
    }
    problems
}

/// The running container and, if it started since then, the one before it.
fn lives(controller: &Controller, lookout: &Lookout<'_>) -> impl Iterator<Item = bool> + use<> {
    let restarted = controller.before.is_some() && controller.started > lookout.since;
    [Some(false), restarted.then_some(true)].into_iter().flatten()
}

async fn one(
    cluster: &Cluster,
    place: &PodSelector,
    pod: &str,
    previous: bool,
    lookout: &Lookout<'_>,
    sightings: &mut Sightings,
) -> Result<(), String> {
    let which = if previous { "log before the restart" } else { "log" };
    let what = format!("the {which} of the controller pod {pod} cannot be read");
    let wanted = LogParams {
        container: Some(place.container.clone()),
        previous,
        since_time: Some(lookout.since),
        timestamps: true,
        ..LogParams::default()
    };
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), &place.namespace);
    let stream = cluster.answer(&what, api.log_stream(pod, &wanted)).await?;
    let take = |piece: Piece<'_>| -> ControlFlow<()> {
        match piece {
            Piece::Line(line) => sightings.take(lookout, line),
            Piece::Overlong(head, tail) => sightings.take_overlong(lookout, head, tail),
        }
        ControlFlow::Continue(())
    };
    match each_line(pin!(stream), take).await {
        // A line that is not whole is not taken, and is read the next time.
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{what}: {}", sanitize_short(&error.to_string()))),
    }
}
