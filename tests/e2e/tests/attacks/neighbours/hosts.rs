//! The host of another slot.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hotdesk_e2e::people;
use serde_json::{Value, json};

use super::street::{INGRESSES, Street, ingress, rule};
use crate::api::{Ask, administrator, bob};
use crate::stage::World;
use crate::table::{Row, Verdict, held, right, row};

const DENIED: &str = "denied: the host belongs to alice's slot";
const TRAEFIK: &str = "traefik.io/v1/ingressroutes";
const HTTP_ROUTES: &str = "gateway.networking.k8s.io/v1/httproutes";
const TLS_OPTIONS: &str = "traefik.io/v1/tlsoptions";
const REQUESTS: &str = "certmanager.k8s.io/v1/certificaterequests";
const GADGETS: &str = "attacks.hotdesk.test/v1/gadgets";

pub fn rows() -> Vec<Row> {
    [kinds(), spellings(), lists(), writers(), changes(), own(), warned(), precedence(), requests()]
        .into_iter()
        .flatten()
        .collect()
}

/// A write of bob's is denied, naming the host and alice's slot.
fn denied(world: &World, collection: &str, object: &Value, host: &str) -> Verdict {
    let street = world.street();
    let owner = format!("belongs to slot \"{}\"", street.alices.name());
    street.post(world, &bob(), collection, object, false).denied(&[host, &owner, "guard.hosts"])
}

fn with_annotation(key: &str, value: &str) -> Value {
    json!({"metadata": {"name": "theft", "annotations": {key: value}}, "spec": {"rules": [rule("a.test")]}})
}

fn custom(kind: &str, version: &str, spec: &Value) -> Value {
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": "theft"}, "spec": spec})
}

fn kinds() -> Vec<Row> {
    type Make = fn(&str) -> Value;
    let tried: [(&str, &str, Make); 9] = [
        ("an Ingress", INGRESSES, |host| ingress("theft", host)),
        ("an Ingress as a canary with weight 100", INGRESSES, |host| {
            let mut canary = ingress("theft", host);
            canary["metadata"]["annotations"] = json!({"nginx.ingress.kubernetes.io/canary": "true",
                "nginx.ingress.kubernetes.io/canary-weight": "100"});
            canary
        }),
        ("the certificate of an Ingress", INGRESSES, |host| {
            let mut ingress = ingress("theft", "a.test");
            ingress["spec"]["tls"] = json!([{"hosts": [host], "secretName": "theft"}]);
            ingress
        }),
        ("an alias of an Ingress", INGRESSES, |host| {
            with_annotation("nginx.ingress.kubernetes.io/server-alias", &format!("b.test,{host}"))
        }),
        ("the DNS name of a Service", super::street::SERVICES, |host| {
            let annotations = json!({"external-dns.alpha.kubernetes.io/hostname": host});
            json!({"metadata": {"name": "theft", "annotations": annotations}, "spec": {"ports": [{"port": 80}]}})
        }),
        ("the DNS name of a Service, with blanks in it", super::street::SERVICES, |host| {
            let annotations = json!({"external-dns.alpha.kubernetes.io/hostname": host.replace('.', ". ")});
            json!({"metadata": {"name": "theft", "annotations": annotations}, "spec": {"ports": [{"port": 80}]}})
        }),
        ("an IngressRoute", TRAEFIK, |host| {
            let routes = json!([{"kind": "Rule", "match": format!("Host(`a.test`, `{host}`) && PathPrefix(`/`)")}]);
            custom("IngressRoute", "traefik.io/v1", &json!({"routes": routes}))
        }),
        ("an HTTPRoute", HTTP_ROUTES, |host| {
            custom("HTTPRoute", "gateway.networking.k8s.io/v1", &json!({"hostnames": ["a.test", host]}))
        }),
        ("a kind of route that nobody knows", GADGETS, |host| {
            custom("Gadget", "attacks.hotdesk.test/v1", &json!({"entry": [{"point": host}]}))
        }),
    ];
    tried
        .into_iter()
        .map(|(what, collection, make)| {
            row(
                "a99",
                "bob, in his own slot",
                format!("takes alice's host, or one below it, by {what}"),
                DENIED,
                move |w| {
                    let host = w.street().host();
                    for host in [host.clone(), format!("api.{host}")] {
                        denied(w, collection, &make(&host), &host)?;
                    }
                    Ok(())
                },
            )
        })
        .collect()
}

