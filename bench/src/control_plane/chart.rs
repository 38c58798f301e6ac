//! How is the API server told of hotdesk? By the objects of hotdesk's own chart, with another address and for one namespace.

use std::process::Command;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotdesk_slots::webhook_path::route;
use serde_json::{Value, json};

use crate::Bench;
use crate::pki::Authority;
use crate::programs::output;

const MUTATING: &str = "MutatingWebhookConfiguration";

/// The chart's objects, as helm renders them.
#[derive(Debug, Clone)]
pub struct Chart {
    objects: Vec<Value>,
}

impl Chart {
    /// Renders `charts/hotdesk` with its defaults.
    ///
    /// # Errors
    /// If helm cannot, or writes what is not YAML.
    pub fn render(bench: &Bench) -> anyhow::Result<Self> {
        let chart = bench.root.join("charts/hotdesk");
        let mut helm = Command::new(bench.cluster_program("helm")?);
        let text = output(helm.args(["template", "hotdesk", "--namespace=hotdesk"]).arg(chart))?;
        let objects = serde_saphyr::from_multiple(&text).context("helm template charts/hotdesk")?;
        Ok(Self { objects })
    }

    /// What a Slot is.
    ///
    /// # Errors
    /// If the chart has none.
    pub fn crd(&self) -> anyhow::Result<Value> {
        self.object("CustomResourceDefinition", "slots.hotdesk.dev")
    }

    /// The webhook configurations, under another name, for one namespace, at a webhook's address on loopback.
    ///
    /// # Errors
    /// If the chart has none.
    pub fn webhooks(&self, namespace: &str, address: &str, authority: &Authority) -> anyhow::Result<[Value; 2]> {
        let bundle = STANDARD.encode(authority.pem());
        let configuration = |kind| {
            let mut configuration = self.object(kind, "hotdesk")?;
            rename(&mut configuration, namespace)?;
            let webhooks = configuration.get_mut("webhooks").and_then(Value::as_array_mut);
            for webhook in webhooks.context("a webhook configuration without webhooks")? {
                let name = webhook.get("name").and_then(Value::as_str).context("a webhook without a name")?;
                let url = format!("{address}{}", route(kind == MUTATING, name));
                set(webhook, "clientConfig", json!({"url": url, "caBundle": bundle}))?;
                set(webhook, "namespaceSelector", only(namespace))?;
            }
            Ok(configuration)
        };
        [MUTATING, "ValidatingWebhookConfiguration"]
            .map(configuration)
            .into_iter()
            .collect::<anyhow::Result<Vec<_>>>()?
            .try_into()
            .map_err(|_| anyhow::anyhow!("two kinds make two configurations"))
    }

    /// The gate's policy and its binding, under another name, for one namespace.
    ///
    /// # Errors
    /// If the chart has none.
    pub fn policy(&self, namespace: &str) -> anyhow::Result<[Value; 2]> {
        let mut policy = self.object("ValidatingAdmissionPolicy", "hotdesk-gate")?;
        let mut binding = self.object("ValidatingAdmissionPolicyBinding", "hotdesk-gate")?;
        let name = rename(&mut policy, namespace)?;
        rename(&mut binding, namespace)?;
        set(binding.get_mut("spec").context("a binding without a spec")?, "policyName", name.into())?;
        let constraints = policy.pointer_mut("/spec/matchConstraints").context("a policy without matchConstraints")?;
        set(constraints, "namespaceSelector", only(namespace))?;
        Ok([policy, binding])
    }

    fn object(&self, kind: &str, name: &str) -> anyhow::Result<Value> {
        let is = |object: &&Value| {
            object.get("kind").is_some_and(|found| found == kind)
                && object.pointer("/metadata/name").is_some_and(|found| found == name)
        };
        let found = self.objects.iter().find(is).cloned();
        found.with_context(|| format!("charts/hotdesk renders no {kind} {name}"))
    }
}

/// Each namespace has objects of its own, so that all are registered at once.
fn rename(object: &mut Value, namespace: &str) -> anyhow::Result<String> {
    let metadata = object.get_mut("metadata").context("an object without metadata")?;
    let name = metadata.get("name").and_then(Value::as_str).context("an object without a name")?;
    let name = format!("{name}-{namespace}");
    set(metadata, "name", name.clone().into())?;
    Ok(name)
}

fn only(namespace: &str) -> Value {
    json!({"matchLabels": {"kubernetes.io/metadata.name": namespace}})
}

fn set(object: &mut Value, key: &str, value: Value) -> anyhow::Result<()> {
    let Some(object) = object.as_object_mut() else { bail!("{key}: the chart has something else where it belongs") };
    object.insert(key.to_owned(), value);
    Ok(())
}
