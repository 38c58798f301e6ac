//! Who may take hotdesk apart? One test at a time, and nobody else while it runs.

use std::fs::{File, OpenOptions};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustix::fs::{FlockOperation, flock};

use crate::people::cluster_dir;

/// Keeps the installation as it is while a test runs. Threads of one test program share the lock
/// in memory, test programs share the file.
pub struct Held<G> {
    _thread: G,
    _file: File,
}

static WITHIN: RwLock<()> = RwLock::new(());

fn file(operation: FlockOperation) -> File {
    let path = cluster_dir().join("e2e.lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).unwrap();
    flock(&file, operation).unwrap();
    file
}

/// hotdesk is installed and stays so while this is held.
pub fn shared() -> Held<RwLockReadGuard<'static, ()>> {
    let thread = WITHIN.read().unwrap_or_else(PoisonError::into_inner);
    Held { _thread: thread, _file: file(FlockOperation::LockShared) }
}

/// Nobody else uses hotdesk while this is held.
pub fn exclusive() -> Held<RwLockWriteGuard<'static, ()>> {
    let thread = WITHIN.write().unwrap_or_else(PoisonError::into_inner);
    Held { _thread: thread, _file: file(FlockOperation::LockExclusive) }
}
