//! What a Prometheus may answer, and every way in which samples may leave something out.

use super::*;

const SINCE: i64 = 3600;
const NOW: i64 = 7200;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_446_000 + second).unwrap()
}

fn series(name: &str, samples: &[(i64, f64)]) -> Series {
    let labels = [("__name__".to_owned(), name.to_owned())].into();
    Series { labels, samples: samples.iter().map(|(second, value)| (at(*second), *value)).collect() }
}

fn every(step: i64, from: i64, to: i64, value: f64) -> Vec<(i64, f64)> {
    (from..=to).step_by(usize::try_from(step).unwrap()).map(|second| (second, value)).collect()
}

#[track_caller]
fn grew(samples: &[(i64, f64)], expected: Option<i64>) {
    assert_eq!(last_growth(&series("requests", samples), at(SINCE)), Ok(expected.map(at)), "{samples:?}");
}

#[test]
fn a_counter_that_stays_is_no_use_and_one_that_grows_is() {
    grew(&every(60, 3540, 7200, 7.0), None);
    grew(&[(3540, 7.0), (3600, 7.0), (5000, 8.0), (5060, 8.0)], Some(5000));
    grew(&[(3540, 7.0), (4000, 8.0), (5000, 9.0), (5060, 9.0)], Some(5000));
    grew(&[(3400, 6.0), (3540, 7.0), (3620, 7.0)], None);
    grew(&[(3590, 7.0), (3605, 8.0)], Some(3605));
}

#[test]
fn one_lone_request_that_made_a_new_series_is_seen() {
    grew(&[(5000, 1.0), (5060, 1.0)], Some(5000));
    grew(&[(5000, 1.0)], Some(5000));
    grew(&[(5000, 0.0), (5060, 0.0)], None);
    grew(&[(5000, 0.0), (5060, 1.0)], Some(5060));
}

#[test]
fn a_counter_that_began_anew_is_use_or_a_doubt_and_never_nothing() {
    grew(&[(3540, 7.0), (4000, 2.0), (4060, 2.0)], Some(4000));
    grew(&[(3540, 7.0), (4000, 0.0), (4060, 1.0)], Some(4060));
    let lost = last_growth(&series("requests", &[(3540, 7.0), (4000, 0.0), (4060, 0.0)]), at(SINCE));
    assert!(lost.unwrap_err().contains("began again at"));
    grew(&[(3400, 7.0), (3500, 0.0), (4000, 0.0)], None);
}

#[track_caller]
fn gap(name: &str, samples: &[(i64, f64)], expected: &str) {
    let found = covers(&series(name, samples), at(SINCE), at(NOW), SignedDuration::from_mins(5));
    match (found, expected) {
        (Ok(()), "") => {}
        (Err(why), part) if !part.is_empty() && why.contains(part) => {}
        (found, _) => panic!("{expected:?}: {found:?}"),
    }
}

#[test]
fn samples_throughout_the_window_prove_sight_and_gaps_do_not() {
    gap("up", &every(60, 3540, 7200, 1.0), "");
    gap("up", &every(300, 3500, 7200, 1.0), "");
    gap("up", &[every(60, 3540, 5000, 1.0), every(60, 5400, 7200, 1.0)].concat(), "no samples between");
    gap("up", &every(60, 3660, 7200, 1.0), "samples only since");
    gap("up", &every(60, 3540, 6600, 1.0), "no samples since");
    gap("up", &[], "no good sample");
    gap("up", &[(3540, 1.0)], "no samples since");
}

#[test]
fn a_scrape_that_failed_is_no_sample() {
    let mut down = every(60, 3540, 7200, 1.0);
    down[20].1 = 0.0;
    gap("up", &down, "");
    for sample in &mut down[20..30] {
        sample.1 = 0.0;
    }
    gap("up", &down, "no samples between");
    gap("up", &every(60, 3540, 7200, 0.0), "no good sample");
    // Of any other series, zero is as good as anything.
    gap("envoy_server_live", &every(60, 3540, 7200, 0.0), "");
}

#[test]
fn a_process_that_restarted_within_the_window_is_told() {
    let same = |name: &str, samples: &[(i64, f64)]| same_process(&series(name, samples), at(SINCE));
    assert_eq!(same("process_start_time_seconds", &[(3540, 1e9), (5000, 1e9)]), Ok(()));
    assert!(same("process_start_time_seconds", &[(3540, 1e9), (5000, 1e9 + 2000.0)]).is_err());
    assert_eq!(same("process_start_time_seconds", &[(3400, 1e9), (3500, 2e9), (5000, 2e9)]), Ok(()));
    assert_eq!(same("envoy_server_uptime", &[(3540, 100.0), (5000, 1560.0)]), Ok(()));
    assert!(same("envoy_server_uptime", &[(3540, 100.0), (5000, 60.0)]).is_err());
}

fn reply(more: &str, result_type: &str, result: &str) -> String {
    format!(r#"{{"status":"success"{more},"data":{{"resultType":"{result_type}","result":{result}}}}}"#)
}

#[test]
fn a_whole_answer_is_read() {
    let vector = reply("", "vector", r#"[{"metric":{"a":"b"},"value":[1795449600.123,"2"]}]"#);
    let found = read(vector.as_bytes(), Shape::Vector).unwrap();
    assert_eq!(found[0].samples, [(Timestamp::from_millisecond(1_795_449_600_123).unwrap(), 2.0)]);
    let matrix = reply("", "matrix", r#"[{"metric":{},"values":[[1795449600,"2"],[1795449660,"3"]]}]"#);
    assert_eq!(read(matrix.as_bytes(), Shape::Matrix).unwrap()[0].samples.len(), 2);
    let remark = reply(r#","warnings":["PromQL info: metric might not be a counter"]"#, "vector", "[]");
    assert_eq!(read(remark.as_bytes(), Shape::Vector), Ok(vec![]));
}

#[test]
fn whatever_is_not_a_whole_and_good_answer_is_an_error() {
    let value = |text: &str| reply("", "vector", &format!(r#"[{{"metric":{{}},"value":[1,"{text}"]}}]"#));
    for (body, expected) in [
        (value("NaN"), "not a count: NaN"),
        (value("+Inf"), "not a count: +Inf"),
        (value("-1"), "not a count: -1"),
        (value("x"), "not a number: x"),
        (reply("", "scalar", r#"[1,"2"]"#), "sent a scalar where a vector was asked for"),
        (reply("", "matrix", "[]"), "sent a matrix where a vector"),
        (reply("", "vector", r#"{"a":1}"#), "cannot be read"),
        (reply("", "vector", r#"[{"metric":{}}]"#), "without a value"),
        (reply(r#","warnings":["store x is out of reach"]"#, "vector", "[]"), "may be a part: store x"),
        (reply(r#","isPartial":true"#, "vector", "[]"), "in part"),
        (r#"{"status":"error","errorType":"execution","error":"too many samples"}"#.to_owned(), "too many samples"),
        (r#"{"status":"success"}"#.to_owned(), "no data"),
        (r#"{"status":"success","data":{"resultType":"vector","result":[{"met"#.to_owned(), "whole answer"),
        (String::new(), "whole answer"),
    ] {
        let why = read(body.as_bytes(), Shape::Vector).unwrap_err();
        assert!(why.contains(expected), "{body}: {why}");
    }
}
