//! What do the flags, the variables and the file of a Traefik say of what it logs, and of which objects it takes?
//!
//! Its file comes first, where there is one, and it then reads no flag. One that is neither in a ConfigMap nor in YAML cannot
//! be seen here: what it leaves out of the log is then unknown, and that is not nothing.

use hotdesk_slots::text::sanitize_short;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use serde_json::Value;

use super::super::From;
use super::super::boolean::is_off;
use super::mounted::{self, Mounted};
use super::{Hidden, arguments, namespace};

mod like_nginx;

pub(crate) use like_nginx::LikeNginx;

/// Where its log goes to the container's output.
const OUTPUTS: [&str; 4] = ["", "/dev/stdout", "/dev/stderr", "/proc/1/fd/1"];

/// Where it looks for a file that no flag names.
const FILES: [&str; 6] = [
    "/etc/traefik/traefik.toml",
    "/etc/traefik/traefik.yaml",
    "/etc/traefik/traefik.yml",
    "/traefik.toml",
    "/traefik.yaml",
    "/traefik.yml",
];

/// The class that it takes without a flag, beside none.
const DEFAULT_CLASS: &str = "traefik";

const OWN_KINDS: &str = "providers.kubernetescrd";

/// What one of its pods takes and hides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traefik {
    /// What it takes of Ingresses.
    pub(crate) ingresses: Provider,
    /// The same in the place of ingress-nginx.
    pub(crate) like_nginx: Option<LikeNginx>,
    /// What it takes of its own kinds.
    pub(crate) own: Provider,
    /// What it takes of routes of the Gateway API.
    pub(crate) gateways: Provider,
    /// What of its settings hides requests.
    pub hidden: Vec<Hidden>,
}

/// Which objects one of its providers takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Provider {
    /// How its flags begin: `providers.kubernetescrd`.
    name: &'static str,
    /// True if it reads nothing.
    off: bool,
    class: String,
    /// None: all.
    namespaces: Vec<String>,
    labels: String,
}

