//! What the commands beyond `claim` and `release` do, and what CI sees.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hotdesk_e2e::people::root;
use hotdesk_e2e::slot::{SlotBuilder, unique};
use hotdesk_e2e::{CommandOutput, Helm, TestSlot, admin, alice, bob, ci, installation, until};
use serde_json::{Value, json};

fn hotdesk() -> PathBuf {
    root().join("target/debug/hotdesk")
}

/// A file of a test's own.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

/// `hotdesk resolve` as a step of a workflow runs it.
fn in_a_workflow(scratch: &Scratch, kubeconfig: &Path, args: &[&str]) -> CommandOutput {
    let mut command = Command::new(hotdesk());
    command.arg("resolve").args(args).env("KUBECONFIG", kubeconfig);
    command.env("GITHUB_ENV", scratch.path("env")).env("GITHUB_OUTPUT", scratch.path("output"));
    CommandOutput::run(command, "")
}

#[test]
fn a_holder_keeps_a_slot_for_a_while_and_nobody_else_does() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    alice().hotdesk(&["keep", slot.name(), "4h"]).succeeded().said(&["won't be cleared before", "(in "]);
    let kept: jiff::Timestamp = slot.object()["spec"]["keepUntil"].as_str().unwrap().parse().unwrap();
    assert_eq!(kept.subsec_nanosecond(), 0, "{kept} is a whole second");
    bob().hotdesk(&["keep", slot.name(), "4h"]).failed_saying(&["is held by alice@example.com"]);
    let forced = bob().hotdesk(&["keep", slot.name(), "off", "--force"]);
    forced.failed_saying(&["only its claimants and administrators can change it"]);
    alice().hotdesk(&["keep", slot.name(), "off"]).succeeded().said(&["not kept any more"]);
    assert_eq!(slot.object()["spec"]["keepUntil"], Value::Null);
    let free = TestSlot::free();
    alice().hotdesk(&["keep", free.name(), "4h"]).failed_saying(&["is free, and only its holder can keep it", "claim"]);
    alice().hotdesk(&["keep", &format!("{}x", slot.name()), "4h"]).failed_saying(&["Did you mean", slot.name()]);
}

#[test]
fn a_slot_is_handed_over_and_the_new_holder_deploys() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    bob().hotdesk(&["hand", slot.name(), "bob@example.com"]).failed_saying(&["is held by alice@example.com"]);
    let handed = alice().hotdesk(&["hand", slot.name(), "Bob@Example.com"]).succeeded();
    handed.said(&["is held by bob@example.com now", "You can't deploy there any more"]);
    assert_eq!(slot.object()["spec"]["claim"]["users"], json!(["bob@example.com"]));
    assert_eq!(slot.object()["spec"]["claim"]["purpose"], "checkout", "the purpose stays");
    slot.wait_until_known();
    slot.kubectl(&bob(), &["create", "configmap", "mine"]).succeeded();
    slot.kubectl(&alice(), &["create", "configmap", "hers"]).failed_saying(&["is held by bob@example.com"]);
    admin().hotdesk(&["hand", slot.name(), "carol@example.com", "--force"]).succeeded();
    assert_eq!(slot.object()["spec"]["claim"]["users"], json!(["carol@example.com"]));
}

#[test]
fn whoever_shares_a_slot_keeps_it_when_it_is_handed_over() {
    let _held = installation::shared();
    let slot = SlotBuilder::held_by(&["alice@example.com", "carol@example.com"]).make();
    alice().hotdesk(&["hand", slot.name(), "bob@example.com"]).succeeded();
    assert_eq!(slot.object()["spec"]["claim"]["users"], json!(["bob@example.com", "carol@example.com"]));
}

#[test]
fn ci_finds_the_slot_of_whoever_pushed() {
    let _held = installation::shared();
    let (user, scratch) = (unique("octocat"), Scratch::new());
    let slot = TestSlot::free();
    slot.patch(&json!({"spec": {"host": "a.dev.example.com", "claim": {"users": ["alice@example.com", user]}}}));
    scratch.write("env", "OTHER=1\n");
    let ran = in_a_workflow(&scratch, ci().kubeconfig(), &["--user", &user.to_uppercase()]).succeeded();
    assert_eq!(ran.stdout, format!("KUBE_NAMESPACE={}\nHOST=a.dev.example.com\n", slot.name()));
    assert_eq!(scratch.read("env"), format!("OTHER=1\nKUBE_NAMESPACE={}\nHOST=a.dev.example.com\n", slot.name()));
    assert_eq!(scratch.read("output"), format!("namespace={}\nhost=a.dev.example.com\n", slot.name()));
    assert!(!ran.to_string().contains("alice@example.com"), "nobody else's name gets into the log:\n{ran}");
}

