//! What is a GitHub workflow to the cluster and to hotdesk? The API server runs with the configuration that
//! docs/ci.md gives to users, and the tests sign tokens as GitHub does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::github::{Issuer, Job, ORGANISATION, issuer};
use hotdesk_e2e::runner::{Runner, TokenService};
use hotdesk_e2e::slot::{SlotBuilder, test_image, unique};
use hotdesk_e2e::{CommandOutput, Helm, Person, TestSlot, installation, people, until};
use serde_json::{Value, json};

/// The group that the configuration makes of the organisation.
fn group() -> String {
    format!("github:{ORGANISATION}")
}

fn slot_of(user: &str) -> TestSlot {
    SlotBuilder::held_by(&[user]).edited_by(&group()).make()
}

fn whoami(who: &Person) -> CommandOutput {
    who.kubectl(&["auth", "whoami", "-o", "json"])
}

/// The API server reads the issuer's keys as it starts; once this works, a refusal is about the token.
fn logs_in(github: &Issuer, job: &Job) -> (Person, Value) {
    let person = Person::by_token(&github.sign(job));
    let user = until("the token to be taken", Duration::from_secs(20), || whoami(&person).as_result());
    (person, user.json()["status"]["userInfo"].clone())
}

/// A write that is judged and not done.
fn probe(who: &Person, slot: &TestSlot) -> CommandOutput {
    slot.kubectl(who, &["create", "configmap", "probe", "--dry-run=server"])
}

#[test]
fn a_token_says_who_started_the_workflow_and_where_it_runs() {
    let Some(github) = issuer() else { return };
    let job = Job::of("octocat");
    let (_, user) = logs_in(&github, &job);
    assert_eq!(user["username"], "github:octocat");
    assert_eq!(user["uid"], job.claim("actor_id").as_str());
    assert_eq!(user["groups"], json!([group(), "system:authenticated"]));
    assert_eq!(user["extra"]["github.com/repository"], json!([job.claim("repository")]));
    assert_eq!(user["extra"]["github.com/workflow"], json!([job.claim("job_workflow_ref")]));
}

#[test]
fn a_workflow_deploys_into_the_slot_of_whoever_started_it_and_into_no_other() {
    let _held = installation::shared();
    let Some(github) = issuer() else { return };
    for helm in Helm::BOTH {
        let login = unique("octocat");
        let (theirs, his) = (slot_of(&login), slot_of("bob@example.com"));
        let (actor, _) = logs_in(&github, &Job::of(&login));
        theirs.helm_install(&actor, helm, "web", "web", &["--set", "replicas=0"]).succeeded();
        let record = theirs.get("secret", "sh.helm.release.v1.web.v1");
        assert_eq!(record["metadata"]["annotations"]["hotdesk.dev/deployed-by"], format!("github:{login}"));
        assert_eq!(theirs.get("deployment", "web")["metadata"]["labels"]["hotdesk.dev/owner"], login);
        let denied = his.helm_install(&actor, helm, "web", "web", &[]);
        denied.failed_saying(&["is held by bob@example.com", &format!("you are github:{login}")]);
        let (stranger, _) = logs_in(&github, &Job::of("hubot"));
        let denied = theirs.helm_install(&stranger, helm, "other", "web", &[]);
        denied.failed_saying(&[&format!("is held by {login}"), "you are github:hubot"]);
        assert_eq!(theirs.names("secrets").iter().filter(|name| name.contains("other")).count(), 0);
    }
}

#[test]
fn the_token_itself_is_enough_for_helm() {
    let _held = installation::shared();
    let Some(github) = issuer() else { return };
    let (login, stale) = (unique("octocat"), "stale");
    let nobody = Person::by_token(stale);
    let slot = slot_of(&login);
    let job = Job::of(&login);
    logs_in(&github, &job);
    refused(stale, "what the kubeconfig itself holds");
    for helm in Helm::BOTH {
        let release = if helm == Helm::V3 { "three" } else { "four" };
        let token = github.sign(&job);
        slot.helm_install(&nobody, helm, release, "hooked", &["--no-hooks", "--kube-token", &token]).succeeded();
        nobody.helm(helm, &["uninstall", release, "--no-hooks", "-n", slot.name(), "--kube-token", &token]).succeeded();
    }
}

