use http::header::HOST;
use http::{HeaderMap, Uri};

use super::verifier::Verifier;
use crate::site::{is_loopback, split_port};

impl Verifier {
    /// Whether a request is for a host that may answer it: in development mode only this machine, otherwise any.
    ///
    /// The layer and the router ask this. In development mode cookies are not `Secure` and the address is a known one: a
    /// page of another name that was pointed at this machine would count as the same origin, and act here.
    pub fn serves(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        if !self.site().is_development() {
            return true;
        }
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (uri.authority(), hosts.next(), hosts.next()) {
            // HTTP/2 and absolute targets, which count before the header (RFC 9112 section 3.2.2).
            (Some(authority), ..) => authority.as_str(),
            (None, Some(host), None) => host.to_str().unwrap_or_default(),
            _ => return false,
        };
        let host = host.to_ascii_lowercase();
        split_port(&host).is_ok_and(|(host, _)| is_loopback(host))
    }
}
