//! Which data goes with an object, or with its pods, because their volumes do?

use kube::api::DynamicObject;
use serde_json::Value;

use super::first;

/// Where an object has the spec of its pods, of whatever kind it is: a Pod, what makes pods, and what makes Jobs.
const PODS: [&str; 3] = ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec"];

/// Words in the name of an `emptyDir` that say that nobody will miss it. Nearly every chart has such volumes.
const THROWN_AWAY: [&str; 12] =
    ["cache", "dshm", "empty", "lock", "log", "logs", "run", "scratch", "shm", "temp", "tmp", "tmpfs"];

/// What is lost with an object that is data, or says that its data goes with it.
pub(super) fn claimed(live: &DynamicObject, shown: &str) -> Option<String> {
    let at = |pointer: &str| live.data.pointer(pointer);
    match live.types.as_ref()?.kind.as_str() {
        "PersistentVolumeClaim" => Some(format!("the data of {shown}")),
        "StatefulSet" => {
            let claims = at("/spec/volumeClaimTemplates").and_then(Value::as_array)?;
            let when = at("/spec/persistentVolumeClaimRetentionPolicy/whenDeleted")?;
            (!claims.is_empty() && when == "Delete")
                .then(|| format!("the data of the volumes of {shown}, which says whenDeleted: Delete"))
        }
        _ => None,
    }
}

/// What is lost with the pods of an object, one line for each sort of volume.
pub(super) fn lost(live: &DynamicObject, shown: &str) -> Vec<String> {
    let kind = live.types.as_ref().map(|types| types.kind.as_str()).unwrap_or_default();
    let volumes = || PODS.iter().flat_map(|path| volumes_at(live, path));
    let of_pods = if kind == "Pod" { shown.to_owned() } else { format!("the pods of {shown}") };
    let claims = names(volumes().filter(|volume| volume.get("ephemeral").is_some_and(Value::is_object)));
    let mut lost = Vec::new();
    lost.extend(told(&claims, |which| format!("the data of the ephemeral {which} of {of_pods}")));
    // What a Job works with goes with its run, which is told.
    if !matches!(kind, "Job" | "CronJob") {
        let disks = names(volumes().filter(|volume| volume.get("emptyDir").is_some_and(is_disk)));
        let disks: Vec<String> = disks.into_iter().filter(|name| !is_thrown_away(name)).collect();
        let keep = if kind == "Pod" { "keeps in its" } else { "keep in their" };
        lost.extend(told(&disks, |which| format!("what {of_pods} {keep} emptyDir {which}")));
    }
    lost
}

fn volumes_at<'o>(live: &'o DynamicObject, path: &str) -> impl Iterator<Item = &'o Value> + use<'o> {
    let volumes = live.data.pointer(path).and_then(|pod| pod.get("volumes"));
    volumes.and_then(Value::as_array).into_iter().flatten()
}

fn names<'v>(volumes: impl Iterator<Item = &'v Value>) -> Vec<String> {
    volumes.filter_map(|volume| volume.get("name")?.as_str().map(str::to_owned)).collect()
}

/// True for an `emptyDir` on the disk of its node: who asks for memory keeps nothing there.
fn is_disk(empty_dir: &Value) -> bool {
    let medium = empty_dir.get("medium").and_then(Value::as_str);
    empty_dir.is_object() && medium.is_none_or(str::is_empty)
}

fn is_thrown_away(name: &str) -> bool {
    name.split('-').any(|word| THROWN_AWAY.contains(&word))
}

fn told(names: &[String], sentence: impl Fn(String) -> String) -> Option<String> {
    let word = if names.len() == 1 { "volume" } else { "volumes" };
    (!names.is_empty()).then(|| sentence(format!("{word} {}", first(names))))
}

#[cfg(test)]
mod tests {
    use super::super::losses;
    use serde_json::{Value, json};

