//! How are the servers under test started, watched and ended?
//!
//! Every child is known by its own handle, and none outlives the run: they are killed when their handle goes, and
//! all of them on the first SIGINT or SIGTERM; code that waits for one then gets an error, so that destructors run.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};

use crate::Bench;

/// Between two looks at something that is waited for: short, since some of the waits are measured.
const PAUSE: Duration = Duration::from_millis(2);
/// The kernel counts CPU time in hundredths of a second, on every platform that Linux has here.
const TICK: Duration = Duration::from_millis(10);

static CHILDREN: Mutex<Vec<Weak<Mutex<Child>>>> = Mutex::new(Vec::new());
static STOPPED: AtomicBool = AtomicBool::new(false);

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Program {
    name: String,
    pid: u32,
    child: Arc<Mutex<Child>>,
    log: PathBuf,
}

/// How much memory a process holds, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Now.
    pub resident: u64,
    /// At most, since it began.
    pub peak: u64,
}

impl Program {
    /// Starts it; its output goes to `target/bench/logs/NAME.log`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(bench: &Bench, name: &str, mut command: Command) -> anyhow::Result<Self> {
        let log = bench.logs().join(format!("{name}.log"));
        std::fs::create_dir_all(bench.logs()).with_context(|| bench.logs().display().to_string())?;
        let out = File::create(&log).with_context(|| log.display().to_string())?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let (pid, child) = spawn(&mut command)?;
        Ok(Self { name: name.to_owned(), pid, child, log })
    }

    /// Waits until it is ready, and says how long that took.
    ///
    /// # Errors
    /// If it ends before, or takes longer; with the end of its log.
    pub fn wait_until(
        &self,
        what: &str,
        within: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> anyhow::Result<Duration> {
        let began = Instant::now();
        while !ready() {
            let ended = lock(&self.child).try_wait()?;
            ensure!(!stopped(), "asked to stop");
            if let Some(status) = ended {
                bail!("{} ended ({status}) before it was {what}\n{}", self.name, self.last_lines());
            }
            if began.elapsed() > within {
                bail!("{} was not {what} within {within:?}\n{}", self.name, self.last_lines());
            }
            pause(PAUSE);
        }
        Ok(began.elapsed())
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The memory that it holds.
    ///
    /// # Errors
    /// If it has ended.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        memory(&self.proc("status")?).with_context(|| format!("{} has ended\n{}", self.name, self.last_lines()))
    }

    /// From now on, its peak counts from the start.
    ///
    /// # Errors
    /// If it has ended.
    pub fn forget_peak(&self) -> anyhow::Result<()> {
        let path = format!("/proc/{}/clear_refs", self.pid);
        std::fs::write(&path, "5").with_context(|| format!("{}: {path}", self.name))
    }

    /// The CPU time that it has used, in user and kernel.
    ///
    /// # Errors
    /// If it has ended.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        cpu(&self.proc("stat")?).with_context(|| format!("/proc/{}/stat does not read as expected", self.pid))
    }

    /// Ends it and waits until it is gone.
    pub fn stop(self) {}

    /// The end of its log.
    #[must_use]
    pub fn last_lines(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.get(lines.len().saturating_sub(15)..).unwrap_or_default();
        format!("{}:\n{}", self.log.display(), last.join("\n"))
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.pid);
        std::fs::read_to_string(&path).with_context(|| format!("{} has ended: {path}", self.name))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        end(&self.child);
    }
}

/// Runs a short program, and gives back what it wrote.
///
/// # Errors
/// If it cannot be started or fails; with what it wrote to stderr.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let Output { status, stdout, stderr } = finished(command)?;
    let shown = command.get_program().to_string_lossy().into_owned();
    ensure!(status.success(), "{shown} failed ({status}): {}", String::from_utf8_lossy(&stderr).trim());
    String::from_utf8(stdout).with_context(|| format!("{shown} wrote something else than text"))
}

/// Runs a short program, however it ends.
///
/// # Errors
/// If it cannot be started.
pub fn finished(command: &mut Command) -> anyhow::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (_, child) = spawn(command)?;
    let (out, err) = {
        let mut child = lock(&child);
        (child.stdout.take(), child.stderr.take())
    };
    // Both at once, for a program that fills the one while the other is read would wait forever.
    let err = std::thread::spawn(move || drained(err));
    let stdout = drained(out)?;
    let stderr = err.join().map_err(|_| anyhow::anyhow!("a reader of stderr ended"))??;
    let status = lock(&child).wait()?;
    ensure!(!stopped(), "asked to stop");
    Ok(Output { status, stdout, stderr })
}

fn drained(from: Option<impl std::io::Read>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.map_or(Ok(0), |mut from| from.read_to_end(&mut bytes))?;
    Ok(bytes)
}

/// Ends all children at the first SIGINT or SIGTERM.
///
/// # Errors
/// If signals cannot be received.
pub fn end_all_on_signal() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _entered = runtime.enter();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    drop(_entered);
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        });
        STOPPED.store(true, Ordering::Release);
        lock(&CHILDREN).iter().filter_map(Weak::upgrade).for_each(|child| end(&child));
    });
    Ok(())
}

/// True after SIGINT or SIGTERM.
#[must_use]
pub fn stopped() -> bool {
    STOPPED.load(Ordering::Acquire)
}

/// Waits a little.
#[expect(clippy::disallowed_methods, reason = "the driver has one thread and nothing else to do while it waits")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn spawn(command: &mut Command) -> anyhow::Result<(u32, Arc<Mutex<Child>>)> {
    let mut children = lock(&CHILDREN);
    // Under the lock: a child is either known to the handler of signals, or not started.
    ensure!(!stopped(), "asked to stop");
    let child = command.spawn().with_context(|| format!("{} cannot be started", command.get_program().display()))?;
    let (pid, child) = (child.id(), Arc::new(Mutex::new(child)));
    children.retain(|child| child.strong_count() > 0);
    children.push(Arc::downgrade(&child));
    Ok((pid, child))
}

fn end(child: &Mutex<Child>) {
    let mut child = lock(child);
    // It fails only for a child that has ended already.
    let _ended = child.kill();
    let _gone = child.wait();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn memory(status: &str) -> Option<Memory> {
    let kib = |key: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some(Memory { resident: kib("VmRSS:")? << 10, peak: kib("VmHWM:")? << 10 })
}

/// `utime` and `stime`, counted from behind the name, which may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let user: u32 = fields.nth(11)?.parse().ok()?;
    let kernel: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (user + kernel))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_kernel() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(memory(status), Some(Memory { resident: 1 << 20, peak: 2 << 20 }));
        assert_eq!(memory("Name:\tx\nState:\tZ (zombie)\n"), None, "a dead process holds none");
    }

    #[test]
    fn cpu_time_is_user_and_kernel_time() {
        let stat = "7 (a) b) S 1 1 1 0 -1 0 10 20 30 40 150 50 7 8 20 0 1 0 99 0 0";
        assert_eq!(cpu(stat), Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_short_program_gives_back_what_it_wrote() {
        assert_eq!(output(Command::new("echo").arg("hello")).unwrap(), "hello\n");
    }

    #[test]
    fn a_failure_says_what_was_written_to_stderr() {
        let error = output(Command::new("ls").arg("/no/such/place")).unwrap_err().to_string();
        assert!(error.contains("/no/such/place"), "{error}");
    }
}
