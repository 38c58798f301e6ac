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
