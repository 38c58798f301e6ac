//! Which rules go before those of other slots, and what holds for every slot?

use serde_json::value::RawValue;

use super::{Reader, SHOWN};
use crate::neighbours::raw::{at, each, elements, text, texts};
use crate::neighbours::{Finding, traefik};

/// The kinds of Traefik's that hold for every namespace where an object has this name.
const DEFAULTS: [&str; 2] = ["TLSOption", "TLSStore"];
const DEFAULT: &str = "default";

impl Reader<'_> {
    pub(super) fn traefik(&mut self, spec: &RawValue) {
        at(spec, "routes[]", &mut |route| {
            let (mut rule, mut priority) = (None, "");
            each(route, &mut |field, value| match field {
                "match" => rule = text(value),
                "priority" => priority = value.get(),
                _ => {}
            });
            if let Some(rule) = rule {
                self.traefik_rule(&rule, priority);
            }
        });
        at(spec, "tls.domains[]", &mut |domain| {
            each(domain, &mut |field, hosts| {
                if matches!(field, "main" | "sans") {
                    elements(hosts, &mut |host| self.name(text(host).as_deref().unwrap_or_default()));
                }
            });
        });
    }

    fn traefik_rule(&mut self, rule: &str, priority: &str) {
        let read = traefik::read(rule);
        read.texts.iter().for_each(|text| self.name(text));
        let is_set = traefik::is_priority(priority);
        if read.is_open && (is_set || read.is_mixed) {
            self.rule_before(rule, is_set.then_some(priority));
        } else if read.is_open {
            self.open(&format!("the rule {rule}"));
        }
    }

    /// A rule for any host that goes before those of other slots.
    fn rule_before(&mut self, rule: &str, priority: Option<&str>) {
        let with = |rule: &str| match priority {
            Some(priority) => format!("the rule {rule} with priority {priority}"),
            None => format!("the rule {rule}"),
        };
        let shown: String = rule.chars().take(SHOWN).collect();
        self.other(with(rule), Finding::RuleBefore(with(&shown)));
    }

    /// An Ingress may have a rule for any host, and a priority for its rules.
    pub(super) fn before_others(&mut self) {
        if let (Some(rule), Some(priority)) = (self.open_rule.take(), self.priority_of_rules.take()) {
            self.rule_before(&rule, Some(&priority));
        }
    }

    /// An object that holds for every namespace if it has this name.
    pub(super) fn default(&mut self, kind: &str, object: &RawValue) {
        if !DEFAULTS.contains(&kind) {
            return;
        }
        at(object, "metadata.name", &mut |name| {
            if text(name).as_deref() == Some(DEFAULT) {
                let mut content = String::new();
                at(object, "spec", &mut |spec| content.push_str(spec.get()));
                self.other(content, Finding::Default(format!("{kind} {DEFAULT}")));
            }
        });
    }

    /// Traefik puts the texts of an Ingress or a route between the back quotes of a rule, as they are.
    pub(super) fn back_quotes(&mut self, spec: &RawValue) {
        if spec.get().contains('`') || spec.get().contains("\\u0060") {
            texts(spec.get(), &mut |_, text| self.part_of_a_rule(text, |c| c != '`'));
        }
    }

    /// A text of which Traefik makes a rule, unless it has these signs alone.
    pub(super) fn part_of_a_rule(&mut self, text: &str, is_plain: impl Fn(char) -> bool) {
        if !text.chars().all(is_plain) {
            self.rule_before(text, None);
        }
    }

    pub(super) fn other(&mut self, content: String, finding: Finding) {
        let is_enough = self.before.is_some() && !self.taken.others.is_empty();
        if !is_enough && self.before.is_none_or(|before| !before.others.contains_key(&content)) {
            self.taken.others.insert(content, finding);
        }
    }
}
