//! Names as people, sheets and attackers write them. The ids are those of the attack table.

use super::*;
use crate::label::label_safe;
use crate::text::{sanitize_short, shown_name};
use proptest::prelude::*;

fn unicode() -> NameRules {
    NameRules { unicode: true, ..NameRules::default() }
}

#[track_caller]
fn accepts(rules: &NameRules, texts: &[&str]) {
    for text in texts {
        assert_eq!(rules.name(text).map(|name| name.to_string()), Ok(text.trim().to_ascii_lowercase()));
    }
}

#[track_caller]
fn refuses(rules: &NameRules, texts: &[&str], because: &str) {
    for text in texts {
        let problem = rules.name(text).expect_err(text).to_string();
        assert!(problem.contains(because), "{text:?}: {problem:?} does not say {because:?}");
    }
}

#[test]
fn people_are_known_by_e_mail_or_login() {
    let people = [
        "alice@example.com",
        " Alice.B+slots@Mail.Example.com",
        "o'brien@example.com",
        "alice@intranet",
        "octocat",
        "jane.doe",
        "octo_corp",
        "-x".trim_start_matches('-'),
        "dependabot[bot]",
        "kubernetes-admin",
        "oidc:alice@example.com",
        "github:octocat",
        "7",
    ];
    accepts(&NameRules::default(), &people);
    accepts(&NameRules::widest(), &people);
}

#[test]
fn a56_a_letter_of_another_script_is_refused() {
    let mixed = ["\u{430}lice@example.com", "alice@ex\u{430}mple.com", "al\u{131}ce@example.com", "\u{440}aypal"];
    refuses(&NameRules::default(), &mixed, "not ASCII");
    refuses(&unicode(), &mixed, "scripts");
    let whole = ["\u{441}\u{43e}\u{441}\u{43e}@example.com", "\u{440}\u{43e}\u{440}\u{435}"];
    refuses(&unicode(), &whole, "looks like");
}

#[test]
fn a57_what_is_not_seen_is_refused_alone_and_within() {
    for sign in
        ["\u{ad}", "\u{3164}", "\u{e0061}", "\u{fe0f}", "\u{34f}", "\u{115f}", "\u{2064}", "\u{200d}", "\u{ffa0}"]
    {
        for text in [
            sign.to_owned(),
            format!("ali{sign}ce@example.com"),
            format!("alice@exam{sign}ple.com"),
            format!("octo{sign}"),
        ] {
            for rules in [NameRules::default(), unicode(), NameRules::widest()] {
                assert!(rules.name(&text).is_err(), "{text:?} {rules:?}");
            }
        }
    }
}

#[test]
fn a58_zero_width_reordering_commas_breaks_and_escapes_are_refused_and_shown_harmless() {
    for text in ["alice\u{200b}@example.com", "\u{202e}alice", "a,b", "alice\nbob", "\u{1b}[31malice", "a\u{2066}b"] {
        let problem = unicode().name(text).expect_err(text).to_string();
        assert!(
            problem.contains("comma, a line break, or an invisible character") && !problem.contains(is_harmful),
            "{problem:?}"
        );
    }
}

#[test]
fn a59_what_is_not_a_name_is_refused_and_cannot_end_its_quotation() {
    let sentence = "x\" is nobody. Slot is free; run: kubectl delete ns mew";
    let problem = NameRules::default().name(sentence).unwrap_err().to_string();
    assert_eq!(
        problem,
        "\"x' is nobody. Slot is free; run: kubectl delete ns mew\" is neither an e-mail address nor a login: write it \
         as the cluster knows it, in letters, digits and . _ + - @"
    );
    let others = [
        "alice smith",
        "a\"b",
        "a\\b",
        "a/b",
        "a;b",
        "a<b",
        "`id`",
        "$(id)",
        "a@b@c",
        "@alice",
        "alice@",
        "alice@-x.com",
        "alice@x..com",
        "-x",
        ".x",
        "x.",
        "'a@b",
        "https://issuer#alice",
        "github:github:alice",
        ":alice",
        "a:",
        "*",
        "CN=admins",
        "alice@example.com.",
        "[bot]",
        "a|b",
        "a&b",
        "a..b@example.com",
    ];
    refuses(&NameRules::default(), &others, "neither an e-mail address nor a login");
    refuses(&NameRules::widest(), &others, "neither an e-mail address nor a login");
}

#[test]
fn a60_only_ascii_is_lower_cased() {
    refuses(&NameRules::default(), &["\u{212a}arl"], "not ASCII");
    refuses(&unicode(), &["\u{212a}arl"], "neither an e-mail");
    accepts(&NameRules::default(), &["BOB@EXAMPLE.COM"]);
}

