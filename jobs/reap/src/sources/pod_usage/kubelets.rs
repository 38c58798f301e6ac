//! How are the kubelets asked that run the slot's pods?
//!
//! Straight, on the port that their Node names, and never through the API server: that takes `nodes/proxy`, the right to run
//! commands in every container. A kubelet is sent a token only once its certificate is verified, and the token is that of an
//! account that may read the metrics of nodes and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use hotdesk_http::Error;
use hotdesk_http::http::{Answer, Http};
use hotdesk_http::retry::with_retries;
use hotdesk_slots::text::sanitize_short;
use hotdesk_traffic::pod_usage::pods::node;
use hotdesk_traffic::pod_usage::{Costs, Kubelets, Probes, Sample, Summary};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{ApiResource, DynamicObject};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::api::Cluster;

/// How long one answer may take: a kubelet with a hundred pods needs a second or two.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// The shortest life of a token that Kubernetes gives.
const TOKEN_SECONDS: i64 = 600;

/// A kubelet that just restarts is asked again once.
const RETRIES: usize = 1;

/// The port of a kubelet whose Node does not say it.
const PORT: i64 = 10250;

const ELSE: &str = "set reaper.podUsage.from: prometheus";

/// What the kubelets have counted of these pods.
///
/// # Errors
/// Names the node or the pod of which nothing is known, and what helps.
pub(super) async fn samples(
    cluster: &Cluster,
    kubelets: &Kubelets,
    slot: &str,
    pods: &[&Pod],
) -> Result<Vec<Sample>, String> {
    let mut by_node: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
    for pod in pods {
        by_node.entry(node(pod)).or_default().push(pod);
    }
    if by_node.is_empty() {
        return Ok(Vec::new());
    }
    let asker = Asker {
        http: Http::trusting(&kubelets.ca_file, ANSWER_LIMIT)
            .map_err(|why| format!("{why}: name the kubelets' CA in reaper.podUsage.kubelet.caFile"))?,
        token: token(cluster, kubelets).await?,
        account: format!("{}/{}", kubelets.namespace, kubelets.account),
    };
    let mut samples = Vec::new();
    for (name, pods) in by_node {
        let address = address(cluster, name).await?;
        let at = format!("the kubelet of the node {} ({address})", sanitize_short(name));
        let told = |why: String| format!("{at}: {why}");
        // Probes first: of those that come in between nothing is taken off.
        let probes = asker.get(&address, "/metrics/probes", &at).await?;
        let probes = Probes::read(&String::from_utf8_lossy(&probes)).map_err(told)?;
        let summary = Summary::read(&asker.get(&address, "/stats/summary", &at).await?, slot).map_err(told)?;
        for pod in pods {
            samples.push(sample(pod, &summary, &probes).map_err(told)?);
        }
    }
    Ok(samples)
}

/// A token of the account that reads the metrics of nodes.
async fn token(cluster: &Cluster, kubelets: &Kubelets) -> Result<HeaderValue, String> {
    let Kubelets { namespace, account, .. } = kubelets;
    let what = format!(
        "there is no token of the account {namespace}/{account} for the kubelets (charts/slots gives the right to make one with \
         reaper.podUsage.from: kubelets)"
    );
    let wish = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": TOKEN_SECONDS},
    });
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
    let request = Request::post(path).header(CONTENT_TYPE, "application/json").body(wish.to_string().into_bytes());
    let request = request.map_err(|error| format!("{what}: {error}"))?;
    let made: Value = cluster.answer(&what, cluster.client.request(request)).await?;
    let token = made.pointer("/status/token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| format!("{what}: the API server gave none"))?;
    let mut header =
        HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| format!("{what}: it cannot be sent"))?;
    header.set_sensitive(true);
    Ok(header)
}

