use super::*;

const INGRESS: (&str, &str) = ("networking.k8s.io", "Ingress");
const GATEWAY_API: &str = "gateway.networking.k8s.io";
const ISTIO: &str = "networking.istio.io";

/// A kind of route, and an object of it that asks for a host.
type Route = (&'static str, &'static str, fn(&str) -> Value);

const ROUTES: &[Route] = &[
    ("networking.k8s.io", "Ingress", ingress),
    ("networking.k8s.io", "Ingress", |host| json!({"spec": {"tls": [{"hosts": ["a.test", host]}]}})),
    ("networking.k8s.io", "Ingress", |host| {
        let canary =
            json!({"nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": "100"});
        json!({"metadata": {"annotations": canary}, "spec": {"rules": [{"host": "a.test"}, {"host": host}]}})
    }),
    (GATEWAY_API, "HTTPRoute", |host| json!({"spec": {"hostnames": ["a.test", host]}})),
    (GATEWAY_API, "GRPCRoute", |host| json!({"spec": {"hostnames": [host]}})),
    (GATEWAY_API, "TLSRoute", |host| json!({"spec": {"hostnames": [host]}})),
    (GATEWAY_API, "Gateway", |host| json!({"spec": {"listeners": [{"hostname": "a.test"}, {"hostname": host}]}})),
    (GATEWAY_API, "ListenerSet", |host| json!({"spec": {"listeners": [{"hostname": host}]}})),
    ("traefik.io", "IngressRoute", |host| traefik(&format!("Host(`a.test`, `{host}`) && Path(`/`)"))),
    ("traefik.io", "IngressRoute", |host| traefik(&format!("Path(`/`) && host ( \"{host}\" )"))),
    ("traefik.containo.us", "IngressRoute", |host| traefik(&format!("HOST(/* ) */`{host}`)"))),
    ("traefik.io", "IngressRouteTCP", |host| traefik(&format!("HostSNI(`{host}`)"))),
    ("traefik.io", "IngressRoute", |host| json!({"spec": {"tls": {"domains": [{"main": "a.test", "sans": [host]}]}}})),
    (ISTIO, "VirtualService", |host| json!({"spec": {"hosts": [host]}})),
    (ISTIO, "Gateway", |host| json!({"spec": {"servers": [{"hosts": [format!("team/{host}")]}]}})),
    (ISTIO, "Gateway", |host| json!({"spec": {"servers": [{"hosts": [format!("*/{host}")]}]}})),
    (ISTIO, "ServiceEntry", |host| json!({"spec": {"hosts": [host]}})),
    ("projectcontour.io", "HTTPProxy", |host| json!({"spec": {"virtualhost": {"fqdn": host}}})),
    ("route.openshift.io", "Route", |host| json!({"spec": {"host": host}})),
    ("k8s.nginx.org", "VirtualServer", |host| json!({"spec": {"host": host}})),
    ("new.example.io", "Way", |host| json!({"spec": {"deep": [{"er": host}]}})),
    ("new.example.io", "Way", |host| json!({"rules": {host: {"to": "web"}}})),
    ("serving.knative.dev", "DomainMapping", |host| json!({"metadata": {"name": host}})),
    ("networking.k8s.io", "Ingress", |host| annotated("nginx.ingress.kubernetes.io/server-alias", host)),
    ("networking.k8s.io", "Ingress", |host| annotated("nginx.example.com/server-alias", host)),
    ("networking.k8s.io", "Ingress", |host| annotated("haproxy-ingress.github.io/redirect-from", host)),
    ("networking.k8s.io", "Ingress", |host| annotated("appgw.ingress.kubernetes.io/hostname-extension", host)),
    ("networking.k8s.io", "Ingress", |host| {
        let condition = json!([{"field": "host-header", "hostHeaderConfig": {"values": ["a.test", host]}}]);
        annotated("alb.ingress.kubernetes.io/conditions.web", &condition.to_string())
    }),
    ("networking.k8s.io", "Ingress", |host| annotated("cert-manager.io/common-name", host)),
    ("networking.k8s.io", "Ingress", |host| annotated("traefik.ingress.kubernetes.io/router.tls.domains.1.sans", host)),
    ("", "Service", |host| annotated("external-dns.alpha.kubernetes.io/hostname", host)),
    (GATEWAY_API, "HTTPRoute", |host| annotated("external-dns.alpha.kubernetes.io/internal-hostname", host)),
    (NGROK, "AgentEndpoint", |host| json!({"spec": {"url": format!("https://{host}")}})),
    (NGROK, "CloudEndpoint", |host| json!({"spec": {"url": format!("TLS://{host}/a?b#c")}})),
    (NGROK, "CloudEndpoint", |host| json!({"spec": {"url": host}})),
    ("", "Service", |host| ambassador(&format!("host: {host}"))),
    ("networking.k8s.io", "Ingress", |host| ambassador(&format!("hostname: '{host}'"))),
    ("", "Service", |host| ambassador(&format!("headers: {{\":authority\": {host}}}"))),
    ("", "Service", |host| ambassador(&format!("x: [a, \"\\x{:02x}{}\"]", host.as_bytes()[0], &host[1..]))),
];

