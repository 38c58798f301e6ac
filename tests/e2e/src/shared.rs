//! What the tests of one program share, and what goes with its last user.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What a lock holds, or another one if nobody holds that any more.
pub fn shared<T>(held: &Mutex<Weak<T>>, make: impl FnOnce() -> T) -> Arc<T> {
    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
    held.upgrade().unwrap_or_else(|| {
        let made = Arc::new(make());
        *held = Arc::downgrade(&made);
        made
    })
}
