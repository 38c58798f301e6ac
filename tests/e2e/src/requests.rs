//! One request to the API server as somebody who exists by impersonation alone, quicker than a kubectl for each.

use kube::Client;
use serde_json::Value;

use crate::objects;

/// Gives the right to do anything, as far as Kubernetes' roles go, to the identities of [`Identity`].
pub const WRITERS: &str = "e2e-writers";

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    pub user: &'a str,
    pub groups: &'a [&'a str],
    /// Whether the request looks as if it came with the token of a pod.
    pub in_a_pod: bool,
}

/// What the API server said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// 200 or 201 if it was done.
    pub code: u16,
    /// What it said if not.
    pub message: String,
    /// What it answered if it was done.
    pub object: Value,
}

/// A way to the API server.
pub struct Requests {
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Identity<'a> {
    pub fn person(user: &'a str) -> Self {
        Self { user, groups: &[], in_a_pod: false }
    }

    pub fn in_a_pod(user: &'a str) -> Self {
        Self { in_a_pod: true, ..Self::person(user) }
    }
}

impl Answer {
    pub fn ok(&self) -> bool {
        self.code < 300
    }

    /// A denial by an admission plugin that says this.
    pub fn is_denial(&self, saying: &str) -> bool {
        self.code == 403 && self.message.contains(saying)
    }

    /// The first sentence of hotdesk's denial, without who said it.
    pub fn first_sentence(&self) -> &str {
        let denial = ["denied the request: ", "denied request: "].iter().find_map(|mark| self.message.split_once(mark));
        let text = denial.map_or(self.message.as_str(), |(_, text)| text);
        text.split_once(". ").map_or(text, |(first, _)| first)
    }
}

/// True for a denial of hotdesk's own, by its webhook or by its policies.
pub fn is_hotdesks_denial(message: &str) -> bool {
    message.contains("hotdesk.dev\" denied the request") || message.contains("ValidatingAdmissionPolicy 'hotdesk-")
}

impl Requests {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(objects::client(|_| ()));
        Self { client, runtime }
    }

    /// Asks as somebody; as the administrator, if nobody is named.
    pub fn ask(&self, who: Option<Identity<'_>>, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let content = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let mut request = http::Request::builder().method(method).uri(path).header("Content-Type", content);
        if let Some(who) = who {
            request = request.header("Impersonate-User", who.user).header("Impersonate-Group", WRITERS);
            request = who.groups.iter().fold(request, |request, group| request.header("Impersonate-Group", *group));
            if who.in_a_pod {
                request = request.header("Impersonate-Extra-authentication.kubernetes.io%2Fpod-name", "web-1");
            }
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let answered = self.runtime.block_on(self.client.request::<Value>(request.body(body.into_bytes()).unwrap()));
        match answered {
            Ok(object) => Answer { code: 200, message: String::new(), object },
            Err(kube::Error::Api(status)) => {
                Answer { code: status.code, message: status.message.clone(), object: Value::Null }
            }
            Err(error) => panic!("{method} {path}: {error}"),
        }
    }

    /// Asks as somebody, without a trace.
    pub fn try_out(&self, who: Identity<'_>, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.ask(Some(who), method, &format!("{path}?dryRun=All"), body)
    }
}

/// Where the objects of a kind are, such as `path("mew", "apps/v1", "deployments")`.
pub fn path(namespace: &str, version: &str, resource: &str) -> String {
    let root = if version.contains('/') { "apis" } else { "api" };
    format!("/{root}/{version}/namespaces/{namespace}/{resource}")
}
