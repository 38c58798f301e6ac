//! What is asked of a Prometheus, and what do its answers say?

pub mod promql;
pub mod samples;
