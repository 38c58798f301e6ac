//! How is the limit started: a server of hotdesk's own parts that answers what hotdesk answered, and looks at nothing?

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use crate::Bench;
use crate::ask::ask;
use crate::control_plane::ControlPlane;
use crate::control_plane::webhook::Webhook;
use crate::programs::Program;
use crate::reviews::{Question, Sent, review_of};

const START: Duration = Duration::from_secs(10);

/// Starts it on this port. hotdesk is asked first, about this slot, so that both write the same bytes.
///
/// Its paths: `/gate`, `/stamp` and `/deny` answer always the same; `/gate-uid`, `/stamp-uid` and `/deny-uid` with the
/// request's uid, as an API server demands. `/validate` is `/gate-uid`, and `/mutate` is `/stamp-uid`: it can be registered
/// just as hotdesk is.
///
/// # Errors
/// If hotdesk does not answer, or the server does not start.
pub fn start(bench: &Bench, plane: &ControlPlane, port: u16, hotdesk: &Webhook, slot: &str) -> anyhow::Result<Webhook> {
    start_for(bench, plane, (port, Sent::Bare), hotdesk, slot)
}

/// The same, whose stamp fits such objects only.
///
/// # Errors
/// If hotdesk does not answer, or the server does not start.
pub fn start_for(
    bench: &Bench,
    plane: &ControlPlane,
    (port, sent): (u16, Sent),
    hotdesk: &Webhook,
    slot: &str,
) -> anyhow::Result<Webhook> {
    let answers = learn(plane.dir(), (port, sent), hotdesk, slot)?;
    let pair = plane.certificate("constant")?;
    let mut command = Command::new(bench.release("constant")?);
    command.arg(format!("--listen=127.0.0.1:{port}"));
    command.arg("--tls-cert").arg(pair.cert).arg("--tls-key").arg(pair.key).arg("--answers").arg(answers);
    let program = Program::start(bench, "constant", command)?;
    let ready = program.wait_until("listening", START, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())?;
    Ok(Webhook { program, address: format!("https://127.0.0.1:{port}"), ready })
}

/// What hotdesk answers, in a directory.
fn learn(dir: &Path, (port, sent): (u16, Sent), hotdesk: &Webhook, slot: &str) -> anyhow::Result<PathBuf> {
    let answers = dir.join(format!("answers-{port}"));
    std::fs::create_dir_all(&answers).with_context(|| answers.display().to_string())?;
    let question = answers.join("question.json");
    for asked in Question::ALL {
        std::fs::write(&question, review_of(asked, sent, slot, 0))?;
        let answer = ask(&format!("{}{}", hotdesk.address, asked.path()), &question)?;
        std::fs::write(answers.join(format!("{}.json", asked.name())), answer)?;
    }
    Ok(answers)
}