#[test]
fn an_actor_is_known_in_any_case_and_by_every_name_of_the_person() {
    let _held = installation::shared();
    let Some(github) = issuer() else { return };
    let login = unique("octocat");
    let slot = slot_of(&login);
    probe(&logs_in(&github, &Job::of(&login.to_uppercase())).0, &slot).succeeded();
    // The installation's list of people says that octocat is carol.
    let carols = slot_of("carol@example.com");
    probe(&logs_in(&github, &Job::of("Octocat")).0, &carols).succeeded();
    let other = probe(&logs_in(&github, &Job::of("octocat2")).0, &carols);
    other.failed_saying(&["is held by carol@example.com", "you are github:octocat2"]);
}

/// Refused as it came: nobody is logged in.
#[track_caller]
fn refused(token: &str, what: &str) {
    let ran = whoami(&Person::by_token(token));
    assert!(!ran.ok() && ran.stderr.contains("You must be logged in"), "{what}:\n{ran}");
}

#[test]
fn a_token_of_another_organisation_audience_or_kind_of_run_is_nobodys() {
    let Some(github) = issuer() else { return };
    let job = || Job::of("octocat");
    logs_in(&github, &job());
    // The owner's name may be given up and taken by somebody else; the number may not.
    refused(&github.sign(&job().with("repository_owner_id", "7654321")), "another organisation of the same name");
    refused(&github.sign(&job().with("repository_owner_id", 1_234_567)), "a number where GitHub sends a text");
    refused(&github.sign(&job().without("repository_owner_id")), "no organisation");
    refused(&github.sign(&job().with("aud", "https://github.com/acme")), "the audience if a workflow names none");
    refused(&github.sign(&job().with("aud", "https://kubernetes.dev.example.com/")), "an audience that resembles ours");
    refused(&github.sign(&job().without("aud")), "no audience");
    refused(&github.sign(&job().with("iss", "https://token.actions.example.com")), "another issuer");
    refused(&github.sign(&job().without("actor")), "no actor");
    refused(&github.sign(&job().with("actor", "dependabot[bot]")), "a bot");
    for event in ["pull_request", "pull_request_target", "issue_comment", "schedule", "workflow_run"] {
        refused(&github.sign(&job().with("event_name", event)), event);
    }
    let now = job().claim("iat").parse::<i64>().unwrap();
    refused(&github.sign(&job().with("exp", now - 60)), "an expired token");
    refused(&github.sign(&job().with("nbf", now + 3600)), "a token of tomorrow");
    logs_in(&github, &job());
}

