//! Which versions and suites of TLS does the port take? Row a98 of the attack table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by a panic")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use support::running::{Running, limits, start};
use support::{HOST, PATIENCE};

/// A ClientHello of this version, with these cipher suites and this list of supported versions.
fn client_hello(version: u16, suites: &[u16], supported: &[u16]) -> Vec<u8> {
    let bytes = |values: &[u16]| -> Vec<u8> { values.iter().flat_map(|value| value.to_be_bytes()).collect() };
    let block = |width: usize, content: &[u8]| -> Vec<u8> {
        [&(content.len() as u64).to_be_bytes()[8 - width..], content].concat()
    };
    let extension = |number: u16, content: &[u8]| [&number.to_be_bytes()[..], &block(2, content)].concat();
    let name = [&[0][..], &block(2, HOST.as_bytes())].concat();
    let mut extensions = extension(0, &block(2, &name));
    // P-256 and X25519, and signatures of every kind that there was.
    extensions.extend(extension(10, &block(2, &bytes(&[23, 29]))));
    extensions.extend(extension(13, &block(2, &bytes(&[0x0403, 0x0804, 0x0401, 0x0201, 0x0203]))));
    if !supported.is_empty() {
        extensions.extend(extension(43, &block(1, &bytes(supported))));
    }
    let hello =
        [&version.to_be_bytes()[..], &[42; 32], &[0], &block(2, &bytes(suites)), &[1, 0], &block(2, &extensions)]
            .concat();
    let handshake = [&[1][..], &block(3, &hello)].concat();
    [&[22, 3, 1][..], &block(2, &handshake)].concat()
}

/// The first record that the server answers with: its type, and the last byte of an alert.
fn answer_to_hello(server: &Running, hello: &[u8]) -> (u8, u8) {
    let mut tcp = TcpStream::connect(server.reviews).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.write_all(hello).unwrap();
    let mut record = [0; 7];
    tcp.read_exact(&mut record).unwrap();
    (record[0], record[6])
}

#[test]
fn a98_old_versions_of_tls_and_weak_suites_are_refused() {
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    // Suites that are fine today, and some that once were.
    let (fine, cbc, rc4, export) =
        ([0xc02b, 0xc02f], [0xc009, 0xc013, 0x002f, 0x0035, 0x000a], [0x0005], [0x0003, 0x0062]);
    let server = start(limits());
    for (what, hello) in [
        ("SSL 3", client_hello(0x0300, &fine, &[])),
        ("TLS 1.0", client_hello(0x0301, &fine, &[])),
        ("TLS 1.1", client_hello(0x0302, &fine, &[])),
        ("TLS 1.1 in the list of versions", client_hello(0x0303, &fine, &[0x0302, 0x0301])),
        ("CBC", client_hello(0x0303, &cbc, &[])),
        ("RC4", client_hello(0x0303, &rc4, &[])),
        ("export", client_hello(0x0303, &export, &[])),
        ("no encryption", client_hello(0x0303, &[0x0000, 0x0001, 0x0002], &[])),
    ] {
        let (record, alert) = answer_to_hello(&server, &hello);
        // handshake_failure, protocol_version, insufficient_security
        assert!(record == ALERT && matches!(alert, 40 | 70 | 71), "{what}: {record} {alert}");
    }
    assert_eq!(answer_to_hello(&server, &client_hello(0x0303, &fine, &[])).0, HANDSHAKE, "the hello itself is sound");
    server.lives_on();
}
