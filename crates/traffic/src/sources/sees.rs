//! Which ways into a slot does a source see?
//!
//! Its format, or the controller whose counters it reads, says so; the operator says it where neither does, or better.

use super::{
    Controller, GcpLogging, IngressMetrics, Kind, Loki, LokiQuestion, PodSelector, Prometheus, Question, Source,
};
use crate::line::Format;
use crate::ways_in::kinds::RouteKind;

/// What a source sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sees {
    /// Controllers, as IngressClasses (`spec.controller`) and GatewayClasses (`spec.controllerName`) name them.
    pub controllers: Vec<String>,
    /// Kinds of routes that these controllers serve.
    pub kinds: Vec<String>,
    /// The Gateways, as `namespace/name`; none: all of these controllers.
    pub gateways: Option<Vec<String>>,
}

/// By which the pods of controllers tell what they are.
pub(crate) const NAME_LABEL: &str = "app.kubernetes.io/name";

/// ingress-nginx, as its chart installs it.
pub const INGRESS_NGINX: &str = "k8s.io/ingress-nginx";
/// Traefik, of Ingresses.
pub(crate) const TRAEFIK_INGRESSES: &str = "traefik.io/ingress-controller";
const TRAEFIK: [&str; 2] = [TRAEFIK_INGRESSES, "traefik.io/gateway-controller"];
/// Envoy Gateway, as it comes.
pub const ENVOY_GATEWAY: &str = "gateway.envoyproxy.io/gatewayclass-controller";
const ENVOY: [&str; 1] = [ENVOY_GATEWAY];
const ISTIO: [&str; 2] = ["istio.io/ingress-controller", "istio.io/gateway-controller"];

impl Sees {
    /// What is known of a source by what it is.
    pub(super) fn by_kind(kind: &Kind) -> Self {
        match product(kind) {
            Some(Controller::EnvoyGateway) => {
                Self { gateways: place(kind).and_then(one_gateway), ..Self::by_product(Controller::EnvoyGateway) }
            }
            Some(product) => Self::by_product(product),
            None => Self::default(),
        }
    }

    fn by_product(product: Controller) -> Self {
        match product {
            Controller::IngressNginx => Self::of(&[INGRESS_NGINX], &["Ingress"]),
            Controller::Traefik => Self::of(&TRAEFIK, &["Ingress", "IngressRoute", "HTTPRoute", "GRPCRoute"]),
            Controller::EnvoyGateway => Self::of(&ENVOY, &["HTTPRoute", "GRPCRoute"]),
            Controller::Istio => Self::of(&ISTIO, &["Ingress", "HTTPRoute", "GRPCRoute", "VirtualService"]),
        }
    }

    fn of(controllers: &[&str], kinds: &[&str]) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self { controllers: owned(controllers), kinds: owned(kinds), gateways: None }
    }

    /// True if it sees routes of this kind, no matter what serves them.
    #[must_use]
    pub fn kind(&self, kind: &RouteKind) -> bool {
        self.kinds.iter().any(|name| kind.is_named(name))
    }

    /// True if it sees what this controller serves.
    #[must_use]
    pub fn controller(&self, name: &str) -> bool {
        self.controllers.iter().any(|known| known == name)
    }

    /// True if it sees what this Gateway serves, if its controller is seen.
    #[must_use]
    pub fn gateway(&self, namespace: &str, name: &str) -> bool {
        let wanted = format!("{namespace}/{name}");
        self.gateways.as_ref().is_none_or(|known| known.contains(&wanted))
    }
}

impl Source {
    /// Whose lines or counters it reads, where that is known.
    #[must_use]
    pub fn product(&self) -> Option<Controller> {
        product(&self.kind)
    }

    /// The same source, seeing what its pods serve by their labels (`app.kubernetes.io/name`), where its format is `auto` and the
    /// operator has not said it.
    #[must_use]
    pub fn as_labelled(&self, names: &[String]) -> Self {
        let auto = matches!(&self.kind, Kind::IngressLogs(logs) if logs.format == Format::Auto);
        if !auto || names.is_empty() || self.sees != Sees::by_kind(&self.kind) {
            return self.clone();
        }
        let mut sees = Sees::default();
        for product in names.iter().map(|name| by_label(Some(name.as_str()))) {
            let more = Sees::by_product(product);
            sees.controllers.extend(more.controllers);
            sees.kinds.extend(more.kinds);
        }
        Self { sees: Sees { gateways: self.sees.gateways.clone(), ..sees }, ..self.clone() }
    }

    /// The pods that it reads, if it reads them itself.
    #[must_use]
    pub fn place(&self) -> Option<&PodSelector> {
        place(&self.kind)
    }

    /// True if it reads all lines of a Traefik. They name the Service that was reached, whichever namespace the route is
    /// of. A store that is asked for lines that mention the slot does not find those that reached none.
    #[must_use]
    pub fn names_backends(&self) -> bool {
        matches!(self.kind, Kind::IngressLogs(_)) && self.product() == Some(Controller::Traefik)
    }
}

fn product(kind: &Kind) -> Option<Controller> {
    match kind {
        Kind::IngressLogs(logs) => by_format(&logs.format, Some(&logs.place)),
        Kind::Loki(Loki { question: LokiQuestion::Lines { format, .. }, .. })
        | Kind::GcpLogging(GcpLogging { format, .. }) => by_format(format, None),
        Kind::IngressMetrics(IngressMetrics { controller, .. })
        | Kind::Prometheus(Prometheus { question: Question::Ready { controller, .. }, .. }) => Some(*controller),
        Kind::Loki(_) | Kind::Prometheus(_) => None,
    }
}

/// `auto` reads every format; that its pods are Traefik's or Envoy's is said by their labels, and else they are ingress-nginx'.
fn by_format(format: &Format, place: Option<&PodSelector>) -> Option<Controller> {
    match format {
        Format::Nginx | Format::NginxJson => Some(Controller::IngressNginx),
        Format::TraefikJson => Some(Controller::Traefik),
        Format::EnvoyJson => Some(Controller::EnvoyGateway),
        Format::Json(_) => None,
        Format::Auto => Some(by_label(place.and_then(|place| label(place, NAME_LABEL)))),
    }
}

fn by_label(name: Option<&str>) -> Controller {
    match name {
        Some("traefik") => Controller::Traefik,
        Some("envoy") => Controller::EnvoyGateway,
        _ => Controller::IngressNginx,
    }
}

fn place(kind: &Kind) -> Option<&PodSelector> {
    match kind {
        Kind::IngressLogs(logs) => Some(&logs.place),
        Kind::IngressMetrics(metrics) => Some(&metrics.place),
        Kind::Prometheus(_) | Kind::Loki(_) | Kind::GcpLogging(_) => None,
    }
}

/// Envoy Gateway runs proxies of its own for each Gateway, and labels them: a selector may choose one of them.
fn one_gateway(place: &PodSelector) -> Option<Vec<String>> {
    let name = label(place, "gateway.envoyproxy.io/owning-gateway-name");
    let namespace = label(place, "gateway.envoyproxy.io/owning-gateway-namespace");
    match (namespace, name) {
        (None, None) => None,
        // Which of several is not said: none is known to be seen.
        (namespace, name) => {
            Some(namespace.zip(name).iter().map(|(namespace, name)| format!("{namespace}/{name}")).collect())
        }
    }
}

/// The value that a selector demands of a label.
fn label<'a>(place: &'a PodSelector, key: &str) -> Option<&'a str> {
    place.selector.split(',').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        (name.trim() == key).then(|| value.trim_start_matches('=').trim())
    })
}
