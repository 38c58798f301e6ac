//! Which kinds of objects lead requests from outside of the cluster into a namespace?
//!
//! A kind that is missing here is not looked for, so who learns of one adds a row. The order matters only for names
//! that several groups share: `VirtualService` alone is Istio's.

use super::settings::{envoy, istio};

/// How it is found out who serves an object of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServedBy {
    /// Its class names an IngressClass, and that the controller.
    Class,
    /// Its parents name Gateways, their classes the controllers.
    Gateway,
    /// One product alone serves the kind.
    Product(&'static str),
}

/// Whether an object can lead into another namespace than its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It cannot.
    Own,
    /// Where a ReferenceGrant in that namespace lets it.
    Granted,
    /// It can, and nobody there is asked.
    Any,
    /// It can, and leads nobody into its own: another kind does that by it.
    Part,
}

/// A kind of object that leads requests into a namespace.
#[derive(Debug, PartialEq, Eq)]
pub struct RouteKind {
    /// Its API group.
    pub group: &'static str,
    /// Its kind.
    pub kind: &'static str,
    /// Its name in addresses of the API.
    pub plural: &'static str,
    /// Who serves it.
    pub served_by: ServedBy,
    /// Where it can lead.
    pub reach: Reach,
}

const fn row(group: &'static str, kind: &'static str, plural: &'static str, by: ServedBy, reach: Reach) -> RouteKind {
    RouteKind { group, kind, plural, served_by: by, reach }
}

/// The group of Ingress and IngressClass; every cluster serves it.
pub const NETWORKING: &str = "networking.k8s.io";
/// The group of the Gateway API.
pub const GATEWAY_API: &str = "gateway.networking.k8s.io";

/// The group of what the Gateway API tries out.
pub const GATEWAY_API_TRIALS: &str = "gateway.networking.x-k8s.io";

/// By which routes name a Gateway that has listeners of its own elsewhere: group, kind, and name in addresses of the API.
pub const LISTENER_SETS: [(&str, &str, &str); 2] =
    [(GATEWAY_API, "ListenerSet", "listenersets"), (GATEWAY_API_TRIALS, "XListenerSet", "xlistenersets")];

/// What routes of the Gateway API name.
const PARENTS: [&str; 3] = ["referencegrants", "gateways", "gatewayclasses"];

const TRAEFIK: ServedBy = ServedBy::Product("Traefik");
const ISTIO: ServedBy = ServedBy::Product("Istio");
const CONTOUR: ServedBy = ServedBy::Product("Contour");
const EMISSARY: ServedBy = ServedBy::Product("Emissary");
const NGINX: ServedBy = ServedBy::Product("the NGINX Ingress Controller");
const HAPROXY: ServedBy = ServedBy::Product("the HAProxy Ingress Controller");
const GLOO: ServedBy = ServedBy::Product("Gloo");
const KNATIVE: ServedBy = ServedBy::Product("Knative");
const F5: ServedBy = ServedBy::Product("F5's controller");
const KONG: ServedBy = ServedBy::Product("Kong");
const CILIUM: ServedBy = ServedBy::Product("Cilium's Envoy");
const CONSUL: ServedBy = ServedBy::Product("Consul");
const KUMA: ServedBy = ServedBy::Product("Kuma");
const SKUPPER: ServedBy = ServedBy::Product("Skupper");
const NGROK: ServedBy = ServedBy::Product("ngrok");
const NETBIRD: ServedBy = ServedBy::Product("NetBird");
const OTHER_CLUSTERS: ServedBy = ServedBy::Product("the gateways of other clusters");
const CLOUDFLARE: ServedBy = ServedBy::Product("Cloudflare's tunnel");

