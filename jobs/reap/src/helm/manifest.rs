//! Which objects does a release hold, which of them shall survive its uninstall, and how is helm told?
//!
//! `helm uninstall` leaves an object alone whose own metadata, in the stored manifest, has the annotation
//! `helm.sh/resource-policy: keep`. It looks at whole documents only, so objects to preserve inside a
//! `List` become documents of their own.

use hotdesk_slots::undo::ObjectRef;
use serde_json::{Map, Value, json};

const POLICY: &str = "helm.sh/resource-policy";

/// What gives somebody rights, by group and kind: it survives whatever the operator says. No account of hotdesk's may take
/// rights away or give them, so nobody can have it do so by way of a release.
const RIGHTS: [(&str, &str); 3] =
    [("", "ServiceAccount"), ("rbac.authorization.k8s.io", "Role"), ("rbac.authorization.k8s.io", "RoleBinding")];

/// Why a manifest is left as it is, and its release not uninstalled.
#[derive(Debug, thiserror::Error)]
#[error("document {number} of its manifest cannot be read as YAML: {source}")]
pub struct ManifestError {
    number: usize,
    source: Box<serde_saphyr::Error>,
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

/// A manifest in which every object to preserve says so.
#[derive(Debug, PartialEq, Eq)]
pub struct Preserved {
    /// The manifest.
    pub manifest: String,
    /// The objects that will be kept, as `Kind/name`.
    pub objects: Vec<String>,
    /// True if anything had to be changed.
    pub changed: bool,
}

/// Every object, those inside of Lists by themselves.
///
/// # Errors
/// When a document cannot be read.
pub fn objects(manifest: &str) -> Result<Vec<Value>, ManifestError> {
    let mut all = Vec::new();
    for (index, document) in documents(manifest).into_iter().enumerate() {
        all.extend(flat(read(index + 1, &document)?));
    }
    Ok(all)
}

/// True if `helm uninstall` leaves this object alone as it is, or after [`preserve`].
#[must_use]
pub fn survives(object: &Value, kinds: &[String]) -> bool {
    is_marked(object) || is_preserved(object, kinds)
}

fn is_preserved(object: &Value, kinds: &[String]) -> bool {
    gives_rights(object) || kinds.iter().any(|kind| names(kind, text(object, "/kind")))
}

fn gives_rights(object: &Value) -> bool {
    let group = text(object, "/apiVersion").split_once('/').map_or("", |(group, _)| group);
    RIGHTS.contains(&(group, text(object, "/kind")))
}

/// The manifest without some objects, and with other numbers of replicas where it names any. Every other document stays
/// as it is, byte by byte.
///
/// # Errors
/// When a document cannot be read.
pub fn changed(manifest: &str, without: &[ObjectRef], replicas: &[(ObjectRef, i64)]) -> Result<String, ManifestError> {
    let mut result = String::new();
    for (index, document) in documents(manifest).into_iter().enumerate() {
        let before = flat(read(index + 1, &document)?);
        let left = before.iter().filter(|object| !without.contains(&reference(object)));
        let after: Vec<Value> = left.map(|object| scaled(object.clone(), replicas)).collect();
        result.push_str(document.separator);
        if after == before {
            result.push_str(document.body);
        } else if after.is_empty() {
            result.push('\n');
        } else {
            result.push_str(&rewritten(document.body, &after));
        }
    }
    Ok(result)
}

fn scaled(mut object: Value, replicas: &[(ObjectRef, i64)]) -> Value {
    let own = reference(&object);
    let wanted = replicas.iter().find(|(other, _)| *other == own).map(|(_, number)| *number);
    if let (Some(number), Some(written)) = (wanted, object.pointer_mut("/spec/replicas")) {
        *written = json!(number);
    }
    object
}

fn read(number: usize, document: &Document<'_>) -> Result<Value, ManifestError> {
    serde_saphyr::from_str_with_options(document.body, yaml())
        .map_err(|source| ManifestError { number, source: Box::new(source) })
}

/// The objects of a document: itself, what its List holds, or none.
fn flat(object: Value) -> Vec<Value> {
    let item_kind = text(&object, "/kind").strip_suffix("List").map(str::to_owned);
    let version = text(&object, "/apiVersion").to_owned();
    match (item_kind, object.get("items").and_then(Value::as_array)) {
        (Some(kind), Some(items)) => items.iter().map(|item| typed(item.clone(), &kind, &version)).collect(),
        _ if object.is_object() => vec![object],
        _ => Vec::new(),
    }
}

/// Marks the objects of these kinds, what gives rights, and some more. Every document that needs no mark stays as it is, byte by byte.
///
/// # Errors
/// When a document cannot be read: then nobody knows what it holds.
pub fn preserve(manifest: &str, kinds: &[String], more: &[ObjectRef]) -> Result<Preserved, ManifestError> {
    let mut result = Preserved { manifest: String::new(), objects: Vec::new(), changed: false };
    for (index, document) in documents(manifest).into_iter().enumerate() {
        let object = read(index + 1, &document)?;
        result.manifest.push_str(document.separator);
        match marked(object, kinds, more, &mut result.objects) {
            None => result.manifest.push_str(document.body),
            Some(objects) => {
                result.changed = true;
                result.manifest.push_str(&rewritten(document.body, &objects));
            }
        }
    }
    Ok(result)
}

/// helm reads a key that comes twice as its last value, and takes deep documents. An error must not show the lines
/// around it: they may be a Secret's.
fn yaml() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 256 },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    }
}

