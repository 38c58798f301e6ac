//! For whom can a trusted deployer act?

use super::*;

const CI: &str = "system:serviceaccount:ci:deployer";

#[test]
fn a_deployer_that_authenticates_people_acts_for_the_claimant_whom_the_object_names() {
    allows(Role::Deployer, by(CI).deploying_for("alice_at_example.com"));
    allows(Role::Deployer, by(CI).deploying_for("octocat"));
    for forged in ["bob_at_example.com", "alice@example.com", "alice", "Alice_at_example.com", "payments", ""] {
        denies(Reason::ForStranger, by(CI).deploying_for(forged));
        denies(Reason::ForStranger, by(CI).claimed_by(CI).deploying_for(forged));
    }
    denies(Reason::DeployerNotListed, by(CI));
    denies(Reason::DeployerUnclaimed, by(CI).free());
    denies(Reason::DeployerUnclaimed, by(CI).deploying_for("alice_at_example.com").until(NOW));
    for other in ["system:serviceaccount:ci:deployer2", "System:serviceaccount:ci:deployer", "ci:deployer", "Flux"] {
        denies(Reason::Held, by(other).deploying_for("alice_at_example.com"));
    }
}

#[test]
fn a_deployer_of_slots_deploys_into_those_while_somebody_holds_them() {
    allows(Role::Deployer, by("flux"));
    denies(Reason::DeployerNotListed, by("flux").in_namespace("pikachu2"));
    denies(Reason::DeployerNotListed, by("flux").in_namespace("mew").deploying_for("alice_at_example.com"));
    denies(Reason::DeployerUnclaimed, by("flux").free());
    allows(Role::Deployer, by("flux").deploying_for("bob_at_example.com"));
}

#[test]
fn a_deployer_of_people_deploys_where_one_of_them_is_a_claimant() {
    allows(Role::Deployer, by("argo"));
    denies(Reason::DeployerNotListed, by("argo").claimed_by("bob@example.com").without_aliases());
    denies(Reason::DeployerUnclaimed, by("argo").until(NOW));
}

#[test]
fn the_entries_of_one_deployer_add_up_and_a_named_stranger_still_counts() {
    allows(Role::Deployer, by("flux-ci"));
    allows(Role::Deployer, by("flux-ci").deploying_for("octocat"));
    allows(Role::Deployer, by("flux-ci").deploying_for("octocat").in_namespace("mew"));
    denies(Reason::DeployerNotListed, by("flux-ci").in_namespace("mew"));
    denies(Reason::ForStranger, by("flux-ci").deploying_for("bob_at_example.com"));
}

#[test]
fn a_deployer_that_holds_the_slot_is_a_claimant_there() {
    allows(Role::Claimant, by(CI).claimed_by(CI));
    allows(Role::Claimant, by("argo").claimed_by("argo").without_aliases());
}
