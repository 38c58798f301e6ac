//! Who used a slot, as far as the logs and counters of others show it?
//!
//! | module | question |
//! |---|---|
//! | [`sources`] | which sources did the operator name, and how is each of them asked? |
//! | [`line`] | what does one line of an access log say? |
//! | [`log`] | what does a whole log come to, and how far back does it reach? |
//! | [`counters`], [`prometheus`], [`gcp`] | what do other sources' answers say? |
//! | [`attribute`] | whose is an entry? |
//! | [`pod_usage`] | do the counters of the slot's own pods speak against nobody being there? |
//! | [`ways_in`] | how do requests get into a slot, and which source sees each of these ways? |
//! | [`sight`] | what does all of it come to? |
//!
//! The reaper of a slot decides by this, and all who judge a log have to do it by the same code.
//!
//! Architecture Invariant: there is no client, clock, environment or file here. Who uses it asks, and hands over what
//! was answered and when that was. What cannot be understood is a doubt, and never "nobody".

pub mod attribute;
pub mod counters;
pub mod gcp;
pub mod line;
pub mod log;
pub mod observation;
pub mod pod_usage;
pub mod prometheus;
pub mod sources;
pub mod ways_in;
