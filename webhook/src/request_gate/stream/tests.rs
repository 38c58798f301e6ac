use proptest::prelude::*;

use super::*;

fn through(pieces: &[&[u8]]) -> io::Result<Vec<u8>> {
    let (sender, receiver) = channel(pieces.len().max(1));
    for piece in pieces {
        sender.try_send(Bytes::copy_from_slice(piece)).unwrap();
    }
    drop(sender);
    let mut read = Vec::new();
    Pieces::new(receiver).read_to_end(&mut read).map(|_| read)
}

proptest! {
    #[test]
    fn a_text_passes_however_it_is_cut_and_nothing_else_does(
        bytes in prop_oneof!["\\PC{0,12}".prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..6)],
        size in 1_usize..4,
    ) {
        let read = through(&bytes.chunks(size).collect::<Vec<_>>());
        match from_utf8(&bytes) {
            Ok(_) => prop_assert_eq!(read.unwrap(), bytes),
            Err(_) => prop_assert_eq!(read.unwrap_err().to_string(), "it is not UTF-8"),
        }
    }
}
