//! Who is a GitHub workflow? Tokens of GitHub's shape, signed by the key that the test cluster's API server trusts.

use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{Timestamp, ToSpan as _};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use crate::cluster;
use crate::people::cluster_dir;
use crate::slot::unique;

/// What `docs/examples/authentication.yaml` lets in.
pub const ORGANISATION: &str = "acme";
pub const AUDIENCE: &str = "https://kubernetes.dev.example.com";
const ORGANISATION_ID: &str = "1234567";
const KEY_ID: &str = "hotdesk-test";

/// The key that signs; or nothing, with a line that says so, on a cluster whose API server does not know it.
pub fn issuer() -> Option<Issuer> {
    if cluster::is_own() {
        let path = cluster_dir().join("issuer.pk8");
        let key = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; run tests/cluster/up", path.display()));
        return Some(Issuer(RsaKeyPair::from_pkcs8(&key).unwrap()));
    }
    cluster::not_run("this cluster's API server does not take tokens that the tests sign");
    None
}

/// Signs as GitHub does.
#[derive(Debug)]
pub struct Issuer(RsaKeyPair);

impl Issuer {
    /// Somebody whose key the API server does not know.
    pub fn stranger() -> Self {
        let mut openssl = Command::new("openssl");
        openssl.args(["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-outform", "DER"]);
        let made = openssl.output().unwrap();
        Self(RsaKeyPair::from_pkcs8(&made.stdout).or_else(|_| RsaKeyPair::from_der(&made.stdout)).unwrap())
    }

    /// The job's token, as the workflow would be given it.
    pub fn sign(&self, job: &Job) -> String {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": KEY_ID, "x5t": KEY_ID});
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&job.0));
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

/// What a token says about a job: everything that GitHub says, for a push by one person.
#[derive(Debug, Clone)]
pub struct Job(Value);

impl Job {
    #[allow(clippy::disallowed_methods)] // the API server compares with its own clock
    pub fn of(actor: &str) -> Self {
        let now = Timestamp::now();
        let repository = format!("{ORGANISATION}/web");
        let branch = "refs/heads/checkout";
        let workflow = format!("{repository}/.github/workflows/deploy.yaml@{branch}");
        Self(json!({
            "iss": "https://token.actions.githubusercontent.com",
            "aud": AUDIENCE,
            "sub": format!("repo:{repository}:ref:{branch}"),
            "jti": unique("job"),
            "iat": now.as_second(),
            "nbf": (now - 5.minutes()).as_second(),
            "exp": (now + 5.minutes()).as_second(),
            "actor": actor,
            "actor_id": "583231",
            "repository": repository,
            "repository_id": "1296269",
            "repository_owner": ORGANISATION,
            "repository_owner_id": ORGANISATION_ID,
            "repository_visibility": "private",
            "event_name": "push",
            "ref": branch,
            "ref_type": "branch",
            "ref_protected": "false",
            "base_ref": "",
            "head_ref": "",
            "sha": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d",
            "workflow": "deploy",
            "workflow_ref": workflow,
            "job_workflow_ref": workflow,
            "run_id": "1658821493",
            "run_number": "10",
            "run_attempt": "1",
            "runner_environment": "self-hosted",
        }))
    }

    /// The same job with another claim.
    pub fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.0[claim] = value.into();
        self
    }

    /// The same job without a claim.
    pub fn without(mut self, claim: &str) -> Self {
        self.0.as_object_mut().unwrap().remove(claim);
        self
    }

    /// A claim of this job, as text.
    pub fn claim(&self, claim: &str) -> String {
        self.0[claim].as_str().map_or_else(|| self.0[claim].to_string(), str::to_owned)
    }
}
