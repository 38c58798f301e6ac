use super::*;

fn acquisition(slot: &str, version: Option<u64>) -> Acquisition {
    let alice = Name::parse("alice").unwrap();
    Acquisition { slot: slot.to_owned(), owner: alice.clone(), names: vec![alice], version, is_yours: true }
}

fn now() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

#[test]
fn what_is_written_is_what_is_read() {
    let reservations = Reservations::default().with(&acquisition("mew", Some(7)), now());
    assert_eq!(Reservations::parse(&reservations.to_text().unwrap()), Ok(reservations));
    assert_eq!(Reservations::parse("\n"), Ok(Reservations::default()));
}

#[test]
fn one_person_leaves_one_note_for_a_slot_however_often_they_claim_it() {
    let mut reservations = Reservations::default();
    for version in 0..1000 {
        reservations = reservations.with(&acquisition("mew", Some(version)), now());
    }
    assert_eq!(reservations.0.len(), 1);
}

#[test]
fn a_version_that_is_no_number_never_makes_a_note_void() {
    let reservations = Reservations::default().with(&acquisition("mew", None), now());
    let newer = SlotEntry::new("mew", None, None).version(Some(99));
    assert_eq!(reservations.held(&acquisition("onix", None), &[], |_| Some(&newer), now()), ["mew"]);
    assert!(!Reservations::comes_too_late(&acquisition("mew", None), Some(&newer)));
}
