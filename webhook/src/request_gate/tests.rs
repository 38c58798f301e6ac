use std::pin::Pin;
use std::time::Duration;

use actix_web::FromRequest as _;
use actix_web::error::PayloadError;
use actix_web::http::header::HeaderValue;
use actix_web::test::TestRequest;
use futures::{Stream, future, stream};

use super::*;

const MIB: usize = 1 << 20;

/// As actix passes a body on.
type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>>;

fn limits() -> Limits {
    Limits { review: 32 * MIB, budget: 64 * MIB }
}

fn pieces(pieces: Vec<Bytes>) -> Pieces {
    Box::pin(stream::iter(pieces.into_iter().map(Ok)))
}

/// The pieces, and then nothing more, though the connection stays open.
fn stalling(first: Vec<Bytes>) -> Pieces {
    Box::pin(pieces(first).chain(stream::pending()))
}

async fn read(
    gate: &RequestGate,
    announced: Option<usize>,
    pieces: Pieces,
    timeout: &str,
) -> Result<(usize, bool), Refused> {
    let mut payload = actix_web::dev::Payload::from(pieces);
    let mut body = Payload::from_request(&TestRequest::default().to_http_request(), &mut payload).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(length) = announced {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let deadline = Deadline::of(&format!("timeout={timeout}"), Instant::now());
    Ok(match gate.read(&headers, &mut body, deadline).await? {
        Body::Whole(bytes, _) => (bytes.len(), false),
        Body::Condensed(review, ..) => (review.json().len(), true),
    })
}

fn review(data: usize) -> Bytes {
    format!(r#"{{"request":{{"uid":"u-1","object":{{"data":"{}"}}}}}}"#, "x".repeat(data)).into()
}

fn cut(body: &Bytes, piece: usize) -> Vec<Bytes> {
    body.chunks(piece).map(Bytes::copy_from_slice).collect()
}

#[tokio::test]
async fn a_body_is_all_of_its_pieces_or_nothing() {
    let gate = RequestGate::new(limits());
    let refused = |why: Why, uid: Option<&str>| Err(Refused { why, uid: uid.map(str::to_owned) });
    let small = review(10);
    let length = small.len();
    for (announced, piece, dropped, expected) in [
        (Some(length), length, 0, Ok((length, false))),
        (Some(length), 7, 0, Ok((length, false))),
        (None, 7, 0, Ok((length, false))),
        // One piece is as long as all of it was to be, and is not all of it.
        (Some(7), 7, 0, Ok((7, false))),
        (Some(length), 30, 1, refused(Why::Broken, Some("u-1"))),
        (Some(length + 1), 7, 0, refused(Why::Broken, Some("u-1"))),
        (Some(0), length, 9, refused(Why::Broken, None)),
    ] {
        let mut cut = cut(&small, piece);
        cut.truncate(cut.len() - dropped.min(cut.len()));
        let read = read(&gate, announced, pieces(cut), "5s").await;
        if dropped > 1 {
            assert_eq!(read, Ok((0, false)), "nothing was announced, and nothing came");
        } else {
            assert_eq!(read, expected, "{announced:?} in pieces of {piece}");
        }
    }
}

#[tokio::test]
async fn what_is_larger_than_an_ordinary_review_is_not_kept() {
    let gate = RequestGate::new(limits());
    let large = review(WHOLE);
    for announced in [Some(large.len()), None] {
        let (kept, condensed) = read(&gate, announced, pieces(cut(&large, 20_000)), "30s").await.unwrap();
        assert!(condensed && kept < 100, "{announced:?}: {kept} bytes are kept");
    }
    let short = read(&gate, Some(large.len() + 1), pieces(cut(&large, 20_000)), "30s").await;
    assert_eq!(short, Err(Refused { why: Why::Broken, uid: Some("u-1".to_owned()) }));
    let ordinary = review(WHOLE - 100);
    assert_eq!(
        read(&gate, Some(ordinary.len()), pieces(cut(&ordinary, 20_000)), "30s").await,
        Ok((ordinary.len(), false))
    );
}

#[tokio::test]
async fn a_large_body_that_is_no_review_is_read_away_and_its_sender_told() {
    let gate = RequestGate::new(limits());
    let mut body = br#"{"request":{"uid":"u-1","object":{]"#.to_vec();
    body.resize(WHOLE + 1, b' ');
    let refused = read(&gate, Some(body.len()), pieces(cut(&body.into(), 20_000)), "30s").await.unwrap_err();
    assert!(matches!(&refused.why, Why::Unreadable(why) if why.contains("key must be a string")), "{refused:?}");
    assert_eq!(refused.uid.as_deref(), Some("u-1"));
}

#[tokio::test]
async fn a_slow_sender_is_cut_off_before_those_who_wait_for_its_memory_give_up() {
    // Room for one large review.
    let gate = RequestGate::new(Limits { budget: 16 * MIB, ..limits() });
    let (slow, fine) = (stalling(vec![review(0)]), review(3 * MIB));
    let slow = read(&gate, Some(12 * MIB), slow, "2s");
    let fine = read(&gate, Some(fine.len()), pieces(cut(&fine, 1 << 16)), "2s");
    let (slow, fine) = future::join(slow, fine).await;
    assert_eq!(slow, Err(Refused { why: Why::TooSlow, uid: Some("u-1".to_owned()) }));
    assert!(fine.is_ok(), "{fine:?}");
}

#[tokio::test]
async fn small_reviews_do_not_wait_for_large_ones() {
    let gate = RequestGate::new(Limits { budget: 16 * MIB, ..limits() });
    let large = (0..4).map(|_| read(&gate, Some(20 * MIB), stalling(vec![review(0)]), "2s"));
    let began = Instant::now();
    let small = async {
        tokio::task::yield_now().await;
        (read(&gate, Some(review(9).len()), pieces(vec![review(9)]), "5s").await, began.elapsed())
    };
    let (large, (small, took)) = future::join(future::join_all(large), small).await;
    assert!(small.is_ok() && took < Duration::from_millis(500), "{small:?} after {took:?}");
    let count = |why: Why| large.iter().filter(|read| read.as_ref().is_err_and(|refused| refused.why == why)).count();
    assert!(
        count(Why::Busy) > 0 && count(Why::TooSlow) > 0 && count(Why::Busy) + count(Why::TooSlow) == 4,
        "{large:?}"
    );
    assert!(large.iter().all(|read| read.as_ref().is_err_and(|refused| refused.uid.as_deref() == Some("u-1"))));
}

#[tokio::test]
async fn a_sender_of_nothing_holds_no_memory() {
    let gate = RequestGate::new(Limits { budget: 16 * MIB, ..limits() });
    let idle = (0..200).map(|_| read(&gate, Some(12 * MIB), stalling(Vec::new()), "2s"));
    let large = review(3 * MIB);
    let large = read(&gate, Some(large.len()), pieces(cut(&large, 1 << 16)), "2s");
    let (idle, large) = future::join(future::join_all(idle), large).await;
    assert!(large.is_ok(), "{large:?}");
    assert!(idle.iter().all(|read| *read == Err(Why::TooSlow.into())), "{idle:?}");
}