/// All of them.
pub const ALL: [RouteKind; 76] = [
    row(NETWORKING, "Ingress", "ingresses", ServedBy::Class, Reach::Own),
    row(GATEWAY_API, "HTTPRoute", "httproutes", ServedBy::Gateway, Reach::Granted),
    row(GATEWAY_API, "GRPCRoute", "grpcroutes", ServedBy::Gateway, Reach::Granted),
    row(GATEWAY_API, "TCPRoute", "tcproutes", ServedBy::Gateway, Reach::Granted),
    row(GATEWAY_API, "TLSRoute", "tlsroutes", ServedBy::Gateway, Reach::Granted),
    row(GATEWAY_API, "UDPRoute", "udproutes", ServedBy::Gateway, Reach::Granted),
    row("traefik.io", "IngressRoute", "ingressroutes", TRAEFIK, Reach::Any),
    row("traefik.io", "IngressRouteTCP", "ingressroutetcps", TRAEFIK, Reach::Any),
    row("traefik.io", "IngressRouteUDP", "ingressrouteudps", TRAEFIK, Reach::Any),
    row("traefik.io", "TraefikService", "traefikservices", TRAEFIK, Reach::Part),
    row("traefik.io", "Middleware", "middlewares", TRAEFIK, Reach::Part),
    row("traefik.containo.us", "IngressRoute", "ingressroutes", TRAEFIK, Reach::Any),
    row("traefik.containo.us", "IngressRouteTCP", "ingressroutetcps", TRAEFIK, Reach::Any),
    row("traefik.containo.us", "IngressRouteUDP", "ingressrouteudps", TRAEFIK, Reach::Any),
    row("traefik.containo.us", "TraefikService", "traefikservices", TRAEFIK, Reach::Part),
    row("traefik.containo.us", "Middleware", "middlewares", TRAEFIK, Reach::Part),
    row("networking.istio.io", "VirtualService", "virtualservices", ISTIO, Reach::Any),
    row("networking.istio.io", "ServiceEntry", "serviceentries", ISTIO, Reach::Part),
    row("networking.istio.io", "WorkloadEntry", "workloadentries", ISTIO, Reach::Part),
    row("networking.istio.io", "EnvoyFilter", "envoyfilters", ISTIO, Reach::Part),
    row("projectcontour.io", "HTTPProxy", "httpproxies", CONTOUR, Reach::Own),
    row("contour.heptio.com", "IngressRoute", "ingressroutes", CONTOUR, Reach::Own),
    row("route.openshift.io", "Route", "routes", ServedBy::Product("OpenShift's router"), Reach::Own),
    row("configuration.konghq.com", "TCPIngress", "tcpingresses", KONG, Reach::Own),
    row("configuration.konghq.com", "UDPIngress", "udpingresses", KONG, Reach::Own),
    row("apisix.apache.org", "ApisixRoute", "apisixroutes", ServedBy::Product("APISIX"), Reach::Own),
    row("getambassador.io", "Mapping", "mappings", EMISSARY, Reach::Any),
    row("getambassador.io", "TCPMapping", "tcpmappings", EMISSARY, Reach::Any),
    row("getambassador.io", "AuthService", "authservices", EMISSARY, Reach::Part),
    row("k8s.nginx.org", "VirtualServer", "virtualservers", NGINX, Reach::Any),
    row("k8s.nginx.org", "VirtualServerRoute", "virtualserverroutes", NGINX, Reach::Any),
    row("k8s.nginx.org", "TransportServer", "transportservers", NGINX, Reach::Any),
    row("ingress.v1.haproxy.org", "TCP", "tcps", HAPROXY, Reach::Own),
    row("ingress.v3.haproxy.org", "TCP", "tcps", HAPROXY, Reach::Own),
    row("gateway.solo.io", "VirtualService", "virtualservices", GLOO, Reach::Any),
    row("gateway.solo.io", "RouteTable", "routetables", GLOO, Reach::Any),
    row("gloo.solo.io", "Upstream", "upstreams", GLOO, Reach::Part),
    row("zalando.org", "RouteGroup", "routegroups", ServedBy::Product("Skipper"), Reach::Own),
    row("serving.knative.dev", "Route", "routes", KNATIVE, Reach::Own),
    row("serving.knative.dev", "Service", "services", KNATIVE, Reach::Own),
    row("serving.knative.dev", "DomainMapping", "domainmappings", KNATIVE, Reach::Own),
    row("cis.f5.com", "VirtualServer", "virtualservers", F5, Reach::Any),
    row("cis.f5.com", "TransportServer", "transportservers", F5, Reach::Any),
    row("cis.f5.com", "IngressLink", "ingresslinks", F5, Reach::Own),
    row("cilium.io", "CiliumEnvoyConfig", "ciliumenvoyconfigs", CILIUM, Reach::Any),
    row("cilium.io", "CiliumClusterwideEnvoyConfig", "ciliumclusterwideenvoyconfigs", CILIUM, Reach::Part),
    row("gateway.envoyproxy.io", "Backend", "backends", ServedBy::Product("Envoy Gateway"), Reach::Part),
    row("gateway.kgateway.dev", "Backend", "backends", ServedBy::Product("kgateway"), Reach::Part),
    row("consul.hashicorp.com", "IngressGateway", "ingressgateways", CONSUL, Reach::Any),
    row("consul.hashicorp.com", "ServiceRouter", "servicerouters", CONSUL, Reach::Any),
    row("consul.hashicorp.com", "ServiceResolver", "serviceresolvers", CONSUL, Reach::Any),
    row("kuma.io", "MeshHTTPRoute", "meshhttproutes", KUMA, Reach::Any),
    row("kuma.io", "MeshTCPRoute", "meshtcproutes", KUMA, Reach::Any),
    row("kuma.io", "MeshGatewayRoute", "meshgatewayroutes", KUMA, Reach::Any),
    row("appmesh.k8s.aws", "GatewayRoute", "gatewayroutes", ServedBy::Product("AWS App Mesh"), Reach::Any),
    row("skupper.io", "Connector", "connectors", SKUPPER, Reach::Any),
    row("skupper.io", "AttachedConnector", "attachedconnectors", SKUPPER, Reach::Own),
    row("ingress.k8s.ngrok.com", "HTTPSEdge", "httpsedges", NGROK, Reach::Any),
    row("ingress.k8s.ngrok.com", "TCPEdge", "tcpedges", NGROK, Reach::Any),
    row("ingress.k8s.ngrok.com", "TLSEdge", "tlsedges", NGROK, Reach::Any),
    row("ingress.k8s.ngrok.com", "Tunnel", "tunnels", NGROK, Reach::Any),
    row("ngrok.k8s.ngrok.com", "AgentEndpoint", "agentendpoints", NGROK, Reach::Any),
    row("ngrok.k8s.ngrok.com", "CloudEndpoint", "cloudendpoints", NGROK, Reach::Own),
    row("netbird.io", "NetworkResource", "networkresources", NETBIRD, Reach::Own),
    row("netbird.io", "NBResource", "nbresources", NETBIRD, Reach::Own),
    row("networking.cfargotunnel.com", "TunnelBinding", "tunnelbindings", CLOUDFLARE, Reach::Own),
    row("networking.cfargotunnel.com", "Tunnel", "tunnels", CLOUDFLARE, Reach::Own),
    row("multicluster.x-k8s.io", "ServiceExport", "serviceexports", OTHER_CLUSTERS, Reach::Own),
    row("application-networking.k8s.aws", "ServiceExport", "serviceexports", OTHER_CLUSTERS, Reach::Own),
    row("net.gke.io", "ServiceExport", "serviceexports", OTHER_CLUSTERS, Reach::Own),
    row("networking.gke.io", "MultiClusterIngress", "multiclusteringresses", OTHER_CLUSTERS, Reach::Own),
    row("networking.gke.io", "MultiClusterService", "multiclusterservices", OTHER_CLUSTERS, Reach::Own),
    row(
        "elbv2.k8s.aws",
        "TargetGroupBinding",
        "targetgroupbindings",
        ServedBy::Product("a load balancer of AWS"),
        Reach::Own,
    ),
    row("http.keda.sh", "HTTPScaledObject", "httpscaledobjects", ServedBy::Product("KEDA's interceptor"), Reach::Own),
    row("fission.io", "HTTPTrigger", "httptriggers", ServedBy::Product("Fission's router"), Reach::Own),
    row("tyk.tyk.io", "ApiDefinition", "apidefinitions", ServedBy::Product("Tyk"), Reach::Own),
];

