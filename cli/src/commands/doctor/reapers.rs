//! Which reapers are there, and what do their CronJobs say of them? The settings are read as the reapers themselves read them.

use std::collections::{BTreeMap, BTreeSet};

use hotdesk_slots::duration::positive;
use hotdesk_slots::keys;
use hotdesk_traffic::sources::settings::{TrafficSettings, variable};
use hotdesk_traffic::sources::{Kind, PodSelector};
use jiff::SignedDuration;
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use kube::ResourceExt;

/// What a reaper reads there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Uses {
    pub(super) logs: bool,
    pub(super) metrics: bool,
}

/// What a CronJob says of a slot's reaper.
#[derive(Debug, Clone)]
pub(super) struct Reaper {
    pub(super) slot: String,
    /// Where it runs: never in the slot.
    pub(super) namespace: String,
    pub(super) account: String,
    /// The Secrets that its pod mounts or is pulled with.
    pub(super) secrets: BTreeSet<String>,
    pub(super) settings: TrafficSettings,
    /// Runs between the others, for logs that do not last from one to the next.
    pub(super) observes: bool,
    pub(super) template: PodTemplateSpec,
}

impl Reaper {
    /// Reads a slot's CronJobs.
    pub(super) fn read(cron_job: &CronJob, all: &[CronJob]) -> Option<Self> {
        let spec = cron_job.spec.as_ref()?;
        let template = spec.job_template.spec.as_ref()?.template.clone();
        let (slot, namespace) = (slot_of(cron_job)?.to_owned(), cron_job.namespace()?);
        let observing =
            |other: &&CronJob| slot_of(*other) == Some(slot.as_str()) && other.name_any() != cron_job.name_any();
        Some(Self {
            account: template.spec.as_ref()?.service_account_name.clone().unwrap_or_else(|| "default".to_owned()),
            settings: settings(&template),
            observes: all.iter().filter(observing).any(observes),
            secrets: secrets(&template),
            slot,
            namespace,
            template,
        })
    }

    /// The pods that it reads.
    pub(super) fn places(&self) -> Vec<(PodSelector, Uses)> {
        let mut places: BTreeMap<PodSelector, Uses> = BTreeMap::new();
        for source in &self.settings.sources {
            match &source.kind {
                Kind::IngressLogs(logs) => places.entry(logs.place.clone()).or_default().logs = true,
                Kind::IngressMetrics(metrics) => places.entry(metrics.place.clone()).or_default().metrics = true,
                Kind::Prometheus(_) | Kind::Loki(_) | Kind::GcpLogging(_) => {}
            }
        }
        places.into_iter().collect()
    }
}

/// What a CronJob says of the job that reads once for all slots.
#[derive(Debug, Clone)]
pub(super) struct Observer {
    pub(super) namespace: String,
    pub(super) account: String,
    pub(super) settings: TrafficSettings,
    /// What it refuses to start with.
    pub(super) problems: Vec<String>,
}

impl Observer {
    /// Reads a CronJob, if it is that of such a job.
    pub(super) fn read(cron_job: &CronJob) -> Option<Self> {
        cron_job.labels().get("app.kubernetes.io/component").filter(|component| *component == "observer")?;
        let template = &cron_job.spec.as_ref()?.job_template.spec.as_ref()?.template;
        let account = template.spec.as_ref()?.service_account_name.clone()?;
        let settings = settings(template);
        let problems = Self::problems(&settings, &environment(template));
        Some(Self { namespace: cron_job.namespace()?, account, settings, problems })
    }

    fn problems(settings: &TrafficSettings, env: &BTreeMap<String, String>) -> Vec<String> {
        let length = |name: &&str| {
            let why = positive::<SignedDuration>(env.get(*name)?).err()?;
            Some(format!("{name}: {why}"))
        };
        let others = settings.sources.iter().filter(|source| source.observed().is_none());
        let others = others.map(|source| {
            format!(
                "{}: {} is no source of the type ingress-logs, and it reads no other",
                variable::SOURCES,
                source.name
            )
        });
        let read = settings.problems.iter().map(ToString::to_string);
        read.chain(others).chain([variable::REACH, variable::EVIDENCE_STEP].iter().filter_map(length)).collect()
    }
}

/// Which slot one of hotdesk's own jobs is for. What is in a slot itself carries the same label, and is none of them.
pub(super) fn slot_of<K: ResourceExt>(job: &K) -> Option<&str> {
    let slot = job.labels().get(keys::SLOT).map(String::as_str)?;
    (job.meta().namespace.as_deref() != Some(slot)).then_some(slot)
}

/// True for the CronJob that reaps this slot.
pub(super) fn reaps(cron_job: &CronJob, slot: &str) -> bool {
    slot_of(cron_job) == Some(slot) && !observes(cron_job)
}

fn secrets(template: &PodTemplateSpec) -> BTreeSet<String> {
    let pod = template.spec.iter();
    let pulled = pod.clone().flat_map(|pod| pod.image_pull_secrets.iter().flatten()).map(|secret| secret.name.clone());
    let mounted =
        pod.flat_map(|pod| pod.volumes.iter().flatten()).filter_map(|v| v.secret.as_ref()?.secret_name.clone());
    pulled.chain(mounted).collect()
}

