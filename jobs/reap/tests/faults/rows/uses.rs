//! Uses that are not ingress requests, and what is none: the rows that hold without a record of sessions.

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
    let scaled = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web", "namespace": "mew"},
        "status": {"lastScaleTime": second(ago(5)), "currentReplicas": 3, "desiredReplicas": 3},
    });
    vec![
        row(
            "control, e20: an HPA scales, and that is all",
            Expect::Reaped,
            idle().with(|world| world.objects.push(scaled)),
        ),
        row("e25: a WebSocket that was closed", Expect::Kept, idle().with(|world| world.log.push_str(&web_socket))),
        row("e35: the slot was claimed within the window", Expect::Kept, claimed(30)),
        row("control, e35: it was claimed before it", Expect::Reaped, claimed(61)),
        row("e37: kept on request", Expect::Kept, kept(-240)),
        row("control, e37: kept until now", Expect::Reaped, kept(1)),
    ]
}
