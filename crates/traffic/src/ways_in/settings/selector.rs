//! Does a selector of labels, as flags and `kubectl -l` take one, select an object?

use std::collections::BTreeMap;

/// The label that every namespace has, and that is its name.
const NAME: &str = "kubernetes.io/metadata.name";

/// True if it selects a namespace. Where its labels are unknown, that can only be told by its name.
pub(crate) fn selects(selector: &str, namespace: &str, labels: Option<&BTreeMap<String, String>>) -> bool {
    let name = BTreeMap::from([(NAME.to_owned(), namespace.to_owned())]);
    let mut all = requirements(selector).map(|one| match labels {
        None if key(one) != NAME => false,
        labels => meets(one, labels.unwrap_or(&name)),
    });
    all.all(|met| met)
}

/// Its parts, between commas that are in no parentheses.
fn requirements(selector: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    let parts = selector.split(move |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

fn key(requirement: &str) -> &str {
    let end = |c: char| c.is_whitespace() || matches!(c, '=' | '!' | '(' | '<' | '>');
    requirement.trim_start_matches(['!', ' ']).split(end).next().unwrap_or_default()
}

fn meets(requirement: &str, labels: &BTreeMap<String, String>) -> bool {
    let key = key(requirement);
    let own = labels.get(key).map(String::as_str);
    if requirement.starts_with('!') {
        return own.is_none();
    }
    let rest = requirement.get(key.len()..).unwrap_or_default().trim();
    let is_in = |list: &str| {
        let list = list.trim().trim_start_matches('(').trim_end_matches(')');
        own.is_some_and(|own| list.split(',').any(|value| value.trim() == own))
    };
    if let Some(value) = rest.strip_prefix("!=") {
        return own != Some(value.trim());
    }
    if let Some(list) = rest.strip_prefix("notin") {
        return !is_in(list);
    }
    if let Some(list) = rest.strip_prefix("in") {
        return is_in(list);
    }
    match rest.strip_prefix('=') {
        Some(value) => own == Some(value.trim_start_matches('=').trim()),
        // What else it may say is not known here: nothing is certain to be selected by it.
        None => rest.is_empty() && own.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_read_as_kubernetes_reads_it() {
        let labels =
            BTreeMap::from([("team", "a"), ("env", "dev")].map(|(key, value)| (key.to_owned(), value.to_owned())));
        for (selector, known, unknown) in [
            ("", true, true),
            ("team=a", true, false),
            ("team==a, env = dev", true, false),
            ("team=b", false, false),
            ("team!=b", true, false),
            ("other!=b", true, false),
            ("env in (prod, dev),team", true, false),
            ("env in (prod)", false, false),
            ("env notin (prod)", true, false),
            ("env notin (dev,x)", false, false),
            ("!team", false, false),
            ("!other", true, false),
            ("other", false, false),
            ("team>1", false, false),
            ("kubernetes.io/metadata.name in (x,mew)", false, true),
            ("kubernetes.io/metadata.name=mewtwo", false, false),
        ] {
            assert_eq!(selects(selector, "mew", Some(&labels)), known, "{selector}");
            assert_eq!(selects(selector, "mew", None), unknown, "{selector}");
        }
    }
}
