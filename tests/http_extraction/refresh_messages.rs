//! What is said of a body, how long it is, and what comes beside it.

use super::router::{A_BY_BODY, A_BY_COOKIE, ENDED, INVALID, MALFORMED, MISSING, OTHER_TYPE, REFRESH_LINE, TOO_LARGE};
use super::row::{Row, Verdict, row};

pub(crate) const NO_REQUEST: usize = 6;

const JSON: &[&[u8]] = &[b"Content-Type: application/json"];
const FORM: &[&[u8]] = &[b"Content-Type: application/x-www-form-urlencoded"];

const fn json(name: &'static str, body: &'static [u8], expected: Verdict, section: &'static str) -> Row {
    row(name, JSON, expected, section).start(REFRESH_LINE).body(body)
}

const fn form(name: &'static str, body: &'static [u8], expected: Verdict, section: &'static str) -> Row {
    row(name, FORM, expected, section).start(REFRESH_LINE).body(body)
}

/// A body of no fault in itself, under these field lines.
const fn sent(name: &'static str, lines: &'static [&'static [u8]], expected: Verdict, section: &'static str) -> Row {
    row(name, lines, expected, section).start(REFRESH_LINE).body(b"{\"refresh_token\":\"<second>\"}")
}

pub(crate) const ROWS: &[Row] = &[
    // Media types.
    sent("a charset", &[b"Content-Type: application/json; charset=utf-8"], A_BY_BODY, "RFC 8259 11: no effect"),
    sent(
        "a charset that is not so",
        &[b"Content-Type: application/json; charset=utf-16"],
        A_BY_BODY,
        "RFC 8259 11: no effect",
    ),
    sent("upper case", &[b"content-TYPE: APPLICATION/JSON"], A_BY_BODY, "RFC 9110 8.3.1"),
    sent("blanks before a semicolon", &[b"Content-Type: \tapplication/json \t;"], A_BY_BODY, "RFC 9110 8.3.1, 5.6.6"),
    sent(
        "a list that is accepted",
        &[b"Content-Type: application/json", b"Accept: text/html"],
        A_BY_BODY,
        "RFC 9110 12.5.1: may be disregarded",
    ),
    sent("none", &[], OTHER_TYPE, "RFC 9110 15.5.16"),
    sent("an empty one", &[b"Content-Type:"], OTHER_TYPE, "RFC 9110 8.3.1"),
    sent(
        "text",
        &[b"Content-Type: text/plain"],
        OTHER_TYPE,
        "RFC 9110 15.5.16; what a form can send without a preflight",
    ),
    sent("multipart", &[b"Content-Type: multipart/form-data; boundary=x"], OTHER_TYPE, "RFC 9110 15.5.16"),
    sent("text/json", &[b"Content-Type: text/json"], OTHER_TYPE, "RFC 9110 15.5.16"),
    sent("a type that begins alike", &[b"Content-Type: application/jsonp"], OTHER_TYPE, "RFC 9110 15.5.16"),
    sent("a structured suffix", &[b"Content-Type: application/x+json"], OTHER_TYPE, "RFC 9110 15.5.16"),
    sent("two in one line", &[b"Content-Type: text/plain, application/json"], OTHER_TYPE, "RFC 9110 8.3: no list"),
    sent(
        "the same twice in one line",
        &[b"Content-Type: application/json, application/json"],
        OTHER_TYPE,
        "RFC 9110 8.3: no list",
    ),
    sent(
        "two lines",
        &[b"Content-Type: application/json", b"Content-Type: application/json"],
        OTHER_TYPE,
        "RFC 9110 5.3",
    ),
    sent("a blank inside", &[b"Content-Type: application /json"], OTHER_TYPE, "RFC 9110 8.3.1"),
    sent(
        "U+00A0 before",
        &[b"Content-Type: \xc2\xa0application/json"],
        OTHER_TYPE,
        "RFC 9110 5.6.3: OWS is SP and HTAB",
    ),
    sent("bytes above ASCII", &[b"Content-Type: \xff"], OTHER_TYPE, "RFC 9110 8.3.1"),
    row("UTF-16", &[b"Content-Type: application/json; charset=utf-16"], MALFORMED, "RFC 8259 8.1")
        .start(REFRESH_LINE)
        .body(b"{\0\"\0a\0\"\0:\0\"\0b\0\"\0}\0"),
    row(
        "compressed",
        &[b"Content-Type: application/json", b"Content-Encoding: gzip"],
        MALFORMED,
        "RFC 9110 8.4; RFC 8259 8.1",
    )
    .start(REFRESH_LINE)
    .body(b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xae\x05\0\x43\xbf\xa6\xa3\x02\0\0\0"),
    // No body at all, whatever is said of it.
    row("an empty body", JSON, MISSING, "RFC 9110 8.6").start(REFRESH_LINE),
    row("an empty body of another type", &[b"Content-Type: text/plain"], MISSING, "RFC 9110 8.6").start(REFRESH_LINE),
    row("a length of zero", &[b"Content-Type: application/json", b"Content-Length: 0"], MISSING, "RFC 9110 8.6")
        .start(REFRESH_LINE),
    row(
        "no body, and a cookie",
        &[b"Content-Type: application/json", b"Cookie: __Host-Http-refresh=<second>"],
        A_BY_COOKIE,
        "RFC 9110 8.6",
    )
    .start(REFRESH_LINE),
    row("chunks of nothing", &[b"Transfer-Encoding: chunked"], MISSING, "RFC 9112 7.1")
        .start(REFRESH_LINE)
        .body(b"0\r\n\r\n"),
    // Large ones, and broken framing.
    json("64 KiB of a token", b"{\"refresh_token\":\"<64k>\"}", TOO_LARGE, "RFC 9110 15.5.14"),
    json("64 KiB beside the token", b"{\"refresh_token\":\"<second>\",\"a\":\"<64k>\"}", TOO_LARGE, "RFC 9110 15.5.14"),
    form("64 KiB of a form", b"refresh_token=<second>&a=<64k>", TOO_LARGE, "RFC 9110 15.5.14"),
    row("64 KiB of another type", &[b"Content-Type: text/plain"], TOO_LARGE, "RFC 9110 15.5.14")
        .start(REFRESH_LINE)
        .body(b"<64k>"),
    row(
        "64 KiB and a cookie",
        &[b"Content-Type: application/json", b"Cookie: __Host-Http-refresh=<second>"],
        TOO_LARGE,
        "RFC 9110 15.5.14",
    )
    .start(REFRESH_LINE)
    .body(b"<64k>"),
    row(
        "64 KiB in a chunk",
        &[b"Content-Type: application/json", b"Transfer-Encoding: chunked"],
        TOO_LARGE,
        "RFC 9110 15.5.14",
    )
    .start(REFRESH_LINE)
    .body(b"10000\r\n<64k>\r\n0\r\n\r\n"),
    row(
        "a token in chunks",
        &[b"Content-Type: application/x-www-form-urlencoded", b"Transfer-Encoding: chunked"],
        INVALID,
        "RFC 9112 7.1",
    )
    .start(REFRESH_LINE)
    .body(b"8\r\nrefresh_\r\n7\r\ntoken=x\r\n0\r\n\r\n"),
    row(
        "a chunk of no length",
        &[b"Content-Type: application/json", b"Transfer-Encoding: chunked"],
        MALFORMED,
        "RFC 9112 7.1",
    )
    .start(REFRESH_LINE)
    .body(b"z\r\n{}\r\n0\r\n\r\n"),
    row(
        "two lengths",
        &[b"Content-Type: application/json", b"Content-Length: 2", b"Content-Length: 4"],
        Verdict::ByServer(400),
        "RFC 9112 6.3",
    )
    .start(REFRESH_LINE)
    .body(b"{}{}"),
    row(
        "a length that is none",
        &[b"Content-Type: application/json", b"Content-Length: -1"],
        Verdict::ByServer(400),
        "RFC 9112 6.3",
    )
    .start(REFRESH_LINE)
    .body(b"{}"),
    // Body and cookie: of one session the body's counts, and is answered in the body; of two, they are a contradiction.
    sent(
        "the cookie beside",
        &[b"Content-Type: application/json", b"Cookie: __Host-Http-refresh=<second>"],
        A_BY_BODY,
        "DESIGN.md, HTTP (RFC 6749 3.2)",
    ),
    sent(
        "an older cookie beside",
        &[b"Content-Type: application/json", b"Cookie: __Host-Http-refresh=<first>"],
        A_BY_BODY,
        "DESIGN.md, HTTP (RFC 6749 3.2)",
    ),
    sent(
        "a bad cookie beside",
        &[b"Content-Type: application/json", b"Cookie: __Host-Http-refresh=x"],
        A_BY_BODY,
        "DESIGN.md, HTTP: what fails is ignored (RFC 6265 8.6)",
    ),
    sent(
        "another session's cookie",
        &[b"Content-Type: application/json", b"Cookie: __Host-Http-refresh=<other>"],
        MALFORMED,
        "RFC 9110 15.5.1",
    ),
    sent(
        "another person's cookie",
        &[b"Content-Type: application/json", b"Cookie: __Host-Http-refresh=<bob>"],
        MALFORMED,
        "RFC 9110 15.5.1",
    ),
    sent(
        "two sessions' cookies",
        &[b"Content-Type: application/json", b"Cookie: __Host-Http-refresh=<second>; __Host-Http-refresh=<other>"],
        MALFORMED,
        "RFC 9110 15.5.1",
    ),
    sent(
        "five cookies",
        &[
            b"Content-Type: application/json",
            b"Cookie: __Host-Http-refresh=a; __Host-Http-refresh=b; __Host-Http-refresh=c; \
            __Host-Http-refresh=d; __Host-Http-refresh=e",
        ],
        MALFORMED,
        "DESIGN.md, HTTP: at most 4 (RFC 9110 15.5.1)",
    ),
    row(
        "a bad token and a good cookie",
        &[b"Content-Type: application/json", b"Cookie: __Host-Http-refresh=<second>"],
        INVALID,
        "RFC 6749 5.2",
    )
    .start(REFRESH_LINE)
    .body(b"{\"refresh_token\":\"x\"}"),
    row(
        "no token and a good cookie",
        &[b"Content-Type: application/json", b"Cookie: __Host-Http-refresh=<second>"],
        A_BY_COOKIE,
        "RFC 6749 3.2",
    )
    .start(REFRESH_LINE)
    .body(b"{\"a\":1}"),
    row(
        "an empty token and a good cookie",
        &[b"Content-Type: application/json", b"Cookie: __Host-Http-refresh=<second>"],
        A_BY_COOKIE,
        "RFC 6749 3.2: omitted",
    )
    .start(REFRESH_LINE)
    .body(b"{\"refresh_token\":\"\"}"),
    row(
        "no token and an ended cookie",
        &[b"Content-Type: application/json", b"Cookie: __Host-Http-refresh=<ended>"],
        ENDED,
        "DESIGN.md, Rotation: row 2",
    )
    .start(REFRESH_LINE)
    .body(b"{}"),
    row(
        "a broken body and a good cookie",
        &[b"Content-Type: application/json", b"Cookie: __Host-Http-refresh=<second>"],
        MALFORMED,
        "RFC 8259 2",
    )
    .start(REFRESH_LINE)
    .body(b"{"),
    // Another site's form: without a token of its own it is refused; with one, no cookie is acted on.
    row(
        "an empty field from another site",
        &[
            b"Content-Type: application/x-www-form-urlencoded",
            b"Sec-Fetch-Site: cross-site",
            b"Cookie: __Host-Http-refresh=<second>",
        ],
        Verdict::Refused(403, "csrf", ""),
        "RFC 6749 3.2: omitted; RFC 6265 8.2",
    )
    .start(REFRESH_LINE)
    .body(b"refresh_token="),
    row(
        "a field from another site",
        &[
            b"Content-Type: application/x-www-form-urlencoded",
            b"Sec-Fetch-Site: cross-site",
            b"Cookie: __Host-Http-refresh=<second>",
        ],
        INVALID,
        "RFC 6265 8.2",
    )
    .start(REFRESH_LINE)
    .body(b"refresh_token=x"),
];
