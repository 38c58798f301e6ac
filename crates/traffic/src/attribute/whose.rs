//! Whose is an entry, and why is one that may be the slot's a doubt?

/// Whose an entry is. Of several names in one entry, the one that comes last here counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// Somebody else's, or nobody's.
    Theirs,
    /// It is a TCP or UDP session that names nobody.
    Stream,
    /// The controller answered in the place of a Service that it does not name.
    Answered,
    /// A route elsewhere served it, which may lead into the slot.
    LedIn,
    /// It names nobody who is known, and was for the slot's host.
    Hosted,
    /// It names nobody who is known, and mentions the slot.
    Mentioned,
    /// It begins like the slot's and equals none of them.
    Orphan,
    /// It equals one of the slot's, and could be another slot's.
    Ambiguous,
    /// The slot's.
    Ours,
}

impl Whose {
    /// Why a request that may have been the slot's is a doubt. `name` is what its line says of who served it.
    #[must_use]
    pub fn doubt(self, name: &str, slot: &str) -> Option<String> {
        Some(match self {
            Self::Ours | Self::Theirs => return None,
            Self::Ambiguous => format!(
                "traffic for {name} could be this slot's or another's: name the namespaces so that none begins with \
                 another's name and a dash, or add the namespace to the log format"
            ),
            Self::Orphan => format!(
                "traffic for {name}, which matches no Service that exists: was one renamed? If it is a namespace of \
                 its own, name it in --other-namespaces"
            ),
            Self::Mentioned => format!(
                "traffic for {name}, which names no Service that exists and mentions {slot}: if it is of a namespace that is \
                 not a slot, name that in --other-namespaces; else set --ingress-log-format, or name the field that holds \
                 <namespace>-<service>-<port>"
            ),
            Self::Hosted => {
                format!("a request for the host of {slot} ({name}) names no Service: was it for this slot?")
            }
            Self::LedIn => format!(
                "a request was served by the route {name} of another namespace, which leads into {slot} or may, and its \
                 line does not say which Service served it: put the route into the slot"
            ),
            Self::Answered => format!(
                "the controller gave its error page in the place of a Service that its line does not name (served by \
                 {name}): unset custom-http-errors, or give the Ingress a default backend of its own"
            ),
            Self::Stream => format!(
                "a TCP or UDP session ({name}) whose line names no Service could be of {slot}: ingress-nginx does not log \
                 whose it was (tcp-services, udp-services)"
            ),
        })
    }
}
