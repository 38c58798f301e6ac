use rcgen::{CertifiedKey as Issued, generate_simple_self_signed};

use super::*;

fn issue() -> (String, String) {
    let Issued { cert, signing_key } = generate_simple_self_signed(["webhook.test".to_owned()]).unwrap();
    (cert.pem(), signing_key.serialize_pem())
}

fn write(dir: &Path, pair: &(String, String)) {
    std::fs::write(dir.join("tls.crt"), &pair.0).unwrap();
    std::fs::write(dir.join("tls.key"), &pair.1).unwrap();
}

fn certificates(dir: &Path) -> Certificates {
    Certificates::new(dir.join("tls.crt"), dir.join("tls.key"))
}

fn shown(certificates: &Certificates) -> Option<Vec<u8>> {
    certificates.current.load().as_ref().map(|pair| pair.certified.cert[0].to_vec())
}

#[test]
fn starts_without_files_and_takes_them_when_they_come() {
    let dir = tempfile::tempdir().unwrap();
    let certificates = certificates(dir.path());
    assert_eq!((shown(&certificates), certificates.expires()), (None, None));
    write(dir.path(), &issue());
    assert!(certificates.reload());
    assert!(certificates.expires().is_some());
    assert!(!certificates.reload(), "the same content again is nothing new");
}

#[test]
fn a_new_pair_is_taken_and_a_bad_one_leaves_the_old() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (issue(), issue());
    write(dir.path(), &first);
    let certificates = certificates(dir.path());
    let before = shown(&certificates);
    for bad in [
        (first.0.clone(), second.1.clone()),
        (String::new(), second.1.clone()),
        (second.0.clone(), "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n".to_owned()),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(), second.1.clone()),
    ] {
        write(dir.path(), &bad);
        assert!(!certificates.reload(), "{bad:?}");
        assert_eq!(shown(&certificates), before);
    }
    std::fs::remove_file(dir.path().join("tls.key")).unwrap();
    assert!(!certificates.reload());
    write(dir.path(), &second);
    assert!(certificates.reload());
    assert_ne!(shown(&certificates), before);
}

/// Secrets are mounted as `tls.crt -> ..data/tls.crt`, `..data -> ..2026_11_23`; a change swaps `..data`.
#[test]
fn a_mounted_secret_that_is_swapped_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let mount = |version: &str, pair: &(String, String)| {
        std::fs::create_dir(dir.path().join(version)).unwrap();
        write(&dir.path().join(version), pair);
        let next = dir.path().join("..data_tmp");
        std::os::unix::fs::symlink(version, &next).unwrap();
        std::fs::rename(&next, dir.path().join("..data")).unwrap();
    };
    mount("..1", &issue());
    for file in ["tls.crt", "tls.key"] {
        std::os::unix::fs::symlink(format!("..data/{file}"), dir.path().join(file)).unwrap();
    }
    let certificates = certificates(dir.path());
    let before = shown(&certificates);
    assert!(before.is_some());
    mount("..2", &issue());
    assert!(certificates.reload());
    assert_ne!(shown(&certificates), before);
}
