use std::pin::Pin;

use actix_web::FromRequest as _;
use actix_web::error::PayloadError;
use actix_web::test::TestRequest;
use futures::executor::block_on;
use futures::{Stream, stream};

use super::*;

/// As actix passes a body on.
type BoxedPayloadStream = Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>>;

/// What is made of a body that comes in these pieces.
fn read(announced: Option<usize>, pieces: &'static [&'static str]) -> Result<Bytes, Refused> {
    let limits = Limits { bytes: 8, places: 1, wait: Duration::ZERO, read: Duration::ZERO };
    let pieces = pieces.iter().map(|piece| Ok::<_, PayloadError>(Bytes::from_static(piece.as_bytes())));
    let pieces: BoxedPayloadStream = Box::pin(stream::iter(pieces));
    let mut payload = actix_web::dev::Payload::from(pieces);
    block_on(async {
        let mut body = Payload::from_request(&TestRequest::default().to_http_request(), &mut payload).await.unwrap();
        Intake::new(limits).read(announced, &mut body).await
    })
}

#[test]
fn a_body_is_all_of_its_pieces_or_nothing() {
    for (announced, pieces, expected) in [
        (Some(4), &["abcd"][..], Ok("abcd")),
        (Some(4), &["ab", "cd"], Ok("abcd")),
        (None, &["ab", "cd"], Ok("abcd")),
        (Some(0), &[], Ok("")),
        // One piece is as long as all of it was to be, and is not all of it.
        (Some(4), &["ab", "cdef"], Err(Refused::Broken)),
        (Some(4), &["ab"], Err(Refused::Broken)),
        (None, &["abcd", "efghi"], Err(Refused::TooLarge)),
        (Some(9), &["abcdefghi"], Err(Refused::TooLarge)),
    ] {
        assert_eq!(read(announced, pieces), expected.map(Bytes::from), "{announced:?} {pieces:?}");
    }
}
