//! Can the reaper run the hooks of an uninstall? helm fails in the middle of one that it cannot make.

use hotdesk_slots::text::sanitize_short;
use hotdesk_slots::undo::ObjectRef;

use super::objects::Objects;
use crate::helm::manifest::{objects, reference};
use crate::helm::record::Hook;

/// What a hook of an uninstall may be: a policy keeps the reaper to these, whatever its Role says.
const ALLOWED: [(&str, &str); 2] = [("", "Pod"), ("batch", "Job")];

fn lacks(hook: &Hook, object: &ObjectRef, verb: &str) -> String {
    format!(
        "its {} hook {object} needs the right to {verb} it, which the reaper lacks: set reaper.hooks=true, or uninstall it with helm",
        when(hook)
    )
}

/// Why the reaper cannot run one of these hooks.
///
/// # Errors
/// When that cannot be found out.
pub async fn problem(known: &mut Objects<'_>, slot: &str, hooks: &[Hook]) -> Result<Option<String>, String> {
    for hook in hooks.iter().filter(|hook| hook.is_of_an_uninstall()) {
        let all = objects(&hook.manifest).map_err(|e| format!("its hook {}: {e}", sanitize_short(&hook.name)))?;
        for object in all.iter().map(|object| reference(object).within(slot)) {
            if let Some(why) = forbidden_kind(hook, &object) {
                return Ok(Some(why));
            }
            let Some(kind) = known.kind(&object).await? else { continue };
            for verb in ["create", "delete"] {
                if !known.may(&object, &kind, verb).await? {
                    return Ok(Some(lacks(hook, &object, verb)));
                }
            }
        }
    }
    Ok(None)
}

/// The objects of these hooks that an uninstall makes.
#[must_use]
pub fn objects_of(hooks: &[Hook], slot: &str) -> Vec<ObjectRef> {
    let own = hooks.iter().filter(|hook| hook.is_of_an_uninstall());
    let read = own.filter_map(|hook| objects(&hook.manifest).ok()).flatten();
    read.map(|object| reference(&object).within(slot)).collect()
}

fn forbidden_kind(hook: &Hook, object: &ObjectRef) -> Option<String> {
    let group = object.api_version.split_once('/').map_or("", |(group, _)| group);
    let allowed = ALLOWED.contains(&(group, &object.kind)) && object.namespace.is_none();
    (!allowed).then(|| {
        format!(
            "its {} hook makes {object}, and the reaper may make nothing but Jobs and Pods of the slot: uninstall it with helm",
            when(hook)
        )
    })
}

fn when(hook: &Hook) -> &'static str {
    if hook.events.iter().any(|event| event == "pre-delete") { "pre-delete" } else { "post-delete" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hooks of a template, as helm takes them out of it.
    fn hooks(template: &str) -> Vec<Hook> {
        let all = template.split("---\n").filter(|document| document.contains("helm.sh/hook"));
        all.map(|document| {
            let object = reference(&objects(document).unwrap()[0]);
            let event = if document.contains("post-delete") { "post-delete" } else { "pre-delete" };
            Hook { name: object.name, kind: object.kind, manifest: document.to_owned(), events: vec![event.to_owned()] }
        })
        .collect()
    }

    #[track_caller]
    fn check(id: &str, template: &str, expected: &[Option<&str>]) {
        let hooks = hooks(template);
        let told: Vec<Option<String>> = hooks
            .iter()
            .map(|hook| forbidden_kind(hook, &reference(&objects(&hook.manifest).unwrap()[0]).within("mew")))
            .collect();
        assert_eq!(told.len(), expected.len(), "{id}");
        for (told, expected) in told.iter().zip(expected) {
            match (told, expected) {
                (None, None) => {}
                (Some(told), Some(expected)) => assert!(told.contains(expected), "{id}: {told}"),
                other => panic!("{id}: {other:?}"),
            }
        }
    }

    #[test]
    fn hooks_that_the_reaper_may_not_make_are_found_by_their_kind() {
        let u15 = include_str!("../../tests/data/undo/u15-hook-kinds.yaml");
        let why = |kind: &str| {
            format!("its pre-delete hook makes {kind}/web-cleaner, and the reaper may make nothing but Jobs and Pods")
        };
        let (account, role, binding) = (why("ServiceAccount"), why("Role"), why("RoleBinding"));
        check("u15", u15, &[Some(&account), Some(&role), Some(&binding), None]);
        let after = u15.replace("pre-delete", "post-delete");
        check("u15 after", &after, &[Some("post-delete hook makes"), Some("post-delete"), Some("post-delete"), None]);
        check("u12", include_str!("../../tests/data/undo/u12-pre-delete-fails.yaml"), &[None]);
        check("u13", include_str!("../../tests/data/undo/u13-pre-delete-hangs.yaml"), &[None]);
        check("u14", include_str!("../../tests/data/undo/u14-post-delete-fails.yaml"), &[None]);
        let elsewhere = "kind: Pod\napiVersion: v1\nmetadata: {name: a, namespace: shared, annotations: {helm.sh/hook: pre-delete}}\n";
        check("elsewhere", elsewhere, &[Some("makes Pod/shared/a")]);
    }
}
