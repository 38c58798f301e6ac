//! A real nginx that logs as ingress-nginx does, in a namespace of a test's own.

use std::time::Duration;

use serde_json::json;

use crate::slot::{test_image, unique};
use crate::{CommandOutput, admin, objects, until};

/// How the controller writes its access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// ingress-nginx's default.
    Text,
    /// One JSON object a line, with `proxyUpstreamName`.
    Json,
    /// As Envoy Gateway logs, with the upstream for a route's name.
    Envoy,
    /// Requests, and not whom they were for.
    Bare,
    /// Nothing that anybody could parse.
    Strange,
}

impl LogFormat {
    fn directive(self) -> &'static str {
        match self {
            Self::Text => {
                r#"'$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] [] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $request_id'"#
            }
            Self::Json => {
                r#"escape=json '{"time":"$time_iso8601","requestMethod":"$request_method","requestUrl":"$request_uri","status":"$status","userAgent":"$http_user_agent","proxyUpstreamName":"$proxy_upstream_name"}'"#
            }
            Self::Envoy => {
                r#"escape=json '{"start_time":"$time_iso8601","method":"$request_method","x-envoy-origin-path":"$request_uri","response_code":$status,"user-agent":"$http_user_agent","route_name":"$proxy_upstream_name"}'"#
            }
            Self::Bare => {
                r#"'$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'"#
            }
            Self::Strange => r#"'served $request_uri to $remote_addr'"#,
        }
    }
}

/// The controller; its namespace is deleted when the test ends.
#[derive(Debug)]
pub struct Ingress {
    namespace: String,
}

/// What a path is served by: the upstream's name in the log, and the Service address to pass on to,
/// or nothing to answer 200 at once.
#[derive(Debug, Clone)]
pub struct Route {
    pub path: String,
    pub upstream: String,
    pub address: Option<String>,
}

impl Route {
    /// `/<upstream>` is answered at once and logged as that upstream's.
    pub fn answering(upstream: &str) -> Self {
        Self { path: format!("/{upstream}"), upstream: upstream.to_owned(), address: None }
    }
}

impl Ingress {
    /// Starts a controller, and waits until it answers.
    pub fn start(format: LogFormat, routes: &[Route]) -> Self {
        let ingress = Self { namespace: unique("ingress") };
        objects::create("", &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ingress.namespace}}));
        admin().apply(&ingress.namespace, &manifest(format, routes)).succeeded();
        until("nginx to answer", Duration::from_secs(90), || ingress.request("/healthz").as_result());
        ingress
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A real request, through the API server's proxy so that it works in any cluster.
    pub fn request(&self, path: &str) -> CommandOutput {
        objects::raw(&format!("/api/v1/namespaces/{}/services/http:controller:80/proxy{path}", self.namespace))
    }

    /// Real requests of 7 KB each, until the kubelet has put the log aside (10 MiB by default).
    pub fn flood(&self, path: &str) {
        let script = format!(
            "long=$(head -c 7000 /dev/zero | tr '\\0' a); i=0; while [ $i -lt 1800 ]; do \
             wget -q -O /dev/null \"http://$CONTROLLER_SERVICE_HOST{path}?$long\"; i=$((i+1)); done"
        );
        let image = format!("--image={}", test_image("app"));
        let run = ["run", "flood", &image, "--restart=Never", "--image-pull-policy=IfNotPresent", "--command", "--"];
        self.kubectl(&[&run[..], &["sh", "-c", &script]].concat()).succeeded();
        self.kubectl(&["wait", "pod/flood", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s"]).succeeded();
        until("the kubelet to rotate the log", Duration::from_secs(60), || {
            let head = self.kubectl(&["logs", "deployment/controller", "--limit-bytes=300"]);
            if head.stdout.contains("[notice]") { Err(head.stdout) } else { Ok(()) }
        });
        self.request(path).succeeded();
    }

    /// kubectl in the controller's namespace, as the administrator.
    pub fn kubectl(&self, args: &[&str]) -> CommandOutput {
        admin().kubectl(&[&["-n", self.namespace()], args].concat())
    }
}

impl Drop for Ingress {
    fn drop(&mut self) {
        objects::delete("", "namespaces", &self.namespace);
    }
}

fn location(route: &Route) -> String {
    let serve = route.address.as_ref().map_or("return 200 ok;".to_owned(), |a| format!("proxy_pass http://{a}/;"));
    format!("      location {} {{ set $proxy_upstream_name {}; {serve} }}\n", route.path, route.upstream)
}

fn manifest(format: LogFormat, routes: &[Route]) -> String {
    let locations: String = routes.iter().map(location).collect();
    include_str!("ingress.yaml")
        .replace("@LOG_FORMAT@", format.directive())
        .replace("@LOCATIONS@", &locations)
        .replace("@IMAGE@", &test_image("nginx"))
}
