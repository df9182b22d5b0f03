/// A `User-Agent` with what most of them have in common abbreviated, to a tenth of its length for an ordinary browser.
///
/// Nothing is learnt from what comes, so that nobody can fill a table by sending names of their own.
pub(super) fn abbreviated(text: &str) -> Vec<u8> {
    let (mut rest, mut short) = (text.as_bytes(), Vec::with_capacity(text.len()));
    while let [first, after @ ..] = rest {
        let common = COMMON.iter().enumerate().find_map(|(at, part)| Some((at, rest.strip_prefix(part.as_bytes())?)));
        match common {
            Some((at, after)) => {
                short.extend(ABBREVIATIONS.get(at));
                rest = after;
            }
            None => {
                short.push(*first);
                rest = after;
            }
        }
    }
    short
}

/// What was abbreviated.
pub(super) fn whole(short: &[u8]) -> Option<String> {
    let mut text = Vec::new();
    for byte in short {
        match ABBREVIATIONS.iter().position(|abbreviation| abbreviation == byte) {
            Some(at) => text.extend_from_slice(COMMON.get(at)?.as_bytes()),
            None => text.push(*byte),
        }
    }
    String::from_utf8(text).ok()
}

/// The bytes that no UTF-8 has (RFC 3629 section 1): whatever else comes stands for itself.
const ABBREVIATIONS: [u8; 13] = [0xc0, 0xc1, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff];

/// Browsers have frozen most of what they say of themselves; none of these begins with another.
const COMMON: [&str; 13] = [
    "Mozilla/5.0 (",
    "Windows NT 10.0; Win64; x64",
    "Macintosh; Intel Mac OS X 10_15_7",
    "X11; Linux x86_64",
    "Linux; Android ",
    "iPhone; CPU iPhone OS ",
    " like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/",
    ") AppleWebKit/605.1.15 (KHTML, like Gecko) Version/",
    " Mobile/15E148 Safari/604.1",
    ") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/",
    ".0.0.0 Safari/537.36",
    ".0.0.0 Mobile Safari/537.36",
    ") Gecko/20100101 Firefox/",
];
