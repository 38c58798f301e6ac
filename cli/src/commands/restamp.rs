//! `hotdesk restamp SLOT`: hotdesk's labels and annotations on everything there, brought to the claim.

use hotdesk_slots::requests::RequestKind;

use super::reap::finish;
use crate::args::{Form, Restamp};
use crate::cluster::Cluster;
use crate::commands::Done;
use crate::failure::Failure;
use crate::request;
use crate::suggest;
use crate::view::slot_name;

/// Has everything in the slot restamped, and follows that to its end.
///
/// # Errors
/// Who says no, in their words; that it does not end.
pub(crate) async fn run(cluster: &Cluster, args: &Restamp, form: Form) -> Result<Done, Failure> {
    let slots = cluster.slots().await?;
    let name = slot_name(suggest::find(&slots, &args.slot, cluster.now.timestamp())?);
    let id = request::ask(cluster, name, RequestKind::Restamp, false, &[]).await?;
    finish(cluster, name, (RequestKind::Restamp, &id), args.wait.timeout(), form).await
}
