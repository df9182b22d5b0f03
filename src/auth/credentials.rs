//! Where a request carries access tokens, looked for byte by byte.
//!
//! Never `HeaderValue::to_str` on a line: one foreign cookie with a byte above ASCII would drop every cookie beside it.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

/// The access tokens of one request, before anything is known about them. Borrowed: looking costs no allocation.
pub(super) struct Credentials<'a> {
    header: Option<&'a [u8]>,
    cookies: [Option<&'a [u8]>; MOST_COOKIES],
}

/// How a token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Header,
    Cookie,
}

impl<'a> Credentials<'a> {
    /// Collects `Authorization: Bearer` (RFC 6750 section 2.1) and the cookies named `cookie`. Never the query string: it
    /// ends up in logs (section 5.3). None where the request is malformed. Whether the header's is
    /// [well-formed](is_token68) is still to be seen: a token that verifies is, and needs no look at each byte.
    pub(super) fn of(headers: &'a HeaderMap, cookie: Option<&str>) -> Option<Self> {
        let mut cookies = [None; MOST_COOKIES];
        if let Some(name) = cookie {
            let mut slots = cookies.iter_mut();
            for value in named(headers, name.as_bytes()) {
                *slots.next()? = Some(value);
            }
        }
        Some(Self { header: bearer(headers)?, cookies })
    }

    /// The tokens in the order in which they are preferred.
    pub(super) fn in_order(&self, cookie_first: bool) -> impl Iterator<Item = (Channel, &'a [u8])> {
        let header = self.header.map(|token| (Channel::Header, token));
        let (before, after) = if cookie_first { (None, header) } else { (header, None) };
        let cookies = self.cookies.into_iter().flatten().map(|token| (Channel::Cookie, token));
        before.into_iter().chain(cookies).chain(after)
    }
}

/// The values of the cookies of exactly that name, from every `Cookie` line (HTTP/2 may split them, RFC 9113 section
/// 8.2.3).
///
/// Names are not percent-decoded, or `__%48ost-` would pass for a prefix that browsers did not check. Quotes are not
/// stripped, or the inside of another cookie's quoted value would pass for one of ours.
pub(crate) fn named<'a>(headers: &'a HeaderMap, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| pairs(line.as_bytes()));
    pairs.filter_map(move |pair| trimmed(pair).strip_prefix(name)?.strip_prefix(b"="))
}

/// What stands between the semicolons of a line.
fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let (pair, behind) = match memchr::memchr(b';', line).and_then(|at| line.split_at_checked(at)) {
            Some((pair, [_, behind @ ..])) => (pair, Some(behind)),
            _ => (line, None),
        };
        rest = behind;
        Some(pair)
    })
}

/// The one bearer token; another scheme counts as absent. None of either where the header is malformed.
fn bearer(headers: &HeaderMap) -> Option<Option<&[u8]>> {
    let mut found = None;
    for line in headers.get_all(AUTHORIZATION) {
        let Some(rest) = after_scheme(trimmed(line.as_bytes())) else { continue };
        // Of two lines, one part of a system would believe the first and another the last.
        let token = credential(rest).filter(|_| found.is_none());
        found = Some(token?);
    }
    Some(found)
}

/// What follows `Bearer`, in any letter case (RFC 9110 section 11.1); none where the scheme is another.
fn after_scheme(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    let ends = !rest.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte));
    (ends && scheme.eq_ignore_ascii_case(SCHEME)).then_some(rest)
}

/// What is behind the blanks of `1*SP token68` (RFC 9110 section 11.4).
fn credential(rest: &[u8]) -> Option<&[u8]> {
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    rest.get(spaces..).filter(|_| spaces > 0)
}

/// Whether it is a `token68`, as the credential of a header has to be; a cookie's value may be anything.
pub(super) fn is_token68(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = token.get(..token.len() - padding).unwrap_or_default();
    // Every byte is looked at, also behind a bad one: without a way out the compiler takes sixteen at a time.
    let within = |byte: u8, first: u8, last: u8| byte.wrapping_sub(first) <= last - first;
    let fits = |byte: u8| {
        // `-`, `.`, `/` and the digits follow one another.
        within(byte | 0x20, b'a', b'z') | within(byte, b'-', b'9') | (byte == b'_') | (byte == b'~') | (byte == b'+')
    };
    !body.is_empty() && body.iter().fold(true, |all, byte| all & fits(*byte))
}

/// Without blanks and tabs at both ends, and nothing else: with Unicode's spaces gone too, a cookie that any subdomain
/// may set would pass for a prefixed one.
fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

const SCHEME: &[u8] = b"bearer";

