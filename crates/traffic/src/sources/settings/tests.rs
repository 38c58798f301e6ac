//! What a reaper's variables come to, and what is said of those that cannot be read.

use super::*;
use crate::line::keys::Keys;
use crate::sources::{Kind, Question};

fn settings(variables: &[(&str, &'static str)]) -> TrafficSettings {
    let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    TrafficSettings::read(get)
}

#[test]
fn without_a_word_it_reads_ingress_nginx_over_the_windows_of_the_vocabulary() {
    let settings = settings(&[]);
    assert_eq!(settings.problems, []);
    let Kind::IngressLogs(logs) = &settings.sources[0].kind else { panic!("{settings:?}") };
    assert_eq!((logs.place.namespace.as_str(), logs.place.container.as_str()), ("ingress-nginx", "controller"));
    assert_eq!(settings.windows, Windows::default());
    assert!((settings.max_unparsed - 0.01).abs() < 1e-9);
    assert_eq!(settings.session_grace, SignedDuration::from_hours(4));
    assert!(settings.pod_usage.is_none() && settings.classes.is_empty());
    assert!(!settings.ignore_direct && !settings.ignores_sessions);
    assert_eq!(settings.saved_namespace, "hotdesk-saved");
}

#[test]
fn what_is_written_goes_before_the_defaults() {
    let settings = settings(&[
        (variable::INGRESS_NAMESPACE, "traefik"),
        (variable::INGRESS_CONTAINER, "traefik"),
        (variable::INGRESS_CLASS, "inner,outer"),
        (variable::WINDOW, "1d"),
        (variable::OFFICE_HOURS, r#"[{"timeZone": "UTC", "from": "08:00", "to": "18:00", "window": "40h"}]"#),
        (variable::MAX_UNPARSED, "5%"),
        (variable::IGNORE_DIRECT_TRAFFIC, "true"),
        (
            variable::SOURCES,
            "[{type: ingress-logs, logFormat: json, fields: {upstream: to}}, {type: ingress-metrics, controller: traefik}, {type: prometheus, url: 'http://p', query: 'x{exported_namespace=\"$namespace\"}[$window]', sight: up}]",
        ),
    ]);
    assert_eq!(settings.problems, []);
    assert_eq!(settings.windows.always, SignedDuration::from_hours(24));
    assert_eq!(settings.windows.longest(), SignedDuration::from_hours(40));
    assert_eq!(settings.classes, ["inner", "outer"]);
    assert!(settings.ignore_direct && (settings.max_unparsed - 0.05).abs() < 1e-9);
    let Kind::IngressLogs(logs) = &settings.sources[0].kind else { panic!("{settings:?}") };
    let keys = Keys { upstream: Some("to".to_owned()), ..Keys::default() };
    assert_eq!((logs.place.namespace.as_str(), &logs.format), ("traefik", &Format::Json(keys)));
    let Kind::Prometheus(prometheus) = &settings.sources[2].kind else { panic!("{settings:?}") };
    assert!(matches!(prometheus.question, Question::Own { .. }), "{prometheus:?}");
}

/// The chart writes every variable, and some of them are empty.
#[test]
fn what_the_chart_leaves_empty_is_nothing() {
    let settings =
        settings(&[(variable::POD_USAGE, ""), (variable::INGRESS_CLASS, ""), (variable::OFFICE_HOURS, "[]")]);
    assert_eq!(settings.problems, []);
    assert!(settings.pod_usage.is_none() && settings.windows.office.is_empty());
    assert!(settings.classes.iter().all(String::is_empty));
}

#[test]
fn each_value_that_cannot_be_read_is_named_with_its_variable() {
    for (name, value, says) in [
        (variable::SOURCES, "[{type", "HOTDESK_SOURCES: --sources is not a list"),
        (variable::SOURCES, "[{type: ingress-logs, fields: {upstream: to}}]", "fields: they go with logFormat: json"),
        (variable::POD_USAGE, "{from: rumour}", "HOTDESK_POD_USAGE: --pod-usage.from: write kubelets or prometheus"),
        (variable::INGRESS_LOG_FORMAT, "apache", "HOTDESK_INGRESS_LOG_FORMAT: there is no such format; write auto, "),
        (variable::WINDOW, "soon", "HOTDESK_WINDOW: write it like 90s, 5m or 1h, not \"soon\""),
        (variable::WINDOW, "0s", "HOTDESK_WINDOW: it must be longer than nothing"),
        (variable::OFFICE_HOURS, r#"[{"from": "8"}]"#, "HOTDESK_OFFICE_HOURS: \"8\" is not a time of day"),
        (variable::MAX_UNPARSED, "all", "HOTDESK_MAX_UNPARSED: write it like 1% or 0.01"),
        (variable::IGNORE_DIRECT_TRAFFIC, "yes", "HOTDESK_IGNORE_DIRECT_TRAFFIC: write true or false"),
        (variable::SESSION_GRACE, "", "HOTDESK_SESSION_GRACE: write it like 90s"),
        (variable::IGNORE_UNNOTED_SESSIONS, "", "HOTDESK_IGNORE_UNNOTED_SESSIONS: write true or false"),
    ] {
        let settings = settings(&[(name, value)]);
        let [problem] = settings.problems.as_slice() else { panic!("{name}={value}: {:?}", settings.problems) };
        assert!(problem.to_string().contains(says), "{name}={value}: {problem}");
        assert_eq!(settings.problem(name), Some(problem));
        assert_eq!(settings.sources.is_empty(), name == variable::SOURCES, "{name}={value}");
        // Instead of what cannot be read, the rest is judged by the defaults.
        assert_eq!(settings.windows, Windows::default(), "{name}={value}");
    }
    let two = settings(&[(variable::WINDOW, "soon"), (variable::MAX_UNPARSED, "all")]);
    assert_eq!(two.problems.len(), 2, "{two:?}");
}
