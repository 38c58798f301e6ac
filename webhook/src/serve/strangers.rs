//! How long, and how many at a time, do connections stay that have not shown that an API server is at the other end?
//!
//! A caller shows it by the head of its first request. An API server now and then opens a connection that it needs only
//! later: another became free first. It keeps such a spare for 90 s, and a request on one that is closed at the same moment is
//! lost, so a stranger may be silent for longer than that. It is cut off then, whatever it sends or does not send; and where
//! there are many of them, the one that has been there longest makes room. So they never use up what there is.

use std::collections::VecDeque;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// After the server's own timer, so that a slow one is still told what was wrong.
const GRACE: Duration = Duration::from_secs(3);
/// Far more than API servers open at a time.
const MOST: usize = 1024;
/// How often those are cut off that have been there for too long.
const EVERY: Duration = Duration::from_secs(1);

/// The connections on which nobody has shown yet that they are an API server.
#[derive(Debug)]
pub struct Strangers {
    most: usize,
    patience: Duration,
    /// In the order in which they came.
    waiting: Mutex<VecDeque<(Instant, Weak<Stranger>)>>,
}

/// One such connection.
#[derive(Debug)]
pub struct Stranger(Mutex<Option<TcpStream>>);

impl Default for Strangers {
    fn default() -> Self {
        Self::new(MOST, super::KEEP_ALIVE)
    }
}

impl Strangers {
    /// At most so many of them stay, and for this long.
    #[must_use]
    pub fn new(most: usize, patience: Duration) -> Self {
        Self { most, patience, waiting: Mutex::default() }
    }

    /// How long the first request may take to come.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Takes a connection in. It is forgotten when what is returned goes.
    pub fn arrive(&self, socket: TcpStream, now: Instant) -> Arc<Stranger> {
        let stranger = Arc::new(Stranger(Mutex::new(Some(socket))));
        let mut waiting = self.waiting();
        waiting.push_back((now, Arc::downgrade(&stranger)));
        if waiting.len() > self.most {
            waiting.retain(|(_, stranger)| is_one(stranger));
        }
        while waiting.len() > self.most {
            cut_off(waiting.pop_front());
        }
        stranger
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting().iter().filter(|(_, stranger)| is_one(stranger)).count()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cuts those off that have been there for too long.
    pub fn expire(&self, now: Instant) {
        let longest = self.patience + GRACE;
        let mut waiting = self.waiting();
        waiting.retain(|(_, stranger)| is_one(stranger));
        while waiting.front().is_some_and(|(since, _)| now.saturating_duration_since(*since) >= longest) {
            cut_off(waiting.pop_front());
        }
    }

    /// Does that again and again, as long as anybody else knows of these.
    pub async fn follow(these: Weak<Self>) {
        let mut timer = tokio::time::interval(EVERY);
        loop {
            timer.tick().await;
            let Some(these) = these.upgrade() else { return };
            these.expire(Instant::now());
        }
    }

    // A panic while the lock was held leaves at worst one connection to its own timers.
    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<(Instant, Weak<Stranger>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stranger {
    /// An API server is at the other end: the connection stays as long as it likes.
    pub fn is_known(&self) {
        drop(self.take());
    }

    fn take(&self) -> Option<TcpStream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn is_one(stranger: &Weak<Stranger>) -> bool {
    let is_unknown = |stranger: Arc<Stranger>| stranger.0.lock().is_ok_and(|socket| socket.is_some());
    stranger.upgrade().is_some_and(is_unknown)
}

fn cut_off(stranger: Option<(Instant, Weak<Stranger>)>) {
    let socket = stranger.and_then(|(_, stranger)| stranger.upgrade()?.take());
    if let Some(Err(error)) = socket.map(|socket| socket.shutdown(Shutdown::Both)) {
        // The other side was faster.
        tracing::debug!(%error, "a connection could not be cut off");
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;

    use super::*;

    /// Both ends of a connection.
    fn connection(listener: &TcpListener) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        (client, listener.accept().unwrap().0)
    }

    fn is_cut_off(client: &mut TcpStream) -> bool {
        matches!(client.read(&mut [0]), Ok(0))
    }

    #[test]
    fn a_connection_that_shows_nothing_is_cut_off_in_time_and_one_that_does_stays() {
        let (listener, now) = (TcpListener::bind("127.0.0.1:0").unwrap(), Instant::now());
        let strangers = Strangers::new(9, Duration::from_secs(7));
        let longest = strangers.patience() + GRACE;
        let [mut ends, mut gone, mut stays] = [(); 3].map(|()| connection(&listener));
        let _idle = strangers.arrive(ends.1.try_clone().unwrap(), now);
        drop(strangers.arrive(gone.1.try_clone().unwrap(), now));
        let known = strangers.arrive(stays.1.try_clone().unwrap(), now);
        known.is_known();
        strangers.expire(now + longest - Duration::from_millis(1));
        assert!(!is_cut_off(&mut ends.0), "not before its time");
        strangers.expire(now + longest);
        assert!(is_cut_off(&mut ends.0));
        assert!(!is_cut_off(&mut stays.0) && !is_cut_off(&mut gone.0), "of these it knows nothing");
        assert!(strangers.waiting().is_empty());
    }

    #[test]
    fn the_oldest_makes_room_and_known_ones_do_not_count() {
        let (listener, now) = (TcpListener::bind("127.0.0.1:0").unwrap(), Instant::now());
        let strangers = Strangers::new(2, Duration::from_secs(7));
        let mut ends: Vec<_> = (0..4).map(|_| connection(&listener)).collect();
        let kept: Vec<_> = ends.iter().map(|(_, server)| strangers.arrive(server.try_clone().unwrap(), now)).collect();
        assert_eq!(
            ends.iter_mut().map(|(client, _)| is_cut_off(client)).collect::<Vec<_>>(),
            [true, true, false, false]
        );
        kept[2].is_known();
        let (mut client, server) = connection(&listener);
        let _new = strangers.arrive(server, now);
        assert!(!is_cut_off(&mut client) && !is_cut_off(&mut ends[3].0) && !is_cut_off(&mut ends[2].0));
    }
}
