//! Whom is told what about a slot, and in which words?
//!
//! [`news`] is what happened, [`settings`] who wants to hear of it, [`words`] how it reads, and [`send`] brings it there.
//!
//! Architecture Invariant: nothing here can stop or cause a reap. Whatever goes wrong is a sentence for the log, and that
//! sentence holds no address: an address is what lets anybody write into a channel.

pub mod news;
pub mod send;
pub mod settings;
pub mod words;

pub use news::{News, Occasion};
pub use settings::Settings;
