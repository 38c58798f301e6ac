//! Where do the reapers look for traffic? Read from the CronJobs, as the reapers themselves read it.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum as _;
use hotdesk_slots::keys;
use hotdesk_traffic::line::Format;
use hotdesk_traffic::pod_usage;
use hotdesk_traffic::sources::{self, Defaults, Kind, Place, Source, default, share};
use jiff::SignedDuration;
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use kube::ResourceExt;
use serde_json::Value;

const DEFAULT_WINDOW: SignedDuration = SignedDuration::from_hours(2);
const DEFAULT_GRACE: SignedDuration = SignedDuration::from_hours(4);
const DEFAULT_SAVED: &str = "hotdesk-saved";

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
    /// Where it writes down what it is about to uninstall.
    pub(super) saved: String,
    /// The Secrets that its pod mounts or is pulled with.
    pub(super) secrets: BTreeSet<String>,
    pub(super) sources: Result<Vec<Source>, String>,
    /// Where it sees the usage of the slot's own pods; none: it does not look at that.
    pub(super) pod_usage: Result<Option<pod_usage::Settings>, String>,
    /// The longest window that is ever in force.
    pub(super) window: SignedDuration,
    /// The share of log lines that may be unreadable.
    pub(super) max_unparsed: f64,
    /// The classes of Ingress that its sources read; none: the cluster's IngressClasses say.
    pub(super) classes: Vec<String>,
    /// What comes past every controller does not count as use.
    pub(super) ignore_direct: bool,
    /// For how long a session counts at least.
    pub(super) session_grace: SignedDuration,
    /// It takes a slot for idle also where nobody noted sessions.
    pub(super) ignores_sessions: bool,
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
        let env = environment(&template);
        let get = |name: &str| env.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let observing =
            |other: &&CronJob| slot_of(*other) == Some(slot.as_str()) && other.name_any() != cron_job.name_any();
        Some(Self {
            account: template.spec.as_ref()?.service_account_name.clone().unwrap_or_else(|| "default".to_owned()),
            sources: sources(&get),
            pod_usage: pod_usage::read(get("HOTDESK_POD_USAGE").unwrap_or_default())
                .map_err(|problems| problems.join("; ")),
            window: window(get("HOTDESK_WINDOW"), get("HOTDESK_OFFICE_HOURS")),
            max_unparsed: share(get("HOTDESK_MAX_UNPARSED").unwrap_or(default::MAX_UNPARSED)).unwrap_or_default(),
            classes: get("HOTDESK_INGRESS_CLASS")
                .into_iter()
                .flat_map(|all| all.split(','))
                .map(str::to_owned)
                .collect(),
            ignore_direct: get("HOTDESK_IGNORE_DIRECT_TRAFFIC") == Some("true"),
            session_grace: get("HOTDESK_SESSION_GRACE").and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_GRACE),
            ignores_sessions: get("HOTDESK_IGNORE_UNNOTED_SESSIONS") == Some("true"),
            observes: all.iter().filter(observing).any(observes),
            saved: get("HOTDESK_SAVED_NAMESPACE").unwrap_or(DEFAULT_SAVED).to_owned(),
            secrets: secrets(&template),
            slot,
            namespace,
            template,
        })
    }

    /// The pods that it reads.
    pub(super) fn places(&self) -> Vec<(Place, Uses)> {
        let mut places: BTreeMap<Place, Uses> = BTreeMap::new();
        for source in self.sources.iter().flatten() {
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
    pub(super) sources: Result<Vec<Source>, String>,
}

impl Observer {
    /// Reads a CronJob, if it is that of such a job.
    pub(super) fn read(cron_job: &CronJob) -> Option<Self> {
        cron_job.labels().get("app.kubernetes.io/component").filter(|component| *component == "observer")?;
        let template = &cron_job.spec.as_ref()?.job_template.spec.as_ref()?.template;
        let env = environment(template);
        let get = |name: &str| env.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let account = template.spec.as_ref()?.service_account_name.clone()?;
        Some(Self { namespace: cron_job.namespace()?, account, sources: sources(&get) })
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
    let says = |text: &String| text.contains("observe");
    let pod = template.and_then(|template| template.spec.as_ref());
    let mut args = pod.into_iter().flat_map(|pod| &pod.containers).flat_map(|c| c.args.iter().flatten());
    let by_env = template.is_some_and(|t| environment(t).get("HOTDESK_OBSERVE").is_some_and(|value| value == "true"));
    by_env || args.any(says)
}

/// The settings of a pod's containers.
fn environment(template: &PodTemplateSpec) -> BTreeMap<String, String> {
    let pod = template.spec.as_ref();
    let env = pod.into_iter().flat_map(|pod| &pod.containers).flat_map(|container| container.env.iter().flatten());
    // Kubernetes reads `$$` as `$`.
    env.filter_map(|env| Some((env.name.clone(), env.value.as_ref()?.replace("$$", "$")))).collect()
}

fn sources<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Result<Vec<Source>, String> {
    let or = |name: &str, default: &'static str| get(name).unwrap_or(default).to_owned();
    let format = or("HOTDESK_INGRESS_LOG_FORMAT", "auto");
    let format = Format::from_str(&format, false).map_err(|_| format!("it knows no log format {format}"))?;
    let place = Place {
        namespace: or("HOTDESK_INGRESS_NAMESPACE", default::NAMESPACE),
        selector: or("HOTDESK_INGRESS_SELECTOR", default::SELECTOR),
        container: or("HOTDESK_INGRESS_CONTAINER", default::CONTAINER),
    };
    let written = get("HOTDESK_SOURCES").unwrap_or(default::SOURCES);
    sources::read(written, &Defaults { place, format })
        .map_err(|problems| format!("its sources cannot be read: {}", problems.join("; ")))
}

/// The longest window of them all.
fn window(always: Option<&str>, office: Option<&str>) -> SignedDuration {
    let length = |text: &str| text.parse::<SignedDuration>().ok();
    let hours: Vec<Value> = office.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let office = hours.iter().filter_map(|hours| length(hours.get("window")?.as_str()?));
    always.and_then(length).into_iter().chain(office).max().unwrap_or(DEFAULT_WINDOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotdesk_traffic::line::keys::Keys;
    use hotdesk_traffic::sources::Question;
    use serde_json::json;

    /// One of the CronJobs of a slot's, with this pod.
    fn cron_job(name: &str, namespace: &str, pod: &Value) -> CronJob {
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": namespace, "labels": {"hotdesk.dev/slot": "mew"}},
            "spec": {"schedule": "7 * * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
        }))
        .unwrap()
    }

    fn reaper(env: &[(&str, &str)]) -> Reaper {
        let env: Vec<Value> = env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let pod = json!({"serviceAccountName": "reaper-mew", "containers": [{"name": "reaper", "env": env}]});
        Reaper::read(&cron_job("reap-mew", "hotdesk-jobs", &pod), &[]).unwrap()
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
    fn without_a_word_it_reads_ingress_nginx() {
        let reaper = reaper(&[]);
        let (place, uses) = reaper.places().remove(0);
        assert_eq!((place.namespace.as_str(), place.container.as_str()), ("ingress-nginx", "controller"));
        assert_eq!(uses, Uses { logs: true, metrics: false });
        assert_eq!(reaper.window, SignedDuration::from_hours(2));
        assert!((reaper.max_unparsed - 0.01).abs() < 1e-9);
        assert_eq!((share("5%"), share("0.05"), share("a").ok()), (Ok(0.05), Ok(0.05), None));
    }

    #[test]
    fn sources_are_read_as_the_reaper_reads_them() {
        let reaper = reaper(&[
            ("HOTDESK_INGRESS_NAMESPACE", "traefik"),
            ("HOTDESK_INGRESS_CONTAINER", "traefik"),
            ("HOTDESK_WINDOW", "90m"),
            ("HOTDESK_OFFICE_HOURS", r#"[{"timeZone": "UTC", "from": "08:00", "to": "18:00", "window": "4h"}]"#),
            (
                "HOTDESK_SOURCES",
                "[{type: ingress-logs, logFormat: json, fields: {upstream: to}}, {type: ingress-metrics, controller: traefik}, {type: prometheus, url: 'http://p', query: 'x{exported_namespace=\"$$namespace\"}[$$window]', sight: up}]",
            ),
        ]);
        assert_eq!(reaper.window, SignedDuration::from_hours(4));
        let places = reaper.places();
        assert_eq!(places.len(), 1, "{places:?}");
        assert_eq!(places[0].1, Uses { logs: true, metrics: true });
        assert_eq!(places[0].0.namespace, "traefik");
        let sources = reaper.sources.unwrap();
        let Kind::IngressLogs(logs) = &sources[0].kind else { panic!("{sources:?}") };
        let keys = Keys { upstream: Some("to".to_owned()), ..Keys::default() };
        assert_eq!(logs.format, Format::Json(keys));
        let Kind::Prometheus(prometheus) = &sources[2].kind else { panic!("{sources:?}") };
        let Question::Own { query, .. } = &prometheus.question else { panic!("{prometheus:?}") };
        assert_eq!(query, "x{exported_namespace=\"$namespace\"}[$window]");
    }

    #[test]
    fn sources_that_nobody_can_read_are_said() {
        for (written, says) in [
            ("[{type", "its sources cannot be read: --sources is not a list"),
            ("[{type: ingress-logs, fields: {upstream: to}}]", "fields: they go with logFormat: json"),
        ] {
            let why = reaper(&[("HOTDESK_SOURCES", written)]).sources.unwrap_err();
            assert!(why.contains(says), "{why}");
        }
        let why = reaper(&[("HOTDESK_INGRESS_LOG_FORMAT", "apache")]).sources.unwrap_err();
        assert_eq!(why, "it knows no log format apache");
    }
}
