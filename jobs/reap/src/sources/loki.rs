//! What lines does a Loki hold of the slot's requests, and does it still get any?

use hotdesk_slots::text::{human_time, sanitize_short};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::server::{Client, TRIED_SLOTS, finds_nobody, within_limits};
use crate::collect::traffic::Query;
use hotdesk_traffic::line::Format;
use hotdesk_traffic::log::pages::{Newest, Page};
use hotdesk_traffic::log::question;
use hotdesk_traffic::log::scan::{LogScan, ScanWindow, SeenRequest};
use hotdesk_traffic::observation::Observation;
use hotdesk_traffic::sources::{Loki, LokiQuestion};

/// The most lines that a Loki gives at once, as it comes, is 5000.
const PAGE: usize = 1000;

/// How many pages of lines that mention the slot are read before it is given up.
const MAX_PAGES: usize = 50;

#[derive(Deserialize)]
struct Reply {
    status: String,
    data: Option<Data>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    // A third part holds structured metadata, where there is any.
    values: Vec<Vec<serde_json::Value>>,
}

/// Asks whether anybody used the slot since the window began.
pub async fn look(
    source: &str,
    loki: &Loki,
    query: &Query,
    watch: impl FnOnce(&Format) -> ScanWindow,
    now: fn() -> Timestamp,
) -> Observation {
    let ask = async {
        let client = Client::new(&loki.server, now)?;
        let asked = Asked { client, query, now: now(), max_silence: loki.max_silence, source };
        match &loki.question {
            LokiQuestion::Lines { selector, format } => asked.lines(selector, &watch(format)).await,
            LokiQuestion::Own { query, sight } => asked.own(query, sight).await,
        }
    };
    within_limits(source, query.now, ask).await
}

struct Asked<'a> {
    client: Client<'a>,
    query: &'a Query,
    now: Timestamp,
    max_silence: SignedDuration,
    source: &'a str,
}

