//! Each setting that hides requests, wherever it is written, and some that do not.

use serde_json::json;

use super::*;

fn pod(spec: &Value) -> Pod {
    let metadata = json!({"namespace": "traefik", "name": "t-0", "labels": {"app.kubernetes.io/name": "traefik"}});
    serde_json::from_value(json!({"metadata": metadata, "spec": {"containers": [spec], "volumes": spec["volumes"]}}))
        .unwrap()
}

fn with(arguments: &[&str]) -> Pod {
    pod(&json!({"name": "c", "args": arguments}))
}

#[track_caller]
fn check(pod: &Pod, files: &[ConfigMap], expected: &[(&str, &str, Option<From>)]) {
    let found = Traefik::of(pod, files).hidden;
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (hidden, (says, fix, from)) in found.iter().zip(expected) {
        assert!(hidden.says.contains(says) && hidden.fix.contains(fix), "{hidden:?} does not say {says:?}, {fix:?}");
        assert_eq!(hidden.from, *from, "{hidden:?}");
    }
}

const LOGS: Option<From> = Some(From::Logs);
const COUNTERS: Option<From> = Some(From::Counters);

#[test]
fn a_flag_that_leaves_requests_out_is_named() {
    let on = |more: &[&str], expected| {
        check(&with(&[&["--accesslog=true", "--accesslog.format=json"], more].concat()), &[], expected);
    };
    on(&[], &[]);
    for flag in [
        "--accesslog.filters.statuscodes=500-599",
        "--accessLog.filters.minDuration=10s",
        "--accesslog.filters.retryattempts",
    ] {
        on(&[flag], &[("leaves requests out of the log", "without --accesslog.filters", LOGS)]);
    }
    on(
        &["--accesslog.filters.statuscodes", "500-599"],
        &[("--accesslog.filters.statuscodes=500-599", "without", LOGS)],
    );
    on(&["--accesslog.filters", "--accesslog.filters.retryattempts=f", "--accesslog.filters.minduration=0s"], &[]);
    on(&["--accessLog.bufferingSize=100"], &[("buffers its access log", "bufferingsize=0", LOGS)]);
    on(&["--accesslog.filepath=/var/log/a"], &[("/var/log/a", "without --accesslog.filepath", LOGS)]);
    on(&["--accesslog.filepath=/dev/stdout", "--accesslog.bufferingsize=0"], &[]);
    on(
        &["--accesslog.otlp.http.endpoint=http://x"],
        &[("sends its access log away", "without --accesslog.otlp", LOGS)],
    );
    for value in ["false", "0", "F"] {
        let flag = format!("--entryPoints.web.observability.accessLogs={value}");
        on(&[&flag], &[("keeps the requests of an entry point out of the log", "without that", LOGS)]);
    }
    on(&["--entrypoints.web.observability.metrics=false"], &[("uncounted", "without that", COUNTERS)]);
    on(&["--metrics.prometheus.addserviceslabels=0"], &[("does not count by Service", "without that", COUNTERS)]);
    let names = ["--accesslog.fields.names.ServiceName=keep", "--accesslog.fields.names.RouterName=keep"];
    on(&[&["--accesslog.fields.defaultmode=drop"], &names[..]].concat(), &[]);
    on(&["--accesslog.fields.names.RouterName=drop"], &[("drops the field RouterName", "names.RouterName=keep", LOGS)]);
}

#[test]
fn a_log_that_is_off_or_no_json_is_said() {
    let off = &[("its access log is off", "--accesslog.format=json", LOGS)];
    check(&with(&["--providers.kubernetesingress"]), &[], off);
    check(&with(&["--accesslog=0", "--accesslog.format=json"]), &[], off);
    check(&with(&["--accesslog=true"]), &[], &[("is not JSON", "--accesslog.format=json", None)]);
}

