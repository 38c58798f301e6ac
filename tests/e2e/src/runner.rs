//! What does a job of the example workflow see on its runner? GitHub's variables, and what answers for a token.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::github::{Issuer, Job};
use crate::slot::unique;
use crate::{CommandOutput, admin, people};

/// A job of the example workflow, on a runner of its own.
#[derive(Debug)]
pub struct Runner {
    directory: tempfile::TempDir,
    pub github: TokenService,
}

impl Runner {
    pub fn new(github: TokenService) -> Self {
        let runner = Self { directory: tempfile::tempdir().unwrap(), github };
        std::fs::create_dir(runner.path(".github")).unwrap();
        std::fs::copy(example("github-token"), runner.path(".github/github-token")).unwrap();
        runner
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A command with what GitHub gives a job, and what the steps before have put into its environment.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        let clients = people::cluster_dir().join("bin");
        command.env_clear().env("PATH", format!("{}:/usr/bin:/bin", clients.display())).env("HOME", self.path(""));
        command.env("GITHUB_WORKSPACE", self.path("")).env("RUNNER_TEMP", self.path(""));
        command.env("GITHUB_ENV", self.path("env")).env("GITHUB_OUTPUT", self.path("output"));
        command.env("ACTIONS_ID_TOKEN_REQUEST_URL", &self.github.url);
        command.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", &self.github.secret);
        let set = std::fs::read_to_string(self.path("env")).unwrap_or_default();
        command.envs(set.lines().filter_map(|line| line.split_once('=')));
        command.current_dir(self.directory.path());
        command
    }

    /// The first step of the example, as it stands there.
    pub fn make_kubeconfig(&self) -> CommandOutput {
        let workflow: Value =
            serde_saphyr::from_str(&std::fs::read_to_string(example("deploy-as-actor.yaml")).unwrap()).unwrap();
        let job = &workflow["jobs"]["deploy"];
        let step = job["steps"].as_array().unwrap().iter().find(|step| step["id"] == "kubeconfig").unwrap();
        let script = self.path("step.sh");
        std::fs::write(&script, step["run"].as_str().unwrap()).unwrap();
        let admin = admin().kubectl(&["config", "view", "--raw", "-o", "json"]).succeeded().json();
        let cluster = &admin["clusters"][0]["cluster"];
        let authority = cluster["certificate-authority-data"].as_str().unwrap();
        let authority = BASE64_STANDARD.decode(authority).unwrap();
        let mut bash = self.command("/bin/bash");
        bash.args(["--noprofile", "--norc", "-e", "-o", "pipefail"]).arg(script);
        bash.env("AUDIENCE", job["env"]["AUDIENCE"].as_str().unwrap());
        bash.env("API_SERVER", cluster["server"].as_str().unwrap());
        bash.env("API_SERVER_CA", String::from_utf8(authority).unwrap());
        CommandOutput::run(bash, "")
    }
}

fn example(name: &str) -> PathBuf {
    people::root().join("docs/examples").join(name)
}

/// What the jobs of one workflow ask for their token: answers any request that bears the job's secret.
#[derive(Debug)]
pub struct TokenService {
    pub url: String,
    pub secret: String,
}

impl TokenService {
    /// Serves this job until the test program ends.
    pub fn of(issuer: Issuer, job: Job) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/_apis/token?api-version=2.0", listener.local_addr().unwrap());
        let service = Self { url, secret: unique("secret") };
        let header = format!("authorization: bearer {}", service.secret);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&stream.unwrap(), &issuer, &job, &header);
            }
        });
        service
    }
}

fn answer(mut stream: &TcpStream, issuer: &Issuer, job: &Job, header: &str) {
    let head: Vec<String> =
        BufReader::new(stream).lines().map_while(Result::ok).take_while(|l| !l.is_empty()).collect();
    let path = head[0].split(' ').nth(1).unwrap();
    let audience = path.split(['?', '&']).find_map(|part| part.strip_prefix("audience="));
    let audience = percent_encoding::percent_decode_str(audience.unwrap_or_default()).decode_utf8().unwrap();
    let known = head.iter().any(|line| line.to_lowercase() == header);
    let (status, body) = if known && path.contains("api-version=2.0&") {
        ("200 OK", json!({"count": 1, "value": issuer.sign(&job.clone().with("aud", audience.as_ref()))}).to_string())
    } else {
        ("401 Unauthorized", String::new())
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).unwrap();
}
