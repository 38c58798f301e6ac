//! Claims from before claims had ids.

use super::*;

#[test]
fn what_runs_under_a_claim_without_an_id_is_trusted_where_the_slot_is_enforced() {
    let own = || by("system:serviceaccount:pikachu:web").extra(POD, "web-1").without_claim_id();
    allows(Role::OwnServiceAccount, own());
    allows(Role::OwnServiceAccount, own().modes(Mode::Warn, Some(Mode::Enforce)));
    let warned = Decision::Tolerate(Reason::UntrustedWorkload, Mode::Warn);
    assert_eq!(own().modes(Mode::Warn, None).decide(), warned);
    assert_eq!(own().modes(Mode::Enforce, Some(Mode::Warn)).decide(), warned);
    denies(Reason::Lapsed, own().until(NOW));
    denies(Reason::Free, own().free());
    denies(Reason::NoToken, by("system:serviceaccount:pikachu:web").without_claim_id());
    denies(Reason::Held, by("system:serviceaccount:mew:web").extra(POD, "web-1").without_claim_id());
}
