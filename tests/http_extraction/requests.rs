//! A header and a cookie that disagree, requests of other methods, and places where no token is looked for.

use super::layer::{ALICE, ALICE_2, ANONYMOUS, EXPIRED, INVALID, MALFORMED, NOBODY};
use super::row::{Row, Verdict, row};

pub(crate) const NO_REQUEST: usize = 2;

const OPTIONS: &[u8] = b"OPTIONS / HTTP/1.1";

pub(crate) const ROWS: &[Row] = &[
    // Header and cookie: RFC 6750 section 2 has clients use one method per request. Both are verified; what fails
    // beside what is valid is ignored; two sessions or subjects contradict each other.
    row(
        "the same in both",
        &[b"Authorization: Bearer <alice>", b"Cookie: __Host-Http-access=<alice>"],
        ALICE,
        "RFC 6750 2",
    ),
    row(
        "a newer cookie",
        &[b"Authorization: Bearer <alice>", b"Cookie: __Host-Http-access=<alice2>"],
        ALICE,
        "RFC 6750 2: header before cookie",
    )
    .cookie_first(ALICE_2),
    row(
        "an older cookie",
        &[b"Authorization: Bearer <alice2>", b"Cookie: __Host-Http-access=<alice>"],
        ALICE_2,
        "RFC 6750 2: header before cookie",
    )
    .cookie_first(ALICE),
    row(
        "two cookies and a header",
        &[b"Authorization: Bearer <alice>", b"Cookie: __Host-Http-access=<alice>; __Host-Http-access=<alice2>"],
        ALICE,
        "RFC 6750 2: header before cookie",
    )
    .cookie_first(ALICE_2),
    row(
        "two sessions",
        &[b"Authorization: Bearer <alice>", b"Cookie: __Host-Http-access=<alice elsewhere>"],
        MALFORMED,
        "RFC 6750 3.1",
    ),
    row(
        "two people",
        &[b"Authorization: Bearer <bob>", b"Cookie: __Host-Http-access=<alice>"],
        MALFORMED,
        "RFC 6750 3.1",
    ),
    row(
        "two people in one session",
        &[b"Authorization: Bearer <bob in 1>", b"Cookie: __Host-Http-access=<alice>"],
        MALFORMED,
        "RFC 6750 3.1",
    ),
    row(
        "no session in either",
        &[b"Authorization: Bearer <sessionless>", b"Cookie: __Host-Http-access=<sessionless>"],
        Verdict::Taken("alice, session 0, generation 0"),
        "RFC 6750 2: one subject",
    ),
    row(
        "a session and none",
        &[b"Authorization: Bearer <sessionless>", b"Cookie: __Host-Http-access=<alice>"],
        MALFORMED,
        "RFC 6750 3.1",
    ),
    row(
        "two sessions, behind a bad cookie",
        &[b"Authorization: Bearer <alice elsewhere>", b"Cookie: __Host-Http-access=x; __Host-Http-access=<alice>"],
        MALFORMED,
        "RFC 6750 3.1",
    ),
    row(
        "a bad header",
        &[b"Authorization: Bearer a.b.c", b"Cookie: __Host-Http-access=<alice>"],
        ALICE,
        "RFC 6750 3.1",
    ),
    row(
        "an expired header",
        &[b"Authorization: Bearer <expired>", b"Cookie: __Host-Http-access=<alice>"],
        ALICE,
        "RFC 6750 3.1",
    ),
    row(
        "a bad cookie",
        &[b"Authorization: Bearer <alice>", b"Cookie: __Host-Http-access=a.b.c"],
        ALICE,
        "RFC 6750 3.1",
    ),
    row("an empty cookie", &[b"Authorization: Bearer <alice>", b"Cookie: __Host-Http-access="], ALICE, "RFC 6750 3.1"),
    row(
        "an expired cookie",
        &[b"Authorization: Bearer <alice>", b"Cookie: __Host-Http-access=<expired>"],
        ALICE,
        "RFC 6750 3.1",
    ),
    row(
        "both bad, the header expired",
        &[b"Authorization: Bearer <expired>", b"Cookie: __Host-Http-access=a.b.c"],
        EXPIRED,
        "RFC 6750 3.1: the first says why",
    )
    .cookie_first(INVALID),
    row(
        "both bad, the cookie expired",
        &[b"Authorization: Bearer a.b.c", b"Cookie: __Host-Http-access=<expired>"],
        INVALID,
        "RFC 6750 3.1: the first says why",
    )
    .cookie_first(EXPIRED),
    row(
        "a malformed header",
        &[b"Authorization: Bearer", b"Cookie: __Host-Http-access=<alice>"],
        MALFORMED,
        "RFC 6750 3.1",
    ),
    row(
        "two headers",
        &[b"Authorization: Bearer <alice>", b"Authorization: Bearer <alice>", b"Cookie: __Host-Http-access=<alice>"],
        MALFORMED,
        "RFC 9110 5.3",
    ),
    row(
        "five cookies",
        &[
            b"Authorization: Bearer <alice>",
            b"Cookie: __Host-Http-access=a; __Host-Http-access=b; __Host-Http-access=c; \
            __Host-Http-access=d; __Host-Http-access=e",
        ],
        MALFORMED,
        "DESIGN.md, HTTP: at most 4 (RFC 6750 3.1)",
    ),
    row(
        "another scheme",
        &[b"Authorization: Basic YTpi", b"Cookie: __Host-Http-access=<alice>"],
        ALICE,
        "RFC 6750 3.1",
    ),
    row("an empty header", &[b"Authorization:", b"Cookie: __Host-Http-access=<alice>"], ALICE, "RFC 9110 11.4"),
    // Preflights carry no credential and pass as nobody, also where one is demanded.
    row(
        "a preflight",
        &[b"Origin: https://app.example", b"Access-Control-Request-Method: POST"],
        ANONYMOUS,
        "Fetch 4.8",
    )
    .start(OPTIONS),
    row(
        "a preflight for a header",
        &[
            b"Origin: https://app.example",
            b"Access-Control-Request-Method: PUT",
            b"Access-Control-Request-Headers: authorization",
        ],
        ANONYMOUS,
        "Fetch 4.8",
    )
    .start(OPTIONS),
    row(
        "a preflight with a token",
        &[b"Origin: https://app.example", b"Access-Control-Request-Method: POST", b"Authorization: Bearer <alice>"],
        ANONYMOUS,
        "Fetch 4.8: credentials are not included",
    )
    .start(OPTIONS),
    row(
        "a preflight with a cookie",
        &[
            b"Origin: https://app.example",
            b"Access-Control-Request-Method: POST",
            b"Cookie: __Host-Http-access=<alice>",
        ],
        ANONYMOUS,
        "Fetch 4.8: credentials are not included",
    )
    .start(OPTIONS),
    row(
        "a preflight with nonsense",
        &[b"Origin: null", b"Access-Control-Request-Method: \xff", b"Authorization: Bearer", b"Cookie: \xff"],
        ANONYMOUS,
        "Fetch 4.8: credentials are not included",
    )
    .start(OPTIONS),
    row("OPTIONS", &[], NOBODY, "RFC 9110 9.3.7").start(OPTIONS),
    row("OPTIONS with an origin alone", &[b"Origin: https://app.example"], NOBODY, "Fetch 3.3.2").start(OPTIONS),
    row("OPTIONS with a method alone", &[b"Access-Control-Request-Method: POST"], NOBODY, "Fetch 3.3.2").start(OPTIONS),
    row("OPTIONS with a token", &[b"Authorization: Bearer <alice>"], ALICE, "RFC 9110 9.3.7").start(OPTIONS),
    row("OPTIONS with a bad token", &[b"Authorization: Bearer a.b.c"], INVALID, "RFC 9110 9.3.7").start(OPTIONS),
    row(
        "a preflight's fields on GET",
        &[b"Origin: https://app.example", b"Access-Control-Request-Method: POST"],
        NOBODY,
        "Fetch 3.3.2",
    ),
    row(
        "the method in lower case",
        &[b"Origin: https://app.example", b"Access-Control-Request-Method: POST"],
        NOBODY,
        "RFC 9110 9.1: case-sensitive",
    )
    .start(b"options / HTTP/1.1"),
    // HEAD is answered like GET, without the content.
    row("HEAD", &[], NOBODY, "RFC 9110 9.3.2").start(b"HEAD / HTTP/1.1"),
    row("HEAD with a token", &[b"Authorization: Bearer <alice>"], ALICE, "RFC 9110 9.3.2").start(b"HEAD / HTTP/1.1"),
    row("HEAD with an expired token", &[b"Authorization: Bearer <expired>"], EXPIRED, "RFC 9110 9.3.2")
        .start(b"HEAD / HTTP/1.1"),
    row("HEAD with a malformed one", &[b"Authorization: Bearer"], MALFORMED, "RFC 9110 9.3.2")
        .start(b"HEAD / HTTP/1.1"),
    row("another method", &[b"Cookie: __Host-Http-access=<alice>"], ALICE, "RFC 9110 9.1")
        .start(b"FROBNICATE / HTTP/1.1"),
    // Never looked at.
    row("the query", &[], NOBODY, "RFC 6750 2.3, 5.3").start(b"GET /?access_token=<alice> HTTP/1.1"),
    row("the query, under other names", &[], NOBODY, "RFC 6750 2.3, 5.3")
        .start(b"GET /?token=<alice>&jwt=<alice>&Authorization=Bearer%20<alice>&__Host-Http-access=<alice> HTTP/1.1"),
    row("the query beside a header", &[b"Authorization: Bearer <alice>"], ALICE, "RFC 6750 5.3")
        .start(b"GET /?access_token=<bob> HTTP/1.1"),
    row("the address before the host", &[], NOBODY, "RFC 9110 4.2.4: userinfo")
        .start(b"GET http://Bearer:<alice>@app.example/ HTTP/1.1"),
    row("a fragment", &[], NOBODY, "RFC 3986 3.5: not sent").start(b"GET /#access_token=<alice> HTTP/1.1"),
    row("a form", &[b"Content-Type: application/x-www-form-urlencoded"], NOBODY, "RFC 6750 2.2")
        .start(b"POST / HTTP/1.1")
        .body(b"access_token=<alice>"),
    row("a JSON body", &[b"Content-Type: application/json"], NOBODY, "RFC 6750 2")
        .start(b"POST / HTTP/1.1")
        .body(b"{\"access_token\":\"<alice>\"}"),
    row("a trailer", &[b"Transfer-Encoding: chunked", b"Trailer: Authorization"], NOBODY, "RFC 9110 6.5.1")
        .start(b"POST / HTTP/1.1")
        .body(b"1\r\nx\r\n0\r\nAuthorization: Bearer <alice>\r\n\r\n"),
    row("Proxy-Authorization", &[b"Proxy-Authorization: Bearer <alice>"], NOBODY, "RFC 9110 11.7.2"),
    row("WWW-Authenticate", &[b"WWW-Authenticate: Bearer <alice>"], NOBODY, "RFC 9110 11.6.1: a response's"),
    row("Authentication-Info", &[b"Authentication-Info: Bearer <alice>"], NOBODY, "RFC 9110 11.6.3: a response's"),
    row("X-Access-Token", &[b"X-Access-Token: <alice>"], NOBODY, "RFC 6750 2"),
    row("X-Authorization", &[b"X-Authorization: Bearer <alice>"], NOBODY, "RFC 6750 2"),
    row(
        "X-Forwarded-Access-Token",
        &[b"X-Forwarded-Access-Token: <alice>", b"X-Forwarded-User: alice"],
        NOBODY,
        "RFC 6750 2",
    ),
    row("an underscore for a hyphen", &[b"HTTP_AUTHORIZATION: Bearer <alice>"], NOBODY, "RFC 9110 5.1"),
    row("a subprotocol", &[b"Sec-WebSocket-Protocol: bearer, <alice>"], NOBODY, "RFC 6455 11.3.4"),
    row("nothing at all", &[], NOBODY, "RFC 6750 3.1"),
    row("a target that is none", &[b"Authorization: Bearer <alice>"], Verdict::ByServer(400), "RFC 9112 3")
        .start(b"GET\t/ HTTP/1.1"),
];
