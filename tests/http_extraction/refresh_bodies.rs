//! The refresh token in a body: a member `refresh_token` or `refreshToken` of a JSON object, or a field of a form.

use super::router::{A_BY_BODY, INVALID, MALFORMED, MISSING, REFRESH_LINE};
use super::row::{Row, Verdict, row};

pub(crate) const NO_REQUEST: usize = 0;

const JSON: &[&[u8]] = &[b"Content-Type: application/json"];
const FORM: &[&[u8]] = &[b"Content-Type: application/x-www-form-urlencoded"];

const fn json(name: &'static str, body: &'static [u8], expected: Verdict, section: &'static str) -> Row {
    row(name, JSON, expected, section).start(REFRESH_LINE).body(body)
}

const fn form(name: &'static str, body: &'static [u8], expected: Verdict, section: &'static str) -> Row {
    row(name, FORM, expected, section).start(REFRESH_LINE).body(body)
}

pub(crate) const ROWS: &[Row] = &[
    // JSON.
    json("a member", b"{\"refresh_token\":\"<second>\"}", A_BY_BODY, "RFC 6749 6; RFC 8259 4"),
    json("the other spelling", b"{\"refreshToken\":\"<second>\"}", A_BY_BODY, "DESIGN.md, HTTP: both are in use"),
    json(
        "blanks and other members",
        b" {\r\n\t\"a\" : [1, {\"b\": null}],\"refresh_token\": \"<second>\" } ",
        A_BY_BODY,
        "RFC 8259 2",
    ),
    json("an escaped name", b"{\"refresh\\u005ftoken\":\"<second>\"}", A_BY_BODY, "RFC 8259 8.3"),
    json(
        "both spellings, equal",
        b"{\"refresh_token\":\"<second>\",\"refreshToken\":\"<second>\"}",
        A_BY_BODY,
        "RFC 6749 3.2",
    ),
    json(
        "both spellings, different",
        b"{\"refresh_token\":\"<second>\",\"refreshToken\":\"<first>\"}",
        MALFORMED,
        "RFC 6749 3.2",
    ),
    json(
        "both spellings, of two sessions",
        b"{\"refresh_token\":\"<second>\",\"refreshToken\":\"<other>\"}",
        MALFORMED,
        "RFC 6749 3.2",
    ),
    json(
        "both spellings, one null",
        b"{\"refresh_token\":null,\"refreshToken\":\"<second>\"}",
        A_BY_BODY,
        "RFC 6749 3.2: omitted",
    ),
    json(
        "both spellings, one empty",
        b"{\"refresh_token\":\"<second>\",\"refreshToken\":\"\"}",
        A_BY_BODY,
        "RFC 6749 3.2: omitted",
    ),
    json(
        "both spellings, one of another type",
        b"{\"refresh_token\":\"<second>\",\"refreshToken\":1}",
        MALFORMED,
        "RFC 6749 5.2",
    ),
    json("null", b"{\"refresh_token\":null}", MISSING, "RFC 6749 3.2: omitted"),
    json("an empty text", b"{\"refresh_token\":\"\"}", MISSING, "RFC 6749 3.2: omitted"),
    json("an empty object", b"{}", MISSING, "RFC 6749 5.2"),
    json(
        "another letter case",
        b"{\"Refresh_Token\":\"<second>\",\"refreshtoken\":\"<second>\"}",
        MISSING,
        "RFC 8259 8.3",
    ),
    json("deeper", b"{\"data\":{\"refresh_token\":\"<second>\"}}", MISSING, "RFC 8259 4"),
    json("in an array", b"[{\"refresh_token\":\"<second>\"}]", MALFORMED, "RFC 8259 4: no object"),
    json("a text alone", b"\"<second>\"", MALFORMED, "RFC 8259 4: no object"),
    json("a member twice", b"{\"refresh_token\":\"<first>\",\"refresh_token\":\"<second>\"}", MALFORMED, "RFC 8259 4"),
    json(
        "a member twice, the same",
        b"{\"refresh_token\":\"<second>\",\"refresh_token\":\"<second>\"}",
        MALFORMED,
        "RFC 8259 4; RFC 6749 3.2",
    ),
    json(
        "a member twice, once escaped",
        b"{\"refresh_token\":\"<second>\",\"refresh\\u005ftoken\":\"<second>\"}",
        MALFORMED,
        "RFC 8259 4, 8.3",
    ),
    json("another member twice", b"{\"a\":1,\"refresh_token\":\"<second>\",\"a\":1}", MALFORMED, "RFC 8259 4"),
    json(
        "another member twice, deeper",
        b"{\"a\":{\"b\":1,\"b\":1},\"refresh_token\":\"<second>\"}",
        MALFORMED,
        "RFC 8259 4",
    ),
    json("a number", b"{\"refresh_token\":1}", MALFORMED, "RFC 6749 5.2"),
    json("a truth", b"{\"refresh_token\":true}", MALFORMED, "RFC 6749 5.2"),
    json("an array", b"{\"refresh_token\":[\"<second>\"]}", MALFORMED, "RFC 6749 5.2"),
    json("an operator of a database", b"{\"refresh_token\":{\"$ne\":null}}", MALFORMED, "RFC 6749 5.2"),
    json("a word", b"{\"refresh_token\":\"x\"}", INVALID, "RFC 6749 5.2"),
    json("an access token", b"{\"refresh_token\":\"<access>\"}", INVALID, "RFC 8725 3.11"),
    json("blanks around the token", b"{\"refresh_token\":\" <second> \"}", INVALID, "RFC 7515 2"),
    json("with its scheme", b"{\"refresh_token\":\"Bearer <second>\"}", INVALID, "RFC 7515 2"),
    json("a null character behind", b"{\"refresh_token\":\"<second>\\u0000\"}", INVALID, "RFC 7515 2"),
    json("broken off", b"{\"refresh_token\":\"<second>\"", MALFORMED, "RFC 8259 2"),
    json("something behind", b"{\"refresh_token\":\"<second>\"} x", MALFORMED, "RFC 8259 2"),
    json("a comma too many", b"{\"refresh_token\":\"<second>\",}", MALFORMED, "RFC 8259 4"),
    json("single quotes", b"{'refresh_token':'<second>'}", MALFORMED, "RFC 8259 7"),
    json("a blank alone", b" ", MALFORMED, "RFC 8259 2"),
    json("a form", b"refresh_token=<second>", MALFORMED, "RFC 8259 2"),
    json("a byte order mark", b"\xef\xbb\xbf{\"refresh_token\":\"<second>\"}", MALFORMED, "RFC 8259 8.1"),
    json("no UTF-8", b"{\"a\":\"\xff\",\"refresh_token\":\"<second>\"}", MALFORMED, "RFC 8259 8.1"),
    json("half a surrogate", b"{\"a\":\"\\ud800\",\"refresh_token\":\"<second>\"}", MALFORMED, "RFC 8259 8.2"),
    json("a control character", b"{\"a\":\"\n\",\"refresh_token\":\"<second>\"}", MALFORMED, "RFC 8259 7"),
    // Forms.
    form("a field", b"refresh_token=<second>", A_BY_BODY, "RFC 6749 6, appendix B"),
    form("the other spelling", b"a=b&refreshToken=<second>&&c", A_BY_BODY, "DESIGN.md, HTTP: both are in use"),
    form("an escaped name", b"refresh%5ftoken=<second>", A_BY_BODY, "RFC 6749 appendix B"),
    form("both spellings, equal", b"refresh_token=<second>&refreshToken=<second>", A_BY_BODY, "RFC 6749 3.2"),
    form("both spellings, different", b"refresh_token=<first>&refreshToken=<second>", MALFORMED, "RFC 6749 3.2"),
    form("both spellings, one empty", b"refresh_token=&refreshToken=<second>", A_BY_BODY, "RFC 6749 3.2: omitted"),
    form("a field twice", b"refresh_token=<second>&refresh_token=<second>", MALFORMED, "RFC 6749 3.2"),
    form("a field twice, once empty", b"refresh_token=&refresh_token=<second>", MALFORMED, "RFC 6749 3.2"),
    form("a field twice, once escaped", b"refresh_token=<second>&%72efresh_token=<second>", MALFORMED, "RFC 6749 3.2"),
    form("another field twice", b"a=1&refresh_token=<second>&a=1", MALFORMED, "RFC 6749 3.2"),
    form("no value", b"refresh_token=", MISSING, "RFC 6749 3.2: omitted"),
    form("no equals sign", b"refresh_token", MISSING, "RFC 6749 3.2: omitted"),
    form("a blank", b"refresh_token=+", INVALID, "RFC 7515 2"),
    form("another letter case", b"Refresh_Token=<second>", MISSING, "RFC 6749 1.9: case-sensitive"),
    form("brackets", b"refresh_token[]=<second>", MISSING, "RFC 6749 appendix B: a name as it stands"),
    form("a semicolon between", b"a=1;refresh_token=<second>", MISSING, "RFC 6749 appendix B: `&` alone"),
    form("a semicolon behind", b"refresh_token=<second>;a=1", INVALID, "RFC 6749 appendix B: `&` alone"),
    form("no UTF-8", b"a=%ff&refresh_token=<second>", MALFORMED, "RFC 6749 appendix B"),
    form("an overlong slash", b"a=%c0%af&refresh_token=<second>", MALFORMED, "RFC 3629 3"),
    form("JSON", b"{\"refresh_token\":\"<second>\"}", MISSING, "RFC 6749 appendix B: one long name"),
];