const NGROK: &str = "ngrok.k8s.ngrok.com";

/// A Service with Emissary's configuration in its annotation.
fn ambassador(line: &str) -> Value {
    let mappings = format!(
        "---\napiVersion: getambassador.io/v2\nkind: Mapping\nname: a\nprefix: /\nhost: a.test\nservice: web:80\n---\n\
         apiVersion: getambassador.io/v2\nkind:  Mapping\nname: b\n{line}\nservice: web\n"
    );
    json!({"metadata": {"annotations": {"getambassador.io/config": mappings}}})
}

fn ingress(host: &str) -> Value {
    json!({"spec": {"rules": [{"host": host}]}})
}

fn traefik(rule: &str) -> Value {
    json!({"spec": {"routes": [{"match": "Host(`a.test`)"}, {"match": rule}]}})
}

fn annotated(key: &str, host: &str) -> Value {
    json!({"metadata": {"annotations": {key: format!("a.test, {host}")}}})
}

/// A spelling of a host, and the slot to which it belongs; none where it is pikachu's own, or nobody's.
const HOSTS: &[(&str, Option<&str>)] = &[
    ("mew.dev.example.com", Some("mew")),
    ("MEW.Dev.example.com", Some("mew")),
    ("mew.dev.example.com.", Some("mew")),
    ("mew.dev.example.com:8443", Some("mew")),
    ("api.mew.dev.example.com", Some("mew")),
    ("a.b.c.mew.dev.example.com", Some("mew")),
    ("*.mew.dev.example.com", Some("eevee")),
    ("*.dev.example.com", Some("mew")),
    ("*.com", Some("mew")),
    // The closest slot wins.
    ("deep.mew.dev.example.com", Some("eevee")),
    ("a.deep.mew.dev.example.com", Some("eevee")),
    ("*.deep.mew.dev.example.com", Some("eevee")),
    ("pikachu.dev.example.com", None),
    ("x.pikachu.dev.example.com", None),
    ("*.pikachu.dev.example.com", None),
    ("notmew.dev.example.com", None),
    ("mew.dev.example.com.evil.test", None),
    ("dev.example.com", None),
    ("*.other.example.com", None),
    ("mew", None),
];

#[test]
fn a99_a_slots_host_and_every_host_below_it_are_the_slots_in_every_kind_of_route() {
    for (group, kind, object) in ROUTES {
        for (host, slot) in HOSTS {
            let says = slot.map(|slot| format!("belongs to slot \"{slot}\""));
            let expected = says.as_deref().map(|says| ("neighbour-host", says));
            check((group, kind), &object(host), expected);
        }
    }
}

#[test]
fn a99_only_what_a_write_newly_brings_is_judged() {
    for (group, kind, object) in ROUTES {
        let (own, mews, below) =
            (object("pikachu.dev.example.com"), object("mew.dev.example.com"), object("api.mew.dev.example.com"));
        let judge = |new: &Value, old: &Value| denial((group, kind), new, Some(old)).0;
        assert_eq!(judge(&mews, &own), "neighbour-host", "{kind}");
        assert_eq!(judge(&below, &mews), "neighbour-host", "{kind}: another host of the same slot");
        assert_eq!(judge(&own, &mews), "", "{kind}: who takes it away");
        assert_eq!(judge(&object("MEW.dev.example.com."), &mews), "", "{kind}: another spelling");
    }
}

