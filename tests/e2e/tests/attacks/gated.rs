//! What does the gate leave out, and for whom?
//!
//! The sweep takes everything that discovery shows; this is the whole list of what hotdesk is not asked about.

/// Questions about rights: they change nothing, and nobody is asked.
pub const QUESTIONS: [(&str, &str); 1] = [("authorization.k8s.io", "localsubjectaccessreviews")];

/// Left out for machinery and for the slot's own workload only, by group and resource: heartbeats, events, lists of
/// endpoints. For everybody else they are gated like anything.
pub const CHATTER: [(&str, &str); 5] = [
    ("", "endpoints"),
    ("", "events"),
    ("coordination.k8s.io", "leases"),
    ("discovery.k8s.io", "endpointslices"),
    ("events.k8s.io", "events"),
];

/// Subresources whose `get` is a connection and not a look.
pub const CONNECTIONS: [&str; 4] = ["attach", "exec", "portforward", "proxy"];

/// True if hotdesk is not asked about this resource, whoever writes it.
pub fn is_question(group: &str, resource: &str) -> bool {
    QUESTIONS.contains(&(group, resource))
}