#[test]
fn ci_is_told_where_to_claim_if_the_person_holds_nothing() {
    let _held = installation::shared();
    let (slot, scratch) = (TestSlot::held_by("alice@example.com"), Scratch::new());
    let stranger = unique("mallory");
    let url = "https://sheet.example.com/1";
    let ran = in_a_workflow(&scratch, ci().kubeconfig(), &["--user", &stranger, "--claim-url", url]);
    assert_eq!(ran.code, Some(1), "{ran}");
    let ran = ran.said(&["holds no slot", url, "::error title=hotdesk::"]);
    for secret in ["alice@example.com", slot.name(), "checkout"] {
        assert!(!ran.to_string().contains(secret), "{secret} gets into the log:\n{ran}");
    }
    assert_eq!(scratch.read("env"), "", "nothing is exported");
}

#[test]
fn ci_takes_the_first_of_several_with_a_notice_or_the_one_that_is_named() {
    let _held = installation::shared();
    let (user, scratch) = (unique("octocat"), Scratch::new());
    let (one, other) = (SlotBuilder::held_by(&[&user]).make(), SlotBuilder::held_by(&[&user]).make());
    let mut names = [one.name(), other.name()];
    names.sort_unstable();
    let first = in_a_workflow(&scratch, ci().kubeconfig(), &["--user", &user]).succeeded();
    first.said(&[&format!("KUBE_NAMESPACE={}", names[0]), "::notice title=hotdesk::", names[1]]);
    let named = in_a_workflow(&scratch, ci().kubeconfig(), &["--user", &user, "--slot", names[1]]).succeeded();
    assert_eq!(named.stdout, format!("KUBE_NAMESPACE={}\n", names[1]));
    assert_eq!(named.stderr, "", "a choice that was made needs no notice");
}

#[test]
fn a_csv_file_needs_no_cluster() {
    let scratch = Scratch::new();
    let csv = scratch
        .write("slots.csv", "Slot,Emails,Purpose\nmew,alice@example.com,x\nOnix ,\"Bob@Example.com, carol\",y\n");
    let people = scratch.write("people.csv", "carol,octocat\n");
    let (csv, people) = (csv.to_str().unwrap(), people.to_str().unwrap());
    let nowhere = Path::new("/nonexistent");
    let args = ["--csv", csv, "--people", people, "--domain", "dev.example.com"];
    for user in ["bob@example.com", "Octocat"] {
        let ran = in_a_workflow(&scratch, nowhere, &[&args[..], &["--user", user]].concat()).succeeded();
        assert_eq!(ran.stdout, "KUBE_NAMESPACE=onix\nHOST=onix.dev.example.com\n");
    }
    let stranger = in_a_workflow(&scratch, nowhere, &[&args[..], &["--user", "bob@example.co"]].concat());
    let stranger = stranger.failed_saying(&["holds no slot"]);
    assert!(!stranger.to_string().contains("carol"), "the sheet is not printed:\n{stranger}");
}

/// Runs the script of `action.yml` as GitHub does: every input is a variable of its environment.
fn action(scratch: &Scratch, inputs: &[(&str, &str)], path: &Path) -> CommandOutput {
    let text = std::fs::read_to_string(root().join("action.yml")).unwrap();
    let action: Value = serde_saphyr::from_str(&text).unwrap();
    let step = &action["runs"]["steps"][0];
    let script = step["run"].as_str().unwrap();
    assert!(!script.contains("${{"), "no input becomes text of the script");
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]).current_dir(scratch.0.path());
    command.env("GITHUB_ENV", scratch.path("env")).env("GITHUB_OUTPUT", scratch.path("output"));
    command.env("PATH", format!("{}:/usr/bin:/bin", path.display())).env_remove("KUBECONFIG");
    for (variable, expression) in step["env"].as_object().unwrap() {
        let input = expression.as_str().unwrap().trim_start_matches("${{ inputs.").trim_end_matches(" }}");
        let default = action["inputs"][input]["default"].as_str().unwrap_or_default();
        let given = inputs.iter().find(|(name, _)| *name == input).map(|(_, value)| *value);
        command.env(variable, given.unwrap_or(default));
    }
    CommandOutput::run(command, "")
}

