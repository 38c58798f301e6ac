//! Lines of real logs, and what becomes of them when they are damaged: on each of them, a fast reader must say what the
//! plain one says.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Lines of every format that is kept for the tests.
pub(super) fn real_lines() -> Vec<&'static str> {
    let logs = [
        include_str!("../../tests/data/nginx.log"),
        include_str!("../../tests/data/nginx-forged.log"),
        include_str!("../../tests/data/nginx-json.log"),
        include_str!("../../tests/data/traefik-json.log"),
        include_str!("../../tests/data/envoy-json.log"),
        include_str!("../../tests/data/unparsed.log"),
        include_str!("../../tests/data/noise.log"),
    ];
    logs.iter().flat_map(|log| log.lines()).collect()
}

#[derive(Debug, Clone)]
enum Damage {
    Replace(Index, char),
    Insert(Index, &'static str),
    Remove(Index, usize),
    Repeat(Index, Index, Index),
    Cut(Index),
}

/// A real line with up to four damages: other characters out of `others`, pieces where they should not be, pieces that
/// are gone, come twice, or stand elsewhere.
pub(super) fn damaged(others: &'static str, pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    (select(real_lines()), vec(damage(others, pieces), 0..4)).prop_map(|(line, damages)| after(line, &damages))
}

/// A real line with up to two damages, and the same with up to three more.
pub(super) fn damaged_again(
    others: &'static str,
    pieces: &'static [&'static str],
) -> impl Strategy<Value = (String, String)> {
    let damages = |most| vec(damage(others, pieces), 0..=most);
    (select(real_lines()), damages(2), damages(3)).prop_map(|(line, before, then)| {
        let first = after(line, &before);
        let second = after(&first, &then);
        (first, second)
    })
}

fn damage(others: &'static str, pieces: &'static [&'static str]) -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), select(others.chars().collect::<Vec<_>>())).prop_map(|(at, other)| Damage::Replace(at, other)),
        4 => (at(), select(pieces)).prop_map(|(at, piece)| Damage::Insert(at, piece)),
        3 => (at(), 1..4_usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        2 => (at(), at(), at()).prop_map(|(from, to, at)| Damage::Repeat(from, to, at)),
        1 => at().prop_map(Damage::Cut),
    ]
}

fn after(line: &str, damages: &[Damage]) -> String {
    let mut text: Vec<char> = line.chars().collect();
    for damage in damages {
        apply(&mut text, damage);
    }
    text.into_iter().collect()
}

fn apply(text: &mut Vec<char>, damage: &Damage) {
    let length = text.len();
    let place = |at: &Index| at.index(length + 1);
    match damage {
        Damage::Replace(at, other) => {
            if let Some(found) = text.get_mut(place(at)) {
                *found = *other;
            }
        }
        Damage::Insert(at, piece) => drop(text.splice(place(at)..place(at), piece.chars())),
        Damage::Remove(at, count) => drop(text.drain(place(at)..(place(at) + count).min(length))),
        Damage::Repeat(from, to, at) => {
            let (from, to) = (place(from).min(place(to)), place(from).max(place(to)));
            let piece = text[from..to].to_vec();
            text.splice(place(at)..place(at), piece);
        }
        Damage::Cut(at) => text.truncate(place(at)),
    }
}
