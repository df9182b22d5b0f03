//! Requests from a fuzzer's bytes, and whom the layer must take them for.

use std::collections::HashMap;
use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::base64url;
use crate::oracle::{Rules, Verdict, judge};
use crate::signer::{self, NOW};

pub const ISSUER: &str = "https://id.example";
pub const AUDIENCE: &str = "https://api.example";
pub const RULES: Rules = Rules {
    typ: Some("at+jwt"),
    issuer: Some(ISSUER),
    audience: Some(AUDIENCE),
    any_subject: true,
    subject: None,
    session: false,
    leeway: 0.0,
    now: NOW as f64,
};

/// Tokens for the bytes 0x10 to 0x1f, which no header may hold as they are: long texts that are wrong from the first byte
/// on would be all that a fuzzer finds by itself.
pub static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let claims = |sub: &str, sid: u8, generation: u64, exp: i64, more: &str| {
        let sid = base64url::encode(&[sid; 16]);
        let exp = NOW + exp;
        format!(
            r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"{sub}","sid":"{sid}","gen":{generation},"exp":{exp}{more}}}"#
        )
    };
    let sign = |header: &str, claims: String| signer::token(0, header.as_bytes(), claims.as_bytes());
    let good = r#"{"alg":"HS256","typ":"at+jwt","kid":"a"}"#;
    let alice = claims("alice", 1, 1, 60, "");
    let valid = sign(good, alice.clone());
    let mut all = vec![
        valid.clone(),
        sign(good, claims("alice", 1, 2, 60, "")),
        sign(good, claims("alice", 1, 3, 60, r#","scope":"admin""#)),
        sign(good, claims("alice", 2, 1, 60, "")),
        sign(good, claims("bob", 1, 1, 60, "")),
        sign(good, claims("bob", 3, 9, 60, "")),
        // Expired, with a typ of another kind of token, unsigned, by another key, not yet valid, without a subject.
        sign(good, claims("alice", 1, 1, -1, "")),
        sign(r#"{"alg":"HS256","typ":"rt+jwt","kid":"a"}"#, alice.clone()),
        format!("{}.{}.", base64url::encode(br#"{"alg":"none","typ":"at+jwt"}"#), base64url::encode(alice.as_bytes())),
        sign(r#"{"alg":"HS256","typ":"at+jwt","kid":"b"}"#, alice.clone()),
        sign(good, claims("alice", 1, 1, 60, &format!(r#","nbf":{}"#, NOW + 30))),
        sign(good, alice.replace("sub", "bus")),
        format!("{valid}="),
    ];
    all.push(valid.replace('.', " ."));
    all.push(signer::token(
        3,
        br#"{"alg":"EdDSA","typ":"at+jwt","kid":"e"}"#,
        claims("alice", 1, 4, 60, "").as_bytes(),
    ));
    all.push("x".repeat(8193));
    all
});

/// Where the placeholders stand, what they stand for: tokens, the cookie's name, the scheme.
pub fn expanded(bytes: &[u8], cookie: &str, tokens: &[String]) -> Vec<u8> {
    let mut all = Vec::with_capacity(bytes.len() + 512);
    for byte in bytes {
        match byte {
            0x01 => all.extend_from_slice(format!("{cookie}=").as_bytes()),
            0x02 => all.extend_from_slice(b"Bearer "),
            0x10..=0x1f => {
                all.extend_from_slice(tokens.get(usize::from(byte - 0x10)).map_or(&[], |token| token.as_bytes()));
            }
            byte => all.push(*byte),
        }
    }
    all
}

/// What every line of `bytes` says: its first byte names the header, the rest is the value. A value that no header may hold
/// is left out, as a server would not have let it in.
pub fn headers(bytes: &[u8], cookie: &str, tokens: &[String]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(16) {
        let Some((name, value)) = line.split_first() else { continue };
        let name = match name {
            b'A' => "authorization",
            b'C' => "cookie",
            b'H' => "host",
            b'O' => "origin",
            b'P' => "access-control-request-method",
            b'S' => "sec-fetch-site",
            b'T' => "content-type",
            b'U' => "upgrade",
            b'V' => "proxy-authorization",
            _ => "x-other",
        };
        if let Ok(value) = HeaderValue::from_bytes(&expanded(value, cookie, tokens)) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// The verdict of a layer about a request.
#[derive(Debug, PartialEq)]
pub enum Taken {
    /// Without a credential.
    Nobody,
    /// By the token of this text.
    By(String),
    Refused(u16, &'static str),
    /// As the first of these, unless the check against other sites says no. Its exact words are tower-http's.
    Perhaps(String),
}

/// How the layer is configured.
pub struct Setup<'a> {
    pub cookie: Option<&'a str>,
    pub cookie_first: bool,
    pub optional: bool,
    pub development: bool,
    pub trusted: &'a str,
}

pub fn taken(method: &Method, authority: Option<&str>, headers: &HeaderMap, setup: &Setup<'_>) -> Taken {
    let lines = |name: &str| headers.get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
    if setup.development && !is_this_machine(authority, &lines("host")) {
        return Taken::Refused(400, "invalid_request");
    }
    if *method == Method::OPTIONS
        && headers.contains_key("origin")
        && headers.contains_key("access-control-request-method")
    {
        return Taken::Nobody;
    }
    let bad = Taken::Refused(400, "invalid_request");
    let cookies = setup.cookie.map_or_else(Vec::new, |name| cookies(&lines("cookie"), name));
    let Some(bearer) = bearer(&lines("authorization")) else { return bad };
    if cookies.len() > 4 {
        return bad;
    }

    let by_header = bearer.into_iter().map(|token| (token, false));
    let by_cookie = cookies.into_iter().map(|token| (token, true));
    let mut candidates: Vec<_> = by_header.chain(by_cookie).collect();
    if setup.cookie_first {
        // The one of the header, if there is one, goes to the end.
        let cookies = candidates.iter().position(|(_, cookie)| *cookie).unwrap_or(0);
        candidates.rotate_left(cookies);
    }
    let mut valid: Vec<(String, bool, Standing)> = Vec::new();
    let mut refused = None;
    for (token, by_cookie) in candidates {
        match standing(&token) {
            Ok(standing) => valid.push((token, by_cookie, standing)),
            Err(kind) => {
                refused.get_or_insert(kind);
            }
        }
    }
    let Some((_, first_by_cookie, first)) = valid.first() else {
        return match refused {
            Some(kind) => Taken::Refused(401, kind),
            None if setup.optional => Taken::Nobody,
            None => Taken::Refused(401, "missing_token"),
        };
    };
    if valid.iter().any(|(_, _, other)| other.whose() != first.whose()) {
        return bad;
    }
    let newest = valid.iter().filter(|(_, cookie, _)| cookie == first_by_cookie && *cookie);
    let newest = newest.map(|(_, _, standing)| standing.generation).max().unwrap_or(first.generation);
    let (token, by_cookie, _) =
        valid.iter().find(|(_, cookie, standing)| cookie == first_by_cookie && standing.generation == newest).unwrap();
    let token = token.clone();
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) && !headers.contains_key("upgrade");
    if !by_cookie || safe {
        return Taken::By(token);
    }
    match may_be_ours(authority, headers, setup.trusted) {
        Some(true) => Taken::By(token),
        Some(false) => Taken::Refused(403, "csrf"),
        None => Taken::Perhaps(token),
    }
}

/// What is certain of `tower_http::csrf` about an unsafe request.
pub fn may_be_ours(authority: Option<&str>, headers: &HeaderMap, trusted: &str) -> Option<bool> {
    let line = |name: &str| headers.get(name).map(HeaderValue::as_bytes).filter(|value| !value.is_empty());
    let host = authority.map(str::as_bytes).or(line("host"));
    match (line("sec-fetch-site"), line("origin")) {
        (Some(b"same-origin" | b"none"), _) | (None, None) => Some(true),
        (_, Some(origin)) if origin == trusted.as_bytes() => Some(true),
        // Not where it must stand: http's own reader of addresses drops a fragment, which no browser sends.
        (None, Some(origin)) if host.is_some_and(|host| origin.windows(host.len()).any(|part| part == host)) => None,
        _ => Some(false),
    }
}

struct Standing {
    subject: String,
    session: Option<Vec<u8>>,
    generation: i64,
}

impl Standing {
    fn whose(&self) -> (&str, Option<&[u8]>) {
        (&self.subject, self.session.as_deref())
    }
}

fn standing(token: &str) -> Result<Standing, &'static str> {
    /// What was found out about the tokens of the table, which most requests carry.
    static KNOWN: LazyLock<HashMap<&str, Result<(), &'static str>>> =
        LazyLock::new(|| TOKENS.iter().map(|token| (token.as_str(), verdict(token))).collect());
    KNOWN.get(token).copied().unwrap_or_else(|| verdict(token))?;
    let payload = base64url::decode(token.split('.').nth(1).unwrap()).unwrap();
    let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    Ok(Standing {
        subject: payload["sub"].as_str().unwrap().to_owned(),
        session: payload["sid"].as_str().and_then(base64url::decode),
        generation: payload["gen"].as_i64().unwrap(),
    })
}

fn verdict(token: &str) -> Result<(), &'static str> {
    match judge(token, &RULES) {
        Verdict::Accepted { .. } => Ok(()),
        Verdict::Refused("expired") => Err("token_expired"),
        _ => Err("invalid_token"),
    }
}

/// The values of one cookie: between semicolons, without blanks and tabs around it, its name to the byte.
pub fn cookies(lines: &[&[u8]], name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in lines {
        let mut start = 0;
        while start <= line.len() {
            let end = line[start..].iter().position(|byte| *byte == b';').map_or(line.len(), |at| start + at);
            let (mut from, mut to) = (start, end);
            while from < to && matches!(line[from], b' ' | b'\t') {
                from += 1;
            }
            while from < to && matches!(line[to - 1], b' ' | b'\t') {
                to -= 1;
            }
            let pair = &line[from..to];
            if pair.len() > name.len() && pair[..name.len()] == *name.as_bytes() && pair[name.len()] == b'=' {
                // What is not UTF-8 is no token, but is counted.
                found.push(String::from_utf8(pair[name.len() + 1..].to_vec()).unwrap_or_default());
            }
            start = end + 1;
        }
    }
    found
}

/// `credentials = auth-scheme [ 1*SP token68 ]` (RFC 9110 section 11.4), read by hand; none when it is malformed.
fn bearer(lines: &[&[u8]]) -> Option<Option<String>> {
    let mut found = None;
    for line in lines {
        let text: String = line.iter().map(|byte| char::from(*byte)).collect();
        let text = text.trim_matches([' ', '\t']);
        let is_tchar = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char);
        let scheme = text.split(|char| !is_tchar(char)).next().unwrap();
        if !scheme.eq_ignore_ascii_case("bearer") {
            continue;
        }
        let rest = &text[scheme.len()..];
        let token = rest.trim_start_matches(' ');
        let body = token.trim_end_matches('=');
        let allowed = |char: char| char.is_ascii_alphanumeric() || "-._~+/".contains(char);
        if rest.len() == token.len() || body.is_empty() || !body.chars().all(allowed) || found.is_some() {
            return None;
        }
        found = Some(token.to_owned());
    }
    Some(found)
}

fn is_this_machine(authority: Option<&str>, hosts: &[&[u8]]) -> bool {
    let host = match (authority, hosts) {
        (Some(authority), _) => authority.to_owned(),
        (None, [host]) if host.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) => {
            String::from_utf8(host.to_vec()).unwrap()
        }
        _ => return false,
    };
    let host = host.to_ascii_lowercase();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => {
            let number = port.trim_start_matches('0');
            let is_port = port.bytes().all(|byte| byte.is_ascii_digit())
                && (1..=5).contains(&number.len())
                && number.parse::<u32>().unwrap() < 65536;
            if !is_port {
                return false;
            }
            name
        }
        _ => host.as_str(),
    };
    let octets: Vec<_> = name.split('.').collect();
    let octet = |text: &&str| {
        (1..=3).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && (text.len() == 1 || !text.starts_with('0'))
            && text.parse::<u32>().unwrap() < 256
    };
    name == "localhost" || name == "[::1]" || octets.len() == 4 && octets[0] == "127" && octets.iter().all(octet)
}
