//! Where an application is served, as plain data: its public origin, its cookies' names, the origins it trusts.
//!
//! The layer and the router both read it, so that they cannot disagree.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Where an application is served, and how its cookies are called there.
///
/// From the public origin follow the cookies' rules: `https://…` gives `Secure` cookies under the prefix `__Host-Http-`;
/// `http://` with exactly `localhost`, `127.0.0.0/8` or `[::1]` is development mode, without `Secure`, with the port in the
/// names (ports share a jar); any other `http://` is refused.
#[derive(Clone, Debug)]
#[must_use]
pub struct Site {
    origin: Option<Origin>,
    access_cookie: String,
    refresh_cookie: String,
    refresh_lax: bool,
    trusted: Vec<String>,
}

#[derive(Clone, Debug)]
struct Origin {
    text: String,
    secure: bool,
}

impl Site {
    /// The site at `public_origin`, written as a browser writes it: `https://app.example`, `http://localhost:3000`.
    ///
    /// # Errors
    ///
    /// When it is no such origin, or plain `http` to anything but this machine.
    pub fn new(public_origin: &str) -> Result<Self, SiteError> {
        let (scheme, authority) = public_origin.split_once("://").ok_or(SiteError::Origin)?;
        let (host, port) = split_port(authority)?;
        let secure = match scheme {
            "https" => true,
            "http" if is_loopback(host) => false,
            "http" => return Err(SiteError::PlainHttp),
            _ => return Err(SiteError::Origin),
        };
        let explicit = port.filter(|port| *port != default_port(scheme));
        let text = as_browsers_write(scheme, host, port);
        let (access_cookie, refresh_cookie) = if secure {
            ("__Host-Http-access".to_owned(), "__Host-Http-refresh".to_owned())
        } else {
            let port = explicit.unwrap_or(default_port(scheme));
            (format!("access-{port}"), format!("refresh-{port}"))
        };
        let trusted = vec![text.clone()];
        Ok(Self { origin: Some(Origin { text, secure }), access_cookie, refresh_cookie, refresh_lax: false, trusted })
    }

    /// A site without cookies: tokens travel in headers and bodies alone.
    pub fn without_cookies() -> Self {
        Self {
            origin: None,
            access_cookie: String::new(),
            refresh_cookie: String::new(),
            refresh_lax: false,
            trusted: Vec::new(),
        }
    }

    /// Names the access token's cookie.
    ///
    /// # Errors
    ///
    /// When the name is no cookie name, is the other cookie's, or has a prefix whose rules the site cannot keep.
    pub fn access_cookie(mut self, name: &str) -> Result<Self, SiteError> {
        self.check_name(name, &self.refresh_cookie)?;
        self.access_cookie = name.to_owned();
        Ok(self)
    }

    /// Names the refresh token's cookie.
    ///
    /// # Errors
    ///
    /// When the name is no cookie name, is the other cookie's, or has a prefix whose rules the site cannot keep.
    pub fn refresh_cookie(mut self, name: &str) -> Result<Self, SiteError> {
        self.check_name(name, &self.access_cookie)?;
        self.refresh_cookie = name.to_owned();
        Ok(self)
    }

    /// Names the cookies `accessToken` and `refreshToken`, as the widespread Express tutorial does: see
    /// [`ExpressRoutes`](crate::router::ExpressRoutes). Without a prefix, a sibling subdomain can set cookies of these names.
    pub fn express_cookies(mut self) -> Self {
        "accessToken".clone_into(&mut self.access_cookie);
        "refreshToken".clone_into(&mut self.refresh_cookie);
        self
    }

    /// Sends the refresh cookie with `SameSite=Lax` instead of `Strict`: also on the first request of a navigation that
    /// another site started.
    pub fn refresh_same_site_lax(mut self) -> Self {
        self.refresh_lax = true;
        self
    }