#[test]
fn a_token_that_another_key_signed_or_nobody_did_is_nobodys() {
    let Some(github) = issuer() else { return };
    let job = Job::of("octocat");
    let token = github.sign(&job);
    logs_in(&github, &job);
    refused(&Issuer::stranger().sign(&job), "another key under the same key id");
    let (signed, _) = token.rsplit_once('.').unwrap();
    refused(&format!("{signed}."), "no signature");
    let (_, claims, signature) = parts(&token);
    let (_, others, _) = parts(&github.sign(&Job::of("bob")));
    assert_ne!(claims, others);
    refused(&token.replace(&claims, &others), "somebody else's claims under octocat's signature");
    // {"alg":"none","typ":"JWT"}
    refused(&format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.{signature}"), "an algorithm that is none");
}

fn parts(token: &str) -> (String, String, String) {
    let mut parts = token.split('.').map(str::to_owned);
    (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap())
}

#[test]
fn no_actor_and_no_organisation_becomes_one_of_kubernetes_own() {
    let _held = installation::shared();
    let Some(github) = issuer() else { return };
    let slot = slot_of("alice@example.com");
    let own = format!("system:serviceaccount:{}:default", slot.name());
    for actor in
        ["system:masters", "system:kube-controller-manager", "system:node:hotdesk", &own, "chief@example.com\n"]
    {
        let (person, user) = logs_in(&github, &Job::of(actor));
        assert_eq!(user["username"], format!("github:{actor}"));
        assert_eq!(user["groups"], json!([group(), "system:authenticated"]));
        probe(&person, &slot).failed_saying(&["is held by alice@example.com"]);
    }
    let (person, user) = logs_in(&github, &Job::of("octocat").with("repository_owner", "system:masters"));
    assert_eq!(user["groups"], json!(["github:system:masters", "system:authenticated"]));
    probe(&person, &slot).failed_saying(&["cannot create resource"]);
}

#[test]
fn the_audit_log_and_the_webhook_see_the_person() {
    let _held = installation::shared();
    let Some(github) = issuer() else { return };
    let login = unique("octocat");
    let slot = slot_of(&login);
    let (actor, _) = logs_in(&github, &Job::of(&login));
    slot.kubectl(&actor, &["create", "configmap", "settings"]).succeeded();
    let event = until("the audit event", Duration::from_secs(10), || {
        let log = std::fs::read_to_string(people::cluster_dir().join("audit.log")).map_err(|e| e.to_string())?;
        let mut events = log.lines().filter(|line| line.contains(slot.name()) && line.contains("\"configmaps\""));
        let event = events.find(|line| line.contains(&format!("github:{login}")));
        event.map(|line| serde_json::from_str::<Value>(line).unwrap()).ok_or_else(|| "none yet".to_owned())
    });
    assert_eq!(event["user"]["username"], format!("github:{login}"));
    assert_eq!(event["annotations"]["gate.hotdesk.dev/decision"], "allow claimant", "{event:#}");
}

#[test]
fn the_example_workflow_finds_the_slot_and_deploys_as_the_actor() {
    let _held = installation::shared();
    let Some(github) = issuer() else { return };
    let login = unique("octocat");
    let slot = slot_of(&login);
    let job = Job::of(&login);
    logs_in(&github, &job);
    let runner = Runner::new(TokenService::of(github, job));
    let made = runner.make_kubeconfig().succeeded().said(&[&format!("github:{login}")]);
    assert!(!made.to_string().contains("eyJ"), "no token in the log:\n{made}");
    let kubeconfig = std::fs::read_to_string(runner.path("kubeconfig")).unwrap();
    assert!(!kubeconfig.contains("eyJ"), "the kubeconfig holds no token, it asks for one:\n{kubeconfig}");
    let mut resolve = runner.command(people::root().join("target/debug/hotdesk"));
    resolve.args(["resolve", "--user", &login]);
    CommandOutput::run(resolve, "").succeeded().said(&[&format!("KUBE_NAMESPACE={}\n", slot.name())]);
    for helm in ["helm3", "helm"] {
        let mut install = runner.command(people::cluster_dir().join("bin").join(helm));
        install.args(["upgrade", "--install", "web", &people::chart("web"), "--set", "replicas=0"]);
        install.args(["--namespace", slot.name(), "--set", &format!("image={}", test_image("app"))]);
        CommandOutput::run(install, "").succeeded();
    }
    let record = slot.get("secret", "sh.helm.release.v1.web.v2");
    assert_eq!(record["metadata"]["annotations"]["hotdesk.dev/deployed-by"], format!("github:{login}"));
}

#[test]
fn the_example_asks_again_before_the_token_expires_and_says_what_a_job_lacks() {
    let Some(github) = issuer() else { return };
    let job = Job::of("octocat");
    let expires = job.claim("exp").parse::<i64>().unwrap();
    let mut runner = Runner::new(TokenService::of(github, job));
    let plugin = runner.path(".github/github-token");
    let ask = |runner: &Runner| {
        let mut command = runner.command(&plugin);
        command.arg("https://kubernetes.dev.example.com");
        command
    };
    let credential = CommandOutput::run(ask(&runner), "").succeeded().json();
    let until: jiff::Timestamp = credential["status"]["expirationTimestamp"].as_str().unwrap().parse().unwrap();
    assert_eq!(until.as_second(), expires - 30);
    let mut without = ask(&runner);
    without.env_remove("ACTIONS_ID_TOKEN_REQUEST_URL").env_remove("ACTIONS_ID_TOKEN_REQUEST_TOKEN");
    CommandOutput::run(without, "").failed_saying(&["permissions: {id-token: write}"]);
    runner.github.secret = "wrong".to_owned();
    CommandOutput::run(ask(&runner), "").failed_saying(&["401"]);
}