#[test]
fn a_wildcard_that_openshift_makes_of_a_host_counts() {
    let route = |host: &str| json!({"spec": {"host": host, "wildcardPolicy": "Subdomain"}});
    let kind = ("route.openshift.io", "Route");
    check(kind, &route("x.dev.example.com"), Some(("neighbour-host", "*.dev.example.com belongs")));
    check(kind, &route("x.pikachu.dev.example.com"), None);
}

#[test]
fn a_url_counts_where_it_is_what_a_kind_asks_for() {
    let endpoint = |url: &str| json!({"spec": {"url": url, "upstream": {"url": "https://mew.dev.example.com"}}});
    let denied = Some(("neighbour-host", "mew.dev.example.com belongs to slot \"mew\""));
    for url in [
        "https://mew.dev.example.com",
        " HTTPS://MEW.dev.example.com./path",
        "tls://mew.dev.example.com:443",
        "//mew.dev.example.com?x",
        "https://user:word@mew.dev.example.com:8443/",
        "https://a.test@mew.dev.example.com",
        r"https:\\mew.dev.example.com\path",
        "mew.dev.example.com:443/path",
        "mew.dev.example.com#x",
    ] {
        check((NGROK, "AgentEndpoint"), &endpoint(url), denied);
    }
    for url in
        ["https://web.internal", "https://a.test/mew.dev.example.com", "tcp://1.tcp.ngrok.io:1234", "https://", ""]
    {
        check((NGROK, "AgentEndpoint"), &endpoint(url), None);
    }
    // Who reads it may take it for another name.
    for url in ["https://mew%2edev.example.com", "https://m\u{ff45}w.dev.example.com"] {
        let said = open((NGROK, "CloudEndpoint"), &json!({"spec": {"url": url}})).concat();
        assert!(said.contains("in spec.url"), "{url}: {said}");
    }
}

#[test]
fn a_subdomain_of_openshifts_router_is_denied_where_it_could_make_a_slots_host() {
    let kind = ("route.openshift.io", "Route");
    let route = |subdomain: &str| json!({"spec": {"subdomain": subdomain}});
    for (subdomain, host, slot) in [
        ("mew", "mew.dev.example.com", "mew"),
        ("MEW", "mew.dev.example.com", "mew"),
        ("api.mew", "api.mew.dev.example.com", "mew"),
        // Its host is below that of another slot.
        ("deep", "deep.mew.dev.example.com", "eevee"),
        ("deep.mew", "deep.mew.dev.example.com", "eevee"),
    ] {
        let said = format!("the host {host} belongs to slot \"{slot}\"");
        check(kind, &route(subdomain), Some(("neighbour-host", &said)));
    }
    // The router's domain is not known.
    for subdomain in ["web", "pikachu", "api.pikachu"] {
        let said = open(kind, &route(subdomain)).concat();
        assert!(said.contains("spec without host"), "{subdomain}: {said}");
    }
    // Beside a host it counts for nothing.
    check(kind, &json!({"spec": {"host": "pikachu.dev.example.com", "subdomain": "mew"}}), None);
    let old = json!({"spec": {"host": "pikachu.dev.example.com", "subdomain": "mew"}});
    assert_eq!(denial(kind, &route("mew"), Some(&old)).0, "neighbour-host");
}

#[test]
fn a_configuration_of_emissarys_is_warned_of_where_it_takes_any_host() {
    let service = ("", "Service");
    for (line, part) in [
        ("prefix: /x", "a Mapping without a host in getambassador.io/config"),
        ("host: \"*\"", "* in getambassador.io/config"),
        ("host: mew[.]dev.*\nhost_regex: true", "host_regex in getambassador.io/config"),
        ("regex_headers: {\":authority\": x}", "regex_headers in getambassador.io/config"),
    ] {
        let said = open(service, &ambassador(line)).concat();
        assert!(said.contains(part), "{line}: {said}");
    }
    assert_eq!(open(service, &ambassador("host: b.test\nprefix: \"/\\\\d\"")), [""; 0]);
    // As go-yaml reads it.
    let line = "host: !!binary bWV3LmRldi5leGFtcGxlLmNvbQ==";
    let said = open(service, &ambassador(line)).concat();
    assert!(said.contains("the tag !!binary in getambassador.io/config"), "{said}");
    check(
        service,
        &ambassador("host: \"mew.dev\\\n   .example.com\""),
        Some(("neighbour-host", "mew.dev.example.com")),
    );
}

