//! How is a person's name written as a Kubernetes label value?
//!
//! A label value has at most 63 characters of `[A-Za-z0-9._-]` and begins and ends with a letter
//! or digit (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/>), so an
//! e-mail address does not fit as it is. Two different names never share a value.

use sha2::{Digest, Sha256};

/// The longest label value that Kubernetes accepts, in characters.
pub const MAX_LEN: usize = 63;
const AT: &str = "_at_";
const HASHED: &str = "_h_";
/// Hex digits of the hash kept: 40 bits tell apart everybody in any company.
const HASH_DIGITS: usize = 10;

/// The label-safe spelling of a name.
///
/// A name made only of lower-case letters, digits, `-`, `.` and at most one `@` keeps its spelling,
/// with `@` as `_at_`: such a name has no `_` of its own, so no two of them collide. Any other, or
/// one that would be too long or begin or end with a sign, becomes a readable slug, `_h_`, and ten
/// hex digits of the SHA-256 of the exact name.
#[must_use]
pub fn label_safe(name: &str) -> String {
    plain(name).unwrap_or_else(|| hashed(name))
}

fn plain(name: &str) -> Option<String> {
    let simple = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '@');
    let fits = !name.is_empty() && name.chars().all(simple) && name.matches('@').count() <= 1;
    let value = name.replace('@', AT);
    (fits && value.len() <= MAX_LEN && has_valid_ends(&value)).then_some(value)
}

fn has_valid_ends(value: &str) -> bool {
    value.starts_with(|c: char| c.is_ascii_alphanumeric()) && value.ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn hashed(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let hash: String = hex.chars().take(HASH_DIGITS).collect();
    let room = MAX_LEN - HASHED.len() - HASH_DIGITS;
    let slug: String = name.to_ascii_lowercase().replace('@', "-at-").chars().map(slug_char).take(room).collect();
    let slug = slug.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let slug = if slug.is_empty() { "x" } else { slug };
    format!("{slug}{HASHED}{hash}")
}

fn slug_char(c: char) -> char {
    if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' { c } else { '-' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(name: &str, expected: &str) {
        assert_eq!(label_safe(name), expected);
    }

    #[test]
    fn keeps_the_spelling_of_simple_names() {
        check("alice@example.com", "alice_at_example.com");
        check("octocat", "octocat");
        check("build-7.ci", "build-7.ci");
    }

    #[test]
    fn hashes_what_would_collide_or_not_fit() {
        check("a_at_b", "a-at-b_h_830d679991");
        check("system:serviceaccount:ci:deploy", "system-serviceaccount-ci-deploy_h_9685f641c9");
        check("-", "x_h_3973e022e9");
        check("dependabot[bot]", "dependabot-bot_h_3aa597297d");
    }

    fn is_valid(value: &str) -> bool {
        !value.is_empty()
            && value.len() <= MAX_LEN
            && has_valid_ends(value)
            && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    }

    /// Names that look like the people and machines of a company, and arbitrary ones.
    fn names() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z0-9._@-]{1,80}",
            "[a-z]{1,3}(_at_|@|_h_)[a-z0-9]{1,10}",
            "[A-Za-z:/\\[\\]#+ ]{1,70}",
            "\\PC{1,40}",
        ]
    }

    proptest! {
        #[test]
        fn every_value_is_a_valid_label(name in names()) {
            prop_assert!(is_valid(&label_safe(&name)), "{name:?} became {:?}", label_safe(&name));
        }

        #[test]
        fn two_names_never_share_a_value(a in names(), b in names()) {
            prop_assume!(a != b);
            prop_assert_ne!(label_safe(&a), label_safe(&b));
        }

        #[test]
        fn a_plain_value_spells_its_name(name in "[a-z0-9]{1,10}(@[a-z0-9]{1,10}\\.[a-z]{2,3})?") {
            prop_assert_eq!(label_safe(&name).replace("_at_", "@"), name);
        }
    }
}
