//! Which Ingresses does Traefik take in the place of ingress-nginx, by its provider `kubernetesingressnginx`?

use hotdesk_slots::text::sanitize_short;

use super::super::selector::selects;
use super::{Class, Written};
use crate::sources::INGRESS_NGINX;
use crate::ways_in::WaysIn;
use crate::ways_in::boolean::is_on;

const NAME: &str = "providers.kubernetesingressnginx";

/// What it takes by that provider. Its settings are those of ingress-nginx, by other names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LikeNginx {
    /// The controller of the IngressClasses that it takes.
    controller: String,
    /// The class that it takes by the old annotation.
    class: String,
    /// True if it takes the IngressClass of that name as well, whichever controller it names.
    by_name: bool,
    /// True if it takes Ingresses without a class.
    without_class: bool,
    /// None: all.
    namespace: Option<String>,
    selector: String,
    /// The Service that answers what no Ingress names.
    pub(crate) default_backend: Option<String>,
}

impl LikeNginx {
    /// None where the provider is off.
    pub(super) fn of(written: &Written) -> Option<Self> {
        let get =
            |key: &str| written.get(&format!("{NAME}.{key}")).filter(|value| !value.is_empty()).map(str::to_owned);
        let on = |key: &str| get(key).is_some_and(|value| is_on(&value));
        written.has(NAME).then(|| Self {
            controller: get("controllerclass").unwrap_or_else(|| INGRESS_NGINX.to_owned()),
            class: get("ingressclass").unwrap_or_else(|| "nginx".to_owned()),
            by_name: on("ingressclassbyname"),
            without_class: on("watchingresswithoutclass"),
            namespace: get("watchnamespace"),
            selector: get("watchnamespaceselector").unwrap_or_default(),
            default_backend: get("defaultbackendservice"),
        })
    }

    /// True if it stands for the controller of a class.
    pub(crate) fn reads(&self, controller: &str, class: Class<'_>) -> bool {
        let (Class::Field(name) | Class::Annotation(name)) = class;
        controller == self.controller || self.by_name && name == self.class
    }

    /// Why it does not take an Ingress of the slot.
    pub(crate) fn refuses(&self, found: &WaysIn, class: Class<'_>) -> Option<String> {
        self.watches_elsewhere(found).or_else(|| match class {
            Class::Annotation("") if !self.without_class => {
                Some(format!("it takes no Ingress without a class (--{NAME}.watchingresswithoutclass)"))
            }
            Class::Annotation(class) if !class.is_empty() && class != self.class => {
                let (own, class) = (sanitize_short(&self.class), sanitize_short(class));
                Some(format!("by the old annotation it takes {own} alone, not {class} (--{NAME}.ingressclass)"))
            }
            _ => None,
        })
    }

    /// Why it takes nothing of the slot at all.
    pub(crate) fn watches_elsewhere(&self, found: &WaysIn) -> Option<String> {
        if let Some(only) = self.namespace.as_ref().filter(|only| **only != found.slot) {
            return Some(format!("it watches {} alone (--{NAME}.watchnamespace)", sanitize_short(only)));
        }
        (!selects(&self.selector, &found.slot, found.labels.as_ref())).then(|| {
            format!(
                "it watches namespaces with {} alone (--{NAME}.watchnamespaceselector)",
                sanitize_short(&self.selector)
            )
        })
    }

    /// True if whether it watches the slot depends on labels.
    pub(crate) fn selects(&self) -> bool {
        !self.selector.is_empty()
    }
}