/// A sibling subdomain can toss cookies of our name into the jar: several are looked at, but no more than these, each of
/// which may cost a signature check.
pub(crate) const MOST_COOKIES: usize = 4;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::auth::refusal::RefusalKind;

    const NAME: &str = "__Host-access";

    fn found(lines: &[(&'static str, &[u8])]) -> Result<Vec<(Channel, String)>, RefusalKind> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        let credentials = Credentials::of(&headers, Some(NAME)).ok_or(RefusalKind::InvalidRequest)?;
        if credentials.header.is_some_and(|token| !is_token68(token)) {
            return Err(RefusalKind::InvalidRequest);
        }
        let text = |token: &[u8]| String::from_utf8_lossy(token).into_owned();
        Ok(credentials.in_order(false).map(|(channel, token)| (channel, text(token))).collect())
    }

    fn cookies(lines: &[&[u8]]) -> Vec<String> {
        let lines: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
        found(&lines).unwrap().into_iter().map(|(_, token)| token).collect()
    }

    #[test]
    fn a_bearer_token_is_found_in_any_letter_case() {
        for line in ["Bearer a.b-c_~+/", "bearer a.b-c_~+/", "BEARER   a.b-c_~+/", " \tBearer a.b-c_~+/ "] {
            let token = (Channel::Header, "a.b-c_~+/".to_owned());
            assert_eq!(found(&[("authorization", line.as_bytes())]), Ok(vec![token]), "{line}");
        }
        assert_eq!(found(&[("authorization", b"Bearer a==")]).unwrap().len(), 1);
    }

    #[test]
    fn another_scheme_counts_as_absent() {
        for line in ["", "Basic YTpi", "Bearerx a", "Bearer-x a", "DPoP a", "Bear", "basic Bearer a"] {
            assert_eq!(found(&[("authorization", line.as_bytes())]), Ok(vec![]), "{line}");
        }
        let beside = found(&[("authorization", b"Basic YTpi"), ("authorization", b"Bearer a")]);
        assert_eq!(beside.unwrap().len(), 1);
    }

    #[test]
    fn a_bearer_without_a_well_formed_credential_is_a_bad_request() {
        let bad: [&[u8]; 11] = [
            b"Bearer",
            b"Bearer ",
            b"Bearer\ta",
            b"Bearer=a",
            b"Bearer a b",
            b"Bearer a, Bearer b",
            b"Bearer =",
            b"Bearer a=b",
            b"Bearer \"a\"",
            b"Bearer \xc3\xa9",
            b"Bearer a\xff",
        ];
        for line in bad {
            let name = String::from_utf8_lossy(line);
            assert_eq!(found(&[("authorization", line)]), Err(RefusalKind::InvalidRequest), "{name}");
        }
        let twice = found(&[("authorization", b"Bearer a"), ("authorization", b"Bearer a")]);
        assert_eq!(twice, Err(RefusalKind::InvalidRequest));
    }

    #[test]
    fn a_cookie_is_found_on_every_line_and_beside_any_bytes() {
        assert_eq!(cookies(&[b"a=1; __Host-access=t; b=2"]), ["t"]);
        assert_eq!(cookies(&[b"a=1", b"__Host-access=t"]), ["t"]);
        assert_eq!(cookies(&[b"a=\xff\xe9;\t__Host-access=t \t;b=\xc3"]), ["t"]);
        assert_eq!(cookies(&[b"__Host-access=t;__Host-access=u"]), ["t", "u"]);
        assert_eq!(cookies(&[b"__Host-access=a=b"]), ["a=b"]);
    }

    #[test]
    fn only_the_exact_name_counts() {
        let others: [&[u8]; 8] = [
            b"__host-access=t",
            b"__%48ost-access=t",
            b"__Host-access2=t",
            b"x__Host-access=t",
            b"__Host-access",
            b"__Host-access =t",
            b"\xc2\xa0__Host-access=t",
            b"\xe2\x80\x80__Host-access=t",
        ];
        for line in others {
            assert_eq!(cookies(&[line]), [""; 0], "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn a_value_is_taken_as_it_stands() {
        assert_eq!(cookies(&[b"__Host-access=\"t\""]), ["\"t\""]);
        assert_eq!(cookies(&[b"a=\"x; __Host-access=t\""]), ["t\""]);
        assert_eq!(cookies(&[b"__Host-access=%41"]), ["%41"]);
        assert_eq!(cookies(&[b"__Host-access="]), [""]);
        assert_eq!(cookies(&[b"__Host-access=\xff"]), ["\u{fffd}"]);
    }

    #[test]
    fn five_cookies_of_one_name_are_a_bad_request() {
        let line = |count: usize| vec!["__Host-access=t"; count].join("; ");
        assert_eq!(found(&[("cookie", line(4).as_bytes())]).unwrap().len(), 4);
        assert_eq!(found(&[("cookie", line(5).as_bytes())]), Err(RefusalKind::InvalidRequest));
    }

    #[test]
    fn a_credential_has_the_bytes_of_rfc_9110_and_no_others() {
        for byte in u8::MIN..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            // At each place of a block, too.
            for at in [0, 1, 15, 16, 40] {
                let mut token = [b'a'; 41];
                token[at] = byte;
                let padding = byte == b'=' && at == 40;
                assert_eq!(is_token68(&token), expected || padding, "{byte} at {at}");
            }
        }
    }

    #[test]
    fn the_header_comes_first_unless_it_is_told_otherwise() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("__Host-access=c"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer h"));
        let credentials = Credentials::of(&headers, Some(NAME)).unwrap();
        let order = |cookie_first| credentials.in_order(cookie_first).map(|(_, token)| token).collect::<Vec<_>>();
        let (header, cookie) = (b"h".as_slice(), b"c".as_slice());
        assert_eq!((order(false), order(true)), (vec![header, cookie], vec![cookie, header]));
        assert_eq!(Credentials::of(&headers, None).unwrap().in_order(true).count(), 1);
    }
}
