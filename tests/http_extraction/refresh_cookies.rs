//! The refresh cookie, and the places where no refresh token is looked for.

use super::router::{A_BY_COOKIE, ENDED, INVALID, MALFORMED, MISSING, REFRESH_LINE};
use super::row::{Row, Verdict, row};

pub(crate) const NO_REQUEST: usize = 3;

const fn refresh(name: &'static str, lines: &'static [&'static [u8]], expected: Verdict, section: &'static str) -> Row {
    row(name, lines, expected, section).start(REFRESH_LINE)
}

pub(crate) const ROWS: &[Row] = &[
    refresh("alone", &[b"Cookie: __Host-Http-refresh=<second>"], A_BY_COOKIE, "RFC 6265 4.2.1"),
    refresh("among others", &[b"Cookie: a=1; __Host-Http-refresh=<second>;b=\"2"], A_BY_COOKIE, "RFC 6265 4.2.1, 5.2"),
    refresh("a second line", &[b"Cookie: a=1", b"cookie: __Host-Http-refresh=<second>"], A_BY_COOKIE, "RFC 9113 8.2.3"),
    refresh(
        "blanks and tabs around",
        &[b"Cookie: a=1;\t __Host-Http-refresh=<second>\t;b=2"],
        A_BY_COOKIE,
        "RFC 6265 5.2",
    ),
    refresh(
        "foreign bytes beside",
        &[b"Cookie: \xff\xfe=\xff; __Host-Http-refresh=<second>"],
        A_BY_COOKIE,
        "RFC 9110 5.5: obs-text",
    ),
    refresh("64 KiB beside", &[b"Cookie: a=<64k>; __Host-Http-refresh=<second>"], A_BY_COOKIE, "RFC 6265 4.2.1"),
    refresh(
        "beside an access cookie",
        &[b"Cookie: __Host-Http-access=<access>; __Host-Http-refresh=<second>"],
        A_BY_COOKIE,
        "RFC 6265 4.2.1",
    ),
    // Values, taken as they stand.
    refresh("no value", &[b"Cookie: __Host-Http-refresh="], INVALID, "RFC 6265 4.1.1"),
    refresh(
        "a quoted token",
        &[b"Cookie: __Host-Http-refresh=\"<second>\""],
        INVALID,
        "RFC 6265 4.1.1: quotes are of the value",
    ),
    refresh("inside of quotes", &[b"Cookie: a=\"x; __Host-Http-refresh=<second>\""], INVALID, "RFC 6265 4.1.1, 5.2"),
    refresh(
        "percent-encoding",
        &[b"Cookie: __Host-Http-refresh=<second>%20"],
        INVALID,
        "RFC 6265 4.1.1: values are not decoded",
    ),
    refresh(
        "an equals sign behind",
        &[b"Cookie: __Host-Http-refresh=<second>="],
        INVALID,
        "RFC 7515 2: base64url without padding",
    ),
    refresh(
        "a byte above ASCII behind",
        &[b"Cookie: __Host-Http-refresh=<second>\xff"],
        INVALID,
        "RFC 6265 4.1.1: cookie-octet",
    ),
    refresh("an access token", &[b"Cookie: __Host-Http-refresh=<access>"], INVALID, "RFC 8725 3.11"),
    refresh("a forged token", &[b"Cookie: __Host-Http-refresh=<forged>"], INVALID, "RFC 7515 5.2"),
    refresh("64 KiB", &[b"Cookie: __Host-Http-refresh=<64k>"], INVALID, "RFC 6265 6.1"),
    refresh(
        "of a session that has ended",
        &[b"Cookie: __Host-Http-refresh=<ended>"],
        ENDED,
        "DESIGN.md, Rotation: row 2",
    ),
    // Look-alike names.
    refresh(
        "lower case",
        &[b"Cookie: __host-http-refresh=<second>"],
        MISSING,
        "RFC 6265 5.3: names are compared as they are",
    ),
    refresh(
        "percent-encoded",
        &[b"Cookie: __%48ost-Http-refresh=<second>"],
        MISSING,
        "RFC 6265 4.1.1: names are not decoded",
    ),
    refresh(
        "U+00A0 before",
        &[b"Cookie: \xc2\xa0__Host-Http-refresh=<second>"],
        MISSING,
        "RFC 6265 5.2: WSP is SP and HTAB",
    ),
    refresh(
        "U+2003 before",
        &[b"Cookie: a=1; \xe2\x80\x83__Host-Http-refresh=<second>"],
        MISSING,
        "RFC 6265 5.2: WSP is SP and HTAB",
    ),
    refresh("a blank behind the name", &[b"Cookie: __Host-Http-refresh =<second>"], MISSING, "RFC 6265 4.1.1: a token"),
    refresh(
        "a nameless cookie",
        &[b"Cookie: =__Host-Http-refresh=<second>"],
        MISSING,
        "RFC 6265 5.2: the first `=` ends the name",
    ),
    refresh("ours behind a comma", &[b"Cookie: a=1, __Host-Http-refresh=<second>"], MISSING, "RFC 6265 4.2.1: no list"),
    refresh("no equals sign", &[b"Cookie: __Host-Http-refresh"], MISSING, "RFC 6265 4.1.1"),
    refresh("no prefix", &[b"Cookie: refresh=<second>; Host-Http-refresh=<second>"], MISSING, "RFC 6265 4.1.1"),
    refresh(
        "the access cookie",
        &[b"Cookie: __Host-Http-access=<second>"],
        MISSING,
        "DESIGN.md, Tokens: no token stands in for another (RFC 8725 3.11)",
    ),
    // Several: what does not verify is ignored, of one session the highest generation counts, two sessions are 400, and
    // none is taken away because of another.
    refresh(
        "the same twice",
        &[b"Cookie: __Host-Http-refresh=<second>; __Host-Http-refresh=<second>"],
        A_BY_COOKIE,
        "RFC 6265 4.2.2",
    ),
    refresh(
        "the newer one last",
        &[b"Cookie: __Host-Http-refresh=<first>; __Host-Http-refresh=<second>"],
        A_BY_COOKIE,
        "RFC 6265 4.2.2",
    ),
    refresh(
        "the newer one first",
        &[b"Cookie: __Host-Http-refresh=<second>; __Host-Http-refresh=<first>"],
        A_BY_COOKIE,
        "RFC 6265 4.2.2",
    ),
    refresh(
        "four, of which two verify",
        &[b"Cookie: __Host-Http-refresh=junk; __Host-Http-refresh=<first>; __Host-Http-refresh=<second>; \
            __Host-Http-refresh=<access>"],
        A_BY_COOKIE,
        "RFC 6265 8.6",
    ),
    refresh(
        "four, line by line",
        &[
            b"Cookie: __Host-Http-refresh=<forged>",
            b"Cookie: __Host-Http-refresh=\xff",
            b"Cookie: __Host-Http-refresh=",
            b"Cookie: __Host-Http-refresh=<second>",
        ],
        A_BY_COOKIE,
        "RFC 6265 8.6; RFC 9113 8.2.3",
    ),
    refresh(
        "none that verifies",
        &[b"Cookie: __Host-Http-refresh=; __Host-Http-refresh=<access>"],
        INVALID,
        "RFC 6265 8.6",
    ),
    refresh(
        "an ended one and a bad one",
        &[b"Cookie: __Host-Http-refresh=x; __Host-Http-refresh=<ended>"],
        ENDED,
        "DESIGN.md, Rotation: row 2",
    ),
    refresh(
        "two sessions",
        &[b"Cookie: __Host-Http-refresh=<second>; __Host-Http-refresh=<other>"],
        MALFORMED,
        "RFC 9110 15.5.1",
    ),
    refresh(
        "two people",
        &[b"Cookie: __Host-Http-refresh=<bob>; __Host-Http-refresh=<second>"],
        MALFORMED,
        "RFC 9110 15.5.1",
    ),
    refresh(
        "two sessions among four",
        &[b"Cookie: __Host-Http-refresh=<first>; __Host-Http-refresh=x; __Host-Http-refresh=<other>; \
            __Host-Http-refresh=<second>"],
        MALFORMED,
        "RFC 9110 15.5.1",
    ),
    // The store is not asked which one lives: the signature alone says that both are ours.
    refresh(
        "two sessions, of which one has ended",
        &[b"Cookie: __Host-Http-refresh=<second>; __Host-Http-refresh=<ended>"],
        MALFORMED,
        "DESIGN.md, HTTP (RFC 9110 15.5.1)",
    ),
    refresh(
        "five",
        &[b"Cookie: __Host-Http-refresh=a; __Host-Http-refresh=b; __Host-Http-refresh=c; \
            __Host-Http-refresh=d; __Host-Http-refresh=<second>"],
        MALFORMED,
        "DESIGN.md, HTTP: at most 4 (RFC 9110 15.5.1)",
    ),
    refresh(
        "five, the same",
        &[
            b"Cookie: __Host-Http-refresh=<second>; __Host-Http-refresh=<second>; __Host-Http-refresh=<second>",
            b"Cookie: __Host-Http-refresh=<second>; __Host-Http-refresh=<second>",
        ],
        MALFORMED,
        "DESIGN.md, HTTP: at most 4 (RFC 9110 15.5.1)",
    ),
    // Never looked at.
    refresh("nothing", &[], MISSING, "RFC 6750 3.1"),
    refresh("Authorization", &[b"Authorization: Bearer <second>"], MISSING, "RFC 6749 6: a parameter, no credential"),
    refresh("X-Refresh-Token", &[b"X-Refresh-Token: <second>", b"Refresh-Token: <second>"], MISSING, "RFC 6749 6"),
    refresh("Set-Cookie in a request", &[b"Set-Cookie: __Host-Http-refresh=<second>"], MISSING, "RFC 6265 4.2"),
    row("the query", &[], MISSING, "RFC 6749 2.3.1, 3.2: parameters are not in the URI")
        .start(b"POST /auth/refresh?refresh_token=<second>&refreshToken=<second> HTTP/1.1"),
    row("the address before the host", &[], MISSING, "RFC 9110 4.2.4: userinfo")
        .start(b"POST http://refresh:<second>@app.example/auth/refresh HTTP/1.1"),
    // A header of an access token is no contradiction: it is not what is asked for.
    refresh(
        "beside any Authorization",
        &[b"Authorization: Bearer", b"Cookie: __Host-Http-refresh=<second>"],
        A_BY_COOKIE,
        "RFC 6749 6",
    ),
    // No request arises.
    refresh("NUL", &[b"Cookie: __Host-Http-refresh=<second>\0"], Verdict::ByServer(400), "RFC 9110 5.5"),
    refresh(
        "a folded line",
        &[b"Cookie: a=1;", b" __Host-Http-refresh=<second>"],
        Verdict::ByServer(400),
        "RFC 9112 5.2",
    ),
    refresh("half a MiB", &[b"Cookie: <64k><64k><64k><64k><64k><64k><64k><64k>"], Verdict::ByServer(431), "RFC 6585 5"),
];
