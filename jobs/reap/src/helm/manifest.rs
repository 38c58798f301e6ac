//! Which objects does a release hold, which of them survive its uninstall, and what of its manifest does helm get?
//!
//! helm does to every document of a manifest what it is asked to do with the release. What is to stay is left out, and the rest
//! is given to helm byte by byte: a document is read to know what it is, and never written. helm reads YAML 1.1 and this program
//! YAML 1.2, so that what is parsed and written may mean something else.

use hotdesk_slots::text::list;
use hotdesk_slots::undo::ObjectRef;
use serde_json::Value;

use super::yaml::read;

const POLICY: &str = "helm.sh/resource-policy";

/// How a manifest begins that lacks documents. helm carries a manifest through its own updates of the record unchanged, and a
/// comment is nothing to it.
const LEFT_OUT: &str = "# hotdesk has left documents out of this manifest while it uninstalls the release.\n";

/// What gives somebody rights, by group and kind: it survives whatever the operator says. No account of hotdesk's may take
/// rights away or give them, so nobody can have it do so by way of a release.
const RIGHTS: [(&str, &str); 3] =
    [("", "ServiceAccount"), ("rbac.authorization.k8s.io", "Role"), ("rbac.authorization.k8s.io", "RoleBinding")];

/// Why a manifest is left as it is, and its release not uninstalled.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Nobody can tell what a document is.
    #[error(
        "document {number} of its manifest cannot be read as YAML, so it is not known whether it can go: {source}. Fix the \
         template and deploy it again"
    )]
    Unreadable {
        /// Which, counted from 1.
        number: usize,
        /// What is wrong with it.
        source: Box<serde_saphyr::Error>,
    },
    /// What stays and what goes stand in one document.
    #[error(
        "document {number} of its manifest is a List that holds what stays ({stays}) and what goes ({goes}): write them as \
         documents of their own and deploy it again"
    )]
    Mixed {
        /// Which, counted from 1.
        number: usize,
        /// What of it stays.
        stays: String,
        /// What of it goes.
        goes: String,
    },
}

/// Which object this is.
#[must_use]
pub fn reference(object: &Value) -> ObjectRef {
    let namespace = Some(text(object, "/metadata/namespace")).filter(|namespace| !namespace.is_empty());
    ObjectRef {
        api_version: text(object, "/apiVersion").to_owned(),
        kind: text(object, "/kind").to_owned(),
        namespace: namespace.map(str::to_owned),
        name: text(object, "/metadata/name").to_owned(),
    }
}

/// Every object, those inside of Lists by themselves.
///
/// # Errors
/// When a document cannot be read.
pub fn objects(manifest: &str) -> Result<Vec<Value>, ManifestError> {
    let mut all = Vec::new();
    for (index, document) in documents(manifest).into_iter().enumerate() {
        all.extend(document.objects(index + 1)?);
    }
    Ok(all)
}

/// True if an uninstall leaves this object alone: helm does so with any `resource-policy`, also one that it does not know, and
/// the rest is left out of what helm gets.
#[must_use]
pub fn survives(object: &Value, kinds: &[String]) -> bool {
    has_policy(object) || gives_rights(object) || kinds.iter().any(|kind| names(kind, text(object, "/kind")))
}

fn gives_rights(object: &Value) -> bool {
    let group = text(object, "/apiVersion").split_once('/').map_or("", |(group, _)| group);
    RIGHTS.contains(&(group, text(object, "/kind")))
}

fn has_policy(object: &Value) -> bool {
    object.pointer("/metadata/annotations").is_some_and(|annotations| annotations.get(POLICY).is_some())
}

/// The manifest without the documents of what stays; every other document is as it was, byte by byte.
///
/// # Errors
/// When a document cannot be read, or holds both.
pub fn without(manifest: &str, stays: impl Fn(&Value) -> bool) -> Result<String, ManifestError> {
    let mut left = String::new();
    for (index, document) in documents(manifest).into_iter().enumerate() {
        let (staying, going): (Vec<Value>, Vec<Value>) =
            document.objects(index + 1)?.into_iter().partition(|object| stays(object));
        if staying.is_empty() {
            left.push_str(document.text);
        } else if !going.is_empty() {
            let (stays, goes) = (shown(&staying), shown(&going));
            return Err(ManifestError::Mixed { number: index + 1, stays, goes });
        }
    }
    Ok(left)
}

