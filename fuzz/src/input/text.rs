//! Which texts do people and programs write: the names of this world, what looks like them, and anything.

use arbitrary::Arbitrary;

use super::super::world::{SLOTS, UNFINISHED, UNREADABLE};

/// A text of any kind.
#[derive(Debug, Clone, Arbitrary)]
pub enum Text {
    Of(Word),
    Any(Vec<Letter>),
    Spelled(Word, Spelling),
}

/// A character; most of them are usual ones.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Letter {
    Small(u8),
    Ascii(u8),
    Any(char),
}

/// A text that means something here.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Word {
    Empty,
    Alice,
    AliceLabel,
    Octocat,
    Bob,
    BobLabel,
    Carol,
    Dave,
    Payments,
    Robot,
    Helm,
    ReleaseName,
    ReleaseType,
    TokenSecret,
    ClaimantsBinding,
    EditBinding,
    ReaperJob,
    Web,
    Everybody,
    Accounts,
    Slot(u8),
}

/// A text that looks like another, or is another spelling of it.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Spelling {
    Upper,
    Padded,
    NoBreakSpace,
    Prefixed,
    PrefixedUpper,
    PrefixedTwice,
    OtherPrefix,
    Longer,
    Shorter,
    Cyrillic,
    SoftHyphen,
    ZeroWidth,
    Comma,
    LineBreak,
    Nul,
}

impl Text {
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Any(letters) => letters.iter().map(|letter| letter.char()).collect(),
            Self::Of(word) => word.text().to_owned(),
            Self::Spelled(word, spelling) => spelling.of(word.text()),
        }
    }
}

impl Letter {
    fn char(self) -> char {
        match self {
            Self::Small(number) => char::from(b'a' + number % 26),
            Self::Ascii(byte) => char::from(byte & 0x7f),
            Self::Any(any) => any,
        }
    }
}

impl Word {
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Empty => "",
            Self::Alice => "alice@example.com",
            Self::AliceLabel => "alice_at_example.com",
            Self::Octocat => "octocat",
            Self::Bob => "bob@example.com",
            Self::BobLabel => "bob_at_example.com",
            Self::Carol => "carol@example.com",
            Self::Dave => "dave",
            Self::Payments => "payments",
            Self::Robot => "system:serviceaccount:pikachu:robot",
            Self::Helm => "helm",
            Self::ReleaseName => "sh.helm.release.v1.web.v1",
            Self::ReleaseType => "helm.sh/release.v1",
            Self::TokenSecret => "kubernetes.io/service-account-token",
            Self::ClaimantsBinding => "hotdesk-claimants",
            Self::EditBinding => "hotdesk-edit",
            Self::ReaperJob => "hotdesk-reaper",
            Self::Web => "web",
            Self::Everybody => "system:authenticated",
            Self::Accounts => "system:serviceaccounts",
            Self::Slot(number) => namespace(number),
        }
    }
}

/// One of the namespaces of this world.
#[must_use]
pub fn namespace(number: u8) -> &'static str {
    let others = [UNREADABLE, UNFINISHED, "default"];
    let mut all = SLOTS.iter().chain(&others).copied();
    all.nth(usize::from(number) % (SLOTS.len() + others.len())).unwrap_or_default()
}

impl Spelling {
    #[must_use]
    pub fn of(self, text: &str) -> String {
        let half = text.len() / 2;
        let (start, end) = text.split_at_checked(half).unwrap_or((text, ""));
        match self {
            Self::Upper => text.to_uppercase(),
            Self::Padded => format!(" \t{text}\n"),
            Self::NoBreakSpace => format!("{text}\u{a0}"),
            Self::Prefixed => format!("oidc:{text}"),
            Self::PrefixedUpper => format!("GitHub:{text}"),
            Self::PrefixedTwice => format!("oidc:oidc:{text}"),
            Self::OtherPrefix => format!("ldap:{text}"),
            Self::Longer => format!("{text}.evil"),
            Self::Shorter => text.chars().skip(1).collect(),
            Self::Cyrillic => text.replace('a', "\u{430}"),
            Self::SoftHyphen => format!("{start}\u{ad}{end}"),
            Self::ZeroWidth => format!("{start}\u{200b}{end}"),
            Self::Comma => format!("{text},{text}"),
            Self::LineBreak => format!("{text}\n::set-output name=x::\u{1b}[2J"),
            Self::Nul => format!("{text}\u{0}"),
        }
    }
}
