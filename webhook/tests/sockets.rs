//! Can an API server still come in while somebody else holds sockets open?
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by a panic")]

mod support;

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotdesk_webhook::serve::strangers::Strangers;
use hotdesk_webhook::serve::{KEEP_ALIVE, Shared};
use support::running::{Running, limits, start, start_with};
use support::{ALICE, Client, PATH, allowed, head, review, wait_for};

const MOST_STRANGERS: usize = 64;
/// How long an API server waits for an answer about what controllers create.
const DEADLINE: Duration = Duration::from_secs(2);

/// The longest of so many reviews, each on a connection of its own.
fn slowest(server: &Running, times: usize) -> Duration {
    let body = review(ALICE).to_string();
    let one = |_| {
        let began = Instant::now();
        assert!(allowed(&server.client().post("/mutate", &body)));
        began.elapsed()
    };
    (0..times).map(one).max().unwrap()
}

fn sockets(server: &Running, number: usize, first: &[u8]) -> Vec<TcpStream> {
    let socket = |_| {
        let mut tcp = TcpStream::connect(server.reviews).unwrap();
        tcp.write_all(first).unwrap();
        tcp
    };
    (0..number).map(socket).collect()
}

#[test]
fn idle_and_slow_sockets_keep_no_api_server_out() {
    let server = start(limits());
    let quiet = slowest(&server, 20);
    // The beginning of a ClientHello, whose end never comes.
    let hello = [22, 3, 1, 1, 0, 1, 0, 0, 0xfc, 3, 3];
    let idle = sockets(&server, 64, b"");
    let with_idle = slowest(&server, 20);
    let handshakes = [sockets(&server, 600, b""), sockets(&server, 600, &hello)];
    let with_handshakes = slowest(&server, 20);
    let mut slow: Vec<Client> = (0..200).map(|_| server.client()).collect();
    for (i, client) in slow.iter_mut().enumerate() {
        match i % 4 {
            0 => {}
            1 => client.send(b"POST /mutate HTT"),
            2 => client.send(format!("POST {PATH}/mutate HTTP/1.1\r\nHost: x\r\nContent-Le").as_bytes()),
            _ => client.send(head("POST", "/mutate", "application/json", 1000).as_bytes()),
        }
    }
    let with_slow = slowest(&server, 20);
    let times = [quiet, with_idle, with_handshakes, with_slow];
    assert!(times.iter().all(|time| *time < DEADLINE), "the slowest reviews: {times:?}");
    drop((idle, handshakes, slow));
    server.lives_on();
}

#[test]
fn a_connection_counts_as_a_strangers_until_it_has_shown_the_path() {
    let server = start(limits());
    let body = review(ALICE).to_string();
    let mut api_server = server.client();
    wait_for("the connection to be taken in", || server.shared.strangers.len() == 1);
    assert!(allowed(&api_server.post("/mutate", &body)));
    assert_eq!(server.shared.strangers.len(), 0);
    let stranger = server.client();
    wait_for("the next one to be taken in", || server.shared.strangers.len() == 1);
    drop(stranger);
    wait_for("it to be forgotten", || server.shared.strangers.is_empty());
    assert!(allowed(&api_server.post("/mutate", &body)));
}

#[test]
fn where_there_are_many_strangers_the_oldest_makes_room_and_an_api_server_stays() {
    const MOST: usize = 8;
    let few = |shared: Shared| Shared { strangers: Arc::new(Strangers::new(MOST, KEEP_ALIVE)), ..shared };
    let server = start_with(limits(), few);
    let body = review(ALICE).to_string();
    let mut api_server = server.client();
    assert!(allowed(&api_server.post("/mutate", &body)));
    let mut strangers: Vec<Client> = Vec::new();
    for number in 1..=3 * MOST {
        strangers.push(server.client());
        wait_for("the stranger to be taken in", || server.shared.strangers.len() == number.min(MOST));
    }
    assert!(strangers[0].ends() && strangers[MOST].ends(), "the first have made room");
    assert!(strangers[3 * MOST - 1].takes(b"POST"), "the last has not");
    assert!(allowed(&api_server.post("/mutate", &body)));
    server.lives_on();
}

/// An API server closes what it does not use after 90 s (`IdleConnTimeout` of its HTTP client), a connection that never bore a
/// request too. Who closes first must not be the webhook.
#[test]
fn a_spare_connection_of_an_api_server_may_wait_for_its_first_request() {
    let server = start(limits());
    assert!(server.shared.strangers.patience() > Duration::from_secs(90));
    let mut spare = server.client();
    let waited = Duration::from_secs(9);
    let began = Instant::now();
    wait_for("some time to pass", || began.elapsed() >= waited);
    assert!(allowed(&spare.post("/mutate", &review(ALICE).to_string())), "closed before its first request");
}

#[test]
fn a_stranger_who_dawdles_is_cut_off() {
    let patience = Duration::from_secs(3);
    let hasty = |shared: Shared| Shared { strangers: Arc::new(Strangers::new(MOST_STRANGERS, patience)), ..shared };
    let server = start_with(limits(), hasty);
    let began = Instant::now();
    let mut idle = server.client();
    let mut slow = server.client();
    // One byte a moment: the connection is never idle.
    wait_for("the slow one to be cut off", || !slow.takes(b"X"));
    assert!(idle.answer().0 == 408 && idle.ends(), "the idle one as well");
    assert!((patience..Duration::from_secs(10)).contains(&began.elapsed()), "{:?}", began.elapsed());
    server.lives_on();
}
