//! Settings from variables against the rules of DESIGN.md section 1, said again: what is accepted and what is not, and that a
//! refusal has none of the values. Whatever is accepted builds.
#![no_main]

use std::collections::HashMap;
use std::sync::LazyLock;

use jwt_sessions::clock::Clock;
use jwt_sessions::store::MemoryStore;
use jwt_sessions::{Grant, Settings, accounts_elsewhere};
use libfuzzer_sys::{Corpus, fuzz_target};

/// The first byte of a line, from `a` on, is one of these.
const NAMES: [&str; 20] = [
    "ACCESS_TOKEN_SECRET",
    "JWT_ACCESS_TOKEN_SECRET",
    "ACCESS_TOKEN_KEY_FILE",
    "ACCESS_TOKEN_EXPIRY",
    "REFRESH_TOKEN_SECRET",
    "JWT_REFRESH_TOKEN_SECRET",
    "REFRESH_TOKEN_EXPIRY",
    "SESSION_IDLE",
    "SESSION_ABSOLUTE",
    "SESSION_STORE",
    "PUBLIC_ORIGIN",
    "COOKIES",
    "COOKIE_ACCESS",
    "COOKIE_REFRESH",
    "ISSUER",
    "AUDIENCE",
    "ROTATION_PRESET",
    "ROTATION_WINDOW",
    "LOST_RESPONSE_HORIZON",
    "PATH",
];
const GOOD: [(&str, &str); 4] = [
    ("ACCESS_TOKEN_SECRET", "fuzz-access-0123456789-abcdefghijklmno"),
    ("REFRESH_TOKEN_SECRET", "fuzz-refresh-0123456789-abcdefghijklmno"),
    ("SESSION_STORE", "memory:"),
    ("PUBLIC_ORIGIN", "https://app.example"),
];
/// The files that a key file's name may stand for: any other would be this machine's own. With its algorithm, what tells it
/// apart, and whether it signs.
const FILES: [(&str, Option<(&str, bool)>); 6] = [
    ("ed25519.pem", Some(("EdDSA", true))),
    ("ed25519_public.pem", Some(("EdDSA", false))),
    ("p256.pem", Some(("ES256", true))),
    ("p256_public.pem", Some(("ES256", false))),
    ("x25519.pem", None),
    ("there is no such file", None),
];

static EXAMPLES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let secret = |line: &'static str| line.split_once("TOKEN_SECRET=").map(|(_, secret)| secret);
    include_str!("../../.env.example").lines().filter_map(secret).collect()
});

fuzz_target!(|data: &[u8]| -> Corpus {
    let [bits, lines @ ..] = data else { return Corpus::Reject };
    let mut vars: HashMap<&str, String> = HashMap::new();
    if bits & 1 == 0 {
        vars.extend(GOOD.map(|(name, value)| (name, value.to_owned())));
    }
    for line in lines.split(|byte| *byte == b'\n') {
        let Some((name, value)) = line.split_first() else { continue };
        let Ok(value) = std::str::from_utf8(value) else { continue };
        let name = NAMES[usize::from(name.wrapping_sub(b'a')) % NAMES.len()];
        match value {
            // A variable of the good ones can be taken away, too.
            "-" => drop(vars.remove(name)),
            value => drop(vars.insert(name, value.to_owned())),
        }
    }
    let mut given = vars.clone();
    if let Some(files) = given
        .get_mut("ACCESS_TOKEN_KEY_FILE")
        .filter(|files| !files.trim().is_empty() && !files.contains(char::REPLACEMENT_CHARACTER))
    {
        let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/keys/");
        *files =
            files.split(',').map(|file| format!(" {keys}{} ", FILES[number(file)].0)).collect::<Vec<_>>().join(",");
    }

    let expected = is_right(&vars);
    match Settings::from_vars(given.clone()) {
        Ok(settings) => {
            assert_ne!(expected, Some(false), "accepted: {given:?}");
            let grant = async |_: String| Ok::<_, std::io::Error>(Some(Grant::new(serde_json::json!({}))));
            let store = MemoryStore::new(Clock::system());
            if let Err(error) = settings.builder(store, accounts_elsewhere(grant)).build() {
                panic!("{error} of what was accepted: {given:?}");
            }
            shows_no_secret(&format!("{settings:?}"), &["SECRET", "STORE"], &given);
        }
        Err(error) => {
            assert_ne!(expected, Some(true), "{error}: {given:?}");
            assert!(NAMES.contains(&error.variable()) && error.variable() != "PATH");
            let text = format!("{error} {error:?}");
            assert!(!text.contains(|char: char| char.is_control()), "{text:?}");
            shows_no_secret(&text, &[""], &given);
        }
    }
    Corpus::Keep
});

