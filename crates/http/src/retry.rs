//! How often is a server asked again?

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};

use crate::Error;

/// The wait before the second time; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(1);

/// No single wait is longer, whatever the server wishes: the caller has a limit of its own.
const LONGEST: Duration = Duration::from_secs(20);

/// Asks until there is an answer, an error that lasts, or it was asked so many times more.
///
/// # Errors
/// The last one.
pub async fn with_retries<T, F>(more: usize, mut ask: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let waits = ExponentialBuilder::new().with_min_delay(FIRST).with_max_delay(LONGEST).with_jitter();
    let mut waits = waits.with_max_times(more).build();
    loop {
        let error = match ask().await {
            Err(error) if error.is_transient() => error,
            settled => return settled,
        };
        let Some(wait) = waits.next() else { return Err(error) };
        tokio::time::sleep(error.retry_after().unwrap_or(wait).min(LONGEST)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn ask(errors: &[Error], more: usize) -> (Result<u32, Error>, u32, Duration) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (asked, begun) = (Cell::new(0), tokio::time::Instant::now());
            let answer = with_retries(more, || {
                let error = errors.get(asked.get() as usize).cloned();
                asked.set(asked.get() + 1);
                async move { error.map_or(Ok(7), Err) }
            })
            .await;
            (answer, asked.get(), begun.elapsed())
        })
    }

    #[test]
    fn what_may_pass_is_asked_again_so_often_and_no_more() {
        let transient = || Error::transient("503");
        assert_eq!(ask(&[], 3).1, 1);
        let (answer, asked, _) = ask(&[transient(), transient()], 3);
        assert_eq!((answer, asked), (Ok(7), 3));
        let (answer, asked, _) = ask(&[transient(), transient(), transient(), transient()], 2);
        assert_eq!((answer, asked), (Err(transient()), 3));
    }

    #[test]
    fn what_lasts_is_not_asked_again() {
        let permanent = Error::Permanent("403".to_owned());
        assert_eq!(ask(std::slice::from_ref(&permanent), 3), (Err(permanent), 1, Duration::ZERO));
    }

    #[test]
    fn a_server_that_wants_to_be_left_alone_is_left_alone_but_not_for_ever() {
        let wait = |seconds| {
            let busy = Error::Transient { what: "429".to_owned(), retry_after: Some(Duration::from_secs(seconds)) };
            ask(&[busy], 1).2.as_secs()
        };
        assert_eq!((wait(7), wait(3600)), (7, LONGEST.as_secs()));
    }
}