struct Document<'a> {
    /// The `---` before it, or nothing.
    separator: &'a str,
    body: &'a str,
}

/// Splits where helm splits: at every line that begins with `---`.
fn documents(manifest: &str) -> Vec<Document<'_>> {
    let starts = manifest.match_indices("---").map(|(at, _)| at);
    let at_line_start = |at: &usize| *at == 0 || manifest.get(..*at).is_some_and(|before| before.ends_with('\n'));
    let mut cuts: Vec<usize> = starts.filter(at_line_start).collect();
    if cuts.first() != Some(&0) {
        cuts.insert(0, 0);
    }
    let ends = cuts.iter().skip(1).copied().chain([manifest.len()]);
    cuts.iter().zip(ends).filter_map(|(from, to)| Some(Document::new(manifest.get(*from..to)?))).collect()
}

impl<'a> Document<'a> {
    fn new(text: &'a str) -> Self {
        let (separator, body) = text.split_at(if text.starts_with("---") { 3 } else { 0 });
        Self { separator, body }
    }
}

/// The documents that stand for one, if it holds anything that must be marked.
fn marked(object: Value, kinds: &[String], more: &[ObjectRef], kept: &mut Vec<String>) -> Option<Vec<Value>> {
    let named = |object: &Value| !more.is_empty() && more.contains(&reference(object));
    let wanted = |object: &Value| is_preserved(object, kinds) || named(object);
    if wanted(&object) {
        kept.push(shown(&object));
        return (!is_marked(&object)).then(|| vec![mark(object)]);
    }
    let item_kind = text(&object, "/kind").strip_suffix("List")?.to_owned();
    let version = text(&object, "/apiVersion").to_owned();
    let Value::Object(mut list) = object else { return None };
    let Some(Value::Array(items)) = list.remove("items") else { return None };
    let items = items.into_iter().map(|item| typed(item, &item_kind, &version));
    let (preserved, rest): (Vec<Value>, Vec<Value>) = items.partition(wanted);
    if preserved.is_empty() {
        return None;
    }
    kept.extend(preserved.iter().map(shown));
    let mut documents: Vec<Value> = preserved.into_iter().map(mark).collect();
    if !rest.is_empty() {
        list.insert("items".to_owned(), Value::Array(rest));
        documents.push(Value::Object(list));
    }
    Some(documents)
}

/// True if an operator means this kind: whoever writes `configmaps` wants them kept as well.
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
fn typed(mut item: Value, kind: &str, version: &str) -> Value {
    if let (false, Some(item)) = (kind.is_empty(), item.as_object_mut()) {
        item.entry("kind").or_insert_with(|| kind.into());
        item.entry("apiVersion").or_insert_with(|| version.into());
    }
    item
}

fn is_marked(object: &Value) -> bool {
    let policy = object.pointer("/metadata/annotations").and_then(|a| a.get(POLICY)).and_then(Value::as_str);
    policy.is_some_and(|policy| policy.trim().eq_ignore_ascii_case("keep"))
}

fn mark(mut object: Value) -> Value {
    let annotations = object.as_object_mut().and_then(|o| member(o, "metadata")).and_then(|m| member(m, "annotations"));
    if let Some(annotations) = annotations {
        annotations.insert(POLICY.to_owned(), json!("keep"));
    }
    object
}

/// A member that is an object; anything else there, null for example, gives way to one.
fn member<'a>(object: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    let value = object.entry(name).or_insert(Value::Null);
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut()
}

/// The documents as JSON, which is YAML, behind the comments that the first one had.
fn rewritten(body: &str, objects: &[Value]) -> String {
    let leading =
        body.lines().take_while(|line| line.trim().is_empty() || line.starts_with('#') || line.starts_with(" #"));
    let comments: Vec<&str> = leading.filter(|line| !line.trim().is_empty()).collect();
    let comments = comments.iter().fold(String::from("\n"), |text, line| text + line + "\n");
    let objects: Vec<String> = objects.iter().map(|object| format!("{comments}{object}\n")).collect();
    objects.join("---")
}

fn shown(object: &Value) -> String {
    format!("{}/{}", text(object, "/kind"), text(object, "/metadata/name"))
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