    #[track_caller]
    fn check_volumes(kind: &str, spec: &Value, expected: &[&str]) {
        let shown = format!("{kind}/web");
        let live = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec});
        let found = losses(&serde_json::from_value(live).unwrap(), &shown);
        assert_eq!(found, expected, "{kind}");
    }

    #[test]
    fn data_that_goes_is_named_by_the_object_as_it_is() {
        let policy = |when: &str| json!({"whenDeleted": when});
        let templates =
            |policy: Value| json!({"volumeClaimTemplates": [{}], "persistentVolumeClaimRetentionPolicy": policy});
        check_volumes("PersistentVolumeClaim", &json!({}), &["the data of PersistentVolumeClaim/web"]);
        check_volumes("Deployment", &templates(policy("Delete")), &[]);
        check_volumes("StatefulSet", &templates(policy("Retain")), &[]);
        check_volumes(
            "StatefulSet",
            &templates(policy("Delete")),
            &["the data of the volumes of StatefulSet/web, which says whenDeleted: Delete"],
        );
        check_volumes("StatefulSet", &json!({"persistentVolumeClaimRetentionPolicy": policy("Delete")}), &[]);
    }

    #[test]
    fn what_is_on_a_disk_of_the_pods_is_lost() {
        let claim = json!({"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}});
        let volumes = |volumes: Value| json!({"volumes": volumes, "containers": []});
        let data = || volumes(json!([{"name": "data", "emptyDir": {}}, {"name": "set", "configMap": {"name": "x"}}]));
        let template = |pod: Value| json!({"template": {"spec": pod}});
        check_volumes("Pod", &data(), &["what Pod/web keeps in its emptyDir volume data"]);
        check_volumes(
            "StatefulSet",
            &template(data()),
            &["what the pods of StatefulSet/web keep in their emptyDir volume data"],
        );
        // A kind that is not Kubernetes' own, with a pod template all the same.
        check_volumes(
            "Rollout",
            &template(data()),
            &["what the pods of Rollout/web keep in their emptyDir volume data"],
        );
        let many = json!([
            {"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {"sizeLimit": "1Gi"}}, {"name": "c", "emptyDir": {}},
            {"name": "d", "emptyDir": {}}, {"name": "e", "ephemeral": claim}, {"name": "tmp", "ephemeral": claim},
        ]);
        check_volumes(
            "Deployment",
            &template(volumes(many)),
            &[
                "the data of the ephemeral volumes e and tmp of the pods of Deployment/web",
                "what the pods of Deployment/web keep in their emptyDir volumes a, b, c and 1 more",
            ],
        );
    }

    #[test]
    fn what_is_thrown_away_anyhow_is_no_loss() {
        let template = |pod: Value| json!({"template": {"spec": pod}});
        let named = |name: &str| template(json!({"volumes": [{"name": name, "emptyDir": {}}]}));
        for name in ["tmp", "tmp-dir", "nginx-cache", "var-run", "logs", "dshm", "empty-dir", "scratch-1", "run-lock"] {
            check_volumes("Deployment", &named(name), &[]);
        }
        for name in ["runner-data", "catalog", "cached", "storage", "workspace"] {
            let told = format!("what the pods of Deployment/web keep in their emptyDir volume {name}");
            check_volumes("Deployment", &named(name), &[&told]);
        }
        let memory = json!({"volumes": [{"name": "data", "emptyDir": {"medium": "Memory"}}]});
        check_volumes("Deployment", &template(memory), &[]);
        // What a Job works with goes with its run, which is told where it is under way.
        check_volumes("Job", &named("data"), &[]);
        check_volumes("CronJob", &json!({"jobTemplate": {"spec": named("data")}}), &[]);
        let claim = json!({"volumes": [{"name": "data", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}]});
        let told = "the data of the ephemeral volume data of the pods of CronJob/web";
        check_volumes("CronJob", &json!({"jobTemplate": {"spec": template(claim)}}), &[told]);
    }
}
