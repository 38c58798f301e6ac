//! stub
use crate::{args::Form, cluster::Cluster, commands::Done, failure::Failure};
pub(crate) async fn run(_c: &Cluster, _f: Form) -> Result<Done, Failure> {
    Ok(Done::from(String::new()))
}
