//! The rows of `data/ways-in`, as they are written there. The fault table of `jobs/reap` reads them as well.

use serde_json::{Map, Value};

/// All rows.
pub(crate) fn rows() -> Vec<Value> {
    yaml(include_str!("../data/ways-in/cases.yaml")).as_array().unwrap().clone()
}

/// The objects of a row, each as it stands in `objects.yaml` with the row's changes.
pub(crate) fn objects(row: &Value) -> Vec<Value> {
    let known = yaml(include_str!("../data/ways-in/objects.yaml"));
    let one = |written: &Value| {
        let name = written.as_str().or_else(|| written["is"].as_str()).unwrap();
        let mut object = known[name].clone();
        assert!(object.is_object(), "there is no object {name}");
        merge(&mut object, &written["with"]);
        object
    };
    row["objects"].as_array().unwrap().iter().map(one).collect()
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// A merge patch.
fn merge(object: &mut Value, change: &Value) {
    let Some(change) = change.as_object() else { return };
    for (key, value) in change {
        let fields = object.as_object_mut().unwrap();
        if value.is_null() {
            fields.remove(key);
        } else if value.is_object() {
            merge(fields.entry(key.clone()).or_insert_with(|| Value::Object(Map::new())), value);
        } else {
            fields.insert(key.clone(), value.clone());
        }
    }
}
