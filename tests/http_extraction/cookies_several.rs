//! Several cookies of our name: a sibling subdomain may have tossed some where browsers do not know the prefix (RFC
//! 6265bis section 8.6), and their order says nothing (RFC 6265 section 4.2.2).
//!
//! At most four are looked at, all are verified, what fails is ignored, and of one session the highest generation
//! counts.

use super::layer::{ALICE, ALICE_2, EXPIRED, INVALID, MALFORMED};
use super::row::{Row, row};

pub(crate) const NO_REQUEST: usize = 0;

pub(crate) const ROWS: &[Row] = &[
    row(
        "the same twice",
        &[b"Cookie: __Host-Http-access=<alice>; __Host-Http-access=<alice>"],
        ALICE,
        "RFC 6265 4.2.2",
    ),
    row(
        "a bad one first",
        &[b"Cookie: __Host-Http-access=a.b.c; __Host-Http-access=<alice>"],
        ALICE,
        "RFC 6265bis 8.6",
    ),
    row("an empty one first", &[b"Cookie: __Host-Http-access=; __Host-Http-access=<alice>"], ALICE, "RFC 6265bis 8.6"),
    row(
        "an expired one first",
        &[b"Cookie: __Host-Http-access=<expired>; __Host-Http-access=<alice>"],
        ALICE,
        "RFC 6265bis 8.6",
    ),
    row(
        "another service's first",
        &[b"Cookie: __Host-Http-access=<foreign>; __Host-Http-access=<alice>"],
        ALICE,
        "RFC 6265bis 8.6",
    ),
    row(
        "three bad ones and a good one",
        &[b"Cookie: __Host-Http-access=a; __Host-Http-access=<forged>; __Host-Http-access=<refresh>; \
            __Host-Http-access=<alice>"],
        ALICE,
        "RFC 6265bis 8.6",
    ),
    row(
        "a good one and three bad ones, line by line",
        &[
            b"Cookie: __Host-Http-access=<alice>",
            b"Cookie: __Host-Http-access=x",
            b"Cookie: __Host-Http-access=<forged>",
            b"Cookie: __Host-Http-access=",
        ],
        ALICE,
        "RFC 6265bis 8.6; RFC 9113 8.2.3",
    ),
    row(
        "the newer one last",
        &[b"Cookie: __Host-Http-access=<alice>; __Host-Http-access=<alice2>"],
        ALICE_2,
        "RFC 6265 4.2.2",
    ),
    row(
        "the newer one first",
        &[b"Cookie: __Host-Http-access=<alice2>; __Host-Http-access=<alice>"],
        ALICE_2,
        "RFC 6265 4.2.2",
    ),
    row(
        "the newer one between",
        &[b"Cookie: __Host-Http-access=<alice>; __Host-Http-access=<alice2>; __Host-Http-access=a; \
            __Host-Http-access=<alice>"],
        ALICE_2,
        "RFC 6265 4.2.2",
    ),
    row(
        "two sessions",
        &[b"Cookie: __Host-Http-access=<alice>; __Host-Http-access=<alice elsewhere>"],
        MALFORMED,
        "RFC 6750 3.1",
    ),
    row("two people", &[b"Cookie: __Host-Http-access=<alice>; __Host-Http-access=<bob>"], MALFORMED, "RFC 6750 3.1"),
    row(
        "two people in one session",
        &[b"Cookie: __Host-Http-access=<alice>; __Host-Http-access=<bob in 1>"],
        MALFORMED,
        "RFC 6750 3.1",
    ),
    row(
        "one of no session",
        &[b"Cookie: __Host-Http-access=<alice>; __Host-Http-access=<sessionless>"],
        MALFORMED,
        "RFC 6750 3.1",
    ),
    row(
        "two sessions and two bad ones",
        &[b"Cookie: __Host-Http-access=x; __Host-Http-access=<bob>; __Host-Http-access=y; __Host-Http-access=<alice>"],
        MALFORMED,
        "RFC 6750 3.1",
    ),
    row(
        "two bad ones, the first of which expired",
        &[b"Cookie: __Host-Http-access=<expired>; __Host-Http-access=a.b.c"],
        EXPIRED,
        "RFC 6750 3.1",
    ),
    row(
        "two bad ones, the second of which expired",
        &[b"Cookie: __Host-Http-access=a.b.c; __Host-Http-access=<expired>"],
        INVALID,
        "RFC 6750 3.1",
    ),
    row(
        "five",
        &[b"Cookie: __Host-Http-access=<alice>; __Host-Http-access=a; __Host-Http-access=b; \
            __Host-Http-access=c; __Host-Http-access=d"],
        MALFORMED,
        "DESIGN.md, HTTP: at most 4 (RFC 6750 3.1)",
    ),
    row(
        "five, the same",
        &[b"Cookie: __Host-Http-access=<alice>; __Host-Http-access=<alice>; __Host-Http-access=<alice>; \
            __Host-Http-access=<alice>; __Host-Http-access=<alice>"],
        MALFORMED,
        "DESIGN.md, HTTP: at most 4 (RFC 6750 3.1)",
    ),
    row(
        "four on a line and one on the next",
        &[
            b"Cookie: __Host-Http-access=a; __Host-Http-access=b; __Host-Http-access=c; \
            __Host-Http-access=<alice>",
            b"Cookie: __Host-Http-access=",
        ],
        MALFORMED,
        "DESIGN.md, HTTP: at most 4 (RFC 9113 8.2.3)",
    ),
    row(
        "many look-alikes count for nothing",
        &[b"Cookie: __host-http-access=a; __Host-Http-access2=b; x=c; __Host-access=d; \
            __Host-Http-access =e; __Host-Http-access; __Host-Http-access=<alice>"],
        ALICE,
        "RFC 6265 4.1.1",
    ),
];
