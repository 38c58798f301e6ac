//! What can be typed, and what is refused.

use super::*;
use clap::CommandFactory as _;

fn parse(args: &[&str]) -> Result<Args, String> {
    Args::try_parse_from([&["hotdesk-reap"], args].concat()).map_err(|error| error.to_string())
}

#[test]
fn the_flags_are_sound_and_each_has_a_variable() {
    let command = Args::command();
    command.clone().debug_assert();
    for arg in command.get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str())) {
        assert!(arg.get_env().is_some(), "{}", arg.get_id());
    }
}

#[test]
fn the_default_windows_are_those_of_the_vocabulary() {
    let (rules, _) = parse(&[]).unwrap().rules().unwrap();
    assert_eq!(rules.windows, Windows::default());
}

#[test]
fn a_window_of_less_than_a_minute_needs_to_be_called_a_trial() {
    let office = r#"[{"from": "08:00", "to": "18:00", "window": "59s"}]"#;
    for args in [["--window", "59s"], ["--office-hours", office], ["--lapse-grace", "59s"]] {
        let error = parse(&args).unwrap().rules().unwrap_err();
        assert!(error.contains("must be 1m or longer") && error.contains("--trial"), "{args:?}: {error}");
        assert!(parse(&[&args[..], &["--trial"]].concat()).unwrap().rules().is_ok(), "{args:?}");
    }
    assert!(parse(&["--window", "1m", "--lapse-grace", "60s"]).unwrap().rules().is_ok());
}

#[test]
fn by_default_roles_and_configs_stay() {
    let (rules, _) = parse(&[]).unwrap().rules().unwrap();
    for (release, stays) in
        [("roles", true), ("app-config", true), ("configs", true), ("web", false), ("roles2", false)]
    {
        assert_eq!(rules.keep.is_match(release), stays, "{release}");
    }
}

#[test]
fn every_bad_glob_is_named_at_once() {
    let error = parse(&["--keep", "ro[les,ok", "--ignore-path", "/{a"]).unwrap().rules().unwrap_err();
    assert!(error.contains("--keep: ") && error.contains("--ignore-path: "), "{error}");
}

#[test]
fn a_glob_that_would_hide_people_is_refused() {
    for (flag, glob) in [
        ("--ignore-user-agent", "*"),
        ("--ignore-user-agent", " kube-probe/*,Mozilla/*"),
        ("--ignore-user-agent", "*Safari*"),
        ("--ignore-path", "/*"),
        ("--ignore-path", "/healthz,**"),
    ] {
        let error = parse(&[flag, glob]).unwrap().rules().unwrap_err();
        let last = glob.trim().rsplit(',').next().unwrap();
        assert!(error.contains(&format!("{flag}: {last} takes in")), "{flag} {glob}: {error}");
    }
    for (flag, glob) in
        [("--ignore-path", "/,/healthz*,/*/ready"), ("--ignore-user-agent", "*UptimeRobot*,curl/*,*bot*")]
    {
        assert!(parse(&[flag, glob]).unwrap().rules().is_ok(), "{glob}");
    }
}

#[test]
fn checkers_are_nobody_and_what_resembles_one_is_somebody() {
    let (_, patterns) = parse(&[]).unwrap().rules().unwrap();
    for (id, agent) in [
        ("bots-1", "Amazon-Route53-Health-Check-Service (ref 0000)"),
        ("bots-1", "GoogleStackdriverMonitoring-UptimeChecks"),
        ("bots-1", "Envoy/HC"),
        ("bots-2", "Uptime-Kuma/1.23.11"),
        ("bots-2", "Blackbox Exporter/0.24.0"),
        ("bots-2", "Better Stack Better Uptime Bot"),
        ("bots-2", "DatadogSynthetics"),
        ("bots-3", "Mozilla/5.0 (compatible; CensysInspect/1.1)"),
        ("bots-3", "Mozilla/5.0 zgrab/0.x"),
        ("bots-4", "cert-manager/v1.6.1 (clean)"),
        ("bots-4", "cert-manager-challenges/v1.16.1 (linux/amd64)"),
        ("bots-4", "Mozilla/5.0 (compatible; Let's Encrypt validation server)"),
        ("bots-5", "cert-manager-challenges/v1.16.1 (linux/amd64)"),
    ] {
        assert!(patterns.agents.is_match(agent), "{id}: {agent} is nobody");
    }
    for (id, agent) in [
        ("bots-6", "Mozilla/5.0 (X11; Linux x86_64) uptime-board/2.1"),
        ("a client", "curl/8.5.0"),
        ("a client", "Go-http-client/1.1"),
        ("a client", "cert-manager-dashboard/1.0"),
    ] {
        assert!(!patterns.agents.is_match(agent), "{id}: {agent} is somebody");
    }
}

