//! What is helm's record of a release called, and how does somebody go on with one that was left pending?

use crate::text::sanitize_short;

/// How the names of helm's records begin.
pub const RECORD_PREFIX: &str = "sh.helm.release.v1.";

/// Reads `sh.helm.release.v1.NAME.vREVISION`; an object of another name is not a record of helm's.
#[must_use]
pub fn of_record(object: &str) -> Option<(&str, i64)> {
    let (name, revision) = object.strip_prefix(RECORD_PREFIX)?.rsplit_once(".v")?;
    Some((name, revision.parse().ok()?))
}

/// The commands that take a release out of its pending state: without one of them helm says that another operation is in progress.
#[must_use]
pub fn go_on(name: &str, revision: i64, slot: &str) -> String {
    let (name, slot) = (sanitize_short(name), sanitize_short(slot));
    let uninstall = format!("helm uninstall {name} -n {slot}");
    // The first revision has none before it.
    if revision > 1 { format!("helm rollback {name} -n {slot}, or {uninstall}") } else { uninstall }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_by_its_name() {
        for (object, expected) in [
            ("sh.helm.release.v1.web.v12", Some(("web", 12))),
            ("sh.helm.release.v1.web.v2.v1", Some(("web.v2", 1))),
            ("sh.helm.release.v1.web.vx", None),
            ("web", None),
        ] {
            assert_eq!(of_record(object), expected, "{object}");
        }
    }

    #[test]
    fn e38_there_is_a_way_on_from_a_release_that_was_left_pending() {
        assert_eq!(go_on("web", 2, "mew"), "helm rollback web -n mew, or helm uninstall web -n mew");
        assert_eq!(go_on("web", 1, "mew"), "helm uninstall web -n mew");
    }
}