#[test]
fn what_a_route_leads_to_or_says_in_passing_is_not_a_host_that_it_takes() {
    let redirect = json!({"requestRedirect": {"hostname": "mew.dev.example.com"}});
    check(
        (GATEWAY_API, "HTTPRoute"),
        &json!({"spec": {"hostnames": ["a.test"], "rules": [{"filters": [redirect]}]}}),
        None,
    );
    let destination = json!({"route": [{"destination": {"host": "mew.dev.example.com"}}]});
    check((ISTIO, "VirtualService"), &json!({"spec": {"hosts": ["a.test"], "http": [destination]}}), None);
    check(INGRESS, &annotated("nginx.ingress.kubernetes.io/upstream-vhost", "mew.dev.example.com"), None);
    check(INGRESS, &json!({"status": {"loadBalancer": {"ingress": [{"hostname": "mew.dev.example.com"}]}}}), None);
    for text in ["https://mew.dev.example.com/", "see https://mew.dev.example.com", "mew@mew.dev.example.com"] {
        check(("x.io", "Y"), &json!({"spec": {"text": text}, "status": {"host": "mew.dev.example.com"}}), None);
    }
}

#[test]
fn a_service_of_another_slot_is_not_a_host_either() {
    for (host, part) in [
        ("web.mew.svc.cluster.local", "belongs to slot \"mew\""),
        ("*.mew.svc.cluster.local", "belongs to slot \"mew\""),
        ("*.svc.cluster.local", "belongs to hotdesk itself"),
        ("hotdesk-webhook.hotdesk.svc", "belongs to hotdesk itself (namespace hotdesk)"),
    ] {
        check((ISTIO, "VirtualService"), &json!({"spec": {"hosts": [host]}}), Some(("neighbour-host", part)));
    }
    for own in ["web.pikachu.svc.cluster.local", "web.elsewhere.svc.cluster.local", "svc.example.com"] {
        check((ISTIO, "VirtualService"), &json!({"spec": {"hosts": [own]}}), None);
    }
}

