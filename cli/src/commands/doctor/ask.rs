//! How is the cluster asked, so that one thing that does not answer keeps nothing else from being seen?

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use hotdesk_slots::text::{sanitize, sanitize_short};
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

/// What was seen, or why it was not: not to be allowed to look is an answer too.
pub(super) type Answered<T> = Result<T, String>;

/// Longer than any one answer takes that a person would wait for.
const LIMIT: Duration = Duration::from_secs(12);

/// How many questions of one kind are under way at once.
pub(super) const AT_ONCE: usize = 16;

/// The answer, unless it takes too long.
pub(super) async fn timed<T>(question: impl Future<Output = Result<T, kube::Error>>) -> Answered<T> {
    match tokio::time::timeout(LIMIT, question).await {
        Ok(answer) => answer.map_err(|e| why(&e)),
        Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
    }
}

/// Why something could not be read, in one line.
fn why(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => forbidden(&status.message),
        kube::Error::Api(status) => sanitize(&status.message),
        other => sanitize_short(&other.to_string()),
    }
}

/// `… User "u" cannot get resource "secrets" in API group "" in the namespace "hotdesk"`, as the right that is missing.
fn forbidden(message: &str) -> String {
    let read = || {
        let (_, right) = message.split_once(" cannot ")?;
        let (verb, rest) = right.split_once(" resource ")?;
        let mut words = rest.split('"');
        let (_, resource, _, group) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let place = words.next()?;
        let place = words.next().map_or(place.to_owned(), |namespace| format!("{place}{namespace}"));
        let group = if group.is_empty() { String::new() } else { format!(".{group}") };
        Some(format!("{verb} {resource}{group}{place}"))
    };
    match read() {
        Some(right) => format!("Kubernetes does not let you {} (RBAC)", sanitize_short(right.trim())),
        None => format!("it is forbidden: {}", sanitize(message)),
    }
}

/// Everything of a kind, in all namespaces.
pub(super) async fn all<K>(client: &Client, which: &ListParams) -> Answered<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    items(&Api::all(client.clone()), which).await
}

/// Everything of a kind that an API lists.
pub(super) async fn items<K>(api: &Api<K>, which: &ListParams) -> Answered<Vec<K>>
where
    K: Clone + DeserializeOwned + Debug,
{
    Ok(timed(api.list(which)).await?.items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_that_is_missing_is_named() {
        for (message, expected) in [
            (
                "secrets \"x\" is forbidden: User \"alice\" cannot get resource \"secrets\" in API group \"\" in the namespace \"hotdesk\"",
                "Kubernetes does not let you get secrets in the namespace hotdesk (RBAC)",
            ),
            (
                "x is forbidden: User \"alice\" cannot list resource \"cronjobs\" in API group \"batch\" at the cluster scope",
                "Kubernetes does not let you list cronjobs.batch at the cluster scope (RBAC)",
            ),
            ("it is late", "it is forbidden: it is late"),
        ] {
            assert_eq!(forbidden(message), expected);
        }
    }
}
