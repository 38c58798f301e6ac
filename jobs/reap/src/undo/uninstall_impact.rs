//! What would the uninstall of a release take, leave, and lose?

use hotdesk_slots::signals::{PlannedRelease, bounded};
use hotdesk_slots::text::{list, sanitize_short};
use hotdesk_slots::undo::ObjectRef;
use serde_json::Value;

use super::args::ClusterScoped;
use crate::helm::manifest::survives;
use crate::helm::record::Hook;
use crate::helm::release::Release;

/// What an uninstall means for a release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UninstallImpact {
    /// Its objects.
    pub objects: Vec<ObjectRef>,
    /// Those that will stay.
    pub kept: Vec<ObjectRef>,
    /// Those of them that stay only because the reaper may not delete them.
    pub out_of_reach: Vec<ObjectRef>,
    /// Why the release stays as a whole, if it does.
    pub held: Option<String>,
    /// True if that is because something could not be found out.
    pub in_doubt: bool,
    /// What nobody can bring back.
    pub lost: Vec<String>,
    /// Why its hooks do not run, if it has some and they do not.
    pub without_hooks: Option<String>,
}

/// Whether the reaper may delete an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// It may; and what goes with it, by the object as it is. One that is not there any more takes nothing along.
    Within(Vec<String>),
    /// It may not: the object is outside of the slot, or its administrators'.
    Outside,
    /// It may not: the object is not this release's, or no longer.
    Others,
    /// Nobody can tell.
    Unknown(String),
}

/// What the operator has set.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// Kinds that survive.
    pub preserve: &'a [String],
    /// What happens to a release with objects out of reach.
    pub cluster_scoped: ClusterScoped,
}

/// Judges the uninstall of a release by its objects, which are named as within their slot, and its hooks.
#[must_use]
pub fn impact(
    objects: &[(ObjectRef, Value)],
    hooks: &[Hook],
    settings: Settings<'_>,
    reach: impl Fn(&ObjectRef) -> Reach,
) -> UninstallImpact {
    let mut result = UninstallImpact::default();
    let (mut outside, mut unknown) = (Vec::new(), Vec::new());
    for (found, object) in objects {
        let found = found.clone();
        result.objects.push(found.clone());
        if survives(object, settings.preserve) {
            result.kept.push(found);
            continue;
        }
        match reach(&found) {
            Reach::Within(lost) => result.lost.extend(lost),
            Reach::Outside => outside.push(found),
            Reach::Others => {
                result.out_of_reach.push(found.clone());
                result.kept.push(found);
            }
            Reach::Unknown(why) => unknown.push(why),
        }
    }
    result.lost.extend(hooks.iter().filter_map(undone_by));
    result.in_doubt = !unknown.is_empty();
    result.held = unknown.into_iter().next().or_else(|| held(&outside, settings.cluster_scoped));
    result.out_of_reach.extend(outside.iter().cloned());
    result.kept.extend(outside);
    result
}

fn held(out_of_reach: &[ObjectRef], setting: ClusterScoped) -> Option<String> {
    if out_of_reach.is_empty() || setting == ClusterScoped::KeepObjects {
        return None;
    }
    let names: Vec<String> = out_of_reach.iter().take(4).map(ToString::to_string).collect();
    let more = out_of_reach.len().saturating_sub(names.len());
    let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    Some(format!("it holds {}{more}, which the reaper of a slot may not delete", list(&names)))
}

/// A hook of the uninstall runs, and nothing takes back what it did.
fn undone_by(hook: &Hook) -> Option<String> {
    hook.is_of_an_uninstall()
        .then(|| format!("what its uninstall hook {}/{} does", sanitize_short(&hook.kind), sanitize_short(&hook.name)))
}

impl UninstallImpact {
    /// Of a release that cannot be looked into.
    #[must_use]
    pub fn unreadable(why: String) -> Self {
        Self { held: Some(why), in_doubt: true, ..Self::default() }
    }

    /// Of a release that stays as it is, for a reason that somebody can do something about.
    #[must_use]
    pub fn kept(why: String) -> Self {
        Self { held: Some(why), ..Self::default() }
    }

    /// The same, unless it stays for another reason.
    #[must_use]
    pub fn or_held(mut self, why: Option<String>) -> Self {
        self.held = self.held.or(why);
        self
    }

