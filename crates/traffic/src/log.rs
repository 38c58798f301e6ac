//! What does a whole log come to, and does what was read of it reach over the window?

pub mod agents;
pub mod coverage;
pub mod pages;
pub mod question;
pub mod scan;
pub mod sightings;
