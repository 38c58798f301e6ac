use super::*;

fn gain(slot: &str, version: Option<u64>) -> Gain {
    let alice = Name::parse("alice").unwrap();
    Gain { slot: slot.to_owned(), owner: alice.clone(), names: vec![alice], version, is_yours: true }
}

fn now() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

#[test]
fn what_is_written_is_what_is_read() {
    let notes = Notes::default().with(&gain("mew", Some(7)), now());
    assert_eq!(Notes::parse(&notes.to_text().unwrap()), Ok(notes));
    assert_eq!(Notes::parse("\n"), Ok(Notes::default()));
}

#[test]
fn one_person_leaves_one_note_for_a_slot_however_often_they_claim_it() {
    let mut notes = Notes::default();
    for version in 0..1000 {
        notes = notes.with(&gain("mew", Some(version)), now());
    }
    assert_eq!(notes.0.len(), 1);
}

#[test]
fn a_version_that_is_no_number_never_makes_a_note_void() {
    let notes = Notes::default().with(&gain("mew", None), now());
    let newer = Page::new("mew", None, None).version(Some(99));
    assert_eq!(notes.held(&gain("onix", None), &[], |_| Some(&newer), now()), ["mew"]);
    assert!(!Notes::comes_too_late(&gain("mew", None), Some(&newer)));
}
