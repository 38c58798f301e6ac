//! The server on loopback ports, with a book that the test writes.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotdesk_runtime::health;
use hotdesk_slots::{ClaimView, Name};
use hotdesk_webhook::caller::SecretPaths;
use hotdesk_webhook::request_gate::{Limits, RequestGate};
use hotdesk_webhook::serve::{Shared, reviews};
use hotdesk_webhook::settings::Settings;
use hotdesk_webhook::slot_cache::{SlotCache, SlotEntry, SlotIndex};
use hotdesk_webhook::tls::Certificates;

use super::{ALICE, Client, Issued, allowed, get, issue, review, write_path};

pub(crate) const MIB: usize = 1 << 20;

/// A server, until it is dropped.
pub(crate) struct Running {
    pub(crate) reviews: SocketAddr,
    pub(crate) health: SocketAddr,
    pub(crate) shared: Arc<Shared>,
    pub(crate) paths: Arc<SecretPaths>,
    pub(crate) issued: Issued,
    pub(crate) dir: tempfile::TempDir,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

pub(crate) fn limits() -> Limits {
    Limits { review: 32 * MIB, budget: 64 * MIB }
}

/// A server that has a certificate and a path, and knows that alice holds `pikachu`.
pub(crate) fn start(limits: Limits) -> Running {
    start_with(limits, |shared| shared)
}

/// The same, changed before it starts.
pub(crate) fn start_with(limits: Limits, change: impl FnOnce(Shared) -> Shared) -> Running {
    let running = start_empty_with(limits, change);
    running.issued.write(running.dir.path());
    running.shared.certificates.reload();
    write_path(running.dir.path());
    running.paths.reload();
    running.read_slots();
    running
}

/// A server that has nothing yet.
pub(crate) fn start_empty(limits: Limits) -> Running {
    start_empty_with(limits, |shared| shared)
}

fn start_empty_with(limits: Limits, change: impl FnOnce(Shared) -> Shared) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let certificates = Arc::new(Certificates::new(dir.path().join("tls.crt"), dir.path().join("tls.key")));
    let paths = Arc::new(SecretPaths::new(dir.path()));
    let slot_cache = Arc::new(SlotCache::new(Instant::now()));
    let tls = certificates.server_config().unwrap();
    let shared = Shared::new(Settings::default(), slot_cache, certificates, paths.clone(), RequestGate::new(limits));
    let shared = Arc::new(change(shared));
    let [tls_port, plain_port] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = (tls_port.local_addr().unwrap(), plain_port.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let served = shared.clone();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let reviews = reviews(served.clone(), tls_port, tls, 2, Duration::from_secs(1)).unwrap();
            let health = health::serve(served, plain_port).unwrap();
            tokio::select! { _ = reviews => {}, _ = health => {}, _ = stopped => {} }
        });
    });
    Running {
        reviews: addresses.0,
        health: addresses.1,
        shared,
        paths,
        issued: issue(),
        dir,
        stop: Some(stop),
        thread: Some(thread),
    }
}

impl Running {
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.reviews, &self.issued)
    }

    pub(crate) fn read_slots(&self) {
        let mut index = SlotIndex::default();
        let claim = ClaimView { users: vec![Name::parse(ALICE).unwrap()], ..ClaimView::default() };
        index.put("pikachu", SlotEntry::new("pikachu", Some(claim), None));
        self.shared.slot_cache.replace(index, Instant::now());
    }

    pub(crate) fn metric(&self, name: &str) -> String {
        let text = get(self.health, "/metrics").1;
        text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned()).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn lives_on(&self) {
        assert!(allowed(&self.client().post("/mutate", &review(ALICE).to_string())));
        assert!(!allowed(&self.client().post("/mutate", &review("bob@example.com").to_string())));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _panicked = self.thread.take().map(std::thread::JoinHandle::join);
    }
}