    /// Trusts another origin with unsafe requests, written as browsers send it in `Origin` (the default port may be there): a
    /// front end on a sibling domain, say.
    ///
    /// # Errors
    ///
    /// When it is no origin.
    pub fn trust(mut self, origin: &str) -> Result<Self, SiteError> {
        let (scheme, authority) = origin.split_once("://").ok_or(SiteError::Origin)?;
        if !matches!(scheme, "http" | "https") {
            return Err(SiteError::Origin);
        }
        let (host, port) = split_port(authority)?;
        self.trusted.push(as_browsers_write(scheme, host, port));
        Ok(self)
    }

    /// Whether the site uses cookies.
    pub fn has_cookies(&self) -> bool {
        self.origin.is_some()
    }

    /// The public origin, if it has cookies.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_ref().map(|origin| origin.text.as_str())
    }

    /// Whether cookies are `Secure`; they are not in development mode.
    pub fn is_secure(&self) -> bool {
        self.origin.as_ref().is_none_or(|origin| origin.secure)
    }

    /// Whether the site is served to this machine alone, over plain `http`.
    pub fn is_development(&self) -> bool {
        !self.is_secure()
    }

    /// The access cookie's name; none without cookies.
    pub fn access_cookie_name(&self) -> Option<&str> {
        self.has_cookies().then_some(self.access_cookie.as_str())
    }

    /// The refresh cookie's name; none without cookies.
    pub fn refresh_cookie_name(&self) -> Option<&str> {
        self.has_cookies().then_some(self.refresh_cookie.as_str())
    }

    /// Whether the refresh cookie is `SameSite=Lax` and not `Strict`.
    pub fn refresh_cookie_is_lax(&self) -> bool {
        self.refresh_lax
    }

    /// The origins whose unsafe requests are taken, the public one first.
    pub fn trusted_origins(&self) -> &[String] {
        &self.trusted
    }

    fn check_name(&self, name: &str, other: &str) -> Result<(), SiteError> {
        // A token of RFC 9110 section 5.6.2, as RFC 6265 section 4.1.1 wants.
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(token) || name == other {
            return Err(SiteError::CookieName);
        }
        // Browsers compare the prefixes without regard to letter case. What they demand besides `Secure` (`Path=/`, no
        // `Domain`, `HttpOnly`) is so of every cookie here.
        let lower = name.to_ascii_lowercase();
        let prefixed = ["__host-", "__secure-", "__http-"].iter().any(|prefix| lower.starts_with(prefix));
        if prefixed && !self.is_secure() {
            return Err(SiteError::CookiePrefix);
        }
        Ok(())
    }
}

/// An origin to be compared byte for byte with what browsers send, which leave the default port out.
fn as_browsers_write(scheme: &str, host: &str, port: Option<u16>) -> String {
    match port.filter(|port| *port != default_port(scheme)) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

/// As the URL standard has it, which differs from RFC 5952 in one: an IPv4 address within is not written as one.
fn as_url_standard_writes(address: Ipv6Addr) -> String {
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => format!("::ffff:{high:x}:{low:x}"),
        _ => address.to_string(),
    }
}

/// Whether `host`, without a port, is exactly `localhost`, in `127.0.0.0/8`, or `[::1]`.
pub(crate) fn is_loopback(host: &str) -> bool {
    if host == "localhost" || host == "[::1]" {
        return true;
    }
    matches!(host.parse::<IpAddr>(), Ok(IpAddr::V4(address)) if address.is_loopback())
}

/// Splits `host:port`; both must be ones that a browser would write.
pub(crate) fn split_port(authority: &str) -> Result<(&str, Option<u16>), SiteError> {
    let (host, port) = match authority.rsplit_once(':') {
        // The last colon of a bare `[::1]` is inside the brackets.
        Some((host, port)) if !port.ends_with(']') => {
            let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            let port = port.parse::<u16>().ok().filter(|port| digits && *port != 0).ok_or(SiteError::Origin)?;
            (host, Some(port))
        }
        _ => (authority, None),
    };
    let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse().is_ok_and(|address| as_url_standard_writes(address) == host));
    if bracketed || (!host.is_empty() && host.bytes().all(named)) { Ok((host, port)) } else { Err(SiteError::Origin) }
}

