//! What brings the stamps to the claims.

use super::*;

#[test]
fn the_restamper_is_let_into_every_slot_that_is_known() {
    let restamper = || by(RESTAMPER);
    allows(Role::Restamper, restamper());
    allows(Role::Restamper, restamper().free());
    allows(Role::Restamper, restamper().until(NOW));
    allows(Role::Restamper, restamper().modes(Mode::Audit, None));
    denies(Reason::NotSynced, restamper().seeing(View::NotSynced));
    denies(Reason::NoSlot, restamper().seeing(View::Missing));
    denies(Reason::UnreadableSlot, restamper().seeing(View::Unreadable));
    denies(Reason::Held, by("system:serviceaccount:hotdesk:hotdesk-restamper2"));
    denies(Reason::NoToken, by("system:serviceaccount:pikachu:hotdesk-restamper"));
}