/// Where the kubelet of a node is, by the Node: `10.0.0.1:10250`.
async fn address(cluster: &Cluster, name: &str) -> Result<String, String> {
    // All that a Node may say would be a good part of this program.
    let api: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &ApiResource::erase::<Node>(&()));
    let shown = sanitize_short(name);
    let what =
        format!("the node {shown} cannot be read (charts/slots gives the right with reaper.podUsage.from: kubelets)");
    let node = cluster.answer(&what, api.get(name)).await?;
    let addresses = node.data.pointer("/status/addresses").and_then(Value::as_array);
    let of = |kind: &str| {
        let is = |address: &&Value| address.get("type").is_some_and(|written| written == kind);
        addresses.into_iter().flatten().find(is)?.get("address")?.as_str().filter(|host| !host.is_empty())
    };
    let host = ["InternalIP", "InternalDNS", "Hostname"].into_iter().find_map(of);
    let host = host.ok_or_else(|| format!("the node {shown} has no internal address"))?;
    let port = node.data.pointer("/status/daemonEndpoints/kubeletEndpoint/Port").and_then(Value::as_i64);
    let port = port.unwrap_or(PORT);
    Ok(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

struct Asker {
    http: Http,
    token: HeaderValue,
    /// Whose token it is.
    account: String,
}

impl Asker {
    async fn get(&self, address: &str, path: &str, at: &str) -> Result<bytes::Bytes, String> {
        let answer = with_retries(RETRIES, || self.once(address, path)).await;
        answer.map(|answer| answer.body).map_err(|error| format!("{at}: {}", told(&error.to_string())))
    }

    async fn once(&self, address: &str, path: &str) -> Result<Answer, Error> {
        let request = Request::get(format!("https://{address}{path}")).header(AUTHORIZATION, &self.token);
        let request =
            request.body(Full::default()).map_err(|error| Error::Permanent(format!("it cannot be asked: {error}")))?;
        let answer = self.http.send(request).await?;
        let status = answer.status;
        match status {
            StatusCode::OK => Ok(answer),
            StatusCode::UNAUTHORIZED => Err(Error::Permanent(format!(
                "it takes no tokens of the cluster (401): set authentication.webhook there, or {ELSE}"
            ))),
            StatusCode::FORBIDDEN => Err(Error::Permanent(format!(
                "it answered 403: the account {} may not get nodes/stats and nodes/metrics, which charts/slots gives it",
                self.account
            ))),
            StatusCode::NOT_FOUND => Err(Error::Permanent(format!("it has no {path} (404): {ELSE}"))),
            _ => Err(Error::transient(format!("it answered {} to {path}", status.as_u16()))),
        }
    }
}

/// What went wrong, with what helps.
fn told(why: &str) -> String {
    if why.contains("certificate") {
        return format!(
            "its certificate cannot be verified, so it was asked nothing: name its CA in reaper.podUsage.kubelet.caFile, or {ELSE} \
             ({})",
            sanitize_short(why)
        );
    }
    if why.starts_with("it ") {
        return why.to_owned();
    }
    format!("it is out of reach: let the pods of hotdesk-jobs reach that port, or {ELSE} ({})", sanitize_short(why))
}

fn sample(pod: &Pod, summary: &Summary, probes: &Probes) -> Result<Sample, String> {
    let (name, uid) = (pod.name_any(), pod.metadata.uid.clone().unwrap_or_default());
    let missing = |what: &str| format!("it has no counter of {what} of the pod {name}: if that stays, {ELSE}");
    let counters = summary.pod(&uid).ok_or_else(|| missing("anything"))?;
    let (at, bytes) = counters.bytes.ok_or_else(|| missing("the bytes received"))?;
    let (_, cpu) = counters.cpu.ok_or_else(|| missing("the CPU time"))?;
    let probe_bytes = probes.bytes(&uid, &Costs::of(pod));
    Ok(Sample { uid, name, started: counters.started, at, bytes, probe_bytes, cpu_ms: cpu / 1_000_000 })
}
