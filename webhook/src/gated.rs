//! What of a slot is judged and stamped, and what is left out? A table of the chart, of which the policies are made as well.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

/// The chart renders its webhook configurations and policies from the same file, so that they cannot drift apart.
const TABLE: &str = include_str!("../../charts/hotdesk/files/gated.yaml");

/// The part of the table that the webhook needs.
#[derive(Debug, Default, Deserialize)]
pub struct Gated {
    /// Which writes are stamped.
    pub stamp: Stamped,
    /// Of which kinds nothing is stamped again.
    pub restamp: Restamped,
    /// Where a kind holds the labels and annotations of what a controller makes of it.
    pub templates: Vec<Template>,
    fixtures: Vec<Fixtures>,
    #[serde(skip)]
    tree: Node,
}

/// Which writes are stamped.
#[derive(Debug, Default, Deserialize)]
pub struct Stamped {
    subresources: Vec<String>,
    never: Vec<Kind>,
}

/// Which kinds the restamper leaves alone.
#[derive(Debug, Default, Deserialize)]
pub struct Restamped {
    never: Vec<Resource>,
}

/// A resource, or with `*` all of a group.
#[derive(Debug, Deserialize)]
struct Resource {
    group: String,
    resource: String,
}

/// A field of some kinds whose `metadata` ends on other objects.
#[derive(Debug, Deserialize)]
pub struct Template {
    /// Such as `spec.template`; `[]` stands behind a list.
    pub field: String,
    kinds: Vec<Kind>,
}

/// What the charts put into a slot.
#[derive(Debug, Deserialize)]
struct Fixtures {
    group: String,
    resources: Vec<String>,
    names: Vec<String>,
}

/// A kind with its group, as `GROUP/KIND`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Kind {
    group: String,
    kind: String,
}

/// A field of an object, and what is to be looked at below it.
#[derive(Debug, Default)]
pub struct Node {
    below: BTreeMap<String, Self>,
    each: Option<Box<Self>>,
    /// Which of the templates this field is.
    pub template: Option<usize>,
}

impl Gated {
    /// Reads the table.
    ///
    /// # Errors
    /// If the file of the chart is not such a table.
    pub fn read() -> anyhow::Result<Self> {
        let mut table: Self = serde_saphyr::from_str(TABLE)?;
        for (number, template) in table.templates.iter().enumerate() {
            table.tree.grow(&template.field, number);
        }
        Ok(table)
    }

    /// The table, read once. The program does not start where it cannot be read ([`crate::args::Args::settings`]).
    #[must_use]
    pub fn table() -> &'static Self {
        static READ: OnceLock<Gated> = OnceLock::new();
        READ.get_or_init(|| Self::read().unwrap_or_default())
    }

    /// What is to be looked at below a field of an object.
    #[must_use]
    pub fn below(&self, field: &str) -> Option<&Node> {
        self.tree.below(field)
    }

    /// True for an object that belongs to the administrators, not to the slot's holder.
    #[must_use]
    pub fn is_fixture(&self, group: &str, resource: &str, name: &str) -> bool {
        self.fixtures.iter().any(|fixtures| {
            fixtures.group == group
                && fixtures.resources.iter().any(|r| r == resource)
                && fixtures.names.iter().any(|n| n == name)
        })
    }
}

impl Stamped {
    /// True for a write that stores the object's own labels and annotations.
    #[must_use]
    pub fn takes(&self, subresource: &str, group: &str, kind: &str) -> bool {
        self.subresources.iter().any(|s| s == subresource) && !self.never.iter().any(|k| k.is(group, kind))
    }
}

impl Restamped {
    /// True for what the restamper does not write.
    #[must_use]
    pub fn leaves_out(&self, group: &str, resource: &str) -> bool {
        self.never.iter().any(|one| one.group == group && (one.resource == "*" || one.resource == resource))
    }
}

impl Template {
    /// True if objects of this kind have it.
    #[must_use]
    pub fn is_of(&self, group: &str, kind: &str) -> bool {
        self.kinds.iter().any(|k| k.is(group, kind))
    }
}

impl Kind {
    fn is(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (group, kind) = text.split_once('/').ok_or_else(|| format!("{text} is not GROUP/KIND"))?;
        Ok(Self { group: group.to_owned(), kind: kind.to_owned() })
    }
}

impl Node {
    /// What is to be looked at below a field.
    #[must_use]
    pub fn below(&self, field: &str) -> Option<&Self> {
        self.below.get(field)
    }

    /// What is to be looked at in each element of a list.
    #[must_use]
    pub fn each(&self) -> Option<&Self> {
        self.each.as_deref()
    }

    fn grow(&mut self, path: &str, template: usize) {
        let mut node = self;
        for step in path.split('.') {
            node = node.below.entry(step.trim_end_matches("[]").to_owned()).or_default();
            if step.ends_with("[]") {
                node = node.each.get_or_insert_default();
            }
        }
        node.template = Some(template);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_and_every_template_is_in_its_tree() {
        let table = Gated::read().unwrap();
        let node = |path: &[&str]| path.iter().try_fold(&table.tree, |node, field| node.below(field));
        assert_eq!(node(&["spec", "template"]).unwrap().template, Some(0));
        let claims = node(&["spec", "volumeClaimTemplates"]).unwrap();
        assert_eq!((claims.template, claims.each().unwrap().template), (None, Some(2)));
        let top: Vec<&str> = table.tree.below.keys().map(String::as_str).collect();
        assert_eq!(top, ["spec", "template"], "review/templates.rs reads these two fields of an object");
    }

    #[test]
    fn a_kind_is_one_by_its_group_and_name() {
        let table = Gated::table();
        assert!(table.templates[0].is_of("apps", "Deployment") && !table.templates[0].is_of("", "Deployment"));
        assert!(table.stamp.takes("status", "example.com", "Binding"));
        assert!(!table.stamp.takes("", "", "Binding") && !table.stamp.takes("scale", "apps", "Deployment"));
    }

    #[test]
    fn rights_slots_and_what_is_written_all_the_time_are_not_restamped() {
        let table = &Gated::table().restamp;
        for (group, resource) in [
            ("rbac.authorization.k8s.io", "roles"),
            ("hotdesk.dev", "slots"),
            ("", "events"),
            ("coordination.k8s.io", "leases"),
            ("discovery.k8s.io", "endpointslices"),
        ] {
            assert!(table.leaves_out(group, resource), "{group}/{resource}");
        }
        assert!(!table.leaves_out("", "secrets") && !table.leaves_out("example.com", "events"));
    }

    #[test]
    fn a_fixture_is_one_by_group_resource_and_name() {
        let is = |group, resource, name| Gated::table().is_fixture(group, resource, name);
        assert!(is("rbac.authorization.k8s.io", "rolebindings", "hotdesk-edit"));
        assert!(is("batch", "cronjobs", "hotdesk-reaper"));
        assert!(!is("rbac.authorization.k8s.io", "rolebindings", "hotdesk-edit2"));
        assert!(!is("", "configmaps", "hotdesk-edit") && !is("example.com", "cronjobs", "hotdesk-reaper"));
    }
}
