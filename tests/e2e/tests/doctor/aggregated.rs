//! Kinds that another server keeps, behind the API server: no gate sees them, and the doctor says so.

use std::process::Command;
use std::time::Duration;

use hotdesk_e2e::slot::test_image;
use hotdesk_e2e::{admin, installation, until};
use serde_json::json;

use super::{Scratch, finds};

const GROUP: &str = "a20.example.com";

/// Registers the server; as long as it is not there, namespaces are not deleted either.
struct Registered(String);

impl Drop for Registered {
    fn drop(&mut self) {
        drop(admin().kubectl(&["delete", "apiservice", &self.0, "--ignore-not-found"]));
    }
}

/// An nginx that says which kinds it keeps.
fn server(namespace: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=kinds"])
        .args(["-keyout", &path("tls.key"), "-out", &path("tls.crt")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let version = json!({"groupVersion": format!("{GROUP}/v1"), "version": "v1"});
    let group = json!({"kind": "APIGroup", "apiVersion": "v1", "name": GROUP, "versions": [version], "preferredVersion": version});
    let kind = json!({
        "name": "desks", "singularName": "desk", "namespaced": true, "kind": "Desk",
        "verbs": ["create", "delete", "get", "list", "update"],
    });
    let kinds = json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": format!("{GROUP}/v1"), "resources": [kind]});
    let groups = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]});
    let answers =
        [("/apis".to_owned(), groups), (format!("/apis/{GROUP}"), group), (format!("/apis/{GROUP}/v1"), kinds)];
    let locations: String =
        answers.iter().map(|(path, answer)| format!("location = {path} {{ return 200 '{answer}'; }}\n")).collect();
    let nginx = format!(
        "events {{}}\nhttp {{\ndefault_type application/json;\naccess_log off;\nserver {{\nlisten 8443 ssl;\n\
         ssl_certificate /etc/kinds/tls.crt;\nssl_certificate_key /etc/kinds/tls.key;\n{locations}}}\n}}\n"
    );
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kinds"},
        "stringData": {"tls.crt": read("tls.crt"), "tls.key": read("tls.key"), "nginx.conf": nginx},
    });
    let labels = json!({"app": "kinds"});
    let container = json!({
        "name": "kinds", "image": test_image("nginx"), "imagePullPolicy": "IfNotPresent",
        "command": ["nginx", "-g", "daemon off;", "-c", "/etc/kinds/nginx.conf"],
        "volumeMounts": [{"name": "kinds", "mountPath": "/etc/kinds"}],
    });
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "kinds", "labels": labels},
        "spec": {
            "containers": [container], "terminationGracePeriodSeconds": 0,
            "volumes": [{"name": "kinds", "secret": {"secretName": "kinds"}}],
        },
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "kinds"},
        "spec": {"selector": labels, "ports": [{"port": 443, "targetPort": 8443}]},
    });
    for object in [secret, pod, service] {
        admin().apply(namespace, &object.to_string()).succeeded();
    }
}

#[test]
fn a20_kinds_that_another_server_keeps_are_told() {
    let _held = installation::exclusive();
    let scratch = Scratch::new("kinds", |_| json!({}));
    server(&scratch.0);
    let name = format!("v1.{GROUP}");
    let service = json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": name},
        "spec": {
            "group": GROUP, "version": "v1", "groupPriorityMinimum": 1000, "versionPriority": 15,
            "insecureSkipTLSVerify": true, "service": {"namespace": scratch.0, "name": "kinds"},
        },
    });
    let _registered = Registered(name.clone());
    admin().kubectl_with(&["apply", "-f", "-"], &service.to_string()).succeeded();
    until("the API server to ask the other one", Duration::from_secs(90), || {
        admin().kubectl(&["wait", "apiservice", &name, "--for=condition=Available", "--timeout=1s"]).as_result()
    });
    let told = finds(
        "aggregated-apis",
        "the kinds of this cluster",
        "warning",
        &format!("desks.{GROUP}"),
        "kubectl get apiservices",
    );
    assert!(told["message"].as_str().unwrap().contains("no gate of hotdesk sees it"), "{told}");
}