#[test]
fn the_action_gives_later_steps_the_namespace_and_runs_nothing_that_an_input_says() {
    let _held = installation::shared();
    let (user, scratch) = (unique("octocat"), Scratch::new());
    let slot = SlotBuilder::held_by(&[&user]).make();
    let bin = hotdesk().parent().unwrap().to_owned();
    let kubeconfig = ci().kubeconfig().to_str().unwrap().to_owned();
    let inputs = [("user", user.as_str()), ("kubeconfig", &kubeconfig), ("domain", "dev.example.com")];
    action(&scratch, &inputs, &bin).succeeded();
    assert_eq!(scratch.read("output"), format!("namespace={0}\nhost={0}.dev.example.com\n", slot.name()));
    for evil in [
        "$(touch pwned)",
        "`touch pwned`",
        "\"; touch pwned; \"",
        "--help",
        "a\nKUBE_NAMESPACE=mew",
        "x y; touch pwned",
    ] {
        let inputs = [("user", evil), ("kubeconfig", &kubeconfig), ("claim-url", evil)];
        let ran = action(&scratch, &inputs, &bin);
        assert!(!ran.ok(), "{evil:?} is nobody:\n{ran}");
        assert!(!scratch.path("pwned").exists(), "{evil:?} was run:\n{ran}");
    }
    assert_eq!(scratch.read("env").lines().count(), 2, "nobody's namespace was exported:\n{}", scratch.read("env"));
    action(&scratch, &inputs, Path::new("/nonexistent")).failed_saying(&["no hotdesk program", "docs/ci.md"]);
}

/// What `charts/slots` gives CI, under a name of its own; taken back when the test ends.
struct CiRights(String);

impl CiRights {
    fn to_be(login: &str) -> Self {
        let rights = Self(unique("ci"));
        let values = json!({"ci": {
            "users": [ci().name],
            "impersonate": {"users": [login], "groups": ["developers"]},
        }});
        let mut helm = admin().command("helm");
        helm.args(["template", &rights.0, "-n", "hotdesk", "-f", "-"]).arg(root().join("charts/slots"));
        helm.args(["-s", "templates/ci-clusterrole.yaml", "-s", "templates/ci-clusterrolebinding.yaml"]);
        let manifest = CommandOutput::run(helm, &values.to_string()).succeeded().stdout;
        admin().kubectl_with(&["apply", "-f", "-"], &manifest).succeeded();
        let known = ["auth", "whoami", "--as", login, "--as-group", "developers"];
        until("the right to be known", Duration::from_secs(20), || ci().kubectl(&known).as_result());
        rights
    }
}

impl Drop for CiRights {
    fn drop(&mut self) {
        drop(admin().kubectl(&["delete", "clusterrole,clusterrolebinding", &format!("{}-ci", self.0)]));
    }
}

#[test]
fn ci_installs_as_the_person_whom_the_chart_lets_it_be() {
    let _held = installation::shared();
    let (login, scratch) = (unique("octocat"), Scratch::new());
    let _rights = CiRights::to_be(&login);
    let (theirs, his) = (TestSlot::held_by(&login), TestSlot::held_by("bob@example.com"));
    in_a_workflow(&scratch, ci().kubeconfig(), &["--user", &login]).succeeded();
    let namespace = scratch.read("output");
    assert_eq!(namespace.trim(), format!("namespace={}", theirs.name()));
    let as_them = ["--kube-as-user", &login, "--kube-as-group", "developers"];
    theirs.helm_install(&ci(), Helm::V4, "web", "web", &as_them).succeeded();
    assert_eq!(theirs.get("deployment", "web")["metadata"]["annotations"]["hotdesk.dev/owner"], login);
    let record = theirs.get("secret", "sh.helm.release.v1.web.v1");
    assert_eq!(record["metadata"]["annotations"]["hotdesk.dev/deployed-by"], login, "the person, not CI");
    let denied = his.helm_install(&ci(), Helm::V4, "web", "web", &as_them);
    denied.failed_saying(&["is held by bob@example.com", &format!("you are {login}")]);
    let stranger = ["--kube-as-user", "dan@example.com", "--kube-as-group", "developers"];
    theirs.helm_install(&ci(), Helm::V4, "other", "web", &stranger).failed_saying(&["INSTALLATION FAILED"]);
    ci().kubectl(&["get", "slots", "--as", "dan@example.com"]).failed_saying(&["cannot impersonate"]);
    ci().kubectl(&["get", "slots", "--as", &login, "--as-group", "system:masters"])
        .failed_saying(&["cannot impersonate"]);
}