fn spellings() -> Vec<Row> {
    type Spell = fn(&Street) -> String;
    let tried: [(&str, Spell); 3] = [
        ("in capitals", |street| street.host().to_uppercase()),
        ("by a wildcard above it", |street| format!("*.{}.example.com", street.alices.name())),
        ("by a wildcard below it", |street| format!("*.{}", street.host())),
    ];
    tried
        .into_iter()
        .map(|(what, spell)| {
            row("a99b", "bob, in his own slot", format!("takes alice's host {what}"), DENIED, move |w| {
                let host = spell(w.street());
                denied(w, INGRESSES, &ingress("theft", &host), &host.to_lowercase())
            })
        })
        .collect()
}

/// Hosts that stand among others.
fn lists() -> Vec<Row> {
    vec![
        row("a151", "bob, in his own slot", "takes alice's host in a list that is spelt with blanks", DENIED, |w| {
            let host = w.street().host();
            let letters: Vec<String> = host.chars().map(String::from).collect();
            let service = |hosts: &str| {
                let annotations = json!({"external-dns.alpha.kubernetes.io/hostname": hosts});
                json!({"metadata": {"name": "theft", "annotations": annotations}, "spec": {"ports": [{"port": 80}]}})
            };
            // external-dns drops the blanks of the whole list; nginx ends a word at any blank.
            for spelt in [format!("a.test, {}", letters.join(" ")), host.replace('.', ".\t")] {
                denied(w, super::street::SERVICES, &service(&spelt), &host)?;
            }
            for blank in ['\r', '\u{b}', '\u{c}', '\u{a0}'] {
                let alias =
                    with_annotation("nginx.ingress.kubernetes.io/server-alias", &format!("a.test{blank}{host}"));
                denied(w, INGRESSES, &alias, &host)?;
            }
            // The same list without her host is bob's to write.
            w.street().post(w, &bob(), super::street::SERVICES, &service("a.test, b.test"), true).done().map(drop)
        }),
        row("a158", "bob, in his own slot", "takes alice's host by a word in a kind that nobody knows", DENIED, |w| {
            let host = w.street().host();
            let gadget = |text: &str| custom("Gadget", "attacks.hotdesk.test/v1", &json!({"entry": [{"point": text}]}));
            let texts = [
                format!("a.test,{host}"),
                format!("a.test {host}:443"),
                format!("x\n{host}"),
                format!("Host(`{host}`)"),
            ];
            texts.iter().try_for_each(|text| denied(w, GADGETS, &gadget(text), &host))?;
            // What a URL leads to is not what it takes.
            let led = gadget(&format!("https://{host}/ https://a.test"));
            w.street().post(w, &bob(), GADGETS, &led, true).done().map(drop)
        }),
    ]
}

/// The accounts that bob lets work for him.
fn writers() -> Vec<Row> {
    vec![
        row("a99c", "a program in bob's slot that the claim trusts", "takes alice's host", DENIED, |w| {
            let street = w.street();
            let object = ingress("theft", &street.host());
            let parts = ["belongs to slot", "guard.hosts"];
            street.post(w, &street.program(), INGRESSES, &object, false).denied(&parts)
        }),
        row("a99c", "an administrator", "gives alice's host to bob's slot", "admitted, for they set up slots", |w| {
            let street = w.street();
            street.post(w, &administrator(), INGRESSES, &ingress("given", &street.host()), true).done().map(drop)
        }),
    ]
}

fn changes() -> Vec<Row> {
    vec![row(
        "a99d",
        "bob",
        "changes a route of his so that it takes alice's host, by each kind of patch",
        DENIED,
        |w| {
            let street = w.street();
            street.post(w, &bob(), INGRESSES, &ingress("honest", "a.test"), false).done()?;
            let path = format!("{}/honest", street.path(INGRESSES));
            let host = street.host();
            let rules = json!({"spec": {"rules": [rule(&host)]}});
            let whole = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "honest"}, "spec": rules["spec"]});
            let operations = json!([{"op": "replace", "path": "/spec/rules/0/host", "value": host}]);
            for ask in [
                Ask::merge(&path, &rules),
                Ask::strategic(&path, &rules),
                Ask::json_patch(&path, &operations),
                Ask::put(&path, &whole),
                Ask::apply(&path, &whole),
            ] {
                w.api.send(&bob(), ask).denied(&[&host, "belongs to slot"])?;
            }
            let now = w.api.set_up(Ask::get(&path));
            held(now["spec"]["rules"][0]["host"] == "a.test", || now.to_string())
        },
    )]
}

