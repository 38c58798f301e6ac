//! Hosts that stand in longer texts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

const INGRESS: (&str, &str) = ("networking.k8s.io", "Ingress");
const MEW: Option<(&str, &str)> = Some(("neighbour-host", "mew.dev.example.com belongs to slot \"mew\""));

fn annotated(key: &str, value: &str) -> Value {
    json!({"metadata": {"annotations": {key: value}}, "spec": {}})
}

#[test]
fn a158_the_annotations_that_a_gateway_gives_to_its_service_count() {
    let kind = ("gateway.networking.k8s.io", "Gateway");
    let of = |host: &str| {
        let reservations = json!({"external-dns.alpha.kubernetes.io/hostname": host});
        json!({"spec": {"listeners": [{"hostname": "a.test"}], "infrastructure": {"annotations": reservations}}})
    };
    check(kind, &of("a.test,mew.dev.example.com"), MEW);
    check(kind, &of("m ew.dev.example.com"), MEW);
    check(kind, &of("pikachu.dev.example.com"), None);
}

#[test]
fn a158_each_word_of_a_text_in_an_unknown_kind_may_be_a_host() {
    for text in [
        "a.test,mew.dev.example.com",
        "a.test mew.dev.example.com",
        "a.test;MEW.dev.example.com:443",
        "[\"a.test\", \"mew.dev.example.com\"]",
        "Host(`mew.dev.example.com`)",
        "localhost\nmew.dev.example.com",
    ] {
        check(("x.io", "Y"), &json!({"spec": {"deep": [{"names": text}]}}), MEW);
    }
    let reservations = json!({"external-dns.alpha.kubernetes.io/hostname": "m ew.dev.example.com"});
    check(("x.io", "Y"), &json!({"spec": {"service": {"annotations": reservations}}}), MEW);
    for text in [
        "https://mew.dev.example.com/ https://a.test",
        "mew@mew.dev.example.com, x",
        "registry.mew.dev.example.com/image:1 x",
        // What goes past a proxy.
        "localhost,127.0.0.1,.svc,.cluster.local,.example.com,10.0.0.0/8",
        "--api=mew.dev.example.com",
        "pikachu.dev.example.com, a.test",
    ] {
        check(("x.io", "Y"), &json!({"spec": {"text": text}}), None);
    }
}

#[test]
fn a158_a_host_in_any_annotation_of_a_route_or_a_service_counts() {
    for key in [
        "k8s.ngrok.com/domain",
        "dns.gardener.cloud/dnsnames",
        "external-dns.alpha.kubernetes.io/internal-hostname",
        "nginx.ingress.kubernetes.io/server-alias",
        "haproxy.org/server-alias",
        "konghq.com/host-aliases",
        "cert-manager.io/common-name",
        "cert-manager.io/alt-names",
        "new.example.io/anything",
    ] {
        check(INGRESS, &annotated(key, "a.test, mew.dev.example.com"), MEW);
        check(("", "Service"), &annotated(key, "x.mew.dev.example.com"), Some(("neighbour-host", "x.mew.dev")));
        check(INGRESS, &annotated(key, "pikachu.dev.example.com"), None);
    }
    check(INGRESS, &annotated("cert-manager.io/literal-subject", "O=x,CN=mew.dev.example.com"), MEW);
    // Where something leads, or what is written down of it.
    for key in [
        "nginx.ingress.kubernetes.io/upstream-vhost",
        "nginx.ingress.kubernetes.io/proxy-ssl-name",
        "konghq.com/host-header",
        "kubectl.kubernetes.io/last-applied-configuration",
    ] {
        check(INGRESS, &annotated(key, "mew.dev.example.com"), None);
    }
    check(INGRESS, &annotated("nginx.ingress.kubernetes.io/auth-url", "https://mew.dev.example.com/auth"), None);
}

/// A host as it stands in a certificate request: the text, and before it how long it is.
fn der(tag: u8, host: &[u8]) -> Vec<u8> {
    // What stands around it may be letters and digits too.
    [b"0A0B\x06\x03U\x04\x03" as &[u8], &[tag, u8::try_from(host.len()).unwrap()], host, b"1A0B\x06\x03"].concat()
}

fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", lines.join("\n"))
}

fn request(bytes: impl AsRef<[u8]>) -> Value {
    json!({"spec": {"request": STANDARD.encode(bytes), "issuerRef": {"name": "le"}}})
}

const REQUESTS: [(&str, &str); 3] = [
    ("cert-manager.io", "CertificateRequest"),
    ("certmanager.k8s.io", "CertificateRequest"),
    ("acme.cert-manager.io", "Order"),
];

#[test]
fn a159_a_certificate_is_requested_for_no_host_of_another_slot() {
    for kind in REQUESTS {
        for name in ["mew.dev.example.com", "MEW.dev.example.com", "*.dev.example.com"] {
            for tag in [0x82, 0x0c, 0x13, b'x'] {
                let der = der(tag, name.as_bytes());
                check(kind, &request(&der), Some(("neighbour-host", "belongs to slot \"mew\"")));
                check(kind, &request(pem(&der)), Some(("neighbour-host", "belongs to slot \"mew\"")));
            }
        }
        // The length of this one is a letter or a digit.
        for long in [b'0', b'Z', b'a'] {
            let below = "mew.dev.example.com";
            let name = format!("{}.{below}", "y".repeat(usize::from(long) - below.len() - 1));
            check(kind, &request(pem(&der(0x82, name.as_bytes()))), Some(("neighbour-host", &name)));
        }
        let wide: Vec<u8> = "mew.dev.example.com".bytes().flat_map(|byte| [0, byte]).collect();
        check(kind, &request(pem(&der(0x1e, &wide))), MEW);
        let noted = pem(&der(0x82, b"mew.dev.example.com")).replacen('\n', "\nx: -----abc\n\n", 1);
        check(kind, &request(noted), MEW);
        for own in ["pikachu.dev.example.com", "x.pikachu.dev.example.com", "notmew.dev.example.com", "a.test"] {
            check(kind, &request(pem(&der(0x82, own.as_bytes()))), None);
        }
        // Nobody's request is so long.
        let long = [vec![0; 100_000], der(0x82, b"a.test")].concat();
        check(kind, &request(long), Some(("neighbour-host", "too long")));
    }
    // Elsewhere a text in base64 is a text.
    check(("x.io", "Y"), &request(pem(&der(0x82, b"mew.dev.example.com"))), None);
}

#[test]
fn a159_a_certificate_has_no_subject_that_is_another_slots_host() {
    let of = |subject: &str| json!({"spec": {"secretName": "x", "literalSubject": subject}});
    let hex: String = der(0x0c, b"mew.dev.example.com")[10..31].iter().map(|byte| format!("{byte:02x}")).collect();
    for subject in [
        "CN=mew.dev.example.com",
        "O=x, CN = mew.dev.example.com",
        "O=x+CN=MEW.dev.example.com",
        r"CN=\6dew.dev\.example.com",
        r#"CN="mew.dev.example.com""#,
        "2.5.4.3=mew.dev.example.com",
        &format!("O=x,CN=#{hex}"),
    ] {
        check(("cert-manager.io", "Certificate"), &of(subject), MEW);
    }
    check(("cert-manager.io", "Certificate"), &of("CN=pikachu.dev.example.com,O=#0c03616263"), None);
}