    /// As the Slot's status tells it.
    #[must_use]
    pub fn planned(&self, release: &Release) -> PlannedRelease {
        PlannedRelease {
            name: release.name.clone(),
            revision: release.revision,
            held: self.held.clone(),
            stays: if self.held.is_some() {
                Vec::new()
            } else {
                bounded(self.kept.iter().map(ToString::to_string).collect())
            },
            without_hooks: self.without_hooks.clone().filter(|_| self.held.is_none()),
            lost: if self.held.is_some() { Vec::new() } else { bounded(self.lost.clone()) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helm::manifest::reference;
    use serde_json::json;

    fn object(kind: &str, spec: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec})
    }

    fn of(objects: &[Value], hooks: &[Hook], cluster_scoped: ClusterScoped) -> UninstallImpact {
        let preserve = ["ConfigMap".to_owned()];
        let objects: Vec<(ObjectRef, Value)> =
            objects.iter().map(|object| (reference(object).within("mew"), object.clone())).collect();
        impact(&objects, hooks, Settings { preserve: &preserve, cluster_scoped }, |object| match object.kind.as_str() {
            "ClusterRole" | "CustomResourceDefinition" => Reach::Outside,
            "Ingress" => Reach::Others,
            "Gadget" => Reach::Unknown("the cluster knows no Gadget".to_owned()),
            _ => Reach::Within(Vec::new()),
        })
    }

    fn shown(objects: &[ObjectRef]) -> Vec<String> {
        objects.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_release_with_an_object_out_of_reach_stays_as_a_whole() {
        let objects =
            [object("ClusterRole", &json!({})), object("Deployment", &json!({})), object("ConfigMap", &json!({}))];
        let whole = of(&objects, &[], ClusterScoped::KeepRelease);
        assert_eq!(whole.held.as_deref(), Some("it holds ClusterRole/x, which the reaper of a slot may not delete"));
        let rest = of(&objects, &[], ClusterScoped::KeepObjects);
        assert_eq!((rest.held, shown(&rest.kept)), (None, vec!["ConfigMap/x".to_owned(), "ClusterRole/x".to_owned()]));
        assert_eq!(shown(&rest.out_of_reach), ["ClusterRole/x"]);
    }

    #[test]
    fn an_object_that_is_not_the_releases_stays_and_holds_nothing_back() {
        let found =
            of(&[object("Ingress", &json!({})), object("Deployment", &json!({}))], &[], ClusterScoped::KeepRelease);
        let stays = vec!["Ingress/x".to_owned()];
        assert_eq!((found.held, shown(&found.kept), shown(&found.out_of_reach)), (None, stays.clone(), stays));
    }

    #[test]
    fn what_gives_rights_stays_whatever_is_preserved() {
        let role = |version: &str, kind: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}});
        let rbac = "rbac.authorization.k8s.io/v1";
        let objects = [
            role(rbac, "Role"),
            role(rbac, "RoleBinding"),
            role("v1", "ServiceAccount"),
            role("db.example.com/v1", "Role"),
        ];
        let objects: Vec<(ObjectRef, Value)> = objects.map(|object| (reference(&object), object)).to_vec();
        let settings = Settings { preserve: &[], cluster_scoped: ClusterScoped::KeepRelease };
        let found = impact(&objects, &[], settings, |_| Reach::Within(Vec::new()));
        assert_eq!(shown(&found.kept), ["Role/x", "RoleBinding/x", "ServiceAccount/x"]);
        assert_eq!((found.held, found.objects.len()), (None, 4));
    }

    #[test]
    fn an_object_that_the_chart_keeps_holds_nothing_back() {
        let mut crd = object("CustomResourceDefinition", &json!({}));
        crd["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
        let found = of(&[crd], &[], ClusterScoped::KeepRelease);
        assert_eq!((found.held, shown(&found.kept)), (None, vec!["CustomResourceDefinition/x".to_owned()]));
    }

    #[test]
    fn what_nobody_can_judge_stays_whatever_the_setting() {
        let found = of(&[object("Gadget", &json!({}))], &[], ClusterScoped::KeepObjects);
        assert_eq!((found.held.as_deref(), found.in_doubt), (Some("the cluster knows no Gadget"), true));
    }

    #[test]
    fn a_hook_of_the_uninstall_cannot_be_taken_back() {
        let hook = |name: &str, events: &[&str]| Hook {
            name: name.to_owned(),
            kind: "Job".to_owned(),
            manifest: String::new(),
            events: events.iter().map(|e| (*e).to_owned()).collect(),
        };
        let hooks = [hook("up", &["pre-install", "post-upgrade"]), hook("down", &["pre-install", "post-delete"])];
        assert_eq!(of(&[], &hooks, ClusterScoped::KeepRelease).lost, ["what its uninstall hook Job/down does"]);
    }
}