#[test]
fn variables_and_the_words_of_a_shell_count_like_flags() {
    let on = [
        json!({"name": "TRAEFIK_ACCESSLOG", "value": "true"}),
        json!({"name": "TRAEFIK_ACCESSLOG_FORMAT", "value": "json"}),
    ];
    let filter = |value: Value| {
        let name = json!({"name": "TRAEFIK_ACCESSLOG_FILTERS_STATUSCODES"});
        let mut filter = name;
        filter.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        pod(&json!({"name": "c", "env": [on[0], on[1], filter]}))
    };
    check(&pod(&json!({"name": "c", "env": on})), &[], &[]);
    let expected = &[("leaves requests out of the log", "without --accesslog.filters", LOGS)];
    check(&filter(json!({"value": "500-599"})), &[], expected);
    check(&filter(json!({"valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}})), &[], expected);
    let shell = "exec traefik --accesslog --accesslog.format=json --accesslog.filters.statuscodes='500'";
    check(&with(&["-c", shell]), &[], expected);
}

#[test]
fn a_file_is_read_where_a_config_map_holds_it_and_else_is_unseen() {
    let mounted = |args: &[&str], path: &str, volume: Value| {
        let mounts = [json!({"name": "config", "mountPath": path})];
        pod(&json!({"name": "c", "args": args, "volumeMounts": mounts, "volumes": [volume]}))
    };
    let volume = json!({"name": "config", "configMap": {"name": "static"}});
    let map = |key: &str, text: &str| -> ConfigMap {
        serde_json::from_value(json!({"metadata": {"namespace": "traefik", "name": "static"}, "data": {key: text}}))
            .unwrap()
    };
    let unseen = &[("has its settings in", "a ConfigMap that its pods mount", Some(From::All))];
    let json =
        "accessLog: {format: json, filters: {statusCodes: [\"500-599\"]}}\nentryPoints: {web: {address: \":80\"}}";
    let filters = &[("leaves requests out of the log", "without --accesslog.filters", LOGS)];
    for (args, key) in [(&["--configfile=/etc/traefik/my.yaml"][..], "my.yaml"), (&["--accesslog=true"], "traefik.yml")]
    {
        let pod = mounted(args, "/etc/traefik", volume.clone());
        check(&pod, &[map(key, json)], filters);
        check(&pod, &[map(key, "accessLog:\n  format: json\n")], &[]);
        check(&pod, &[map(key, ": [")], unseen);
    }
    assert_eq!(files(&mounted(&[], "/etc/traefik", volume.clone()))[0], "static");
    // It is in the image, in a Secret, or in a language that is not read here.
    check(&with(&["--configfile=/etc/traefik.yaml", "--accesslog=true"]), &[], unseen);
    let secret = json!({"name": "config", "secret": {"secretName": "static"}});
    check(&mounted(&["--accesslog=true"], "/etc/traefik", secret), &[], unseen);
    check(&mounted(&[], "/etc/traefik", volume.clone()), &[map("traefik.toml", "[accessLog]")], unseen);
    // What lies beside it is none.
    let on = ["--accesslog=true", "--accesslog.format=json"];
    check(&mounted(&on, "/etc/traefik", volume), &[map("dynamic.yml", "http: {}")], &[]);
    check(&mounted(&on, "/etc/traefik/certs", json!({"name": "config", "secret": {"secretName": "x"}})), &[], &[]);
}

#[test]
fn a_provider_takes_its_own_class_and_namespaces() {
    let traefik = |flags: &[&str]| Traefik::of(&with(flags), &[]);
    let refuses = |flags: &[&str], class: Class<'_>| {
        traefik(flags).ingresses.refuses("mew", Some(class), &|label| label == "team=a").is_some()
    };
    let own = ["--providers.kubernetesingress.ingressclass=internal"];
    for (class, without, with_one) in [
        (Class::Annotation(""), false, true),
        (Class::Annotation("traefik"), false, true),
        (Class::Annotation("internal"), true, false),
        (Class::Field("traefik"), false, true),
        (Class::Field("internal"), false, false),
    ] {
        assert_eq!((refuses(&[], class), refuses(&own, class)), (without, with_one), "{class:?}");
    }
    let any = Class::Field("traefik");
    assert!(refuses(&["--providers.kubernetesingress.namespaces=a,mewtwo"], any));
    assert!(!refuses(&["--providers.kubernetesingress.namespaces=a,mew"], any));
    assert!(!refuses(
        &["--providers.kubernetesingress.namespaces[0]=a", "--providers.kubernetesingress.namespaces[1]=mew"],
        any
    ));
    assert!(refuses(&["--providers.kubernetesingress.labelselector=team=b"], any));
    assert!(!refuses(&["--providers.kubernetesingress.labelselector=team=a"], any));
}