fn number(file: &str) -> usize {
    file.trim().bytes().fold(0, |sum, byte| sum + usize::from(byte)) % FILES.len()
}

/// Values with a character that no text of the crate has, nor what `Debug` writes around them, cannot be in it by chance.
fn shows_no_secret(text: &str, of: &[&str], vars: &HashMap<&str, String>) {
    let usual = |char: char| char.is_ascii_alphanumeric() || " `:,.;/_-()[]{}\"".contains(char);
    let telling = |value: &str| value.len() >= 3 && !value.chars().all(usual);
    for (name, value) in vars.iter().filter(|(name, value)| of.iter().any(|part| name.contains(part)) && telling(value))
    {
        // What another variable says may be shown, and with it, or with the quotes around it, what is the same by chance.
        let others: Vec<_> = vars.iter().filter(|(other, _)| *other != name).map(|(_, value)| value.trim()).collect();
        let mut shown: Vec<_> =
            others.iter().flat_map(|other| [other.to_string(), other.escape_debug().to_string()]).collect();
        shown.sort_by_key(|other| std::cmp::Reverse(other.len()));
        let left = shown
            .iter()
            .filter(|other| !other.is_empty())
            .fold(text.to_owned(), |text, other| text.replace(other, " "));
        let anothers = others.iter().any(|other| other.contains(value.trim()));
        assert!(anothers || !left.contains(value.as_str()), "{name} is in {text}");
    }
}

/// None where a span is so close to its bound that rounding decides.
fn is_right(vars: &HashMap<&str, String>) -> Option<bool> {
    let ours = NAMES.iter().filter(|name| **name != "PATH").filter_map(|name| vars.get(name));
    if ours.clone().any(|value| value.trim().is_empty() || value.contains('\u{fffd}')) {
        return Some(false);
    }
    let value = |name: &str| vars.get(name).map(|value| value.trim());
    let wrong = Some(false);

    let Ok(refresh) = either(vars, "REFRESH_TOKEN_SECRET", "JWT_REFRESH_TOKEN_SECRET") else { return wrong };
    let Ok(access) = either(vars, "ACCESS_TOKEN_SECRET", "JWT_ACCESS_TOKEN_SECRET") else { return wrong };
    let Some(refresh) = refresh.filter(|secret| is_strong(secret)) else { return wrong };
    let keys = match (access, value("ACCESS_TOKEN_KEY_FILE")) {
        (Some(access), None) => is_strong(access) && !access.starts_with(refresh) && !refresh.starts_with(access),
        (None, Some(files)) => are_keys(files),
        _ => false,
    };
    let site = match value("COOKIES") {
        None | Some("on") => value("PUBLIC_ORIGIN").is_some_and(|origin| {
            is_origin(origin) && are_cookies(origin, value("COOKIE_ACCESS"), value("COOKIE_REFRESH"))
        }),
        Some("off") => {
            value("COOKIE_ACCESS").or(value("COOKIE_REFRESH")).is_none()
                && value("PUBLIC_ORIGIN")
                    .is_none_or(|origin| is_origin(origin) || is_origin(&origin.replacen("http://", "https://", 1)))
        }
        Some(_) => false,
    };
    let said = value("ISSUER").or(value("PUBLIC_ORIGIN")).is_some() && value("SESSION_STORE").is_some();
    let preset = matches!(value("ROTATION_PRESET"), None | Some("strict" | "balanced" | "lenient"));
    if !(keys && site && said && preset) {
        return wrong;
    }
    // Two names of one setting are compared as they were written.
    let Ok(idle) = either(vars, "REFRESH_TOKEN_EXPIRY", "SESSION_IDLE") else { return wrong };
    spans(idle.map(str::trim), value)
}

fn spans<'a>(idle: Option<&str>, value: impl Fn(&str) -> Option<&'a str>) -> Option<bool> {
    const DAY: f64 = 86400.0;
    let read = |text: Option<&str>, default: f64| text.map_or(Some(default), seconds);
    let Some(idle) = read(idle, 7.0 * DAY) else { return Some(false) };
    let span = |name: &str, default: f64| read(value(name), default);
    let (Some(access), Some(absolute), Some(window), Some(horizon)) = (
        span("ACCESS_TOKEN_EXPIRY", 900.0),
        span("SESSION_ABSOLUTE", 90.0 * DAY),
        span("ROTATION_WINDOW", 30.0),
        // Without one there is nothing to compare.
        span("LOST_RESPONSE_HORIZON", f64::NAN),
    ) else {
        return Some(false);
    };
    let window_times = |times: f64| window * times;
    // Each: what must not be above what.
    let orders = [
        (1.0, access),
        (access, 3600.0),
        (access, idle),
        (1.0, window),
        (window, 60.0),
        (window_times(6.0), idle),
        (idle, absolute),
        (absolute, 400.0 * DAY),
        (window_times(3.0), horizon),
        (horizon, idle),
    ];
    if orders.iter().any(|(less, more)| less > more && less - more > less * 1e-9) {
        return Some(false);
    }
    let close = |(less, more): &(f64, f64)| less != more && (less - more).abs() <= less * 1e-9 + 1e-8;
    if orders.iter().any(close) { None } else { Some(true) }
}

