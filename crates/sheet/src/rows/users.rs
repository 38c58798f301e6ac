//! Whom does a cell name?

use hotdesk_slots::text::quoted;
use hotdesk_slots::{Name, NameRules, People};

use super::Fault;
use super::placeholders::is_placeholder;
use super::texts::name;
use crate::cells::{Kind, error_in};

/// The people of a cell.
#[derive(Debug, Default)]
pub(super) struct Users {
    pub(super) shown: Vec<Name>,
    pub(super) aliases: Vec<Name>,
    pub(super) faults: Vec<Fault>,
    /// How many e-mail addresses are among them.
    pub(super) addresses: usize,
    /// Words that are neither addresses nor in the list of people, as they are written.
    pub(super) strange: Vec<String>,
}

/// By what a cell of names is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) people: &'a People,
    pub(super) rules: &'a NameRules,
}

impl Names<'_> {
    /// The people of a cell and their further names; every name that cannot be read is a fault.
    pub(super) fn users(self, text: &str) -> Users {
        let mut users = Users::default();
        if let Some(error) = error_in(text) {
            users.faults.push((Kind::Error, error));
            return users;
        }
        users.faults.extend(self.last_name_first(text));
        for part in text.split([',', ';', '\n', '\r']).map(str::trim).filter(|part| !part.is_empty()) {
            match self.name(part) {
                Err(what) => users.faults.push((Kind::Name, what)),
                Ok(name) => self.add(part, &name, &mut users),
            }
        }
        let Users { shown, aliases, faults, .. } = &mut users;
        aliases.retain(|alias| !shown.contains(alias));
        faults.extend(self.rules.against_count(shown.len()).map(|many| (Kind::Name, many)));
        users
    }

    fn name(self, part: &str) -> Result<Name, String> {
        let read = name(part, self.rules);
        let known = read.as_ref().is_ok_and(|name| self.people.knows(name));
        if is_placeholder(part) && !known && error_in(part).is_none() {
            return Err(format!(
                "{} is not a person: leave the cell empty if the slot is free; somebody who is called so goes into the list of people",
                quoted(part)
            ));
        }
        read
    }

    /// Adds a person under all their names. Those of the sheet's own list of people are held to the rules as well.
    fn add(self, part: &str, name: &Name, users: &mut Users) {
        let (shown, others) = self.people.resolve(name);
        for name in std::iter::once(&shown).chain(&others) {
            if let Err(problem) = self.rules.name(name.as_str()) {
                users.faults.push((Kind::Name, format!("the list of people: {problem}")));
            }
        }
        match part.contains('@') {
            true => users.addresses += 1,
            false if part.contains(':') || self.people.knows(name) => {}
            false => users.strange.push(part.to_owned()),
        }
        push_new(&mut users.shown, shown);
        others.into_iter().for_each(|other| push_new(&mut users.aliases, other));
    }

    /// `Doe, Alice` is one person, and would be two logins, which may belong to others.
    fn last_name_first(self, text: &str) -> Option<Fault> {
        let semicolons = text.contains(';');
        let pair = text.split([';', '\n', '\r']).find_map(|group| {
            let parts: Vec<&str> = group.split(',').map(str::trim).collect();
            parts.windows(2).find_map(|pair| match pair {
                [last, first] if self.is_one_person(last, first, semicolons) => Some(format!("{last}, {first}")),
                _ => None,
            })
        })?;
        let what = format!(
            "{} looks like the last and the first name of one person: show the chip as its e-mail address, or write logins \
             in lower case",
            quoted(&pair)
        );
        Some((Kind::Name, what))
    }

    fn is_one_person(self, last: &str, first: &str, semicolons: bool) -> bool {
        let word =
            |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '\'' | '.'));
        let capital = |part: &str| part.starts_with(char::is_uppercase);
        let known = |part: &str| Name::parse(part).is_ok_and(|name| self.people.knows(&name));
        word(last) && word(first) && (semicolons || (capital(last) && capital(first))) && !(known(last) && known(first))
    }
}

fn push_new(names: &mut Vec<Name>, name: Name) {
    if !names.contains(&name) {
        names.push(name);
    }
}

/// What to say of words that nobody is known by, in a sheet whose people are written as addresses.
pub(super) fn warning(strange: &[String]) -> String {
    let words: Vec<String> = strange.iter().map(|word| quoted(word)).collect();
    format!(
        "nobody has been seen under the name {}: show the chip as its e-mail address, or add the name to the list of people",
        hotdesk_slots::text::list(&words)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, names: &[&str], because: &str) {
        let people =
            People::from_rows([vec!["alice@example.com", "free", "doe"], vec!["bob@example.com", "roe"]]).unwrap();
        let users = Names { people: &people, rules: &NameRules::default() }.users(text);
        let shown: Vec<&str> = users.shown.iter().map(Name::as_str).collect();
        let told: Vec<&str> = users.faults.iter().map(|(_, what)| what.as_str()).collect();
        match because {
            "" => assert_eq!((shown.as_slice(), told.len()), (names, 0), "{text:?}: {told:?}"),
            _ => assert!(told.iter().any(|told| told.contains(because)), "{text:?}: {told:?} does not say {because:?}"),
        }
    }

    #[test]
    fn a_word_for_nobody_is_no_login_unless_somebody_is_called_so() {
        for text in ["—", "_", "--", "N.A.", "(none)", "TBD?", "x", "nobody", "Unknown!", "*", "alice@example.com, tbd"]
        {
            check(text, &[], "is not a person");
        }
        // What says that a row is free, or not to be had, in the languages of those who write it.
        let words = "n.n. NN Nn. idle blank released RELEASED! keiner nadie Ninguno disponible not-in-use \
                     to_be_decided 000 XXXX nessuno ninguem ninguém ningue\u{301}m verfügbar geen ledig vapaa wolny hiçkimse \
                     senki nimeni нет вільно κανένας 无 未定 없음 متاح פנוי kosong maintenance username \
                     soon archived geloescht gelöscht entfällt ENTFAELLT wip W.I.P. user users email e-mail owner";
        for text in words.split_whitespace() {
            check(text, &[], "is not a person");
        }
        check("tom, aki, bos, rob", &["tom", "aki", "bos", "rob"], "");
        check("nadia; ninguno@example.com; idler", &["nadia", "ninguno@example.com", "idler"], "");
        check("Free", &["alice@example.com"], "");
        check("freedom, nonesuch", &["freedom", "nonesuch"], "");
        check("free@example.com", &["free@example.com"], "");
    }

    #[test]
    fn two_capitals_are_one_person_unless_both_are_known() {
        for text in
            ["Doe, Alice", "DOE,ALICE", "o-neil, sean; doe, jane", "carol@example.com; Roe, Eve", "Moe, Alice, Bob"]
        {
            check(text, &[], "show the chip as its e-mail address");
        }
        check("Doe, Roe", &["alice@example.com", "bob@example.com"], "");
        check("carol, dan", &["carol", "dan"], "");
        check("carol; dan", &["carol", "dan"], "");
        check("Carol\nDan", &["carol", "dan"], "");
        check("Octocat, dan@example.com", &["octocat", "dan@example.com"], "");
    }
}
