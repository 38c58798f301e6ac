//! Which rows name a host that is another slot's?
//!
//! A slot's host belongs to the slot, and so does every host below it. So a row gives its slot none that another slot has, or
//! another row asks for, and none below or above one. What an administrator sets in the Slot is theirs to say.

use std::collections::{BTreeMap, BTreeSet};

use hotdesk_sheet::{Kind, Problem};
use hotdesk_slots::text::sanitize_short;

use super::Judged;

/// Hosts, and whose they are.
#[derive(Default)]
struct Hosts<'a> {
    whole: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// The domains above them.
    above: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Hosts<'a> {
    fn add(&mut self, host: &'a str, slot: &'a str) {
        self.whole.entry(host).or_default().insert(slot);
        for domain in domains(host) {
            self.above.entry(domain).or_default().insert(slot);
        }
    }

    /// Another slot with this host, one below, or one above, and what it is to it.
    fn related(&self, host: &str, asking: &str) -> Option<(&'static str, &'a str)> {
        let other = |slots: Option<&BTreeSet<&'a str>>| slots?.iter().copied().find(|slot| *slot != asking);
        let same = || other(self.whole.get(host)).map(|slot| ("is", slot));
        let below = || domains(host).find_map(|domain| other(self.whole.get(domain))).map(|slot| ("is below", slot));
        let above = || other(self.above.get(host)).map(|slot| ("is above", slot));
        same().or_else(below).or_else(above)
    }
}

/// `b.c` and `c` of `a.b.c`.
fn domains(host: &str) -> impl Iterator<Item = &str> {
    host.match_indices('.').filter_map(|(at, _)| host.get(at + 1..))
}

impl Judged {
    /// Refuses the rows whose host is another's. `present`: the hosts that the Slots have, all of the cluster.
    pub fn refuse_hosts_of_others(&mut self, present: &BTreeMap<String, String>) {
        // What a slot has already is not news, no matter who gave it.
        let news = self.good.iter().filter(|(slot, row)| row.host.is_some() && row.host.as_ref() != present.get(*slot));
        let news: Vec<(&str, &str, &str)> = news
            .filter_map(|(slot, row)| Some((slot.as_str(), row.host.as_deref()?, row.host_cell.as_str())))
            .collect();
        let (mut had, mut asked) = (Hosts::default(), Hosts::default());
        present.iter().for_each(|(slot, host)| had.add(host, slot));
        news.iter().for_each(|(slot, host, _)| asked.add(host, slot));
        let found = news.iter().filter_map(|(slot, host, cell)| {
            let by_slot = had.related(host, slot).map(|(is, other)| format!("{is} the host of {other}"));
            let by_row = || asked.related(host, slot).map(|(is, other)| format!("{is} the host in the row of {other}"));
            let what =
                format!("{} {}: give each slot a host of its own", sanitize_short(host), by_slot.or_else(by_row)?);
            let slot = (*slot).to_owned();
            Some(Problem { cell: (*cell).to_owned(), what, slot: Some(slot), kind: Kind::Host })
        });
        let found: Vec<Problem> = found.collect();
        for problem in found {
            if let Some(slot) = &problem.slot {
                self.good.remove(slot);
                self.refused.insert(slot.clone());
            }
            self.problems.push(problem);
        }
    }
}