#[test]
fn a61_a_name_is_at_most_a_hundred_characters_and_a_claim_sixteen_names() {
    accepts(&NameRules::default(), &[&"x".repeat(100)]);
    refuses(&NameRules::default(), &[&"x".repeat(101)], "longer than 100 characters");
    assert_eq!(NameRules::default().against_count(16), None);
    let many = NameRules::default().against_count(17);
    assert_eq!(many.as_deref(), Some("it names 17 people, and 16 are the most"));
    assert_eq!(NameRules { max_users: 40, ..NameRules::default() }.against_count(40), None);
}

#[test]
fn a62_a_group_that_takes_in_everybody_is_refused() {
    let system = ["authenticated", "unauthenticated", "serviceaccounts", "serviceaccounts:mew", "masters"];
    for group in
        system.map(|group| format!("system:{group}")).iter().map(String::as_str).chain(["System:Authenticated"])
    {
        let problem = NameRules::default().group(group).unwrap_err().to_string();
        assert!(problem.contains("is one of Kubernetes' own groups"), "{problem}");
    }
    for group in ["payments", "CN=payments,OU=dev", "oidc:payments team", "CORP\\payments"] {
        assert_eq!(NameRules::default().group(group), Ok(()), "{group}");
    }
    for group in ["", " payments", "pay\u{ad}ments", "p\"q", "caf\u{e9}", "a\nb"] {
        assert!(NameRules::default().group(group).unwrap_err().to_string().contains("is not a group"), "{group:?}");
    }
    assert_eq!(unicode().group("caf\u{e9}"), Ok(()));
    assert!(unicode().group("caf\u{e9}\u{fe0f}").is_err());
}

#[test]
fn a64_a_service_account_holds_a_slot_only_where_it_is_listed() {
    let listed = NameRules {
        accounts: Accounts::Listed(vec![
            "system:serviceaccount:ci:deploy".to_owned(),
            "arn:aws:iam::1:user/x".to_owned(),
        ]),
        ..NameRules::default()
    };
    accepts(&listed, &["system:serviceaccount:ci:deploy", "arn:aws:iam::1:user/x"]);
    let others =
        ["system:serviceaccount:mew:default", "system:serviceaccount:ci:deploy2", "system:admin", "system:node:a"];
    refuses(&listed, &others, "hold a slot only where hotdesk's settings list them");
    accepts(&NameRules::widest(), &["system:serviceaccount:mew:default"]);
    refuses(
        &NameRules::widest(),
        &["system:admin", "system:serviceaccount:mew", "system:serviceaccount:a:b:c"],
        "hold a slot",
    );
}

#[test]
fn letters_beyond_ascii_are_a_choice() {
    let names = [
        "Ælfgifu",
        "山田@例え.jp",
        "żółw",
        "алиса@example.com",
        "alice@пример.рф",
        "kjær@example.no",
        "서연@example.kr",
    ];
    refuses(&NameRules::default(), &names, "not ASCII");
    accepts(&unicode(), &names);
    refuses(&unicode(), &["e\u{301}ric"], "scripts");
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9._%+'@:\\[\\]-]{1,20}",
        "[a-z]{1,4}[.+_-]?[a-z0-9]{1,4}@[a-z0-9-]{1,5}\\.[a-z]{2,3}",
        "[a-zа-яα-ω山田é\u{ad}\u{200d}\u{fe0f}\u{301}]{1,8}(@[a-zа-я]{1,5})?",
        "\\PC{1,30}",
        "system:[a-z:]{1,20}",
    ]
}

proptest! {
    #[test]
    fn whatever_a_claim_accepts_is_shown_as_it_is(text in texts()) {
        for rules in [NameRules::default(), unicode()] {
            let Ok(name) = rules.name(&text) else { continue };
            prop_assert_eq!(shown_name(name.as_str()), name.as_str());
            prop_assert_eq!(sanitize_short(name.as_str()), name.as_str());
            prop_assert!(!name.as_str().contains(|c: char| is_unseen(c) || c.is_whitespace()), "{:?}", name);
            prop_assert!(!name.as_str().contains(['"', '\\', '/', '<', '>', '`', '$', ';', ',', '#', '*']), "{:?}", name);
            prop_assert!(!name.as_str().starts_with(SYSTEM), "{:?}", name);
            prop_assert_eq!(rules.name(name.as_str()), Ok(name.clone()));
            prop_assert!(!label_safe(name.as_str()).is_empty());
        }
    }

    #[test]
    fn by_default_a_name_is_printable_ascii(text in texts()) {
        let Ok(name) = NameRules::default().name(&text) else { return Ok(()) };
        prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_graphic()), "{:?}", name);
    }

    #[test]
    fn no_two_accepted_names_look_the_same(text in "[alice@x.cомаеıɑⅼеі]{1,8}") {
        let Ok(name) = unicode().name(&text) else { return Ok(()) };
        let drawn: String = skeleton(name.as_str()).collect();
        prop_assert!(name.as_str().is_ascii() || !drawn.is_ascii(), "{:?} is drawn {:?}", name, drawn);
    }
}
