//! What the program says and how it ends, before it reaches any cluster.

#![expect(clippy::unwrap_used, reason = "a test that cannot start the program has failed")]

use std::process::{Command, Output};

fn hotdesk(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotdesk"));
    // No cluster of the person who runs the tests: neither a kubeconfig nor a pod's service account.
    command.env_clear().env("KUBECONFIG", "/nonexistent/kubeconfig").env("HOME", "/nonexistent");
    command.args(args).output().unwrap()
}

#[track_caller]
fn check(args: &[&str], exit: i32, says: &[&str]) {
    let output = hotdesk(args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{args:?}: {text}");
    for words in says {
        assert!(text.contains(words), "{args:?} does not say {words:?}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "{args:?} colours what is not a terminal: {text:?}");
}

#[test]
fn help_lists_the_commands_and_the_exit_codes() {
    check(&["--help"], 0, &["list", "why", "claim", "release", "Exit codes: 0 done"]);
    check(&["claim", "--help"], 0, &["Usage: hotdesk claim", "--until", "Fri 18:00"]);
}

#[test]
fn what_is_typed_wrong_ends_with_2_and_says_what_to_type() {
    check(&[], 2, &["Usage: hotdesk"]);
    check(&["calim", "mew"], 2, &["claim"]);
    check(&["list", "--mine", "--free"], 2, &["--free"]);
    check(&["claim", "mew", "--user", "a\tb"], 2, &["--user"]);
}

#[test]
fn without_a_cluster_it_ends_with_3_and_says_what_to_set() {
    check(&["list"], 3, &["/nonexistent/kubeconfig", "KUBECONFIG", "--kubeconfig"]);
}

#[test]
fn a_context_that_does_not_exist_is_answered_with_those_that_do() {
    let file = std::env::temp_dir().join(format!("hotdesk-usage-{}.yaml", std::process::id()));
    let kubeconfig = "{apiVersion: v1, kind: Config, contexts: [{name: dev, context: {cluster: c}}], \
                      clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]}";
    std::fs::write(&file, kubeconfig).unwrap();
    let path = file.to_str().unwrap();
    check(&["list", "--kubeconfig", path, "--context", "prod"], 3, &["no context \"prod\"", "the contexts dev"]);
    check(&["list", "--kubeconfig", path], 3, &["no context is chosen"]);
    check(&["list", "--kubeconfig", path, "--context", "dev"], 3, &["https://127.0.0.1:1", "cannot be reached"]);
    std::fs::remove_file(&file).unwrap();
}