/// Why a site was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SiteError {
    /// Not an origin: `scheme://host` or `scheme://host:port`, in lower case, without a path.
    Origin,
    /// Plain `http` to another machine: anybody on the way could read the cookies.
    PlainHttp,
    /// Not a cookie name, or the same for both cookies.
    CookieName,
    /// The cookie's prefix demands `Secure`, which a site over plain `http` cannot have.
    CookiePrefix,
}

impl fmt::Display for SiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Origin => {
                "not an origin: write scheme://host or scheme://host:port, in lower case and without a path"
            }
            Self::PlainHttp => "plain http is only for localhost, 127.0.0.0/8 and [::1]: use https",
            Self::CookieName => "not a cookie name, or the same for both cookies",
            Self::CookiePrefix => "the cookie's prefix demands Secure, which plain http cannot have",
        })
    }
}

impl std::error::Error for SiteError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_secure_and_prefixed_over_https() {
        let site = Site::new("https://app.example").unwrap();
        assert!(site.is_secure());
        assert_eq!(site.access_cookie_name(), Some("__Host-Http-access"));
        assert_eq!(site.refresh_cookie_name(), Some("__Host-Http-refresh"));
        assert_eq!(Site::new("https://app.example:443").unwrap().origin(), Some("https://app.example"));
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for good in ["http://localhost:3000", "http://127.0.0.1:3000", "http://127.9.9.9:3000", "http://[::1]:3000"] {
            let site = Site::new(good).unwrap();
            assert!(site.is_development(), "{good}");
            assert_eq!(site.access_cookie_name(), Some("access-3000"));
        }
        assert_eq!(Site::new("http://localhost").unwrap().refresh_cookie_name(), Some("refresh-80"));
        for bad in [
            "http://app.example",
            "http://localhost.evil.example",
            "http://127.0.0.1.example",
            "http://0.0.0.0",
            "http://[::2]",
            "http://128.0.0.1",
        ] {
            assert_eq!(Site::new(bad).unwrap_err(), SiteError::PlainHttp, "{bad}");
        }
    }

    #[test]
    fn what_no_browser_would_write_is_refused() {
        for bad in [
            "",
            "app.example",
            "https://",
            "https://App.example",
            "https://a.example/",
            "https://a.example/x",
            "https://a.example:0",
            "https://a.example:",
            "https://a.example:99999",
            "https://a:b@c",
            "ftp://a",
            "null",
            "https://a b",
            "https://[::1",
            "https://a.example:+80",
        ] {
            assert!(Site::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_trusted_as_browsers_write_it() {
        let site = |origin| Site::new("https://app.example").unwrap().trust(origin);
        for (origin, written) in [
            ("https://front.example:443", "https://front.example"),
            ("http://front.example:80", "http://front.example"),
            ("http://front.example:443", "http://front.example:443"),
            ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
            ("https://[::ffff:102:304]", "https://[::ffff:102:304]"),
        ] {
            assert_eq!(site(origin).unwrap().trusted_origins()[1], written);
        }
        for bad in [
            "https://[2001:DB8::1]",
            "https://[2001:db8:0:0:0:0:0:1]",
            "https://[::ffff:1.2.3.4]",
            "https://front.example/",
            "front.example",
        ] {
            assert_eq!(site(bad).unwrap_err(), SiteError::Origin, "{bad}");
        }
    }

    #[test]
    fn cookie_names_keep_the_rules_of_their_prefix() {
        let local = || Site::new("http://localhost:3000").unwrap();
        for bad in ["__Host-a", "__host-a", "__Secure-a", "__Http-a", "__Host-Http-a"] {
            assert_eq!(local().access_cookie(bad).unwrap_err(), SiteError::CookiePrefix, "{bad}");
        }
        for bad in ["", "a b", "a=b", "a;b", "é", "refresh-3000"] {
            assert_eq!(local().access_cookie(bad).unwrap_err(), SiteError::CookieName, "{bad}");
        }
        assert!(Site::new("https://a.example").unwrap().access_cookie("__Host-a").is_ok());
    }
}