/// A manifest and documents of others, each byte by byte.
#[must_use]
pub fn joined(manifest: &str, more: &[String]) -> String {
    let mut all = manifest.to_owned();
    for more in more.iter().filter(|more| !more.trim().is_empty()) {
        if !all.is_empty() && !all.ends_with('\n') {
            all.push('\n');
        }
        if !more.trim_start().starts_with("---") {
            all.push_str("---\n");
        }
        all.push_str(more);
    }
    all
}

/// Notes in a manifest that it lacks documents, or holds more.
#[must_use]
pub fn noted(manifest: &str) -> String {
    if manifest.trim().is_empty() {
        return LEFT_OUT.to_owned();
    }
    let separator = if manifest.trim_start().starts_with("---") { "" } else { "---\n" };
    format!("{LEFT_OUT}{separator}{manifest}")
}

/// True for a manifest that a reap which could not finish has left like that.
#[must_use]
pub fn is_noted(manifest: &str) -> bool {
    manifest.starts_with(LEFT_OUT.trim_end())
}

/// A document, from its separator to the next.
#[derive(Debug, Clone, Copy)]
struct Document<'a> {
    text: &'a str,
}

/// Splits where helm splits: at every line that begins with `---`. The documents are the manifest, without a gap.
fn documents(manifest: &str) -> Vec<Document<'_>> {
    let starts = manifest.match_indices("\n---").map(|(at, _)| at + 1);
    // What stands before the first separator is a document, unless it is nothing: helm takes blanks away there.
    let first = starts.clone().next().filter(|at| manifest.get(..*at).is_some_and(|before| before.trim().is_empty()));
    let cuts: Vec<usize> = [0].into_iter().chain(starts.filter(|at| Some(*at) != first)).collect();
    let ends = cuts.iter().skip(1).copied().chain([manifest.len()]);
    let parts = cuts.iter().zip(ends).filter_map(|(from, to)| manifest.get(*from..to));
    parts.map(|text| Document { text }).collect()
}

impl Document<'_> {
    /// The objects of a document: itself, what its List holds, or none.
    fn objects(self, number: usize) -> Result<Vec<Value>, ManifestError> {
        let text = self.text.trim_start();
        let body = text.strip_prefix("---").unwrap_or(text);
        // helm takes the blanks away before it reads a document, and not before it makes the objects.
        let read = read(body.trim_start()).or_else(|error| read(body).map_err(|_| error));
        read.map(flat).map_err(|source| ManifestError::Unreadable { number, source: Box::new(source) })
    }
}

fn flat(object: Value) -> Vec<Value> {
    let item_kind = text(&object, "/kind").strip_suffix("List").map(str::to_owned);
    let version = text(&object, "/apiVersion").to_owned();
    match (item_kind, object.get("items").and_then(Value::as_array)) {
        (Some(kind), Some(items)) => {
            // helm sees a policy on the List, and leaves all of it.
            let policy = object.pointer("/metadata/annotations").filter(|_| has_policy(&object));
            items.iter().map(|item| typed(item.clone(), &kind, &version, policy)).collect()
        }
        _ if object.is_object() => vec![object],
        _ => Vec::new(),
    }
}

/// True if an operator means this kind: who writes `configmaps` wants them kept as well.
fn names(written: &str, kind: &str) -> bool {
    let is = |plural: &str, singular: &str| {
        let stem = written.len().checked_sub(plural.len()).and_then(|at| written.split_at_checked(at));
        stem.is_some_and(|(stem, end)| {
            end.eq_ignore_ascii_case(plural) && kind.eq_ignore_ascii_case(&format!("{stem}{singular}"))
        })
    };
    !kind.is_empty() && (is("", "") || is("s", "") || is("es", "") || is("ies", "y"))
}

/// An item of a typed list (`ConfigMapList`) may leave its kind to the list.
fn typed(mut item: Value, kind: &str, version: &str, policy: Option<&Value>) -> Value {
    let Some(fields) = item.as_object_mut() else { return item };
    if !kind.is_empty() {
        fields.entry("kind").or_insert_with(|| kind.into());
        fields.entry("apiVersion").or_insert_with(|| version.into());
    }
    let metadata = policy.and_then(|policy| Some((policy, fields.get_mut("metadata")?.as_object_mut()?)));
    if let Some((policy, metadata)) = metadata {
        metadata.insert("annotations".to_owned(), policy.clone());
    }
    item
}

/// The first few of them.
fn shown(objects: &[Value]) -> String {
    let mut names: Vec<String> = objects.iter().take(3).map(|object| reference(object).to_string()).collect();
    if objects.len() > names.len() {
        names.push(format!("{} more", objects.len() - names.len()));
    }
    list(&names)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
