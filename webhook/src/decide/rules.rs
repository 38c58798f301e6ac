//! What can nobody write in a slot, not even its holder, whatever its mode is?
//!
//! A slot changes hands. So nobody but its administrators changes what hotdesk put there, nobody takes along a token that
//! outlasts the claim, and nobody has a controller write hotdesk's keys. The policy inside the API server says the same.

use hotdesk_slots::{ClaimView, Requester};

use crate::decide::restamp::NotARestamp;
use crate::decide::{Decision, Role, is_claimants};
use crate::gated::Gated;
use crate::review::object::Object;
use crate::review::templates::{Reserved, newly_reserved};
use crate::review::{GateRequest, Operation};
use crate::settings::{Settings, TokenSecrets};

/// For how long a token that somebody makes may last, in seconds.
pub const TOKEN_SECONDS: i64 = 3600;

/// Secrets of this type hold a token that never expires.
const TOKEN_SECRET: &str = "kubernetes.io/service-account-token";

/// A rule that holds for everybody but administrators, in every mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// What hotdesk put into a slot stays as it is.
    Fixture,
    /// A token lasts an hour at most.
    TokenLifetime,
    /// Nobody but a kubelet makes the token of a pod.
    TokenOfPod,
    /// No Secret holds a token that never expires.
    TokenSecret,
    /// No template holds a key of hotdesk's.
    ReservedKey,
    /// The host of another slot is that slot's ([`crate::neighbours`], like the following).
    NeighbourHost,
    /// No ExternalName Service leads to another slot or to hotdesk.
    NeighbourExternalName,
    /// No Service takes an address for itself.
    ExternalIp,
    /// No pod has a priority of the cluster's own, or of hotdesk's.
    SystemPriority,
    /// No person writes Endpoints.
    Endpoints,
    /// The restamper changes nothing but hotdesk's keys.
    Restamp,
}

/// How a write breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken<'a> {
    /// It changes what belongs to hotdesk: the name, and the resource.
    Fixture(&'a str, &'a str),
    /// It makes a token that lasts for too long.
    TokenLifetime,
    /// It makes a token that would pass for a pod's own.
    TokenOfPod,
    /// It writes a Secret with a token that never expires.
    TokenSecret,
    /// It brings a key of hotdesk's into a template.
    ReservedKey(Reserved<'a>),
    /// The restamper sent it, and it is not a restamp.
    Restamp(NotARestamp),
}

/// The rule that this write breaks, if it breaks one, in a slot with this claim.
#[must_use]
pub fn broken<'a>(
    request: &'a GateRequest<'_>,
    decision: Decision,
    requester: &Requester<'_>,
    claim: Option<&ClaimView>,
    settings: &Settings,
) -> Option<Broken<'a>> {
    let role = match decision {
        Decision::Allow(role) => Some(role),
        Decision::Tolerate(..) => None,
        Decision::Deny(_) | Decision::Forbid(_) => return None,
    };
    if matches!(role, Some(Role::Machinery | Role::BreakGlass | Role::Administrator)) {
        return None;
    }
    let writes = matches!(request.operation, Operation::Create | Operation::Update);
    // The restamper brings nothing into an object that is there, which is looked at elsewhere.
    let object = request.object.as_deref().filter(|_| writes && role != Some(Role::Restamper));
    fixture(request)
        .filter(|_| role != Some(Role::Controller))
        .or_else(|| object.and_then(|object| token(request, object, settings)))
        .or_else(|| {
            let may_name = |person: &str| names(person, role, requester, claim, settings);
            object.and_then(|object| reserved(request, object, &may_name))
        })
}

/// True if this value of `hotdesk.dev/for` stays on what somebody writes. Those who are exempt from the rules write what they
/// like. What brings back what a deployer had deployed names the claim's own people: what comes back was the holder's, who
/// could have written anybody's name into a release.
#[must_use]
pub fn names(
    person: &str,
    role: Option<Role>,
    requester: &Requester<'_>,
    claim: Option<&ClaimView>,
    settings: &Settings,
) -> bool {
    match role {
        Some(Role::Machinery | Role::BreakGlass | Role::Administrator) => true,
        Some(Role::Reviver) => claim.is_none_or(|claim| is_claimants(claim, person)),
        _ => settings.authenticates_people(requester),
    }
}

fn fixture<'a>(request: &'a GateRequest<'_>) -> Option<Broken<'a>> {
    let (group, resource) = (request.resource.group.as_str(), request.resource.resource.as_str());
    let subject = match request.operation {
        Operation::Delete => request.old_object.as_ref(),
        Operation::Create | Operation::Update | Operation::Connect => request.object.as_ref(),
    };
    // A deletion of many names none of them.
    let named = subject.and_then(|object| object.metadata.as_ref()).and_then(|metadata| metadata.name.as_ref());
    let names = [request.name(), named.map_or("", |name| name.as_str())];
    let name = names.into_iter().find(|name| Gated::table().is_fixture(group, resource, name))?;
    Some(Broken::Fixture(name, resource))
}

fn token<'a>(request: &GateRequest<'_>, object: &Object<'_>, settings: &Settings) -> Option<Broken<'a>> {
    match (request.kind.group.as_str(), request.kind.kind.as_str()) {
        ("authentication.k8s.io", "TokenRequest") => {
            let seconds = object.spec.expiration_seconds.unwrap_or(TOKEN_SECONDS);
            let is_long = (seconds > TOKEN_SECONDS).then_some(Broken::TokenLifetime);
            is_long.or_else(|| object.spec.binds_pod.then_some(Broken::TokenOfPod))
        }
        ("", "Secret") if settings.token_secrets == TokenSecrets::Deny => {
            (object.type_.0.as_deref() == Some(TOKEN_SECRET)).then_some(Broken::TokenSecret)
        }
        _ => None,
    }
}

fn reserved<'a>(
    request: &'a GateRequest<'_>,
    object: &'a Object<'_>,
    may_name: &dyn Fn(&str) -> bool,
) -> Option<Broken<'a>> {
    let kind = (request.kind.group.as_str(), request.kind.kind.as_str());
    let old = request.old_object.as_ref().map(|old| [&old.spec, &old.template]);
    newly_reserved([&object.spec, &object.template], old, kind, may_name).map(Broken::ReservedKey)
}

impl Broken<'_> {
    /// The rule.
    #[must_use]
    pub fn rule(self) -> Rule {
        match self {
            Self::Fixture(..) => Rule::Fixture,
            Self::TokenLifetime => Rule::TokenLifetime,
            Self::TokenOfPod => Rule::TokenOfPod,
            Self::TokenSecret => Rule::TokenSecret,
            Self::ReservedKey(_) => Rule::ReservedKey,
            Self::Restamp(_) => Rule::Restamp,
        }
    }
}

impl Rule {
    /// One word for metrics and audit logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fixture => "fixture",
            Self::TokenLifetime => "token-lifetime",
            Self::TokenOfPod => "token-of-pod",
            Self::TokenSecret => "token-secret",
            Self::ReservedKey => "reserved-key",
            Self::NeighbourHost => "neighbour-host",
            Self::NeighbourExternalName => "neighbour-external-name",
            Self::ExternalIp => "external-ip",
            Self::SystemPriority => "system-priority",
            Self::Endpoints => "endpoints",
            Self::Restamp => "not-a-restamp",
        }
    }
}

#[cfg(test)]
mod tests;
