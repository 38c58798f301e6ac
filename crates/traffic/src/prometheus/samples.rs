//! What did a Prometheus answer, and what do the samples of a series say?
//!
//! Samples are read as they were scraped, not as `increase()` would see them: it takes the first sample of a series for
//! zero requests, so that the one lone request of a new series is lost.

use std::collections::BTreeMap;

use hotdesk_slots::text::sanitize_short;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// One series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When, and how much.
    pub samples: Vec<(Timestamp, f64)>,
}

#[derive(Deserialize)]
struct Reply {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
    #[serde(default)]
    warnings: Vec<String>,
    // What VictoriaMetrics says where it lacks a part.
    #[serde(default, rename = "isPartial")]
    partial: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Row {
    metric: BTreeMap<String, String>,
    value: Option<(f64, String)>,
    values: Option<Vec<(f64, String)>>,
}

/// What kind of answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One value a series.
    Vector,
    /// The samples of each series.
    Matrix,
}

/// Reads an answer of `/api/v1/query`.
///
/// # Errors
/// When it is not whole, not good, or not what was asked for.
pub fn read(body: &[u8], shape: Shape) -> Result<Vec<Series>, String> {
    let reply: Reply = serde_json::from_slice(body).map_err(|_| "it sent something else than a whole answer")?;
    if reply.status != "success" {
        return Err(format!("it answered with an error: {}", sanitize_short(&reply.error)));
    }
    // Before 2.53 a Prometheus tells its remarks among its warnings.
    if let Some(warning) = reply.warnings.iter().find(|text| !text.starts_with("PromQL info")) {
        return Err(format!("it answered with a warning, so its answer may be a part: {}", sanitize_short(warning)));
    }
    if reply.partial {
        return Err("it answered in part".to_owned());
    }
    let data = reply.data.ok_or("it sent no data")?;
    let wanted = if shape == Shape::Vector { "vector" } else { "matrix" };
    if data.result_type != wanted {
        return Err(format!("it sent a {} where a {wanted} was asked for", sanitize_short(&data.result_type)));
    }
    let rows: Vec<Row> = serde_json::from_value(data.result).map_err(|_| format!("its {wanted} cannot be read"))?;
    rows.into_iter().map(series).collect()
}

fn series(row: Row) -> Result<Series, String> {
    let values = row.value.map(|value| vec![value]).or(row.values).ok_or("a series without a value")?;
    let samples = values.into_iter().map(sample).collect::<Result<_, String>>()?;
    Ok(Series { labels: row.metric, samples })
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds of this era fit")]
fn sample((time, value): (f64, String)) -> Result<(Timestamp, f64), String> {
    let time = Timestamp::from_millisecond((time * 1000.0).round() as i64).map_err(|_| "a sample has no time")?;
    let number: f64 = value.parse().map_err(|_| format!("a sample is not a number: {}", sanitize_short(&value)))?;
    if !number.is_finite() || number < 0.0 {
        return Err(format!("a sample is not a count: {}", sanitize_short(&value)));
    }
    Ok((time, number))
}

/// When a counter last grew since a given time.
///
/// # Errors
/// When it shrank and has not grown since: what it had counted in between went with it.
pub fn last_growth(series: &Series, since: Timestamp) -> Result<Option<Timestamp>, String> {
    let (mut growth, mut shrunk, mut last) = (None, None, None::<f64>);
    for (time, value) in &series.samples {
        // A series that was not there when the window began has counted all of it since.
        let before = last.unwrap_or(if *time > since { 0.0 } else { *value });
        if *value < before {
            shrunk = (*time > since).then_some(*time);
            growth = if *value > 0.0 && *time > since { Some(*time) } else { growth };
        } else if *value > before && *time > since {
            growth = Some(*time);
        }
        last = Some(*value);
    }
    match (growth, shrunk) {
        (None, Some(at)) => Err(format!("a counter of the slot began again at {}", seconds(at))),
        _ => Ok(growth),
    }
}

/// Whether something was sampled throughout, from a moment on.
///
/// # Errors
/// Says where the gap is.
pub fn covers(series: &Series, since: Timestamp, now: Timestamp, gap: SignedDuration) -> Result<(), String> {
    let is_up = series.labels.get("__name__").is_some_and(|name| name == "up");
    let good = series.samples.iter().filter(|(_, value)| !is_up || *value > 0.0).map(|(time, _)| *time);
    let (mut last, mut began) = (None::<Timestamp>, None);
    for time in good {
        if let Some(before) = last.filter(|before| time.duration_since(*before) > gap && time > since) {
            return Err(format!("has no samples between {} and {}", seconds(before), seconds(time)));
        }
        began = began.or(Some(time));
        last = Some(time);
    }
    match (began, last) {
        (Some(began), Some(last)) if began <= since && now.duration_since(last) <= gap => Ok(()),
        (Some(began), _) if began > since => {
            Err(format!("has samples only since {}, within the window", seconds(began)))
        }
        (_, Some(last)) => Err(format!("has no samples since {}", seconds(last))),
        _ => Err("has no good sample".to_owned()),
    }
}

/// Whether the process that a series is about is the same since a moment: by when it started, or by how long it has been
/// up.
///
/// # Errors
/// Says when it restarted.
pub fn same_process(series: &Series, since: Timestamp) -> Result<(), String> {
    let uptime = series.labels.get("__name__").is_some_and(|name| name.ends_with("uptime"));
    let restarted_between =
        |before: f64, after: f64| if uptime { after < before } else { (before - after).abs() > 1.0 };
    let restarted = series.samples.windows(2).find_map(|pair| match pair {
        [(_, before), (time, after)] if restarted_between(*before, *after) && *time > since => Some(*time),
        _ => None,
    });
    restarted.map_or(Ok(()), |at| {
        Err(format!("restarted before {}, and what it had counted last went with it", seconds(at)))
    })
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests;
