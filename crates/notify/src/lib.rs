//! Whom is told what about a slot, and in which words?
//!
//! [`notification`] is what happened, [`settings`] who wants to hear of it, [`template`] how it reads, and [`send`] brings it there.
//!
//! Architecture Invariant: nothing here can stop or cause a reap. Whatever goes wrong is a sentence for the log, and that
//! sentence holds no address: an address is what lets anybody write into a channel.

pub mod notification;
pub mod send;
pub mod settings;
pub mod template;

pub use notification::{Notification, NotificationKind};
pub use settings::Settings;
