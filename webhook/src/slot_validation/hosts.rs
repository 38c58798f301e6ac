//! Which host may the sync give a slot?
//!
//! A slot's host belongs to the slot, and so does every host below it. Administrators say whose a host is; an editor of a
//! sheet gives a slot none that is another's, below one, or above one. The policy inside the API server knows one Slot only,
//! and says nothing of it.

use std::sync::Arc;

use hotdesk_slots::text::sanitize_short;

use super::{Asked, Writer};
use crate::neighbours::HostIndex;

/// What speaks against the host that a write gives its slot. `hosts`: whose the hosts are; nothing while that is not known.
pub(crate) fn against(
    writer: Writer,
    asked: &Asked<'_>,
    hosts: impl FnOnce() -> Option<Arc<HostIndex>>,
) -> Option<String> {
    if writer != Writer::Sync || !asked.subresource.is_empty() {
        return None;
    }
    let host = asked.new.and_then(|new| new.spec.host.as_deref())?;
    if asked.old.and_then(|old| old.spec.host.as_deref()) == Some(host) {
        return None;
    }
    let shown = sanitize_short(host);
    if !host.contains('.') {
        return Some(format!("spec.host: {shown} has no dot, and is above the hosts of others, or nobody's"));
    }
    let Some(hosts) = hosts() else {
        return Some(
            "spec.host: hotdesk has not read all Slots yet, and cannot tell whose it is: try again".to_owned(),
        );
    };
    let other = hosts.related(host, asked.namespace)?;
    Some(format!(
        "spec.host: {shown} is the host of slot \"{}\", or below or above it: give each slot a host of its own",
        sanitize_short(other)
    ))
}