#[test]
fn the_chart_names_whom_ci_may_be_and_never_everybody() {
    let template = |values: &Value| {
        let mut helm = admin().command("helm");
        helm.args(["template", "slots", "-n", "hotdesk", "-f", "-"]).arg(root().join("charts/slots"));
        CommandOutput::run(helm, &values.to_string())
    };
    let ci = |users: &[&str], groups: &[&str]| json!({"ci": {"users": ["ci@example.com"], "impersonate": {"users": users, "groups": groups}}});
    let rendered = template(&ci(&["alice@example.com"], &["developers"])).succeeded().stdout;
    for part in ["verbs: [impersonate]", "resourceNames: [\"alice@example.com\"]", "resourceNames: [\"developers\"]"] {
        assert!(rendered.contains(part), "{part} is not in:\n{rendered}");
    }
    let only_users = template(&ci(&["alice@example.com"], &[])).succeeded().stdout;
    assert!(
        !only_users.contains("resources: [groups]"),
        "a rule without names would be for every group:\n{only_users}"
    );
    assert!(!template(&ci(&[], &[])).succeeded().stdout.contains("impersonate"), "nobody is named");
    template(&ci(&[], &["system:masters"])).failed_saying(&["impersonate"]);
    template(&ci(&["*"], &[])).failed_saying(&["impersonate"]);
}

#[test]
fn a_watch_shows_a_claim_as_it_is_made() {
    let _held = installation::shared();
    let (slot, scratch) = (TestSlot::free(), Scratch::new());
    let purpose = unique("purpose");
    let out = std::fs::File::create(scratch.path("watch")).unwrap();
    let mut command = Command::new(hotdesk());
    let mut watch =
        command.args(["list", "--watch"]).env("KUBECONFIG", bob().kubeconfig()).stdout(out).spawn().unwrap();
    let shows = |text: &str| scratch.read("watch").contains(text).then_some(()).ok_or_else(|| scratch.read("watch"));
    until("the first table", Duration::from_secs(10), || shows(slot.name()));
    bob().hotdesk(&["claim", slot.name(), "--purpose", &purpose]).succeeded();
    let seen =
        std::panic::catch_unwind(|| until("the claim in the watch", Duration::from_secs(10), || shows(&purpose)));
    watch.kill().unwrap();
    watch.wait().unwrap();
    seen.unwrap();
}

#[test]
fn a_spreadsheet_gets_every_slot_and_no_formula() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    slot.patch(&json!({"spec": {"claim": {"users": ["alice@example.com"], "purpose": "=1+1"}}}));
    let csv = alice().hotdesk(&["list", "-o", "csv"]).succeeded();
    let line = format!("{},alice@example.com,'=1+1,", slot.name());
    assert!(csv.stdout.lines().any(|l| l.starts_with(&line)), "{csv}");
    alice().hotdesk(&["claim", slot.name(), "--purpose", "x", "-o", "csv"]).failed_saying(&["-o csv is for list"]);
}

#[test]
fn a_shell_learns_every_command() {
    let script = alice().hotdesk(&["completion", "bash"]).succeeded().stdout;
    let mut bash = Command::new("bash");
    let ask = "source /dev/stdin; COMP_WORDS=(hotdesk res); COMP_CWORD=1; _hotdesk hotdesk res hotdesk; echo \"${COMPREPLY[@]}\"";
    bash.args(["--noprofile", "--norc", "-c", ask]);
    assert_eq!(CommandOutput::run(bash, &script).succeeded().stdout.trim(), "restamp resolve");
}