/// `1.5h`: digits, perhaps a point and digits, spaces, a unit; above zero.
fn seconds(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 6] = [
        ("s sec secs second seconds", 1.0),
        ("m min mins minute minutes", 60.0),
        ("h hr hrs hour hours", 3600.0),
        ("d day days", 86400.0),
        ("w week weeks", 604_800.0),
        ("y yr yrs year years", 31_536_000.0),
    ];
    let number = text.trim_end_matches(|char: char| !char.is_ascii_digit() && char != '.');
    let unit = text[number.len()..].trim_matches(' ').to_ascii_lowercase();
    let factor = if unit.is_empty() {
        1.0
    } else {
        UNITS.iter().find(|(names, _)| names.split(' ').any(|name| name == unit))?.1
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return None;
    }
    let count = whole.parse::<f64>().ok()? + format!("0.{part}").parse::<f64>().ok()?;
    Some(count * factor).filter(|seconds| *seconds >= 0.001)
}

/// The one value of a setting with two names.
fn either<'a>(vars: &'a HashMap<&str, String>, one: &str, two: &str) -> Result<Option<&'a str>, ()> {
    match (vars.get(one), vars.get(two)) {
        (Some(one), Some(two)) if one != two => Err(()),
        (one, two) => Ok(one.or(two).map(String::as_str)),
    }
}

fn is_strong(secret: &str) -> bool {
    let mut bytes = secret.as_bytes().to_vec();
    bytes.sort_unstable();
    bytes.dedup();
    let bare = secret.trim_matches(|char: char| char.is_whitespace() || matches!(char, '"' | '\''));
    secret.len() >= 32 && bytes.len() >= 8 && !secret.contains("-----BEGIN ") && !EXAMPLES.contains(&bare)
}

fn are_keys(files: &str) -> bool {
    let keys: Vec<_> = files.split(',').map(|file| FILES[number(file)].1).collect();
    let signs = keys.first().is_some_and(|first| first.is_some_and(|(_, signs)| signs));
    // The two files of an algorithm have one key, and so one name.
    let twice = keys
        .iter()
        .enumerate()
        .any(|(place, one)| keys[..place].iter().flatten().any(|other| one.is_some_and(|one| one.0 == other.0)));
    signs && keys.iter().all(Option::is_some) && !twice
}

fn is_origin(origin: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let (host, port) = if let Some(inside) = authority.strip_prefix('[') {
        let Some((address, port)) = inside.split_once(']') else { return false };
        // As browsers write it.
        let written = |parsed: std::net::Ipv6Addr| match parsed.to_ipv4_mapped() {
            Some(_) => format!("::ffff:{:x}:{:x}", parsed.segments()[6], parsed.segments()[7]),
            None => parsed.to_string(),
        };
        if !address.parse().is_ok_and(|parsed| written(parsed) == address) {
            return false;
        }
        (&authority[..address.len() + 2], port.strip_prefix(':').or(port.is_empty().then_some("1")))
    } else {
        let (host, port) = authority.split_once(':').unwrap_or((authority, "1"));
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        if host.is_empty() || !host.bytes().all(plain) {
            return false;
        }
        (host, Some(port))
    };
    let Some(port) = port else { return false };
    let is_port = !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u32>().is_ok_and(|port| (1..65536).contains(&port));
    let is_loopback = host == "localhost"
        || host == "[::1]"
        || host.starts_with("127.") && host.parse::<std::net::Ipv4Addr>().is_ok();
    is_port && (scheme == "https" || scheme == "http" && is_loopback)
}

fn are_cookies(origin: &str, access: Option<&str>, refresh: Option<&str>) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let secure = origin.starts_with("https");
    let port = origin.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()).unwrap_or(80);
    let defaults = if secure {
        ["__Host-Http-access".to_owned(), "__Host-Http-refresh".to_owned()]
    } else {
        [format!("access-{port}"), format!("refresh-{port}")]
    };
    let allowed = |name: &str| {
        let lower = name.to_ascii_lowercase();
        let prefixed = ["__host-", "__secure-", "__http-"].iter().any(|prefix| lower.starts_with(prefix));
        (1..=128).contains(&name.len()) && name.bytes().all(token) && (secure || !prefixed)
    };
    access.is_none_or(|name| allowed(name) && name != defaults[1])
        && refresh.is_none_or(|name| allowed(name) && name != access.unwrap_or(&defaults[0]))
}
