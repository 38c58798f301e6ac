//! Whatever an API server can send is answered: the largest reviews, all at once, with small ones in between.
//!
//! Rows a82 to a84 and a92 to a96 of the attack table, as far as they are the webhook's. The program is the one that is
//! tested elsewhere too, unoptimised, so a large review takes it ten times as long as in a cluster: the API server of these tests
//! waits for 30 s where another waits for 5.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

use super::{ALICE, Webhook};
use crate::support::{Client, PATH, allowed, head, review, wait_for};

const MIB: usize = 1 << 20;
/// What the chart allows the webhook (webhook.resources), without what an optimised program saves.
const MEMORY_LIMIT: usize = 384 * MIB;
const REPLICA_SETS: &str = "system:serviceaccount:kube-system:replicaset-controller";

/// One at a time: each keeps every core busy, and some say how long others wait for it.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// JSON with so many `<` in it, each of which an API server writes as six bytes.
fn escaped(bytes: usize) -> String {
    format!(r#""{}""#, r"\u003c".repeat(bytes / 6))
}

/// A review of an object with a forged owner and this much in it, and its old self: as an API server writes it, in its order.
fn large(username: &str, operation: &str, new: usize, old: usize) -> String {
    let object = |bytes: usize| match bytes {
        0 => "null".to_owned(),
        _ => format!(
            r#"{{"metadata":{{"name":"web","labels":{{"app":"web","hotdesk.dev/owner":"forged"}}}},"data":{{"a":{}}}}}"#,
            escaped(bytes)
        ),
    };
    [
        r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u-1","#,
        r#""kind":{"group":"","version":"v1","kind":"ConfigMap"},"#,
        r#""resource":{"group":"","version":"v1","resource":"configmaps"},"#,
        &format!(r#""name":"web","namespace":"pikachu","operation":"{operation}","#),
        &format!(r#""userInfo":{{"username":"{username}"}},"object":{},"oldObject":{},"#, object(new), object(old)),
        r#""dryRun":false,"options":null}}"#,
    ]
    .concat()
}

fn in_group(review: &str, group: &str) -> String {
    review.replace(r#""username":"#, &format!(r#""groups":["{group}"],"username":"#))
}

impl Webhook {
    fn asked(&self, path: &str, body: &str) -> Value {
        let answer = self.client().post(&format!("{path}?timeout=30s"), body);
        assert_eq!(answer.0, 200, "{answer:?}");
        let answer: Value = serde_json::from_str(&answer.1).unwrap();
        assert_eq!(answer["response"]["uid"], "u-1");
        answer["response"].clone()
    }

    /// The most memory that it ever used.
    fn peak(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        kib.unwrap().parse::<usize>().unwrap() << 10
    }
}

/// The owner's label after the answer's patch.
fn stamped_owner(response: &Value) -> Value {
    let patch = base64::engine::general_purpose::STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
    let patch: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
    let mut object = json!({"metadata": {"name": "web", "labels": {"app": "web", "hotdesk.dev/owner": "forged"}}});
    json_patch::patch(&mut object, &patch).unwrap();
    object["metadata"]["labels"]["hotdesk.dev/owner"].clone()
}

#[track_caller]
fn is_stamped(response: &Value) {
    assert_eq!(response["allowed"], true, "{response}");
    assert_eq!(stamped_owner(response), "alice_at_example.com");
}

#[track_caller]
fn is_too_large(response: &Value) {
    assert_eq!(response["allowed"], false);
    assert_eq!(response["status"]["code"], 413, "{response}");
    assert_eq!(response["auditAnnotations"]["decision"], "deny too-large");
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.contains("webhook.maxReviewBytes") && message.contains("can still be deleted"), "{message}");
}

#[test]
fn a82_what_a_controller_makes_of_a_large_object_carries_the_claims_stamp() {
    let _alone = alone();
    let webhook = Webhook::ready(&[]);
    is_stamped(&webhook.asked("/mutate", &large(REPLICA_SETS, "CREATE", 31 * MIB, 0)));
    // An HTTP error would be ignored, and the pod be made with the forged owner. This is a denial.
    is_too_large(&webhook.asked("/mutate", &large(REPLICA_SETS, "CREATE", 33 * MIB, 0)));
}

#[test]
fn a83_nothing_is_too_large_to_be_deleted_and_break_glass_always_works() {
    let _alone = alone();
    let webhook = Webhook::ready(&[]);
    for size in [9 * MIB, 33 * MIB] {
        assert_eq!(webhook.asked("/validate", &large(ALICE, "DELETE", 0, size))["allowed"], true, "{size}");
    }
    let strangers = webhook.asked("/validate", &large("bob@example.com", "DELETE", 0, 9 * MIB));
    assert_eq!(strangers["auditAnnotations"]["decision"], "deny held");
    assert_eq!(strangers["status"]["code"], 403);
    is_too_large(&webhook.asked("/mutate", &large(ALICE, "UPDATE", 17 * MIB, 16 * MIB)));
    let update = in_group(&large("root", "UPDATE", 17 * MIB, 16 * MIB), "system:masters");
    is_stamped(&webhook.asked("/mutate", &update));
}

#[test]
fn a84_an_honest_large_object_is_made_and_changed() {
    let _alone = alone();
    let webhook = Webhook::ready(&[]);
    // 700 kB in the cluster, and the largest that an API server takes and etcd stores.
    for (new, old) in [(4_200_000, 0), (4_200_000, 4_200_000), (18 * MIB, 0), (18 * MIB, 9 * MIB)] {
        let operation = if old == 0 { "CREATE" } else { "UPDATE" };
        is_stamped(&webhook.asked("/mutate", &large(ALICE, operation, new, old)));
    }
    let strangers = webhook.asked("/mutate", &large("bob@example.com", "UPDATE", 4_200_000, 4_200_000));
    assert_eq!(strangers["auditAnnotations"]["decision"], "deny held");
}

#[test]
fn a92_depth_is_skipped_without_a_crash() {
    let _alone = alone();
    let webhook = Webhook::ready(&[]);
    let deep = |bytes: usize| format!("{}{}", "[".repeat(bytes / 2), "]".repeat(bytes / 2));
    for depth in [200_000, 6 * MIB] {
        let body = large(ALICE, "CREATE", 6, 0).replace(r#""\u003c""#, &deep(depth));
        is_stamped(&webhook.asked("/mutate", &body));
        let inside = large(ALICE, "CREATE", 6, 0).replace(r#""forged""#, &deep(depth));
        let answer = webhook.asked("/mutate", &inside);
        assert_eq!(answer["auditAnnotations"]["decision"], "deny error", "{answer}");
    }
    is_stamped(&webhook.asked("/mutate", &large(ALICE, "CREATE", 6, 0)));
}

#[test]
fn a93_a_key_that_is_there_twice_is_refused_however_large_the_review() {
    let _alone = alone();
    let webhook = Webhook::ready(&[]);
    for size in [6, 5 * MIB] {
        let body = large(ALICE, "CREATE", size, 0);
        let key = r#""hotdesk.dev/owner":"forged""#;
        for twice in [
            body.replace(key, &format!(r#"{key},"hotdesk.dev/owner":"alice_at_example.com""#)),
            body.replace(key, &format!(r#"{key},"\u0068otdesk.dev/owner":"alice_at_example.com""#)),
            body.replace(r#""metadata""#, r#""metadata":{},"metadata""#),
            body.replace(r#""userInfo""#, r#""userInfo":{"username":"root"},"userInfo""#),
            body.replace(r#""operation""#, r#""operation":"DELETE","operation""#),
        ] {
            let answer = webhook.asked("/mutate", &twice);
            let message = answer["status"]["message"].as_str().unwrap();
            assert!(message.contains("twice") || message.contains("duplicate field"), "{answer}");
        }
    }
}

#[test]
fn a94_what_is_no_json_is_refused_and_nothing_is_unpacked() {
    let _alone = alone();
    let webhook = Webhook::ready(&[]);
    let packed = [&[0x1f, 0x8b, 8][..], &[0; 5 * MIB]].concat();
    for length in [1000, packed.len()] {
        let mut client = webhook.client();
        let head = head("POST", &format!("{PATH}/mutate"), "application/json", length).replacen(
            "\r\n",
            "\r\nContent-Encoding: gzip\r\n",
            1,
        );
        client.send(head.as_bytes());
        client.send_while_taken(&packed[..length]);
        assert_eq!(client.answer().0, 400);
    }
    assert!(webhook.peak() < 100 * MIB, "{} MiB", webhook.peak() / MIB);
}

#[test]
fn the_length_of_a_review_need_not_be_announced() {
    let _alone = alone();
    let webhook = Webhook::ready(&[]);
    for size in [1000, 9 * MIB] {
        let body = large(ALICE, "CREATE", size, 0);
        let mut client = webhook.client();
        let head = head("POST", &format!("{PATH}/mutate?timeout=30s"), "application/json", 0)
            .replace("Content-Length: 0", "Transfer-Encoding: chunked");
        client.send(format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes());
        assert!(allowed(&client.answer()), "{size}");
    }
}

/// Asks about a small object again and again until this is done, and says how long the slowest and the median answer took.
fn small_ones_while(webhook: &Webhook, done: impl Fn() -> bool) -> (Duration, Duration) {
    let mut client = webhook.client();
    let body = review(ALICE).to_string();
    let mut took = Vec::new();
    while !done() {
        let began = Instant::now();
        assert!(allowed(&client.post("/mutate", &body)), "within the API server's five seconds");
        took.push(began.elapsed());
    }
    took.sort_unstable();
    (took[took.len() - 1], took[took.len() / 2])
}

/// How large the large ones are of which there are four at once. Unoptimised, four of the largest take a busy machine longer than
/// any API server waits; tests/e2e sends those.
const EACH: usize = if cfg!(debug_assertions) { 5 * MIB } else { 15 * MIB };

#[test]
fn four_of_the_largest_at_once_stay_in_bounds_and_small_ones_do_not_wait() {
    let _alone = alone();
    let webhook = Webhook::ready(&[]);
    let before = webhook.peak();
    let (body, address) = (large(ALICE, "UPDATE", EACH, EACH), webhook.reviews);
    let (body, issued) = (&body, &webhook.issued);
    let (slowest, median) = std::thread::scope(|scope| {
        let ask = || allowed(&Client::connect(address, issued).post("/mutate?timeout=30s", body));
        let asking: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        let took = small_ones_while(&webhook, || asking.iter().all(std::thread::ScopedJoinHandle::is_finished));
        assert!(asking.into_iter().all(|asked| asked.join().unwrap()));
        took
    });
    println!("small ones: median {median:?}, slowest {slowest:?}; memory: {} MiB", webhook.peak() / MIB);
    assert!(slowest < Duration::from_secs(2) && median < Duration::from_millis(200), "{median:?}, {slowest:?} at most");
    assert!(webhook.peak() - before < 32 * MIB, "{} MiB, and {} before", webhook.peak() / MIB, before / MIB);
}

#[test]
fn memory_stays_below_the_charts_limit_with_the_budget_full() {
    let _alone = alone();
    let webhook = Webhook::ready(&[]);
    // A third of the bodies are of the worst kind: each of their many keys is a piece of memory, and of the answer.
    let labels: Vec<String> = (0..160_000).map(|i| format!(r#""hotdesk.dev/{i}":"""#)).collect();
    let worst = large(ALICE, "CREATE", 6, 0).replace(r#""app":"web""#, &labels.join(","));
    assert!((3 * MIB..4 * MIB).contains(&worst.len()), "{}", worst.len());
    let bodies = [(worst, 4), (large(ALICE, "CREATE", 4_100_000, 0), 8), (large(ALICE, "CREATE", 250_000, 0), 64)];
    // All of it but the last byte, so that all bodies are there at the same time.
    let mut sent: Vec<(Client, &str)> = Vec::new();
    for (body, count) in &bodies {
        for _ in 0..*count {
            let (most, last) = body.split_at(body.len() - 1);
            let mut client = webhook.client();
            client.head("/mutate?timeout=30s", body.len());
            client.send(most.as_bytes());
            sent.push((client, last));
        }
    }
    for (client, last) in &mut sent {
        client.send(last.as_bytes());
    }
    for (mut client, _) in sent {
        assert!(allowed(&client.answer()));
    }
    println!("memory: {} MiB", webhook.peak() / MIB);
    assert!(webhook.peak() > 48 * MIB, "the budget was not full: {} MiB", webhook.peak() / MIB);
    assert!(webhook.peak() < MEMORY_LIMIT, "{} MiB", webhook.peak() / MIB);
}

#[test]
fn a96_sixty_thousand_reserved_labels_four_times_at_once_stop_nobody() {
    let _alone = alone();
    let webhook = Webhook::ready(&[]);
    let labels: Vec<String> = (0..60_000).map(|i| format!(r#""hotdesk.dev/{i}":"bob""#)).collect();
    let labels = format!(r#""labels":{{{}}}"#, labels.join(","));
    let body =
        review("bob@example.com").to_string().replace(r#""name":"web"}"#, &format!(r#""name":"web",{labels}}}"#));
    let pod = review(REPLICA_SETS).to_string();
    let (body, webhook) = (&body, &webhook);
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..4).map(|_| scope.spawn(|| webhook.asked("/mutate", body))).collect();
        let mut client = webhook.client();
        while !asking.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            assert!(allowed(&client.post("/mutate?timeout=2s", &pod)), "machinery is answered in time");
        }
        for asked in asking {
            let answer = asked.join().unwrap();
            assert_eq!(answer["auditAnnotations"]["decision"], "deny held", "{answer}");
        }
    });
}

#[test]
fn slow_senders_of_large_reviews_keep_no_memory_from_others() {
    let _alone = alone();
    let webhook = Webhook::ready(&["--body-budget-bytes", "16Mi"]);
    let slow: Vec<Client> = (0..8)
        .map(|_| {
            let mut slow = webhook.client();
            slow.head("/mutate?timeout=2s", 20 * MIB);
            slow.send(br#"{"request":{"uid":"u-1","object":{"#);
            slow
        })
        .collect();
    wait_for("the slow reviews to be under way", || super::get(webhook.health, "/metrics").1.contains("in_flight 8"));
    is_stamped(&webhook.asked("/mutate", &large(ALICE, "CREATE", 5 * MIB, 0)));
    for mut slow in slow {
        let answer = slow.answer();
        assert!(!allowed(&answer), "{answer:?}");
        assert!(
            answer.1.contains("did not arrive in time") || answer.1.contains("too many large objects"),
            "{answer:?}"
        );
    }
}