impl Asked<'_> {
    /// Reads the lines that may be the slot's, newest first, until one is a request of it; and then those that cannot be
    /// read, which may have been.
    async fn lines(&self, selector: &str, watch: &ScanWindow) -> Result<Observation, String> {
        // Of the lines that are not fetched nobody knows how many there are: a share of them says nothing.
        let watch = ScanWindow { max_unparsed: 1.0, ..watch.clone() };
        let mut tally = LogScan::default();
        let asked = question::of(&watch.names, &watch.format);
        self.all(&format!("{selector} |~ `{}`", asked.pointing), &watch, &mut tally).await?;
        let newest = self.page(selector, self.query.look_back, self.after_now(), PAGE).await?;
        if tally.hit.is_none() {
            let unreadable: String = asked.readable.iter().map(|readable| format!(" !~ `{readable}`")).collect();
            self.all(&format!("{selector}{unreadable}"), &watch, &mut tally).await?;
        }
        let mut seen = LogScan::default();
        let whole = ScanWindow { since: watch.now, ..watch.clone() };
        for (time, line) in &newest.lines {
            let _no_hits_here = seen.take(&whole, &format!("{time} {line}"));
        }
        tally.add_newest(&seen);
        let doubts = tally.doubts(&watch);
        Ok(self.told(tally.hit, doubts, seen.samples, newest.newest()))
    }

    /// Reads all lines of a query within the window, newest first, until one is a request of the slot.
    async fn all(&self, query: &str, watch: &ScanWindow, tally: &mut LogScan) -> Result<(), String> {
        let (mut end, mut pages) = (self.after_now(), 0);
        loop {
            let page = self.page(query, self.query.since, end, PAGE).await?;
            pages += 1;
            for (time, line) in &page.lines {
                if tally.take(watch, &format!("{time} {line}")).is_break() {
                    return Ok(());
                }
            }
            match page.next(PAGE, end)? {
                None => return Ok(()),
                Some(_) if pages >= MAX_PAGES => {
                    return Err(format!(
                        "more than {} lines mention the slot or cannot be read, and none is a request of it",
                        PAGE * MAX_PAGES
                    ));
                }
                Some(next) => end = next,
            }
        }
    }

    async fn own(&self, query: &str, sight: &str) -> Result<Observation, String> {
        let hit = self.newest(query, &self.query.slot, self.query.since).await?.map(|time| {
            let upstream = format!("{} (by the query)", self.query.slot);
            SeenRequest { time, upstream, path: None }
        });
        let mut doubts = Vec::new();
        if hit.is_none() && !self.query.silence_is_fine && !self.finds_anybody(query).await? {
            doubts.push(finds_nobody(self.query.names.slots().take(TRIED_SLOTS).count()));
        }
        let newest = self.page(sight, self.query.look_back, self.after_now(), 1).await?;
        Ok(self.told(hit, doubts, newest.lines.len() as u64, newest.newest()))
    }

    /// True if the query finds a line of any slot within the look-back.
    async fn finds_anybody(&self, query: &str) -> Result<bool, String> {
        for slot in self.query.names.slots().take(TRIED_SLOTS) {
            if self.newest(query, slot, self.query.look_back).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn newest(&self, query: &str, slot: &str, since: Timestamp) -> Result<Option<Timestamp>, String> {
        let page = self.page(&query.replace("$namespace", slot), since, self.after_now(), 1).await?;
        Ok(page.newest().0)
    }

    fn told(&self, hit: Option<SeenRequest>, mut doubts: Vec<String>, samples: u64, newest: Newest) -> Observation {
        doubts.extend(newest.doubt(self.now, self.max_silence, self.query.silence_is_fine));
        let last = newest.0.map_or_else(|| "none".to_owned(), |time| human_time(time, self.now));
        Observation {
            source: self.source.to_owned(),
            hit,
            doubts,
            samples,
            seen: format!("the newest line of any slot is of {last}"),
            from: self.query.since,
            through: self.now,
        }
    }

    /// The end of a range is not part of it, and clocks differ a little.
    fn after_now(&self) -> Timestamp {
        self.now.saturating_add(SignedDuration::from_mins(1)).unwrap_or(self.now)
    }

    async fn page(&self, query: &str, start: Timestamp, end: Timestamp, limit: usize) -> Result<Page, String> {
        let parameters = [
            ("query", query.to_owned()),
            ("start", start.as_nanosecond().to_string()),
            ("end", end.as_nanosecond().to_string()),
            ("limit", limit.to_string()),
            ("direction", "backward".to_owned()),
        ];
        read(&self.client.get("/loki/api/v1/query_range", &parameters).await?)
    }
}

fn read(body: &[u8]) -> Result<Page, String> {
    let reply: Reply = serde_json::from_slice(body).map_err(|_| "it sent something else than a whole answer")?;
    if reply.status != "success" {
        return Err(format!("it answered {}", sanitize_short(&reply.status)));
    }
    if let Some(warning) = reply.warnings.first() {
        return Err(format!("it answered with a warning, so its answer may be a part: {}", sanitize_short(warning)));
    }
    let data = reply.data.ok_or("it sent no data")?;
    if data.result_type != "streams" {
        return Err(format!(
            "it sent {} where lines were asked for: the query must be one for log lines",
            sanitize_short(&data.result_type)
        ));
    }
    let values = data.result.iter().flat_map(|stream| &stream.values).map(|value| line(value));
    let joined = values.collect::<Result<Vec<_>, &str>>()?;
    // An agent may have joined several lines. Each entry gives one at least, for a page is full by their number.
    let lines = |(time, text): &(Timestamp, String)| {
        let time = *time;
        text.trim_end_matches('\n').split('\n').map(|line| (time, line.to_owned())).collect::<Vec<_>>()
    };
    let apart = joined.iter().flat_map(lines);
    Ok(Page::newest_first(apart.collect()))
}

fn line(value: &[serde_json::Value]) -> Result<(Timestamp, String), &'static str> {
    let [time, line, ..] = value else { return Err("a line has no time") };
    let time = time.as_str().and_then(|text| text.parse().ok()).ok_or("a line has no time")?;
    let time = Timestamp::from_nanosecond(time).map_err(|_| "a line has no time")?;
    Ok((time, line.as_str().ok_or("a line has no text")?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_streams_are_read_newest_first() {
        let body = br#"{"status":"success","data":{"resultType":"streams","result":[
            {"stream":{"pod":"a"},"values":[["1795446245000000001","old"]]},
            {"stream":{"pod":"b"},"values":[["1795446246000000000","new",{}]]}],"stats":{}}}"#;
        let page = read(body).unwrap();
        assert_eq!(page.lines.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>(), ["new", "old"]);
        assert_eq!(page.lines[1].0.as_nanosecond(), 1_795_446_245_000_000_001);
    }

    #[test]
    fn lines_that_were_joined_are_read_apart() {
        let values = serde_json::json!([["1795446245000000001", "a\nb\n"], ["1795446244000000000", ""]]);
        let streams = serde_json::json!({"resultType": "streams", "result": [{"values": values}]});
        let body = serde_json::json!({"status": "success", "data": streams}).to_string();
        let page = read(body.as_bytes()).unwrap();
        assert_eq!(page.lines.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>(), ["a", "b", ""]);
    }

    #[test]
    fn whatever_is_not_whole_lines_is_an_error() {
        for (body, expected) in [
            (r#"{"status":"success","data":{"resultType":"streams","result":[{"va"#, "whole answer"),
            (r#"{"status":"error"}"#, "answered error"),
            (r#"{"status":"success"}"#, "no data"),
            (r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#, "query must be one for log lines"),
            (
                r#"{"status":"success","warnings":["partial"],"data":{"resultType":"streams","result":[]}}"#,
                "may be a part",
            ),
            (r#"{"status":"success","data":{"resultType":"streams","result":[{"values":[["x","y"]]}]}}"#, "no time"),
            (r#"{"status":"success","data":{"resultType":"streams","result":[{"values":[["1"]]}]}}"#, "no time"),
        ] {
            let why = read(body.as_bytes()).unwrap_err();
            assert!(why.contains(expected), "{body}: {why}");
        }
    }
}
