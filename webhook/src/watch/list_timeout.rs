//! How long may an API server take to tell of all Slots?
//!
//! A watch that is to be renewed every half minute would never come to the end of a list that takes longer. So the one
//! call that streams the list may last; the calls after it are renewed as usual, and so is that one once it falls silent.

use http::{Request, Uri};

/// For how long a streamed list may last: the usual length of a watch.
const LIST_SECONDS: u32 = 290;

/// The same request; one for a streamed list may last, and asks for the newest state rather than for any.
pub(super) fn with_list_timeout<B>(mut request: Request<B>) -> Request<B> {
    if let Some(uri) = renewed(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

fn renewed(uri: &Uri) -> Option<Uri> {
    let query = uri.query().filter(|query| query.split('&').any(|pair| pair == "sendInitialEvents=true"))?;
    // Without a version the API server first asks its database how far it is; version 0 is whatever it has.
    let kept = query.split('&').filter(|pair| !pair.starts_with("timeoutSeconds=") && *pair != "resourceVersion=0");
    let query = kept.collect::<Vec<_>>().join("&");
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{}?{query}&timeoutSeconds={LIST_SECONDS}", uri.path()).parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use kube::api::WatchParams;
    use kube::core::request;

    use super::*;

    fn asked(watch: &WatchParams, version: &str) -> String {
        let request = request::Request::new("/apis/hotdesk.dev/v1alpha1/slots").watch(watch, version).unwrap();
        with_list_timeout(request).uri().to_string()
    }

    /// As the library asks; should it ask otherwise one day, this is where it shows.
    #[test]
    fn a_streamed_list_may_last_and_is_the_newest() {
        let asked = asked(&WatchParams::default().timeout(25).initial_events(), "0");
        assert!(asked.ends_with("&timeoutSeconds=290") && asked.matches("timeoutSeconds").count() == 1, "{asked}");
        assert!(
            asked.contains("sendInitialEvents=true&") && asked.contains("resourceVersionMatch=NotOlderThan"),
            "{asked}"
        );
        assert!(!asked.contains("resourceVersion="), "{asked}");
    }

    #[test]
    fn other_requests_stay_as_they_are() {
        let asked = asked(&WatchParams::default().timeout(25), "77");
        assert!(asked.contains("timeoutSeconds=25") && asked.contains("resourceVersion=77"), "{asked}");
    }
}
