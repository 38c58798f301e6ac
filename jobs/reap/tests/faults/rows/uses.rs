//! Uses that are not ingress requests, and what is none: the rows that hold without a record of sessions.

use hotdesk_http::fake_server::Reply;
use serde_json::json;

use super::{Expect, Row, row};
use crate::world::{ago, idle, line, second};

pub(crate) fn rows() -> Vec<Row> {
    let claimed = |minutes| {
        idle().with(|world| {
            world.spec = json!({"claim": {"users": ["alice@example.com"]}});
            world.status = json!({"claimedAt": second(ago(minutes))});
        })
    };
    let kept = |until| idle().with(|world| world.spec = json!({"keepUntil": second(ago(until))}));
    // nginx logs a WebSocket once it is closed.
    let web_socket = line(20, "mew-web-80", "/socket", "curl/8.5").replace("\" 200 6", "\" 101 6");
    // An autoscaler at work: each look finds more replicas, just scaled, and a pod that has just come.
    let scales = idle().fault(|world, request| {
        let now = second(ago(0));
        let more = world.requests;
        let by =
            json!([{"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale", "time": now}]);
        let metadata = json!({
            "name": "web", "namespace": "mew", "uid": "d1", "creationTimestamp": second(ago(300)), "generation": more,
            "managedFields": by,
        });
        let young = json!({"name": "web-new", "namespace": "mew", "uid": "p1", "creationTimestamp": now});
        let item = match request.path() {
            "/apis/apps/v1/namespaces/mew/deployments" => json!({
                "metadata": metadata, "spec": {"replicas": more}, "status": {"replicas": more, "readyReplicas": 1},
            }),
            "/apis/autoscaling/v2/namespaces/mew/horizontalpodautoscalers" => json!({
                "metadata": metadata, "status": {"lastScaleTime": now, "currentReplicas": 1, "desiredReplicas": more},
            }),
            "/api/v1/namespaces/mew/pods" => json!({"metadata": young, "status": {"phase": "Pending"}}),
            _ => return None,
        };
        (request.method == "GET").then(|| Reply::Json(200, json!({"metadata": {}, "items": [item]})))
    });
    vec![
        row("control, e20: an HPA scales, and that is all", Expect::Reaped, scales),
        row("e25: a WebSocket that was closed", Expect::Kept, idle().with(|world| world.log.push_str(&web_socket))),
        row("e35: the slot was claimed within the window", Expect::Kept, claimed(30)),
        row("control, e35: it was claimed before it", Expect::Reaped, claimed(61)),
        row("e37: kept on request", Expect::Kept, kept(-240)),
        row("control, e37: kept until now", Expect::Reaped, kept(1)),
    ]
}