#[test]
fn the_charts_user_agents_are_the_programs() {
    let chart =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/slots/values.yaml")).unwrap();
    let list = chart.split("  ignoreUserAgents:\n").nth(1).unwrap();
    let list = list.split("  ignorePaths:").next().unwrap();
    let items = list.lines().filter_map(|line| line.strip_prefix("    - "));
    let items: Vec<&str> = items.map(|item| item.trim_matches('"')).collect();
    assert_eq!(items, parse(&[]).unwrap().ignore_user_agent);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for args in [
        ["--window", "0s"],
        ["--window", "soon"],
        ["--window", "-1h"],
        ["--max-unparsed", "100%"],
        ["--max-unparsed", "-1"],
        ["--pause", "-1s"],
        ["--preserve", "configmap"],
        ["--office-hours", "{}"],
        ["--office-hours", "[{}]"],
        ["--log-format", "nginx"],
        ["--retries", "-1"],
        ["--api-timeout", "0s"],
        ["--uninstall-timeout", "0s"],
        ["--uninstall-timeout", "12m1s"],
    ] {
        assert!(parse(&args).is_err(), "{args:?}");
    }
}

#[test]
fn a31_the_longest_uninstall_fits_into_the_longest_lock() {
    let timeout = parse(&["--uninstall-timeout", "12m"]).unwrap().uninstall_timeout;
    // helm's own minute of grace, and one more for clocks that differ.
    assert!(timeout + SignedDuration::from_mins(2) <= MAX_REAP_ANNOUNCED);
}

#[test]
fn a_share_is_a_percentage_or_a_fraction() {
    assert!((share("1%").unwrap() - 0.01).abs() < 1e-9);
    assert!((share("0.5").unwrap() - 0.5).abs() < 1e-9);
    assert!(share("NaN").is_err());
}

#[test]
fn a_slot_is_named_and_never_guessed() {
    assert_eq!(parse(&["--namespace", "onix"]).unwrap().slot(), Ok("onix"));
    for args in [&[][..], &["--namespace", ""]] {
        assert!(parse(args).unwrap().slot().unwrap_err().contains("--namespace"), "{args:?}");
    }
}

/// The doctor reads the variables of a CronJob by the same names, and takes and refuses the same.
#[test]
fn what_is_typed_is_taken_and_refused_as_what_a_doctor_reads() {
    use hotdesk_traffic::sources::settings::TrafficSettings;
    for (flag, value) in [
        ("--sources", "[{type: ingress-logs}]"),
        ("--sources", ""),
        ("--pod-usage", ""),
        ("--pod-usage", "{from: rumour}"),
        ("--ingress-log-format", "apache"),
        ("--ingress-log-format", "traefik-json"),
        ("--window", "1d"),
        ("--window", "soon"),
        ("--window", ""),
        ("--office-hours", ""),
        ("--office-hours", "[{}]"),
        ("--max-unparsed", "5%"),
        ("--max-unparsed", "100%"),
        ("--ignore-direct-traffic", "true"),
        ("--ignore-direct-traffic", "yes"),
        ("--session-grace", "0s"),
        ("--ignore-unnoted-sessions", ""),
    ] {
        let arg = Args::command().get_arguments().find(|arg| arg.get_long() == flag.strip_prefix("--")).cloned();
        let variable = arg.unwrap().get_env().unwrap().to_str().unwrap().to_owned();
        let typed = parse(&[&format!("{flag}={value}")]).and_then(|args| args.rules().map(|(rules, _)| rules.windows));
        let read = TrafficSettings::read(|name| (name == variable).then_some(value));
        assert_eq!(typed.is_ok(), read.problems.is_empty(), "{flag} {value:?}: {typed:?} {:?}", read.problems);
        assert!(typed.is_err() || typed == Ok(read.windows), "{flag} {value:?}");
    }
}
