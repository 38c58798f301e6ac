use clap::CommandFactory as _;

use super::*;
use crate::neighbours::{Guards, Switch};

fn parse(args: &[&str]) -> Result<Args, String> {
    let args = std::iter::once("hotdesk-webhook").chain(args.iter().copied());
    Args::try_parse_from(args).map_err(|e| e.to_string())
}

#[test]
fn every_flag_has_an_environment_name_and_a_help_text() {
    Args::command().debug_assert();
    for arg in Args::command().get_arguments().filter(|a| !matches!(a.get_id().as_str(), "help" | "version")) {
        let name = arg.get_id().as_str();
        let env = arg.get_env().and_then(|env| env.to_str()).map(str::to_owned);
        assert_eq!(env, Some(format!("HOTDESK_{}", name.to_uppercase())), "{name}");
        assert!(arg.get_help().is_some(), "{name} has no help");
    }
}

#[test]
fn the_defaults_are_safe() {
    let args = parse(&[]).unwrap();
    let settings = args.settings().unwrap();
    assert_eq!(settings.mode, Mode::Enforce);
    assert_eq!(settings.break_glass_groups, ["system:masters"]);
    assert!(settings.trusted_deployers.is_empty() && settings.machinery_users.is_empty());
    assert_eq!((args.max_review_bytes, args.body_budget_bytes), (32 << 20, 64 << 20));
    assert_eq!(settings.token_secrets, TokenSecrets::Deny);
    assert_eq!(settings.guards, Guards::default());
    assert_eq!(Guards::default().hosts, Switch::Deny);
}

#[test]
fn each_guard_for_neighbours_has_a_flag_of_its_own() {
    type Of = fn(Guards) -> Switch;
    let flags: [(&str, Of); 5] = [
        ("--guard-hosts", |guards| guards.hosts),
        ("--guard-external-names", |guards| guards.external_names),
        ("--guard-external-ips", |guards| guards.external_ips),
        ("--guard-priority-classes", |guards| guards.priority_classes),
        ("--guard-endpoint-slices", |guards| guards.endpoint_slices),
    ];
    for (flag, of) in flags {
        let guards = parse(&[flag, "warn"]).unwrap().settings().unwrap().guards;
        assert_eq!(of(guards), Switch::Warn, "{flag}");
        assert_eq!(flags.iter().filter(|(_, of)| of(guards) == Switch::Deny).count(), 4, "{flag}");
        assert!(parse(&[flag, "perhaps"]).unwrap_err().contains("deny, warn, allow"), "{flag}");
    }
    let own = parse(&["--own-namespace", "hotdesk", "--own-namespace", "jobs"]).unwrap();
    assert_eq!(own.settings().unwrap().own_namespaces, ["hotdesk", "jobs"]);
    let own = parse(&["--own-priority-class", "hotdesk", "--own-priority-class", ""]).unwrap();
    assert_eq!(own.settings().unwrap().own_priority_classes, ["hotdesk"]);
}

#[test]
fn lists_may_be_repeated_separated_and_emptied() {
    let args = parse(&["--strip-prefix", "a,b", "--strip-prefix", " c,", "--break-glass-group", ""]).unwrap();
    let settings = args.settings().unwrap();
    assert_eq!(settings.identity.strip_prefixes, ["a", "b", "c"]);
    assert!(settings.break_glass_groups.is_empty(), "no group, not the empty one");
    let args = parse(&["--strip-prefix", "oidc:,github:"]).unwrap();
    assert_eq!(args.settings().unwrap().identity.strip_prefixes, ["oidc:", "github:"], "no prefix has a comma");
}

