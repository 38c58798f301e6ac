//! What is received is what was sent, however it gathered.

use super::*;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Both ends of a connection on loopback.
async fn connected() -> (TcpStream, TokioIo<Gathered>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
    (theirs.unwrap().0, Gathered::new(TokioIo::new(ours.unwrap())))
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let patience = Duration::from_secs(30);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(patience, test).await.expect("it hangs") })
}

fn bytes(number: usize) -> Vec<u8> {
    (0..number).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

/// Asks and is answered, some times on one connection; then the connection ends.
async fn talk(answers: &[usize], piece: usize, room: usize) {
    let (mut server, mut client) = connected().await;
    let lengths = answers.to_vec();
    let serving = tokio::spawn(async move {
        for length in lengths {
            assert_eq!(server.read_u8().await.unwrap(), b'?');
            for part in bytes(length).chunks(piece) {
                server.write_all(part).await.unwrap();
            }
        }
    });
    let client = client.inner_mut();
    for length in answers {
        client.write_all(b"?").await.unwrap();
        let (mut answer, mut buffer) = (Vec::new(), vec![0; room]);
        while answer.len() < *length {
            let wanted = room.min(length - answer.len());
            let read = client.read(&mut buffer[..wanted]).await.unwrap();
            assert!(read > 0, "it ended after {} of {length}", answer.len());
            answer.extend_from_slice(&buffer[..read]);
        }
        assert!(answer == bytes(*length), "an answer of {length} is another one");
    }
    serving.await.unwrap();
    assert_eq!(client.read(&mut [0; 10]).await.unwrap(), 0, "nothing comes behind the end");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_received_is_what_was_sent(
        answers in proptest::collection::vec(prop_oneof![1..100_usize, LONG - 2..LONG + 2, MOST..3 * MOST], 1..5),
        piece in prop_oneof![1000..5000_usize, Just(MOST)],
        room in prop_oneof![4096..5000_usize, Just(2 * MOST)],
    ) {
        run(talk(&answers, piece, room));
    }
}

/// A long answer, and then a little more of it, so that the last piece is a small one.
async fn receive_long(server: &mut TcpStream, client: &mut Gathered) {
    for length in [LONG + 1, 1] {
        server.write_all(&bytes(length)).await.unwrap();
        client.read_exact(&mut vec![0; length]).await.unwrap();
    }
}

#[test]
fn only_what_comes_of_a_long_answer_is_not_watched() {
    run(async {
        let (mut server, mut client) = connected().await;
        let client = client.inner_mut();
        let mut buffer = [0; 100];
        server.write_all(&bytes(100)).await.unwrap();
        client.read_exact(&mut buffer).await.unwrap();
        assert!(matches!(client.socket, Socket::Watched(_)) && client.pause.is_none(), "a short answer waits");
        receive_long(&mut server, client).await;
        assert!(matches!(client.socket, Socket::Unwatched(_)) && client.pause.is_some(), "a long one does not gather");
        client.write_all(b"?").await.unwrap();
        assert!(matches!(client.socket, Socket::Watched(_)) && client.pause.is_none(), "the next answer waits");
        assert_eq!(server.read_u8().await.unwrap(), b'?');
    });
}

#[test]
fn a_connection_that_breaks_is_an_error_while_it_gathers_too() {
    run(async {
        let (mut server, mut client) = connected().await;
        let client = client.inner_mut();
        client.write_all(b"?").await.unwrap();
        receive_long(&mut server, client).await;
        // What it was sent and has not read makes it reset the connection.
        server.readable().await.unwrap();
        drop(server);
        let error = client.read(&mut [0; 10]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}
