//! Which request targets (RFC 9112, section 3.2) reach the service: the origin form only.
//!
//! warp panics on a path that does not begin with `/`, and this server is nobody's proxy.

use hyper::{Method, Uri};

/// Why a request line cannot be served, if it cannot.
pub(super) fn fault(method: &Method, target: &Uri) -> Option<&'static str> {
    if method == Method::CONNECT {
        return Some("CONNECT is not served: this is not a proxy");
    }
    if target.scheme().is_some() || target.authority().is_some() {
        return Some("the request target must be a path, not a whole URL: this is not a proxy");
    }
    if !target.path().starts_with('/') {
        return Some("the request target must be a path that begins with /");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_are_served() {
        let fault_of = |method: Method, target: &str| fault(&method, &target.parse().unwrap());
        assert_eq!(fault_of(Method::GET, "/"), None);
        assert_eq!(fault_of(Method::GET, "//host/path?x=http://y"), None);
        for (method, target) in [
            (Method::CONNECT, "host:443"),
            (Method::CONNECT, "/"),
            (Method::GET, "host:443"),
            (Method::GET, "http://host/path"),
            (Method::OPTIONS, "*"),
        ] {
            assert!(fault_of(method, target).is_some(), "{target}");
        }
    }
}