impl RouteKind {
    /// True if a name that people write means this kind: `HTTPRoute`, or with its group, `VirtualService.gateway.solo.io`.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        match name.split_once('.') {
            Some((kind, group)) => kind == self.kind && group == self.group,
            None => {
                let first = ALL.iter().find(|other| other.kind == name);
                self.kind == name && first.is_some_and(|first| first.served_by == self.served_by)
            }
        }
    }

    /// What people write for it.
    #[must_use]
    pub fn name(&self) -> String {
        if self.is_named(self.kind) { self.kind.to_owned() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// As RBAC and `kubectl get` name it.
    #[must_use]
    pub fn resource(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    /// True if objects in other namespaces may lead into a slot, so that they have to be looked at.
    #[must_use]
    pub fn crosses(&self) -> bool {
        self.reach != Reach::Own
    }
}

/// What of a group is looked for, by its names in addresses of the API: routes, what these name, and what settings are in.
pub fn looked_for(group: &str) -> impl Iterator<Item = &'static str> {
    let is = move |other: &str| group == other;
    let parents = PARENTS.iter().copied().filter(move |_| is(GATEWAY_API));
    let settings = [(envoy::GROUP, envoy::PLURAL), (istio::GROUP, istio::PLURAL)];
    let settings = settings.into_iter().filter(move |(of, _)| is(of)).map(|(_, plural)| plural);
    let sets = LISTENER_SETS.iter().filter(move |(of, ..)| is(of)).map(|(.., plural)| *plural);
    ALL.iter().filter(move |kind| is(kind.group)).map(|kind| kind.plural).chain(parents).chain(sets).chain(settings)
}

/// The kind of an object.
#[must_use]
pub fn of(group: &str, kind: &str) -> Option<&'static RouteKind> {
    ALL.iter().find(|row| row.group == group && row.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_the_kinds_of_one_product() {
        let meant = |name: &str| -> Vec<&str> {
            ALL.iter().filter(|kind| kind.is_named(name)).map(|kind| kind.group).collect()
        };
        assert_eq!(meant("IngressRoute"), ["traefik.io", "traefik.containo.us"]);
        assert_eq!(meant("VirtualService"), ["networking.istio.io"]);
        assert_eq!(meant("VirtualService.gateway.solo.io"), ["gateway.solo.io"]);
        assert!(meant("Gateway").is_empty() && meant("HTTPRoute.example.com").is_empty());
        for kind in &ALL {
            assert!(kind.is_named(&kind.name()), "{kind:?}");
        }
    }

    #[test]
    fn no_kind_is_there_twice() {
        for (index, kind) in ALL.iter().enumerate() {
            let same = |other: &RouteKind| (other.group, other.plural) == (kind.group, kind.plural);
            assert!(!ALL.iter().skip(index + 1).any(same), "{kind:?}");
        }
    }
}
