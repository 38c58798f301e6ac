use super::*;

#[track_caller]
fn check(query: &str, milliseconds: u64) {
    let came = Instant::now();
    assert_eq!(Deadline::of(query, came), Deadline(came + Duration::from_millis(milliseconds)), "{query:?}");
}

#[test]
fn a_request_has_as_long_as_the_api_server_waits_and_a_little_less() {
    check("timeout=5s", 4500);
    check("timeout=10s", 9500);
    check("timeout=2s", 1800);
    check("timeout=1s", 900);
    check("timeout=30s", 29_500);
    check("timeout=500ms", 450);
    check("timeout=1.5s", 1350);
    check("dryRun=All&timeout=2s", 1800);
}

#[test]
fn nothing_waits_for_longer_than_an_api_server_can() {
    check("timeout=1m0s", 29_500);
    check("timeout=1h0m0s", 29_500);
}

#[test]
fn an_address_that_does_not_say_has_the_charts_five_seconds() {
    for query in ["", "timeout=", "timeout=soon", "timeout=-5s", "timeout=0s", "xtimeout=30s", "Timeout=30s"] {
        check(query, 4500);
    }
}

#[test]
fn a_share_is_one_of_what_is_left() {
    let came = Instant::now();
    let deadline = Deadline::of("timeout=10s", came);
    let half = deadline.share(came + Duration::from_millis(5500), 50);
    assert_eq!(half, Deadline(came + Duration::from_millis(7500)));
    let late = came + Duration::from_secs(60);
    assert_eq!(deadline.share(late, 50), Deadline(late), "nothing is left");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_in_time_is_given_up() {
    let deadline = Deadline::of("timeout=1s", tokio::time::Instant::now().into_std());
    assert!(deadline.within(std::future::pending::<()>()).await.is_err());
    assert_eq!(deadline.within(std::future::ready(7)).await.ok(), Some(7), "what is there is taken, however late");
}
