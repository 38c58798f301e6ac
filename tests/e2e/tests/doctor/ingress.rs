//! An ingress controller by which the reapers see nothing, or not enough.

use super::*;

#[test]
fn a_log_that_does_not_say_whom_a_request_was_for_is_said_with_the_format_to_restore() {
    let _held = installation::shared();
    for (format, what) in [
        (LogFormat::Bare, "are text that does not name the upstream"),
        (LogFormat::Strange, "cannot be read, such as: served /x to"),
    ] {
        let ingress = Ingress::start(format, &[Route::answering("x")]);
        let _reader = SlotBuilder::free().reaper(reading(&ingress, "1h")).make();
        ingress.request("/x").succeeded();
        let about = controller(ingress.namespace());
        finds("log-format", &about, "problem", what, "take log-format-upstream out of the controller's ConfigMap");
        finds("log-format", &about, "problem", what, "[$proxy_upstream_name]");
    }
    let ingress = Ingress::start(LogFormat::Json, &[Route::answering("x")]);
    let _reader = SlotBuilder::free().reaper(reading(&ingress, "1h")).make();
    ingress.request("/x").succeeded();
    finds("log-format", &controller(ingress.namespace()), "ok", "its log is nginx-json", "");
    finds(
        "log-rotation",
        &controller(ingress.namespace()),
        "warning",
        "younger than the window of 1 h",
        "reaper.observe: \"*/10 * * * *\"",
    );
}

#[test]
fn a_log_that_was_rotated_within_the_window_is_said_with_what_sees_more() {
    let _held = installation::shared();
    let ingress = Ingress::start(LogFormat::Text, &[Route::answering("other-web-80")]);
    let _reader = SlotBuilder::free().reaper(reading(&ingress, "3h")).make();
    ingress.flood("/other-web-80");
    let about = controller(ingress.namespace());
    // How much of the flood the newest file holds decides whether it looks like a busy controller or like a moment's.
    until("the doctor to see that the log begins within the window", Duration::from_secs(40), || {
        let report = doctor(&admin());
        let lost = |f: &&Value| {
            let text = |key: &str| f[key].as_str().unwrap_or_default().to_owned();
            f["id"] == "log-rotation"
                && f["subject"] == about
                && ["warning", "problem"].contains(&text("level").as_str())
                && text("message").starts_with("its log begins ")
                && text("message").contains("no slot is found idle")
                && text("fix").contains("{type: ingress-metrics, controller: ingress-nginx} in reaper.sources")
        };
        findings(&report).iter().find(lost).map(|_| ()).ok_or_else(|| format!("{report:#}"))
    });
}

#[test]
fn a_controller_that_is_called_otherwise_is_suggested() {
    let _held = installation::shared();
    let ingress = Ingress::start(LogFormat::Text, &[]);
    let elsewhere = Scratch::new("empty", |_| json!({}));
    let place = json!({"namespace": elsewhere.0});
    let _lost = SlotBuilder::free().reaper(json!({"ingress": place})).make();
    let suggestion = format!(
        "{{namespace: {}, selector: \"app.kubernetes.io/name=ingress-nginx,app.kubernetes.io/component=controller\", container: controller}}",
        ingress.namespace()
    );
    finds("controller-pods", &controller(&elsewhere.0), "problem", "no pod has the labels", &suggestion);
    let place = json!({"namespace": ingress.namespace(), "container": "nginx"});
    let _misled = SlotBuilder::free().reaper(json!({"ingress": place})).make();
    let says = "its pods have no container nginx; they have controller";
    finds(
        "controller-pods",
        &controller(ingress.namespace()),
        "problem",
        says,
        "set reaper.ingress.container: controller",
    );
}

#[test]
fn a_setting_that_turns_the_access_log_off_is_said_with_the_patch_that_turns_it_on() {
    let _held = installation::shared();
    let place = Scratch::new("quiet", |_| json!({}));
    let labels = json!({"app.kubernetes.io/name": "ingress-nginx", "app.kubernetes.io/component": "controller"});
    // It need not run: what counts is what it is started with.
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "controller", "labels": labels},
        "spec": {"nodeSelector": {"no": "where"}, "containers": [
            {"name": "controller", "image": test_image("nginx"), "args": ["--configmap=$(POD_NAMESPACE)/settings"]},
        ]},
    });
    admin().apply(&place.0, &pod.to_string()).succeeded();
    let settings = ["-n", &place.0, "create", "configmap", "settings", "--from-literal=disable-access-log=true"];
    admin().kubectl(&settings).succeeded();
    let _reader = SlotBuilder::free().reaper(json!({"ingress": {"namespace": place.0}})).make();
    let about = controller(&place.0);
    finds("controller-pods", &about, "problem", "1 of 1 pods do not run", "describe pod controller");
    let found = finds("controller-settings", &about, "problem", "turns the access log off", "kubectl -n ");
    // The fix works as it is printed.
    let fix = found["fix"].as_str().unwrap().strip_prefix("kubectl ").unwrap().to_owned();
    let words: Vec<&str> = fix.split(' ').map(|word| word.trim_matches('\'')).collect();
    admin().kubectl(&words).succeeded();
    finds("controller-settings", &about, "ok", "its settings, as far as", "");
}

#[test]
fn an_ingress_that_is_not_logged_or_not_counted_is_said() {
    let _held = installation::shared();
    // Of no class it would be served by whichever controller takes such, of those that other tests start as well.
    let class = "named";
    let (logged, metrics) = (
        json!({"ingress": {"classes": [class]}}),
        json!({"type": "ingress-metrics", "controller": "ingress-nginx", "port": 10254}),
    );
    let counted = json!({"ingress": {"classes": [class]}, "sources": [metrics]});
    let (logged, counted) = (SlotBuilder::free().reaper(logged).make(), SlotBuilder::free().reaper(counted).make());
    let ingress = |host: &str, annotations: Value| {
        let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
        let rule = json!({"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}});
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web", "annotations": annotations},
            "spec": {"ingressClassName": class, "rules": [rule]},
        })
        .to_string()
    };
    let off = "nginx.ingress.kubernetes.io/enable-access-log";
    admin().apply(logged.name(), &ingress("mew.example.com", json!({off: "false"}))).succeeded();
    let fix = format!("kubectl -n {} annotate ingress web {off}-", logged.name());
    let says = format!("the Ingress {}/web turns its access log off", logged.name());
    finds("slot-ingress", &slot(&logged), "problem", &says, &fix);
    admin().apply(counted.name(), &ingress("*.mew.example.com", json!({}))).succeeded();
    let says = format!("the Ingress {}/web serves any host, or a wildcard", counted.name());
    finds("slot-ingress", &slot(&counted), "problem", &says, "--metrics-per-host=false");
}
