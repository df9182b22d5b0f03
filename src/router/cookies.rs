use std::time::Duration;

use cookie::{Cookie, SameSite};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

use super::refusal::{RouterRefusal, RouterRefusalKind as Kind};
use crate::session::Tokens;
use crate::site::Site;

/// The largest cookie that browsers keep, name and value, in bytes (RFC 6265 section 6.1).
const LARGEST: usize = 4096;
/// The longest that browsers keep a cookie.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 3600);

/// Sets the cookies of `tokens`; that of the refresh token only where it is a new one.
pub(super) fn set(headers: &mut HeaderMap, site: &Site, tokens: &Tokens) -> Result<(), RouterRefusal> {
    let access_for = lasting(tokens, tokens.expires_in());
    let access = access(site, tokens.access_token(), access_for);
    let refresh_for = lasting(tokens, tokens.refresh_expires_in());
    let new_refresh = tokens.refresh_token_is_new().then_some(tokens.refresh_token());
    let refresh = new_refresh.and_then(|token| refresh(site, token, refresh_for));
    for cookie in [access, refresh].into_iter().flatten() {
        let size = cookie.name().len() + 1 + cookie.value().len();
        if size > LARGEST {
            tracing::error!(
                cookie = cookie.name(),
                size,
                "a cookie is above 4096 bytes: browsers would drop it; make the claims smaller"
            );
            return Err(Kind::ServerError.into());
        }
        append(headers, &cookie);
    }
    Ok(())
}

/// How many bytes an access token may have that goes into a cookie; none where there are no cookies.
pub(super) fn longest(site: &Site) -> Option<usize> {
    Some(LARGEST.saturating_sub(site.access_cookie_name()?.len() + 1))
}

/// Takes both cookies away.
pub(super) fn clear(headers: &mut HeaderMap, site: &Site) {
    let gone = Some(Duration::ZERO);
    for cookie in [access(site, "", gone), refresh(site, "", gone)].into_iter().flatten() {
        append(headers, &cookie);
    }
}

/// `Max-Age`; none for cookies that end with the browser.
fn lasting(tokens: &Tokens, rest: Duration) -> Option<Duration> {
    (!tokens.is_transient()).then_some(rest.min(LONGEST))
}

fn access<'a>(site: &'a Site, value: &'a str, rest: Option<Duration>) -> Option<Cookie<'a>> {
    Some(build(site, site.access_cookie_name()?, value, rest, SameSite::Lax))
}

fn refresh<'a>(site: &'a Site, value: &'a str, rest: Option<Duration>) -> Option<Cookie<'a>> {
    let same_site = if site.refresh_cookie_is_lax() { SameSite::Lax } else { SameSite::Strict };
    Some(build(site, site.refresh_cookie_name()?, value, rest, same_site))
}

fn build<'a>(site: &Site, name: &'a str, value: &'a str, rest: Option<Duration>, same_site: SameSite) -> Cookie<'a> {
    let mut cookie =
        Cookie::build((name, value)).path("/").http_only(true).secure(site.is_secure()).same_site(same_site).build();
    if let Some(rest) = rest {
        cookie.set_max_age(cookie::time::Duration::seconds(i64::try_from(rest.as_secs()).unwrap_or(0)));
    }
    cookie
}

fn append(headers: &mut HeaderMap, cookie: &Cookie<'_>) {
    // Names are checked tokens and values base64url with dots: they always make a header.
    if let Ok(mut value) = HeaderValue::try_from(cookie.to_string()) {
        value.set_sensitive(true);
        headers.append(SET_COOKIE, value);
    }
}