fn own() -> Vec<Row> {
    vec![
        row(
            "a99e",
            "bob",
            "uses his own host, which is below alice's, and hosts below it",
            "admitted: the closest slot wins",
            |w| {
                let street = w.street();
                let own = street.bobs_host();
                for (name, host) in [("own", own.clone()), ("below", format!("api.{own}")), ("any", format!("*.{own}"))]
                {
                    street.post(w, &bob(), INGRESSES, &ingress(name, &host), true).done()?;
                }
                Ok(())
            },
        ),
        row(
            "a99f",
            "bob",
            "labels a route with alice's host that stood there before",
            "admitted; another of her hosts is denied",
            |w| {
                let street = w.street();
                let host = street.host();
                street.post(w, &administrator(), INGRESSES, &ingress("older", &host), false).done()?;
                let path = format!("{}/older", street.path(INGRESSES));
                w.api.send(&bob(), Ask::merge(&path, &json!({"metadata": {"labels": {"a": "b"}}}))).done()?;
                let more = json!({"spec": {"rules": [rule(&host), rule(&format!("api.{host}"))]}});
                w.api.send(&bob(), Ask::merge(&path, &more)).denied(&[&format!("api.{host}"), "belongs to slot"])
            },
        ),
    ]
}

fn warned() -> Vec<Row> {
    type Make = fn() -> Value;
    let tried: [(&str, &str, Make); 2] = [
        ("a regular expression", r"~^.*\.example\.com$", || {
            with_annotation("nginx.ingress.kubernetes.io/server-alias", r"~^.*\.example\.com$")
        }),
        ("a rule without a host", "spec.rules without host", || {
            let mut open = ingress("open", "a.test");
            open["spec"]["rules"][0].as_object_mut().unwrap().remove("host");
            open
        }),
    ];
    tried
        .into_iter()
        .map(|(what, part, make)| {
            row("a99g", "bob", format!("takes any host by {what}"), "admitted with a warning", move |w| {
                let mut object = make();
                object["apiVersion"] = json!("networking.k8s.io/v1");
                object["kind"] = json!("Ingress");
                let create = ["-n", w.street().bobs.name(), "create", "--dry-run=server", "-f", "-"];
                let ran = people::bob().kubectl_with(&create, &object.to_string());
                right(ran.ok() && ran.stderr.contains(part) && ran.stderr.contains("Warning"), || ran.to_string())
            })
        })
        .collect()
}

/// Rules that go before alice's own, and what holds for every slot.
fn precedence() -> Vec<Row> {
    type Make = fn(&Street) -> Value;
    let tried: [(&str, &str, &str, &str, Make); 4] = [
        ("a156", "takes any host by an alternative beside his own host", TRAEFIK, "the rule Host", |street| {
            let rule = format!("Host(`{}`) || PathPrefix(`/`)", street.bobs_host());
            custom("IngressRoute", "traefik.io/v1", &json!({"routes": [{"kind": "Rule", "match": rule}]}))
        }),
        ("a156", "takes any host by a rule with a priority", TRAEFIK, "priority 100000", |_| {
            let route = json!({"kind": "Rule", "match": "PathPrefix(`/`)", "priority": 100_000});
            custom("IngressRoute", "traefik.io/v1", &json!({"routes": [route]}))
        }),
        ("a156", "takes any host by an Ingress with a priority", INGRESSES, "priority 100000", |_| {
            let mut open = with_annotation("traefik.ingress.kubernetes.io/router.priority", "100000");
            open["spec"]["rules"][0].as_object_mut().unwrap().remove("host");
            open
        }),
        ("a157", "sets Traefik's options of TLS for everybody", TLS_OPTIONS, "TLSOption default", |_| {
            let mut option = custom("TLSOption", "traefik.io/v1", &json!({"minVersion": "VersionTLS10"}));
            option["metadata"]["name"] = json!("default");
            option
        }),
    ];
    tried
        .into_iter()
        .map(|(id, what, collection, part, make)| {
            row(id, "bob, in his own slot", what, "denied: it reaches other slots", move |w| {
                let street = w.street();
                let answer = street.post(w, &bob(), collection, &make(street), false);
                answer.denied(&[part, "guard.hosts"])
            })
        })
        .collect()
}

fn requests() -> Vec<Row> {
    vec![row("a159", "bob, in his own slot", "requests a certificate for alice's host", DENIED, |w| {
        let host = w.street().host();
        // As it stands in a request: what it is, how long it is, and the name.
        let name = [&[0x82, u8::try_from(host.len()).unwrap()], host.as_bytes()].concat();
        let body = STANDARD.encode(name);
        let pem = format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n");
        let spec = json!({"request": STANDARD.encode(pem), "issuerRef": {"name": "ours"}});
        denied(w, REQUESTS, &custom("CertificateRequest", "certmanager.k8s.io/v1", &spec), &host)
    })]
}