#[test]
fn escapes_of_go_hide_no_host_in_a_rule_of_traefiks() {
    for escaped in [
        r"\x6dew.dev.example.com",
        r"\155ew.dev.example.com",
        r"\u006dew.dev.example.com",
        r"\U0000006dew.dev.example.com",
    ] {
        let rule = traefik(&format!("Host(\"{escaped}\")"));
        check(("traefik.io", "IngressRoute"), &rule, Some(("neighbour-host", "mew.dev.example.com belongs")));
    }
    // A quote in one text begins no other.
    let rule = traefik(r#"Path("/\"`") && Host(`mew.dev.example.com`)"#);
    check(("traefik.io", "IngressRoute"), &rule, Some(("neighbour-host", "mew")));
}

/// What is said of rules that could take any host.
fn open(kind: (&str, &str), object: &Value) -> Vec<String> {
    let found = found(kind, object, None);
    assert_eq!(found.denied, None, "{object}");
    assert_eq!(found_with(&Guards { hosts: Switch::Allow, ..Guards::default() }, kind, object, None).open, [""; 0]);
    let again = super::found(kind, object, Some(object));
    assert_eq!(again.open, [""; 0], "it was there before: {object}");
    found.warnings("pikachu")
}

#[test]
fn a151_a_host_is_found_however_a_list_of_names_spells_it() {
    let service = ("", "Service");
    // external-dns drops the blanks of the whole list.
    for spelled in ["mew.dev.exam ple.com", "a.test, m e w.dev.example.com", "mew.\tdev.example.com"] {
        let object = annotated("external-dns.alpha.kubernetes.io/hostname", spelled);
        assert_eq!(denial(service, &object, None).0, "neighbour-host", "{spelled:?}");
    }
    // nginx ends a word at any blank.
    for blank in ['\r', '\u{b}', '\u{c}', '\u{a0}'] {
        let object =
            annotated("nginx.ingress.kubernetes.io/server-alias", &format!("a.test{blank}mew.dev.example.com"));
        assert_eq!(denial(INGRESS, &object, None).0, "neighbour-host", "{blank:?}");
    }
    // JSON has other ways to write a letter, and who reads it may stand more depth than others.
    let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
    for before in ["0", &deep] {
        let condition = format!(r#"[{{"x":{before},"hostHeaderConfig":{{"values":["\u006dew.dev.example.com"]}}}}]"#);
        let object = annotated("alb.ingress.kubernetes.io/conditions.web", &condition);
        assert_eq!(denial(INGRESS, &object, None).0, "neighbour-host", "{condition}");
    }
    let own = annotated("external-dns.alpha.kubernetes.io/hostname", "a.test, b.test");
    assert_eq!(denial(service, &own, None).0, "");
}

#[test]
fn rules_that_could_take_any_host_are_warned_of_and_let_in() {
    let alias = |value: &str| annotated("nginx.ingress.kubernetes.io/server-alias", value);
    let told: [((&str, &str), Value, &str); 14] = [
        (INGRESS, json!({"spec": {"rules": [{}]}}), "spec.rules without host"),
        (INGRESS, json!({"spec": {"rules": [{"host": ""}]}}), "spec.rules without host"),
        (INGRESS, json!({"spec": {"defaultBackend": {"service": {}}}}), "spec.defaultBackend"),
        (INGRESS, alias(r"~^mew\..*$"), r"~^mew\..*$ in nginx"),
        (INGRESS, alias("mew.*"), "mew.* in nginx"),
        (INGRESS, annotated("haproxy-ingress.github.io/server-alias-regex", r"^mew\..*$"), r"^mew\..*$ in haproxy"),
        ((GATEWAY_API, "HTTPRoute"), json!({"spec": {}}), "spec without hostnames"),
        ((GATEWAY_API, "Gateway"), json!({"spec": {"listeners": [{"port": 80}]}}), "spec.listeners without hostname"),
        ((ISTIO, "Gateway"), json!({"spec": {"servers": [{"hosts": ["*"]}]}}), "* in spec.servers.hosts"),
        (("traefik.io", "IngressRoute"), traefik("PathPrefix(`/`)"), "the rule PathPrefix(`/`)"),
        (("traefik.io", "IngressRoute"), traefik("HostRegexp(`.+`)"), "HostRegexp"),
        (("traefik.io", "IngressRoute"), traefik("! Host(`a.test`)"), "the rule ! Host"),
        (("traefik.io", "IngressRouteTCP"), traefik("HostSNI(`*`)"), "HostSNI(`*`)"),
        (("traefik.io", "IngressRoute"), traefik("Host(`a.test"), "the rule Host(`a.test"),
    ];
    for (kind, object, part) in told {
        let said = open(kind, &object).concat();
        assert!(said.contains(part) && said.contains("other slots"), "{object}: {said}");
    }
    assert_eq!(open(INGRESS, &ingress("a.test")), [""; 0]);
    assert_eq!(open(("traefik.io", "IngressRoute"), &traefik("Host(`a.test`) && Method(`GET`)")), [""; 0]);
    assert_eq!(open(("new.example.io", "Way"), &json!({"spec": {"host": "*", "cron": "* * * * *"}})), [""; 0]);
}

#[test]
fn a_warning_is_short_however_many_rules_there_are() {
    let rules: Vec<Value> =
        (0..1000).map(|i| json!({"match": format!("PathPrefix(`/{i}{}`)", "x".repeat(200))})).collect();
    let said = open(("traefik.io", "IngressRoute"), &json!({"spec": {"routes": rules}}));
    assert!(said.len() == 1 && said[0].len() < 400 && said[0].contains("and 31 more"), "{said:?}");
}
