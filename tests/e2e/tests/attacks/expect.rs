//! Claims about what a request came to, each with the reason that it must have.

use hotdesk_e2e::CommandOutput;
use hotdesk_e2e::requests::is_hotdesks_denial;

use crate::api::Answer;
use crate::table::{Failure, Verdict, held, right};

fn says_all(message: &str, parts: &[&str]) -> bool {
    parts.iter().all(|part| message.contains(part))
}

/// True if at least one of these is said.
pub fn says_any(message: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| message.contains(part))
}

impl Answer {
    /// hotdesk said no, with code 403, reason Forbidden and each of these words.
    pub fn denied(&self, parts: &[&str]) -> Verdict {
        held(!self.ok() && self.code != 101, || format!("admitted: {self}"))?;
        let forbidden = self.code == 403 && self.reason() == "Forbidden";
        right(forbidden && is_hotdesks_denial(self.message()), || format!("no denial of hotdesk's: {self}"))?;
        right(says_all(self.message(), parts), || format!("the denial does not say {parts:?}: {self}"))
    }

    /// hotdesk said no, or the API server itself by the rules of the kind Slot, and named the field or the reason.
    pub fn refused(&self, any: &[&str]) -> Verdict {
        held(!self.ok(), || format!("admitted: {self}"))?;
        let by_hotdesk = self.code == 403 && is_hotdesks_denial(self.message());
        right(by_hotdesk || self.code == 422, || format!("neither denied by hotdesk nor invalid: {self}"))?;
        right(says_any(self.message(), any), || format!("the refusal says none of {any:?}: {self}"))
    }

    /// Kubernetes' own authorization said no, before hotdesk was asked.
    pub fn no_right(&self) -> Verdict {
        held([401, 403].contains(&self.code), || format!("Kubernetes' own authorization let it through: {self}"))?;
        let forbidden = self.code == 403 && says_any(self.message(), &["cannot ", "forbidden: User "]);
        right(forbidden && !is_hotdesks_denial(self.message()), || format!("not refused for want of a right: {self}"))
    }

    /// Neither RBAC nor hotdesk let it in: each will do.
    pub fn no_right_or_denied(&self) -> Verdict {
        held(self.code == 403, || format!("neither Kubernetes' own authorization nor hotdesk refused: {self}"))
    }

    /// One of these codes.
    pub fn code_of(&self, codes: &[u16]) -> Verdict {
        held(!self.ok() && self.code != 101, || format!("admitted: {self}"))?;
        right(codes.contains(&self.code), || format!("none of {codes:?}: {self}"))
    }

    /// It was done.
    pub fn done(self) -> Result<Self, Failure> {
        if self.ok() { Ok(self) } else { Err(Failure::Wrong(format!("must work: {self}"))) }
    }
}

/// A command was turned away by hotdesk, with each of these words.
pub fn turned_away(ran: &CommandOutput, parts: &[&str]) -> Verdict {
    held(!ran.ok(), || format!("it worked:\n{ran}"))?;
    let said = format!("{}{}", ran.stdout, ran.stderr);
    right(says_all(&said, parts), || format!("it does not say {parts:?}:\n{ran}"))
}
