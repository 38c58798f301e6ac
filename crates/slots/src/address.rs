//! To which addresses may a credential go?

use http::Uri;

/// True for an address to which a credential may be sent: it is encrypted, or stays on this machine.
#[must_use]
pub fn is_safe(uri: &Uri) -> bool {
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_only_where_nobody_listens() {
        for uri in
            ["https://sheets.googleapis.com", "http://127.0.0.1:8080/token", "http://localhost", "http://[::1]:1"]
        {
            assert!(is_safe(&uri.parse().unwrap()), "{uri}");
        }
        for uri in ["http://sheets.googleapis.com", "http://127.0.0.1.example.com", "/v4", "ftp://localhost"] {
            assert!(!is_safe(&uri.parse().unwrap()), "{uri}");
        }
    }
}
