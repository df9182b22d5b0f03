//! `Cookie`: `cookie-string = cookie-pair *( ";" SP cookie-pair )` (RFC 6265 section 4.2.1).
//!
//! The access cookie is `__Host-Http-access`. A browser keeps that name from sibling subdomains and from scripts;
//! whatever only looks like it, anybody can set.

use super::layer::{ALICE, EXPIRED, INVALID, NOBODY};
use super::row::{Row, Verdict, row};

pub(crate) const NO_REQUEST: usize = 7;

pub(crate) const ROWS: &[Row] = &[
    // Where it stands.
    row("alone", &[b"Cookie: __Host-Http-access=<alice>"], ALICE, "RFC 6265 4.2.1"),
    row("the first", &[b"Cookie: __Host-Http-access=<alice>; theme=dark; a=\"b\""], ALICE, "RFC 6265 4.2.1"),
    row("the last", &[b"Cookie: theme=dark; a=b; __Host-Http-access=<alice>"], ALICE, "RFC 6265 4.2.1"),
    row("without blanks", &[b"Cookie: a=1;__Host-Http-access=<alice>;b=2"], ALICE, "RFC 6265 5.2: `;` ends a pair"),
    row("empty pairs around", &[b"Cookie: ;; ;__Host-Http-access=<alice>; ;"], ALICE, "RFC 6265 5.2: `;` ends a pair"),
    row("a second line", &[b"Cookie: a=1", b"Cookie: __Host-Http-access=<alice>"], ALICE, "RFC 9113 8.2.3"),
    row(
        "crumbs, as HTTP/2 sends them",
        &[b"cookie: a=1", b"cookie: b=2", b"cookie: __Host-Http-access=<alice>", b"cookie: c=3"],
        ALICE,
        "RFC 9113 8.2.3",
    ),
    row(
        "lines of other fields between",
        &[b"Cookie: a=1", b"Accept: */*", b"cookie: __Host-Http-access=<alice>"],
        ALICE,
        "RFC 9110 5.3",
    ),
    row(
        "attributes of RFC 2965",
        &[b"Cookie: $Version=1; __Host-Http-access=<alice>; $Path=/"],
        ALICE,
        "RFC 6265 4.2.1",
    ),
    // Blanks and tabs around a pair no browser keeps in a name, so nobody gains by them; other spaces are part of it.
    row(
        "several blanks before",
        &[b"Cookie: a=1;   __Host-Http-access=<alice>"],
        ALICE,
        "RFC 6265bis 5.6: WSP is no name's",
    ),
    row("a tab before", &[b"Cookie: a=1;\t__Host-Http-access=<alice>"], ALICE, "RFC 6265bis 5.6: WSP is no name's"),
    row("blanks and tabs behind", &[b"Cookie: __Host-Http-access=<alice> \t;a=1"], ALICE, "RFC 6265bis 5.6"),
    row(
        "U+00A0 before",
        &[b"Cookie: \xc2\xa0__Host-Http-access=<alice>"],
        NOBODY,
        "RFC 6265bis 5.6: WSP is SP and HTAB",
    ),
    row(
        "U+2003 before",
        &[b"Cookie: a=1; \xe2\x80\x83__Host-Http-access=<alice>"],
        NOBODY,
        "RFC 6265bis 5.6: WSP is SP and HTAB",
    ),
    row(
        "U+00A0 in Latin-1 before",
        &[b"Cookie: a=1; \xa0__Host-Http-access=<alice>"],
        NOBODY,
        "RFC 6265bis 5.6: WSP is SP and HTAB",
    ),
    row("U+2003 behind the name", &[b"Cookie: __Host-Http-access\xe2\x80\x83=<alice>"], NOBODY, "RFC 6265 4.1.1"),
    // Look-alike names.
    row("lower case", &[b"Cookie: __host-http-access=<alice>"], NOBODY, "RFC 6265bis 4.1.3: servers compare the case"),
    row(
        "one letter's case",
        &[b"Cookie: __Host-Http-Access=<alice>"],
        NOBODY,
        "RFC 6265bis 4.1.3: servers compare the case",
    ),
    row("percent-encoded", &[b"Cookie: __%48ost-Http-access=<alice>"], NOBODY, "RFC 6265 4.1.1: names are not decoded"),
    row(
        "a percent-encoded end",
        &[b"Cookie: __Host-Http-access%20=<alice>"],
        NOBODY,
        "RFC 6265 4.1.1: names are not decoded",
    ),
    row("a quoted name", &[b"Cookie: \"__Host-Http-access\"=<alice>"], NOBODY, "RFC 6265 4.1.1: a token"),
    row("a blank behind the name", &[b"Cookie: __Host-Http-access =<alice>"], NOBODY, "RFC 6265 4.1.1: a token"),
    row("a tab behind the name", &[b"Cookie: __Host-Http-access\t=<alice>"], NOBODY, "RFC 6265 4.1.1: a token"),
    row("a longer name", &[b"Cookie: __Host-Http-access2=<alice>"], NOBODY, "RFC 6265 4.1.1"),
    row("a name with ours at its end", &[b"Cookie: x__Host-Http-access=<alice>"], NOBODY, "RFC 6265 4.1.1"),
    row("the shorter prefix", &[b"Cookie: __Host-access=<alice>"], NOBODY, "RFC 6265bis 4.1.3.2"),
    row("another prefix", &[b"Cookie: __Secure-Http-access=<alice>"], NOBODY, "RFC 6265bis 4.1.3.1"),
    row("no prefix", &[b"Cookie: access=<alice>; access-80=<alice>; token=<alice>"], NOBODY, "RFC 6265bis 4.1.3"),
    row("an attribute's form", &[b"Cookie: $__Host-Http-access=<alice>"], NOBODY, "RFC 6265 4.2.1"),
    row(
        "a nameless cookie",
        &[b"Cookie: =__Host-Http-access=<alice>"],
        NOBODY,
        "RFC 6265bis 5.6, 5.7: the first `=` ends the name",
    ),
    row(
        "nameless, with a blank",
        &[b"Cookie: = __Host-Http-access=<alice>"],
        NOBODY,
        "RFC 6265bis 5.6: the first `=` ends the name",
    ),
    row(
        "ours as a value",
        &[b"Cookie: a=__Host-Http-access=<alice>"],
        NOBODY,
        "RFC 6265 5.2: the first `=` ends the name",
    ),
    row("ours behind a comma", &[b"Cookie: a=1, __Host-Http-access=<alice>"], NOBODY, "RFC 6265 4.2.1: no list"),
    row(
        "the refresh cookie",
        &[b"Cookie: __Host-Http-refresh=<alice>"],
        NOBODY,
        "DESIGN.md, Tokens: no token stands in for another (RFC 8725 3.11)",
    ),
    // Values, taken as they stand.
    row("no equals sign", &[b"Cookie: __Host-Http-access"], NOBODY, "RFC 6265bis 5.6: a nameless cookie"),
    row("no value", &[b"Cookie: __Host-Http-access="], INVALID, "RFC 6265 4.1.1; RFC 6750 3.1"),
    row("a blank for a value", &[b"Cookie: __Host-Http-access= ; a=1"], INVALID, "RFC 6265 4.1.1; RFC 6750 3.1"),
    row("a blank before the value", &[b"Cookie: __Host-Http-access= <alice>"], INVALID, "RFC 6265 4.1.1: cookie-octet"),
    row(
        "two equals signs",
        &[b"Cookie: __Host-Http-access==<alice>"],
        INVALID,
        "RFC 6265 5.2: the first `=` ends the name",
    ),
    row(
        "an equals sign behind",
        &[b"Cookie: __Host-Http-access=<alice>="],
        INVALID,
        "RFC 7515 2: base64url without padding",
    ),
    row(
        "a quoted token",
        &[b"Cookie: __Host-Http-access=\"<alice>\""],
        INVALID,
        "RFC 6265 4.1.1: quotes are of the value",
    ),
    row("an open quote", &[b"Cookie: __Host-Http-access=\"<alice>"], INVALID, "RFC 6265 4.1.1"),
    row(
        "percent-encoding",
        &[b"Cookie: __Host-Http-access=<alice>%20"],
        INVALID,
        "RFC 6265 4.1.1: values are not decoded",
    ),
    row("something behind a comma", &[b"Cookie: __Host-Http-access=<alice>, a=1"], INVALID, "RFC 6265 4.2.1: no list"),
    row("with its scheme", &[b"Cookie: __Host-Http-access=Bearer <alice>"], INVALID, "RFC 6265 4.1.1: cookie-octet"),
    row(
        "as Express signs them",
        &[b"Cookie: __Host-Http-access=s:<alice>"],
        INVALID,
        "RFC 6265 4.1.1: values are not decoded",
    ),
    row("an expired token", &[b"Cookie: __Host-Http-access=<expired>"], EXPIRED, "RFC 7519 4.1.4"),
    row("another service's token", &[b"Cookie: __Host-Http-access=<foreign>"], INVALID, "RFC 7519 4.1.3"),
    row("a refresh token", &[b"Cookie: __Host-Http-access=<refresh>"], INVALID, "RFC 8725 3.11"),
    row("64 KiB of ours", &[b"Cookie: __Host-Http-access=<64k>"], INVALID, "RFC 6265 6.1; RFC 6750 3.1"),
    row(
        "four of 64 KiB",
        &[b"Cookie: __Host-Http-access=<64k>; __Host-Http-access=<64k>; __Host-Http-access=<64k>; \
            __Host-Http-access=<64k>"],
        INVALID,
        "RFC 6265 6.1; RFC 6750 3.1",
    ),
    // Inside of another cookie's quotes: `;` ends a pair, wherever it stands, and no browser keeps one in a value.
    row("inside of quotes", &[b"Cookie: a=\"x; __Host-Http-access=<alice>\""], INVALID, "RFC 6265 4.1.1, 5.2"),
    row("behind quotes", &[b"Cookie: a=\"x\"; __Host-Http-access=<alice>"], ALICE, "RFC 6265 4.2.1"),
    row(
        "behind a quote that stays open",
        &[b"Cookie: a=\"x; __Host-Http-access=<alice>"],
        ALICE,
        "RFC 6265 5.2: `;` ends a pair",
    ),
    row(
        "between two quotes",
        &[b"Cookie: a=\"x; __Host-Http-access=<alice>; b=y\""],
        ALICE,
        "RFC 6265 5.2: `;` ends a pair",
    ),
    row(
        "behind an escaped quote",
        &[b"Cookie: a=\"\\\"; __Host-Http-access=<alice>"],
        ALICE,
        "RFC 6265 4.1.1: no quoted-string",
    ),
    // Bytes above ASCII lock nobody out.
    row(
        "one in another cookie",
        &[b"Cookie: name=Jos\xe9; __Host-Http-access=<alice>"],
        ALICE,
        "RFC 9110 5.5: obs-text",
    ),
    row(
        "one in another name",
        &[b"Cookie: \xff\xfe=1; __Host-Http-access=<alice>; \x80"],
        ALICE,
        "RFC 9110 5.5: obs-text",
    ),
    row("half a character", &[b"Cookie: __Host-Http-access=<alice>; a=\xc3"], ALICE, "RFC 9110 5.5: obs-text"),
    row(
        "on a line of its own",
        &[b"Cookie: a=\xff", b"Cookie: __Host-Http-access=<alice>"],
        ALICE,
        "RFC 9110 5.5: obs-text",
    ),
    row("one behind our token", &[b"Cookie: __Host-Http-access=<alice>\xe9"], INVALID, "RFC 6265 4.1.1: cookie-octet"),
    row("one for our token", &[b"Cookie: __Host-Http-access=\xff"], INVALID, "RFC 6265 4.1.1: cookie-octet"),
    row(
        "one for our token, and a good one",
        &[b"Cookie: __Host-Http-access=\xff; __Host-Http-access=<alice>"],
        ALICE,
        "RFC 6265bis 8.6",
    ),
    row("64 KiB of another cookie", &[b"Cookie: a=<64k>; __Host-Http-access=<alice>"], ALICE, "RFC 6265 4.2.1"),
    row("64 KiB without a pair", &[b"Cookie: <64k>"], NOBODY, "RFC 6265 4.2.1"),
    // Nothing of ours.
    row("an empty line", &[b"Cookie:"], NOBODY, "RFC 6750 3.1"),
    row("semicolons", &[b"Cookie: ;;;; ; ;"], NOBODY, "RFC 6265 5.2"),
    row("equals signs", &[b"Cookie: =; ==; ===="], NOBODY, "RFC 6265 5.2"),
    row("Set-Cookie in a request", &[b"Set-Cookie: __Host-Http-access=<alice>"], NOBODY, "RFC 6265 4.2"),
    row("Cookie2", &[b"Cookie2: __Host-Http-access=<alice>"], NOBODY, "RFC 6265 9.3: obsolete"),
    // No request arises.
    row(
        "NUL in another cookie",
        &[b"Cookie: a=\0; __Host-Http-access=<alice>"],
        Verdict::ByServer(400),
        "RFC 9110 5.5",
    ),
    row("NUL behind our name", &[b"Cookie: __Host-Http-access\0=<alice>"], Verdict::ByServer(400), "RFC 9110 5.5"),
    row(
        "a vertical tab before our name",
        &[b"Cookie: \x0b__Host-Http-access=<alice>"],
        Verdict::ByServer(400),
        "RFC 9110 5.5",
    ),
    row("a bare CR", &[b"Cookie: a=1\r; __Host-Http-access=<alice>"], Verdict::ByServer(400), "RFC 9112 2.2"),
    row("a folded line", &[b"Cookie: a=1;", b" __Host-Http-access=<alice>"], Verdict::ByServer(400), "RFC 9112 5.2"),
    row("half a MiB", &[b"Cookie: <64k><64k><64k><64k><64k><64k><64k><64k>"], Verdict::ByServer(431), "RFC 6585 5"),
    row(
        "more than 100 lines",
        &[b"<100 lines>", b"Cookie: __Host-Http-access=<alice>"],
        Verdict::ByServer(431),
        "RFC 6585 5",
    ),
];
