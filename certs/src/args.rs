//! What can be set from outside?

use clap::{Parser, ValueEnum};
use hotdesk_runtime::log::LogArgs;
use hotdesk_runtime::termination;
use hotdesk_slots::duration::non_negative;
use jiff::SignedDuration;
use rustls_pki_types::DnsName;

use crate::path::WantedPath;
use crate::plan::{Renew, Wanted};

/// Issues the certificate of hotdesk's webhook and makes the secret path below which the webhook answers, publishes CA and
/// path in the webhook configurations, and renews each after two thirds of its life. Run it as often as you like: it does
/// only what is due.
///
/// Exit codes: 0 all is well, 1 something failed, 2 a flag is wrong.
#[derive(Parser, Debug, Clone)]
#[command(version, about, verbatim_doc_comment)]
pub(crate) struct Args {
    /// Namespace of the Secrets and of the webhook's Service.
    #[arg(long, env = "HOTDESK_NAMESPACE", default_value = "hotdesk")]
    pub(crate) namespace: String,

    /// Secret that keeps the CA: ca.crt, ca.key, and previous.crt (the CAs before it).
    #[arg(long, env = "HOTDESK_CA_SECRET", default_value = "hotdesk-ca", value_name = "NAME")]
    pub(crate) ca_secret: String,

    /// Secret that the webhook mounts: tls.crt and tls.key.
    #[arg(long, env = "HOTDESK_TLS_SECRET", default_value = "hotdesk-webhook-tls", value_name = "NAME")]
    pub(crate) tls_secret: String,

    /// Secret that the webhook mounts: path, and previous (the path before it).
    #[arg(long, env = "HOTDESK_PATH_SECRET", default_value = "hotdesk-webhook-path", value_name = "NAME")]
    pub(crate) path_secret: String,

    /// Secret that cert-manager fills: tls.crt, tls.key and ca.crt. Read with --mode cert-manager.
    #[arg(long, env = "HOTDESK_ISSUED_SECRET", default_value = "hotdesk-cert-manager", value_name = "NAME")]
    pub(crate) issued_secret: String,

    /// How long a run waits for cert-manager to fill that Secret.
    #[arg(long, env = "HOTDESK_ISSUED_WITHIN", default_value = "2m", value_name = "DURATION", value_parser = non_negative::<SignedDuration>)]
    pub(crate) issued_within: SignedDuration,

    /// Who issues the certificate. What cert-manager issues, this job publishes and brings to the webhook.
    #[arg(long, env = "HOTDESK_CERTS_MODE", value_enum, default_value = "self-signed")]
    pub(crate) mode: Mode,

    /// The webhook's Service; the certificate is for its DNS names.
    #[arg(long, env = "HOTDESK_SERVICE", default_value = "hotdesk-webhook", value_name = "NAME")]
    pub(crate) service: String,

    /// The DNS domain of the cluster.
    #[arg(long, env = "HOTDESK_CLUSTER_DOMAIN", default_value = "cluster.local", value_name = "DOMAIN")]
    pub(crate) cluster_domain: String,

    /// MutatingWebhookConfiguration whose entries shall trust the CA and show the path.
    #[arg(long, env = "HOTDESK_MUTATING_CONFIGURATION", default_value = "hotdesk", value_name = "NAME")]
    pub(crate) mutating_configuration: String,

    /// ValidatingWebhookConfiguration whose entries shall trust the CA and show the path.
    #[arg(long, env = "HOTDESK_VALIDATING_CONFIGURATION", default_value = "hotdesk", value_name = "NAME")]
    pub(crate) validating_configuration: String,

    /// A configuration that does not exist is no error: before the first install there is none.
    #[arg(long, env = "HOTDESK_CONFIGURATIONS_OPTIONAL")]
    pub(crate) configurations_optional: bool,

    /// How long a CA lives; at least twice as long as a certificate.
    #[arg(long, env = "HOTDESK_CA_LIFETIME", default_value = "730d", value_name = "DURATION", value_parser = non_negative::<SignedDuration>)]
    pub(crate) ca_lifetime: SignedDuration,

    /// How long a certificate lives; at least one hour.
    #[arg(long, env = "HOTDESK_LEAF_LIFETIME", default_value = "90d", value_name = "DURATION", value_parser = non_negative::<SignedDuration>)]
    pub(crate) leaf_lifetime: SignedDuration,

    /// How long a new CA is published before it signs what the webhook serves: API servers learn of it by a watch.
    #[arg(long, env = "HOTDESK_SETTLE", default_value = "10s", value_name = "DURATION", value_parser = non_negative::<SignedDuration>)]
    pub(crate) settle: SignedDuration,

    /// How long a path lives.
    #[arg(long, env = "HOTDESK_PATH_LIFETIME", default_value = "24h", value_name = "DURATION", value_parser = non_negative::<SignedDuration>)]
    pub(crate) path_lifetime: SignedDuration,

    /// How long a new path is in the Secret before the configurations show it. A kubelet brings a changed Secret to a
    /// running pod within a minute and a half.
    #[arg(long, env = "HOTDESK_PATH_SETTLE", default_value = "150s", value_name = "DURATION", value_parser = non_negative::<SignedDuration>)]
    pub(crate) path_settle: SignedDuration,

