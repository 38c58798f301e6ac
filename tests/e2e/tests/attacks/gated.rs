//! What does the gate leave out, and for whom? The chart's own table says so.

use hotdesk_e2e::people::root;
use serde_json::Value;

/// A group and a resource.
pub type Resource = (String, String);

/// What is not gated like everything else.
pub struct Gated {
    /// Left out for machinery and for the slot's own workload only: heartbeats, events, lists of endpoints.
    pub chatter: Vec<Resource>,
    /// Groups of questions, which change nothing: nobody judges them.
    pub questions: Vec<String>,
}

impl Gated {
    /// Reads `charts/hotdesk/files/gated.yaml`, from which the webhooks' rules and the policies are made, too.
    pub fn read() -> Self {
        let path = root().join("charts/hotdesk/files/gated.yaml");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let table: Value = serde_saphyr::from_str(&text).unwrap();
        let list =
            |field: &str| table[field].as_array().unwrap_or_else(|| panic!("{field} is not a list in {text}")).clone();
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let entries = [list("heartbeats"), list("controllers")].concat();
        let chatter = entries.iter().map(|entry| (word(&entry["group"]), word(&entry["resource"]))).collect();
        let questions = table["questions"]["groups"].as_array().unwrap().iter().map(word).collect();
        Self { chatter, questions }
    }
}

/// Subresources whose `get` is a connection and not a look.
pub const CONNECTIONS: [&str; 4] = ["attach", "exec", "portforward", "proxy"];
