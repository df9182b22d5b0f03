//! What the rows did not think of: every sequence of a few pieces as a header, judged by the grammar of the RFC written
//! down a second time.

use http::{HeaderName, HeaderValue, Request};
use jwt_sessions::auth::JwtAuthLayer;

use super::issuer::Issuer;
use super::layer::{ALICE, ALICE_2, INVALID, MALFORMED, NOBODY, app, tokens};
use super::row::Verdict;
use super::send::{Tokens, in_process};

/// Every sequence of up to `most` pieces behind `before`.
fn sequences(before: &str, pieces: &[&str], most: usize) -> Vec<Vec<u8>> {
    let mut all = vec![before.to_owned().into_bytes()];
    let mut longest = all.clone();
    for _ in 0..most {
        longest =
            longest.iter().flat_map(|start| pieces.iter().map(|piece| [start, piece.as_bytes()].concat())).collect();
        all.extend_from_slice(&longest);
    }
    all
}

/// Sends each value under that name, and holds the layer to the model.
async fn compared(name: HeaderName, values: Vec<Vec<u8>>, model: impl Fn(&[u8], &Tokens) -> Verdict) {
    let issuer = Issuer::new();
    let (app, known) = (app(JwtAuthLayer::new(issuer.verifier())), tokens(&issuer));
    for value in values {
        let expected = model(&value, &known);
        let shown = String::from_utf8_lossy(&value).into_owned();
        let request = Request::get("/").header(&name, HeaderValue::from_bytes(&value).unwrap());
        let (reply, _) = in_process(&app, request.body(axum::body::Body::empty()).unwrap()).await;
        let got = match (reply.status, reply.one("www-authenticate")) {
            (200, _) => reply.body.as_str(),
            (_, challenge) => challenge,
        };
        let (Verdict::Taken(right) | Verdict::Refused(_, _, right)) = expected else { panic!("{expected:?}") };
        assert_eq!(got, right, "{name}: {shown:?}");
    }
}

/// Which of the two good tokens a text is, if any.
fn verified(text: &[u8], known: &Tokens) -> Verdict {
    let is = |name: &str| known.of(name).as_bytes() == text;
    if is("alice") {
        ALICE
    } else if is("alice2") {
        ALICE_2
    } else {
        INVALID
    }
}

fn without_blanks(text: &[u8]) -> &[u8] {
    let kept = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let Some(first) = text.iter().position(kept) else { return b"" };
    &text[first..=text.iter().rposition(kept).unwrap()]
}

/// RFC 9110 sections 5.5 and 11.4: `auth-scheme 1*SP token68`, where the scheme is a token (section 5.6.2).
#[tokio::test]
async fn authorization_is_what_its_grammar_says() {
    let issuer = Issuer::new();
    let alice = issuer.alice();
    let pieces = ["Bearer", "bearer", "Basic", " ", "\t", ",", "=", "\"", "/", "\u{e9}", "x", alice.as_str()];
    let mut values = sequences("", &pieces, 3);
    values.extend(sequences("Bearer ", &pieces, 3));
    values.extend(sequences("Bearer", &pieces, 3));
    compared(http::header::AUTHORIZATION, values, |value, known| {
        let value = without_blanks(value);
        let end = value.iter().position(|byte| !is_tchar(*byte)).unwrap_or(value.len());
        let (scheme, rest) = value.split_at(end);
        if !scheme.eq_ignore_ascii_case(b"bearer") {
            return NOBODY;
        }
        let Some(token) = rest.iter().position(|byte| *byte != b' ').filter(|spaces| *spaces > 0).map(|at| &rest[at..])
        else {
            return MALFORMED;
        };
        let padding = token.iter().position(|byte| *byte == b'=').unwrap_or(token.len());
        let (text, padding) = token.split_at(padding);
        let token68 = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
        let fits = !text.is_empty() && text.iter().all(token68) && padding.iter().all(|byte| *byte == b'=');
        if fits { verified(token, known) } else { MALFORMED }
    })
    .await;
}

fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 6265 section 5.2 of one pair, section 4.2.1 of a line; at most four of our name, and the best of those that verify.
#[tokio::test]
async fn cookies_are_what_their_grammar_says() {
    let issuer = Issuer::new();
    let (alice, alice2) = (issuer.alice(), tokens(&issuer).of("alice2"));
    let ours = "__Host-Http-access";
    let whole = format!("{ours}={alice}");
    let pieces = [ours, "=", ";", " ", "\t", "\"", "\u{a0}", "x", ",", alice.as_str(), alice2.as_str(), whole.as_str()];
    let mut values = sequences("", &pieces, 3);
    values.extend(sequences(&format!("{whole};"), &pieces, 3));
    values.extend(sequences(&format!("{ours}="), &pieces, 3));
    let tossed = [format!("{ours}=x;"), format!("{ours}=;"), format!("{whole};"), format!("{ours}={alice2};")];
    values.extend(sequences("a=1;", &tossed.each_ref().map(String::as_str), 5));
    compared(http::header::COOKIE, values, |line, known| {
        let mut found = Vec::new();
        for pair in line.split(|byte| *byte == b';').map(without_blanks) {
            let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { continue };
            if &pair[..equals] == ours.as_bytes() {
                found.push(verified(&pair[equals + 1..], known));
            }
        }
        match found.as_slice() {
            [] => NOBODY,
            four_at_most if four_at_most.len() > 4 => MALFORMED,
            some if some.contains(&ALICE_2) => ALICE_2,
            some if some.contains(&ALICE) => ALICE,
            _ => INVALID,
        }
    })
    .await;
}
