//! What is trusted, and for how long.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};

use super::super::finding::Level;
use super::*;

type Ca = CertifiedIssuer<'static, KeyPair>;

fn ca(name: &str) -> Ca {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(2026, 11, 1), date_time_ymd(2028, 11, 1));
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn leaf(ca: &Ca) -> Vec<u8> {
    let mut params = CertificateParams::new(vec!["hotdesk-webhook.hotdesk.svc".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2026, 11, 1), date_time_ymd(2027, 1, 30));
    params.signed_by(&KeyPair::generate().unwrap(), ca).unwrap().pem().into_bytes()
}

fn bundle(cas: &[&Ca]) -> Vec<Bundle> {
    let pem: String = cas.iter().map(|ca| ca.pem()).collect();
    vec![Bundle { entry: "gate.hotdesk.dev (mutating)".to_owned(), pem: pem.into_bytes() }]
}

#[track_caller]
fn check(bundles: &[Bundle], served: &Result<Vec<u8>, String>, at: &str, expected: &[(Id, Level, &str)]) {
    let found = judge(bundles, served, at.parse().unwrap());
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (finding, (id, level, message)) in found.iter().zip(expected) {
        assert_eq!((finding.id, finding.level), (*id, *level), "{finding:?}");
        assert!(finding.message.contains(message), "{finding:?} does not say {message:?}");
        assert_eq!(finding.fix.is_some(), *level != Level::Ok, "{finding:?}");
    }
}

const NOW: &str = "2026-11-23T15:00:00Z";
const LEAF: Id = Id::WebhookCertificate;
const CA: Id = Id::WebhookTrust;

#[test]
fn who_signed_what_is_served_is_trusted() {
    let (ours, other) = (ca("ours"), ca("other"));
    let well =
        [(LEAF, Level::Ok, "valid for 67 days"), (CA, Level::Ok, "valid for 708 days and signed what is served")];
    check(&bundle(&[&ours]), &Ok(leaf(&ours)), NOW, &well);
    // While they are rotated, both are trusted.
    check(&bundle(&[&other, &ours]), &Ok(leaf(&ours)), NOW, &well);
}

#[test]
fn another_ca_is_not_trusted_also_one_of_the_same_name() {
    let ours = ca("ours");
    for other in [ca("other"), ca("ours")] {
        let wrong = [(LEAF, Level::Ok, "valid"), (CA, Level::Problem, "gate.hotdesk.dev (mutating) did not sign")];
        check(&bundle(&[&other]), &Ok(leaf(&ours)), NOW, &wrong);
    }
    let broken = vec![Bundle { entry: "gate".to_owned(), pem: b"no pem".to_vec() }];
    check(&broken, &Ok(leaf(&ours)), NOW, &[(LEAF, Level::Ok, "valid"), (CA, Level::Problem, "cannot be used")]);
}

#[test]
fn a_certificate_that_nobody_renews_is_told_in_time() {
    let ours = ca("ours");
    let at = |day: &str, level: Level, message: &str| {
        check(&bundle(&[&ours]), &Ok(leaf(&ours)), day, &[(LEAF, level, message), (CA, Level::Ok, "valid")]);
    };
    at("2027-01-10T00:00:00Z", Level::Warning, "expires in 20 days");
    at("2027-02-02T00:00:00Z", Level::Problem, "expired 3 days ago");
    check(
        &bundle(&[&ours]),
        &Ok(leaf(&ours)),
        "2026-10-01T00:00:00Z",
        &[(LEAF, Level::Problem, "not valid yet"), (CA, Level::Problem, "not valid yet")],
    );
}

#[test]
fn a_secret_that_may_not_be_read_is_said_and_the_ca_still_judged() {
    let found = judge(&bundle(&[&ca("ours")]), &Err("forbidden".to_owned()), NOW.parse().unwrap());
    assert_eq!(found[0].level, Level::Unknown, "{found:?}");
    assert_eq!((found[1].id, found[1].level), (CA, Level::Ok), "{found:?}");
}