/// How an object says by which controller it wants to be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class<'a> {
    /// By a field that names an IngressClass.
    Field(&'a str),
    /// By the old annotation, or not at all.
    Annotation(&'a str),
}

impl Traefik {
    /// Those of a pod; `files` are the ConfigMaps that it mounts.
    pub(super) fn of(pod: &Pod, files: &[ConfigMap]) -> Self {
        let written = Written::of(pod, files);
        Self {
            ingresses: written.provider("providers.kubernetesingress"),
            like_nginx: LikeNginx::of(&written),
            own: written.provider(OWN_KINDS),
            gateways: written.provider("providers.kubernetesgateway"),
            hidden: written.hidden(&format!("the Traefik in {}", sanitize_short(namespace(pod)))),
        }
    }
}

/// What of the settings of a pod hides requests.
#[must_use]
pub fn hidden(pod: &Pod, files: &[ConfigMap]) -> Vec<Hidden> {
    Traefik::of(pod, files).hidden
}

impl Provider {
    /// That of its own kinds, without a flag.
    pub(crate) fn of_own_kinds() -> Self {
        Self { name: OWN_KINDS, ..Self::default() }
    }

    /// Why it does not take an object of a namespace.
    pub(crate) fn refuses(
        &self,
        namespace: &str,
        class: Option<Class<'_>>,
        has: &dyn Fn(&str) -> bool,
    ) -> Option<String> {
        self.watches_elsewhere(namespace).or_else(|| self.refuses_there(class, has))
    }

    /// Why it takes nothing of a namespace at all.
    pub(crate) fn watches_elsewhere(&self, namespace: &str) -> Option<String> {
        let name = self.name;
        if self.off {
            return Some(format!("it reads no such objects (--{name} is not set)"));
        }
        if !self.namespaces.is_empty() && !self.namespaces.iter().any(|known| known == namespace) {
            return Some(format!(
                "it watches {} alone (--{name}.namespaces)",
                sanitize_short(&self.namespaces.join(","))
            ));
        }
        None
    }

    fn refuses_there(&self, class: Option<Class<'_>>, has: &dyn Fn(&str) -> bool) -> Option<String> {
        let name = self.name;
        if !self.labels.is_empty() && !self.labels.split(',').all(|label| has(label.trim())) {
            return Some(format!(
                "it takes objects with {} alone (--{name}.labelselector)",
                sanitize_short(&self.labels)
            ));
        }
        let takes = match class? {
            Class::Field(class) => self.class.is_empty() || self.class == class,
            Class::Annotation(class) => self.class == class || self.class.is_empty() && class == DEFAULT_CLASS,
        };
        let only = if self.class.is_empty() { DEFAULT_CLASS } else { &self.class };
        (!takes).then(|| format!("it takes the class {} alone (--{name}.ingressclass)", sanitize_short(only)))
    }
}

/// The names of the ConfigMaps of a pod in which the file of its settings may be.
pub(super) fn files(pod: &Pod) -> Vec<String> {
    let paths = paths(&pairs(&arguments(pod)));
    let key = |path: &String| match mounted::at(pod, path) {
        Mounted::Key { name, .. } => Some(name),
        _ => None,
    };
    paths.iter().filter_map(key).collect()
}

fn named_file(pairs: &[(String, String)]) -> Option<&str> {
    pairs.iter().find(|(key, _)| key == "configfile").map(|(_, value)| value.as_str())
}

fn paths(pairs: &[(String, String)]) -> Vec<String> {
    let named = named_file(pairs).map(|path| vec![path.to_owned()]);
    named.unwrap_or_else(|| FILES.map(str::to_owned).to_vec())
}

/// All that is known of its static settings.
struct Written {
    /// Keys in lower case, as flags without dashes before them.
    pairs: Vec<(String, String)>,
    /// A file that cannot be seen.
    unseen: Option<String>,
    /// True if there may be variables that cannot be seen.
    open: bool,
}

impl Written {
    fn of(pod: &Pod, files: &[ConfigMap]) -> Self {
        let mut pairs = pairs(&arguments(pod));
        pairs.extend(variables(pod));
        let (named, mut unseen) = (named_file(&pairs).is_some(), None);
        for path in paths(&pairs) {
            let text = match mounted::at(pod, &path) {
                Mounted::Key { name, key } => mounted::text(files, namespace(pod), &name, &key),
                Mounted::Unseen => {
                    unseen.get_or_insert(path);
                    continue;
                }
                Mounted::Image | Mounted::Empty => None,
            };
            let yaml = text.filter(|_| !path.ends_with(".toml")).and_then(|text| serde_saphyr::from_str(text).ok());
            match (yaml, text) {
                (Some(yaml), _) => return Self { pairs: flat(&yaml), unseen: None, open: false },
                (None, Some(_)) => unseen = Some(path),
                (None, None) if named => unseen = Some(path),
                (None, None) => {}
            }
        }
        let open = pod.spec.iter().flat_map(|spec| &spec.containers).any(|container| container.env_from.is_some());
        Self { pairs, unseen, open }
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// True if a provider is on: by itself, or by any of its settings.
    fn has(&self, name: &str) -> bool {
        let below = |key: &str| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        self.get(name).map_or_else(|| self.pairs.iter().any(|(key, _)| below(key)), |value| !is_off(value))
    }

    /// True if a provider is off. Where no provider of Kubernetes is named at all, the settings are somewhere else.
    fn lacks(&self, name: &str) -> bool {
        let any = self.pairs.iter().any(|(key, _)| key.starts_with("providers.kubernetes"));
        !self.has(name) && (self.get(name).is_some() || any && !self.open && self.unseen.is_none())
    }

    fn provider(&self, name: &'static str) -> Provider {
        let get = |key: &str| self.get(&format!("{name}.{key}")).unwrap_or_default().to_owned();
        let namespaces = get("namespaces");
        let all = namespaces.split(',').map(str::trim).filter(|name| !name.is_empty());
        let listed = format!("{name}.namespaces[");
        let each = self.pairs.iter().filter(|(key, _)| key.starts_with(&listed)).map(|(_, value)| value.as_str());
        let namespaces = all.chain(each).map(str::to_owned).collect();
        let off = self.lacks(name);
        Provider { name, off, class: get("ingressclass"), namespaces, labels: get("labelselector") }
    }

    fn hidden(&self, of: &str) -> Vec<Hidden> {
        let mut all = Vec::new();
        let mut hides = |key, says: String, fix: &str, from| {
            all.push(Hidden { of: of.to_owned(), key, says, fix: fix.to_owned(), from });
        };
        if let Some(path) = &self.unseen {
            let says = format!(
                "has its settings in {}, where nobody sees what they leave out of its log",
                sanitize_short(path)
            );
            let fix = "give it flags instead, or keep that file as YAML in a ConfigMap that its pods mount";
            hides("configfile", says, fix, Some(From::All));
            return all;
        }
        let of_log = |key: &str| key == "accesslog" || key.starts_with("accesslog.");
        if self.get("accesslog").is_some_and(is_off) || !self.pairs.iter().any(|(key, _)| of_log(key)) {
            let says = "runs without --accesslog, so its access log is off".to_owned();
            hides("accesslog", says, "start it with --accesslog=true --accesslog.format=json", Some(From::Logs));
            return all.into_iter().chain(self.uncounted(of)).collect();
        }
        if self.get("accesslog.format") != Some("json") {
            let says = "has an access log that is not JSON, and only that names the Service".to_owned();
            hides("accesslog.format", says, "start it with --accesslog.format=json", None);
        }
        all.extend(self.left_out(of));
        all.extend(self.uncounted(of));
        all
    }

    /// What leaves requests out of an access log.
    fn left_out(&self, of: &str) -> Vec<Hidden> {
        let mut all = Vec::new();
        let mut hides = |key, says: String, fix: &str| {
            all.push(Hidden { of: of.to_owned(), key, says, fix: fix.to_owned(), from: Some(From::Logs) });
        };
        let nothing = |value: &str| is_off(value) || value.is_empty() || value == "0s";
        let filters = |key: &str, value: &str| key.starts_with("accesslog.filters.") && !nothing(value);
        if let Some((key, value)) = self.pairs.iter().find(|(key, value)| filters(key, value)) {
            let says = format!(
                "runs with --{}={}, which leaves requests out of the log",
                sanitize_short(key),
                sanitize_short(value)
            );
            hides("accesslog.filters", says, "start it without --accesslog.filters.*");
        }
        if self.get("accesslog.bufferingsize").is_some_and(|size| !nothing(size)) {
            let says = "buffers its access log, so that the newest requests are not in it".to_owned();
            hides("accesslog.bufferingsize", says, "start it with --accesslog.bufferingsize=0");
        }
        if let Some(path) = self.get("accesslog.filepath").filter(|path| !OUTPUTS.contains(path)) {
            let says =
                format!("writes its access log to {}, where the Kubernetes API does not see it", sanitize_short(path));
            hides("accesslog.filepath", says, "start it without --accesslog.filepath");
        }
        let otlp =
            |key: &str, value: &str| (key == "accesslog.otlp" || key.starts_with("accesslog.otlp.")) && !is_off(value);
        if self.pairs.iter().any(|(key, value)| otlp(key, value)) {
            let says = "sends its access log away (--accesslog.otlp)".to_owned();
            hides("accesslog.otlp", says, "start it without --accesslog.otlp");
        }
        if let Some(entry_point) = self.silent_entry_point("accesslogs") {
            let says = format!("runs with {entry_point}, which keeps the requests of an entry point out of the log");
            hides("observability.accesslogs", says, "start it without that");
        }
        for (field, name) in [("servicename", "ServiceName"), ("routername", "RouterName")] {
            let mode = self.get(&format!("accesslog.fields.names.{field}"));
            let mode = mode.or_else(|| self.get("accesslog.fields.defaultmode"));
            if mode.is_some_and(|mode| !mode.eq_ignore_ascii_case("keep")) {
                let says = format!("drops the field {name} from its access log");
                hides("accesslog.fields", says, &format!("start it with --accesslog.fields.names.{name}=keep"));
            }
        }
        all
    }

    /// What leaves requests out of its counters.
    fn uncounted(&self, of: &str) -> Vec<Hidden> {
        let mut all = Vec::new();
        let mut hides = |key, says: String, fix: &str| {
            all.push(Hidden { of: of.to_owned(), key, says, fix: fix.to_owned(), from: Some(From::Counters) });
        };
        if self.get("metrics.prometheus.addserviceslabels").is_some_and(is_off) {
            let says = "does not count by Service (--metrics.prometheus.addserviceslabels=false)".to_owned();
            hides("metrics.prometheus", says, "start it without that");
        }
        if let Some(entry_point) = self.silent_entry_point("metrics") {
            let says = format!("runs with {entry_point}, which leaves the requests of an entry point uncounted");
            hides("observability.metrics", says, "start it without that");
        }
        all
    }

    /// The setting by which an entry point is left out, as a flag.
    fn silent_entry_point(&self, what: &str) -> Option<String> {
        let end = format!(".observability.{what}");
        let silent = |key: &str, value: &str| key.starts_with("entrypoints.") && key.ends_with(&end) && is_off(value);
        let (key, value) = self.pairs.iter().find(|(key, value)| silent(key, value))?;
        Some(format!("--{}={}", sanitize_short(key), sanitize_short(value)))
    }
}

/// Flags as keys and values: `--key=value`, `--key value`, and `--key`, which is true.
fn pairs(arguments: &[String]) -> Vec<(String, String)> {
    // A shell may be given all of them as one.
    let words: Vec<&str> = arguments.iter().flat_map(|argument| argument.split_whitespace()).collect();
    let mut all = Vec::new();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix('-').map(|flag| flag.trim_start_matches('-')) else { continue };
        let (key, value) = match flag.split_once('=') {
            Some((key, value)) => (key, value),
            None => (flag, words.next_if(|next| !next.starts_with('-')).unwrap_or("true")),
        };
        all.push((key.to_ascii_lowercase(), value.trim_matches(['"', '\'']).to_owned()));
    }
    all
}

/// The same, of variables: `TRAEFIK_ACCESSLOG_FILTERS_STATUSCODES`.
fn variables(pod: &Pod) -> Vec<(String, String)> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let env = containers.flat_map(|container| container.env.iter().flatten());
    let of_traefik = env.filter_map(|env| {
        let name = env.name.to_ascii_lowercase().strip_prefix("traefik_")?.replace('_', ".");
        // What a value is that comes from elsewhere, nobody sees.
        Some((name, env.value.clone().unwrap_or_else(|| "?".to_owned())))
    });
    of_traefik.collect()
}

/// The same, of a file.
fn flat(yaml: &Value) -> Vec<(String, String)> {
    fn walk(key: &str, value: &Value, all: &mut Vec<(String, String)>) {
        match value {
            Value::Object(fields) => {
                if !key.is_empty() {
                    all.push((key.to_owned(), "true".to_owned()));
                }
                for (name, value) in fields {
                    let dot = if key.is_empty() { "" } else { "." };
                    walk(&format!("{key}{dot}{}", name.to_ascii_lowercase()), value, all);
                }
            }
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(scalar).collect();
                all.push((key.to_owned(), items.join(",")));
            }
            other => all.push((key.to_owned(), scalar(other))),
        }
    }
    let mut all = Vec::new();
    walk("", yaml, &mut all);
    all
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "true".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