fn observes(cron_job: &CronJob) -> bool {
    let template = cron_job.spec.as_ref().and_then(|spec| spec.job_template.spec.as_ref()).map(|job| &job.template);
    let message = |text: &String| text.contains("observe");
    let pod = template.and_then(|template| template.spec.as_ref());
    let mut args = pod.into_iter().flat_map(|pod| &pod.containers).flat_map(|c| c.args.iter().flatten());
    let by_env = template.is_some_and(|t| environment(t).get("HOTDESK_OBSERVE").is_some_and(|value| value == "true"));
    by_env || args.any(message)
}

fn settings(template: &PodTemplateSpec) -> TrafficSettings {
    let env = environment(template);
    TrafficSettings::read(|name| env.get(name).map(String::as_str))
}

/// The variables of a pod's containers. One without a value is empty; what one from elsewhere holds is not known here.
fn environment(template: &PodTemplateSpec) -> BTreeMap<String, String> {
    let pod = template.spec.as_ref();
    let env = pod.into_iter().flat_map(|pod| &pod.containers).flat_map(|container| container.env.iter().flatten());
    let here = env.filter(|env| env.value_from.is_none());
    // Kubernetes reads `$$` as `$`.
    here.map(|env| (env.name.clone(), env.value.as_deref().unwrap_or_default().replace("$$", "$"))).collect()
}

#[cfg(test)]
mod tests {
    use hotdesk_traffic::sources::Question;
    use serde_json::{Value, json};

    use super::*;

    /// One of the CronJobs of a slot's, with this pod.
    fn cron_job(name: &str, namespace: &str, pod: &Value) -> CronJob {
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": namespace, "labels": {"hotdesk.dev/slot": "mew"}},
            "spec": {"schedule": "7 * * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
        }))
        .unwrap()
    }

    #[test]
    fn a_reaper_is_told_from_what_observes_and_from_what_is_in_the_slot_itself() {
        let pod = |args: &[&str]| json!({"serviceAccountName": "reaper-mew", "containers": [{"name": "reaper", "args": args}]});
        let own = cron_job("reap-mew", "hotdesk-jobs", &pod(&[]));
        let observer = cron_job("observe-mew", "hotdesk-jobs", &pod(&["--observe"]));
        // The gate puts the label on whatever is written in a slot.
        let peoples = cron_job("hotdesk-reaper", "mew", &pod(&[]));
        let found = [&own, &observer, &peoples].map(|job| reaps(job, "mew"));
        assert_eq!(found, [true, false, false]);
        assert!(!reaps(&own, "mewtwo"));
        let all = [own.clone(), observer, peoples.clone()];
        let reaper = Reaper::read(&own, &all).unwrap();
        assert_eq!((reaper.slot.as_str(), reaper.namespace.as_str(), reaper.observes), ("mew", "hotdesk-jobs", true));
        assert!(!Reaper::read(&own, &[own.clone(), peoples.clone()]).unwrap().observes);
        assert!(Reaper::read(&peoples, &all).is_none());
    }

    #[test]
    fn the_secrets_that_it_needs_are_those_that_its_pod_names() {
        let mounted = |name: &str| json!({"name": name, "secret": {"secretName": name}});
        let volumes = [mounted("slack"), mounted("google"), json!({"name": "tmp", "emptyDir": {}})];
        let pod = json!({"imagePullSecrets": [{"name": "registry"}], "containers": [], "volumes": volumes});
        let reaper = Reaper::read(&cron_job("reap-mew", "hotdesk-jobs", &pod), &[]).unwrap();
        assert_eq!(reaper.secrets.iter().collect::<Vec<_>>(), ["google", "registry", "slack"]);
    }

    #[test]
    fn settings_are_read_as_kubernetes_hands_them_over() {
        let env = json!([
            {"name": "HOTDESK_INGRESS_NAMESPACE", "value": "traefik"},
            {"name": "HOTDESK_WINDOW", "value": "90m"},
            // An empty value is not stored.
            {"name": "HOTDESK_OFFICE_HOURS"},
            {"name": "HOTDESK_SESSION_GRACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "HOTDESK_SOURCES", "value": "[{type: ingress-logs}, {type: ingress-metrics, controller: traefik}, {type: prometheus, url: 'http://p', query: 'x{exported_namespace=\"$$namespace\"}[$$window]', sight: up}]"},
        ]);
        let pod = json!({"containers": [{"name": "reaper", "env": env}]});
        let reaper = Reaper::read(&cron_job("reap-mew", "hotdesk-jobs", &pod), &[]).unwrap();
        assert_eq!(reaper.settings.problems, []);
        assert_eq!(reaper.settings.windows.longest().as_mins(), 90);
        let places = reaper.places();
        assert_eq!(places.len(), 1, "{places:?}");
        assert_eq!(places[0].1, Uses { logs: true, metrics: true });
        assert_eq!(places[0].0.namespace, "traefik");
        let Kind::Prometheus(prometheus) = &reaper.settings.sources[2].kind else { panic!("{reaper:?}") };
        let Question::Own { query, .. } = &prometheus.question else { panic!("{prometheus:?}") };
        assert_eq!(query, "x{exported_namespace=\"$namespace\"}[$window]");
    }
}