#[test]
fn a110_a_name_with_commas_is_one_name() {
    let ldap = "CN=admins,OU=developers,DC=corp";
    for flag in [
        "--break-glass-group",
        "--administrator-user",
        "--administrator-group",
        "--machinery-user",
        "--trusted-deployer",
    ] {
        let settings = parse(&[flag, ldap]).unwrap().settings().unwrap();
        let lists = [
            &settings.break_glass_groups,
            &settings.administrator_users,
            &settings.administrator_groups,
            &settings.machinery_users,
            &settings.trusted_deployers.iter().map(|deployer| deployer.user.clone()).collect(),
        ];
        assert!(lists.iter().any(|list| **list == [ldap]), "{flag}: {lists:?}");
        assert!(lists.iter().all(|list| !list.iter().any(|name| name.starts_with("OU="))), "{flag}: {lists:?}");
    }
}

#[test]
fn which_names_a_claim_may_hold_is_the_operators_choice() {
    let rules = |args: &[&str]| parse(args).unwrap().settings().unwrap().names;
    assert_eq!(rules(&[]), NameRules::default());
    let deploy = "system:serviceaccount:ci:deploy";
    let wide =
        rules(&["--unicode-names", "--max-users=40", "--claimant-account", deploy, "--trusted-deployer", "argo"]);
    let listed = Accounts::Listed(vec![deploy.to_owned(), "argo".to_owned()]);
    assert_eq!(wide, NameRules { unicode: true, max_users: 40, accounts: listed });
    refuses(&["--max-users", "0"], "1..=256");
    refuses(&["--max-users", "257"], "1..=256");
}

#[test]
fn a_deployer_is_never_split_and_one_that_is_bound_to_nothing_is_refused() {
    let bound = r#"{"user":"flux","slots":["mew","onix"]}"#;
    let args = parse(&["--trusted-deployer", "CN=ci,O=corp", "--trusted-deployer", bound]).unwrap();
    let deployers = args.settings().unwrap().trusted_deployers;
    let users: Vec<&str> = deployers.iter().map(|deployer| deployer.user.as_str()).collect();
    assert_eq!((users, deployers[1].slots.len()), (vec!["CN=ci,O=corp", "flux"], 2));
    assert!(parse(&["--trusted-deployer="]).unwrap().settings().unwrap().trusted_deployers.is_empty());
    refuses(&["--trusted-deployer", r#"{"user":"flux"}"#], "deploys for nobody");
}

#[track_caller]
fn refuses(args: &[&str], because: &str) {
    let problem = parse(args).unwrap_err();
    assert!(problem.contains(because), "{problem:?} does not say {because:?}");
}

#[test]
fn a_bad_value_is_refused_with_what_to_write() {
    refuses(&["--tls-reload-interval", "soon"], "like 90s");
    refuses(&["--tls-reload-interval", "0s"], "longer than nothing");
    refuses(&["--shutdown-delay=-5s"], "must not be negative");
    refuses(&["--max-review-bytes", "8MB"], "such as 33554432 or 32Mi");
    refuses(&["--max-review-bytes", "1"], "from 4Mi");
    refuses(&["--body-budget-bytes", "8Mi"], "from 16Mi");
    refuses(&["--mode", "off"], "enforce, warn, audit");
    refuses(&["--listen", "8443"], "--listen");
    refuses(&["--claim-url", "javascript:alert(1)"], "https://");
    refuses(&["--polite"], "--polite");
}

#[test]
fn a_file_of_people_is_read_or_refused_with_every_problem() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("people.json");
    let with = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let args = parse(&["--people", file.to_str().unwrap()]).unwrap();
        args.settings().map(drop).map_err(|e| format!("{e:#}"))
    };
    assert_eq!(with(r#"[["alice@example.com", "octocat"]]"#), Ok(()));
    let problem = with(r#"[["a", "b"], ["b", "c,d"]]"#).unwrap_err();
    assert!(problem.contains("b is also in row 1") && problem.contains("c,d"), "{problem}");
    assert!(with("{}").unwrap_err().contains("a JSON list of lists"));
    let missing = parse(&["--people", "/nowhere.json"]).unwrap().settings().unwrap_err();
    assert!(format!("{missing:#}").contains("/nowhere.json"));
}