    /// Renew now, whatever the dates say.
    #[arg(long, env = "HOTDESK_RENEW_NOW", value_enum)]
    pub(crate) renew_now: Option<Renew>,

    /// Trust the CAs before the present one no longer, for instance because a key leaked. To replace such a CA:
    /// run with --renew-now ca, wait until every webhook pod serves the new certificate (two minutes), then run
    /// with this flag.
    #[arg(long, env = "HOTDESK_FORGET_PREVIOUS_CA", conflicts_with = "renew_now")]
    pub(crate) forget_previous_ca: bool,

    /// Mark the Secrets as part of this helm release, so that its chart may hold them and its uninstall removes them.
    #[arg(long, env = "HOTDESK_HELM_RELEASE", value_name = "NAME")]
    pub(crate) helm_release: Option<String>,

    /// Where the reason of a failure is written, if that file exists; the kubelet makes it.
    #[arg(long, env = "HOTDESK_TERMINATION_LOG", default_value = termination::LOG, value_name = "FILE")]
    pub(crate) termination_log: std::path::PathBuf,

    /// What is logged, and how.
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// Who issues the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// This job.
    SelfSigned,
    /// cert-manager, into a Secret of its own.
    CertManager,
}

/// No certificate lives shorter: a job that runs once a day could not keep it alive anyway.
const SHORTEST_LEAF: SignedDuration = SignedDuration::from_hours(1);

impl Args {
    /// What the certificates shall be like.
    ///
    /// # Errors
    /// Everything that is wrong with the flags, at once.
    pub(crate) fn wanted(&self) -> Result<Wanted, String> {
        let mut problems = Vec::new();
        if self.leaf_lifetime < SHORTEST_LEAF {
            problems.push(format!("--leaf-lifetime {:#} is under an hour", self.leaf_lifetime));
        }
        if self.ca_lifetime < self.leaf_lifetime.saturating_mul(2) {
            problems.push(format!(
                "--ca-lifetime {:#} is under twice --leaf-lifetime {:#}: a CA must outlive the certificates it signs",
                self.ca_lifetime, self.leaf_lifetime
            ));
        }
        let renews_certificate = matches!(self.renew_now, Some(Renew::Leaf | Renew::Ca));
        if self.mode == Mode::CertManager && renews_certificate {
            problems.push("--mode cert-manager leaves it to cert-manager to renew: use cmctl renew".to_owned());
        }
        let names = self.names();
        for name in names.iter().filter(|name| DnsName::try_from(name.as_str()).is_err()) {
            problems.push(format!("{name:?} is not a DNS name: see --service, --namespace, --cluster-domain"));
        }
        if !problems.is_empty() {
            return Err(problems.join("\n"));
        }
        Ok(Wanted {
            names,
            ca_lifetime: self.ca_lifetime,
            leaf_lifetime: self.leaf_lifetime,
            renew_now: self.renew_now,
            forget_previous: self.forget_previous_ca,
        })
    }

    /// What the path shall be like.
    pub(crate) fn wanted_path(&self) -> WantedPath {
        WantedPath { lifetime: self.path_lifetime, renew_now: self.renew_now == Some(Renew::Path) }
    }

    /// The name by which API servers call the webhook.
    pub(crate) fn name_for_api_servers(&self) -> String {
        format!("{}.{}.svc", self.service, self.namespace)
    }

    /// Every name under which the Service is known inside the cluster; API servers use the third.
    fn names(&self) -> Vec<String> {
        let (service, namespace) = (&self.service, &self.namespace);
        vec![
            service.clone(),
            format!("{service}.{namespace}"),
            format!("{service}.{namespace}.svc"),
            format!("{service}.{namespace}.svc.{}", self.cluster_domain),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(extra: &[&str]) -> Args {
        Args::try_parse_from(std::iter::once("hotdesk-certs").chain(extra.iter().copied())).unwrap()
    }

    #[test]
    fn the_certificate_is_for_every_name_of_the_service() {
        let wanted = args(&["--namespace", "desk", "--cluster-domain", "corp.example"]).wanted().unwrap();
        assert_eq!(
            wanted.names,
            [
                "hotdesk-webhook",
                "hotdesk-webhook.desk",
                "hotdesk-webhook.desk.svc",
                "hotdesk-webhook.desk.svc.corp.example"
            ]
        );
    }

    #[test]
    fn every_wrong_flag_is_named_at_once() {
        let problems =
            args(&["--leaf-lifetime", "30m", "--ca-lifetime", "40m", "--cluster-domain", "a b"]).wanted().unwrap_err();
        for flag in ["--leaf-lifetime", "--ca-lifetime", "--cluster-domain"] {
            assert!(problems.contains(flag), "{flag} is missing in: {problems}");
        }
    }

    #[test]
    fn what_cert_manager_renews_is_not_asked_of_this_job() {
        for (extra, refused) in [
            (&["--renew-now", "path"][..], false),
            (&["--renew-now", "leaf"], true),
            (&["--renew-now", "ca"], true),
            (&["--forget-previous-ca"], false),
        ] {
            let problems = args(&[&["--mode", "cert-manager"], extra].concat()).wanted().err().unwrap_or_default();
            assert_eq!(problems.contains("cmctl renew"), refused, "{extra:?}: {problems}");
            args(extra).wanted().unwrap();
        }
    }

    #[test]
    fn the_flags_are_consistent() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }
}
