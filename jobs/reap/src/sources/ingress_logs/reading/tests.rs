//! A log as a stream: whole, cut, overlong, or no text.

use super::*;
use crate::sources::lines::MAX_LINE;
use futures::io::{BufReader, Cursor};
use hotdesk_traffic::attribute::Names;
use hotdesk_traffic::line::Format;

fn watch() -> ScanWindow {
    let at = |text: &str| format!("2026-11-23T{text}Z").parse().unwrap();
    ScanWindow {
        format: Format::Auto,
        names: Names::new("mew", &[], &[]),
        slot: "mew".to_owned(),
        since: at("14:00:00"),
        look_back: at("03:00:00"),
        now: at("15:00:00"),
        ignore_agents: globset::GlobSet::empty(),
        ignore_paths: globset::GlobSet::empty(),
        max_unparsed: 0.0,
    }
}

fn read(text: &[u8]) -> (Result<Option<Timestamp>, String>, LogScan) {
    let mut tally = LogScan::default();
    let stream = BufReader::with_capacity(7, Cursor::new(text.to_vec()));
    let first = futures::executor::block_on(read_all(stream, &watch(), &mut tally));
    (first.map(|read| read.first), tally)
}

#[test]
fn the_first_line_tells_how_far_back_a_log_reaches() {
    let (first, _) = read(b"2026-11-23T12:00:00Z \n2026-11-23T14:30:00.5Z \n");
    assert_eq!(first.unwrap(), Some("2026-11-23T12:00:00Z".parse().unwrap()));
    assert_eq!(read(b"").0.unwrap(), None);
}

#[test]
fn a_stream_that_ends_within_a_line_is_an_error() {
    assert!(read(b"2026-11-23T12:00:00Z \n2026-11-23T14:3").0.unwrap_err().contains("in the middle of a line"));
}

#[test]
fn a_line_without_end_takes_no_memory_and_is_a_doubt() {
    let mut text = b"2026-11-23T12:00:00Z ".to_vec();
    text.extend(std::iter::repeat_n(b'x', MAX_LINE * 3));
    text.extend(b"\n2026-11-23T14:30:00Z \n");
    let (first, tally) = read(&text);
    assert_eq!(first.unwrap(), Some("2026-11-23T12:00:00Z".parse().unwrap()));
    assert_eq!(tally.request, None, "it is of before the window");
}

#[test]
fn bytes_that_are_no_text_are_unparsed() {
    assert_eq!(read(b"2026-11-23T14:30:00Z \xff\xfe\n").1.unparsed, 1);
}

#[test]
fn the_end_of_a_line_that_is_too_long_says_whose_it_was() {
    let line = |upstream: &str| {
        let path = "a".repeat(MAX_LINE);
        format!(
            "2026-11-23T14:20:00Z 203.0.113.9 - - [23/Nov/2026:14:20:00 +0000] \"GET /{path} HTTP/1.1\" 200 6 \"-\" \"curl\" \
             90 0.004 [{upstream}] [] 10.244.0.9:8080 612 0.004 200 0af1\n"
        )
    };
    let (_, others) = read(line("ghost-web-80").as_bytes());
    assert_eq!((others.hit, others.request, others.entries), (None, None, 1));
    let (_, ours) = read(line("mew-web-80").as_bytes());
    assert_eq!(ours.doubtful.into_values().collect::<Vec<_>>(), ["mew-web-80"]);
    let cut = line("x").replace(" 90 0.004 [x]", " x");
    assert_eq!(read(cut.as_bytes()).1.request.map(|(kind, _)| kind), Some("a line too long to be read"));
}
