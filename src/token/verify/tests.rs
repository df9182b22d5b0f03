use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

use super::*;
use crate::token::algorithm::Algorithm;
use crate::token::key::SigningKey;

mod claims;
mod header;

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz";
const NOW: Timestamp = Timestamp::from_secs(1_000_000);
const HEADER: &str = r#"{"alg":"HS256","typ":"at+jwt"}"#;
const CLAIMS: &str = r#"{"iss":"https://example.com","aud":"api","sub":"alice","iat":1000000,"exp":1000060}"#;

fn key() -> SigningKey {
    SigningKey::secret(Algorithm::HS256, SECRET).unwrap().kid("one")
}

/// Whatever these bytes say, with a good signature over it.
fn signed(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = key().sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn policy() -> Policy {
    Policy::new().issuer("https://example.com").audience("api").any_subject().typ("at+jwt")
}

/// What becomes of a token; the same where headers are kept, of this token and of an ordinary one.
fn verdict(policy: &Policy, token: &str) -> Result<(), Kind> {
    let (keys, headers) = (KeySet::new(key()), KnownHeaders::default());
    let knowing = |token: &str| {
        let verified = policy.verify_knowing(Some(&headers), token.as_bytes(), &keys, NOW);
        verified.map(|_| ()).map_err(|error| error.kind())
    };
    let verdict = policy.verify(token, &keys, NOW).map(|_| ()).map_err(|error| error.kind());
    assert_eq!(knowing(token), verdict);
    let _ = knowing(&signed(HEADER, CLAIMS));
    assert_eq!(knowing(token), verdict, "with known headers");
    verdict
}

fn header_verdict(header: impl AsRef<[u8]>) -> Result<(), Kind> {
    verdict(&policy(), &signed(header, CLAIMS))
}

fn claims_verdict(claims: impl AsRef<[u8]>) -> Result<(), Kind> {
    verdict(&policy(), &signed(HEADER, claims))
}

/// The claims with one member given another value, or none.
fn claims_with(name: &str, value: Option<&str>) -> String {
    let mut claims: serde_json::Map<_, _> = serde_json::from_str(CLAIMS).unwrap();
    claims.remove(name);
    let members = serde_json::to_string(&claims).unwrap();
    match value {
        Some(value) => format!(r#"{{"{name}":{value},{}"#, &members[1..]),
        None => members,
    }
}

#[test]
fn a_token_that_breaks_every_rule_is_refused_by_the_first() {
    let everything = r#"{"exp":1,"nbf":2000000,"iat":2000000,"iss":"x","aud":"x","sub":"x"}"#;
    let bad_everything = r#"{"alg":"HS384","typ":"x","crit":[],"b64":false,"kid":"x"}"#;
    let policy = || policy().subject("alice");
    let unsigned = |header: &str, claims: &str| {
        format!("{}.{}.AAAA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    };
    // From row to row, one thing less is wrong.
    let rows = [
        (Kind::TooLong, "!".repeat(8193)),
        (Kind::Malformed, "!".repeat(8192)),
        (Kind::Header, unsigned("[]", "")),
        (Kind::Algorithm, unsigned(bad_everything, "")),
        (Kind::Type, unsigned(r#"{"alg":"HS256","typ":"x","crit":[],"b64":false,"kid":"x"}"#, "")),
        (Kind::Critical, unsigned(r#"{"alg":"HS256","typ":"at+jwt","crit":[],"b64":false,"kid":"x"}"#, "")),
        (Kind::Unencoded, unsigned(r#"{"alg":"HS256","typ":"at+jwt","b64":false,"kid":"x"}"#, "")),
        (Kind::UnknownKey, unsigned(r#"{"alg":"HS256","typ":"at+jwt","kid":"x"}"#, "")),
        (Kind::Signature, unsigned(HEADER, "")),
        (Kind::Claims, signed(HEADER, "")),
        (Kind::ClaimType, signed(HEADER, r#"{"iss":1}"#)),
        (Kind::MissingClaim, signed(HEADER, "{}")),
        (Kind::Expired, signed(HEADER, everything)),
        (Kind::NotYetValid, signed(HEADER, everything.replace("\"exp\":1,", "\"exp\":3000000,"))),
        (Kind::IssuedInFuture, signed(HEADER, r#"{"exp":3000000,"iat":2000000,"iss":"x","aud":"x","sub":"x"}"#)),
        (Kind::Issuer, signed(HEADER, r#"{"exp":3000000,"iss":"x","aud":"x","sub":"x"}"#)),
        (Kind::Audience, signed(HEADER, r#"{"exp":3000000,"iss":"https://example.com","aud":"x","sub":"x"}"#)),
        (Kind::Subject, signed(HEADER, r#"{"exp":3000000,"iss":"https://example.com","aud":"api","sub":"x"}"#)),
    ];
    for (kind, token) in rows {
        assert_eq!(verdict(&policy(), &token), Err(kind), "{}", kind.name());
    }
    assert_eq!(verdict(&policy(), &signed(HEADER, CLAIMS)), Ok(()), "nothing is wrong");
}

#[test]
fn three_segments_of_one_canonical_text() {
    let good = signed(HEADER, CLAIMS);
    assert_eq!(verdict(&policy(), &good), Ok(()));
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three segments") };
    // 32 bytes leave four bits unused in the last character: three other letters say the same bytes.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    let rows = [
        ("empty", String::new()),
        ("one segment", header.into()),
        ("two segments", format!("{header}.{payload}")),
        ("four segments", format!("{good}.{signature}")),
        ("five segments, as an encrypted token", format!("{good}.{payload}.{signature}")),
        ("a dot before", format!(".{good}")),
        ("a dot behind", format!("{good}.")),
        ("a dot doubled", good.replacen('.', "..", 1)),
        ("a space before", format!(" {good}")),
        ("a space behind", format!("{good} ")),
        ("a space inside", good.replacen('.', " .", 1)),
        ("a line end behind", format!("{good}\n")),
        ("a zero byte", format!("{good}\0")),
        ("padding", format!("{good}=")),
        ("padding in the header", format!("{}.{payload}.{signature}", URL_SAFE.encode(r#"{"alg":"HS256"}"#) + "=")),
        ("the standard alphabet", format!("{header}.{payload}.{}", STANDARD.encode([0xfb; 32]))),
        ("trailing bits", format!("{header}.{payload}.{}{next}", &signature[..signature.len() - 1])),
        ("a single character", format!("{header}.{payload}.A")),
        ("letters beyond ASCII", format!("{header}.{payload}.é")),
    ];
    for (name, token) in rows {
        assert_eq!(verdict(&policy(), &token), Err(Kind::Malformed), "{name}");
    }
    let tag = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let with_tag = |tag: &[u8]| format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(tag));
    for (name, token, kind) in [
        ("nothing but dots", "..".into(), Kind::Header),
        ("no signature", with_tag(&[]), Kind::Signature),
        ("half a signature", with_tag(&tag[..16]), Kind::Signature),
        ("a signature less a byte", with_tag(&tag[..31]), Kind::Signature),
        ("a signature and a byte", with_tag(&[&tag[..], &[0]].concat()), Kind::Signature),
        ("a signature twice", with_tag(&[&tag[..], &tag[..]].concat()), Kind::Signature),
        ("no payload", format!("{header}..{signature}"), Kind::Signature),
    ] {
        assert_eq!(verdict(&policy(), &token), Err(kind), "{name}");
    }
}

#[test]
fn payloads() {
    let rows: &[(&str, &[u8], Result<(), Kind>)] = &[
        ("the claims", CLAIMS.as_bytes(), Ok(())),
        ("an array of them in order", br#"["https://example.com","api","alice",1000000,1000060]"#, Err(Kind::Claims)),
        ("a string", br#""alice""#, Err(Kind::Claims)),
        ("null", b"null", Err(Kind::Claims)),
        ("empty", b"", Err(Kind::Claims)),
        ("two objects", br#"{"exp":1000060}{"exp":1000060}"#, Err(Kind::Claims)),
        ("a number that is none", br#"{"exp":NaN}"#, Err(Kind::Claims)),
        ("an infinite number", br#"{"exp":1e999}"#, Err(Kind::Claims)),
        ("a lone surrogate", br#"{"exp":1000060,"x":"\ud800"}"#, Err(Kind::Claims)),
        ("a byte order mark", b"\xef\xbb\xbf{\"exp\":1000060}", Err(Kind::Claims)),
        ("no UTF-8 in a claim nobody reads", b"{\"exp\":1000060,\"x\":\"\xff\"}", Err(Kind::Claims)),
        ("an overlong zero", b"{\"exp\":1000060,\"x\":\"\xc0\x80\"}", Err(Kind::Claims)),
        ("exp twice", br#"{"exp":1,"exp":1000060}"#, Err(Kind::Claims)),
        ("sub twice, once escaped", br#"{"exp":1000060,"sub":"a","s\u0075b":"b"}"#, Err(Kind::Claims)),
        ("an own claim twice, deeper", br#"{"exp":1000060,"x":[{"admin":false,"admin":true}]}"#, Err(Kind::Claims)),
    ];
    for (name, payload, expected) in rows {
        assert_eq!(claims_verdict(payload), *expected, "{name}");
    }
    for (open, close) in [("[", "]"), ("{\"x\":", "}")] {
        let deep = format!(r#"{{"exp":1000060,"x":{}1{}}}"#, open.repeat(700), close.repeat(700));
        assert_eq!(claims_verdict(deep), Err(Kind::Claims), "nested 700 deep: {open}");
    }
}

#[test]
fn eight_kibibytes_are_the_limit() {
    let token = |filling: usize| signed(HEADER, format!(r#"{{"x":"{}",{}"#, "x".repeat(filling), &CLAIMS[1..]));
    let filling = (0..8192).find(|filling| token(*filling).len() > 8192).unwrap();
    assert_eq!(token(filling - 1).len(), 8192, "the longest that is taken");
    assert_eq!(verdict(&policy(), &token(filling - 1)), Ok(()));
    assert_eq!(verdict(&policy(), &token(filling)), Err(Kind::TooLong));
}

#[test]
fn a_verified_token_says_what_it_said() {
    let claims = r#"{"iss":"https://example.com","aud":["api"],"sub":"älice","iat":999999.5,"exp":1000060,"jti":"j","scope":"a  b","auth_time":5,"gen":7,"sid":"AAAAAAAAAAAAAAAAAAAAAA","own":{"x":1}}"#;
    let verified = policy().verify(&signed(HEADER, claims), &KeySet::new(key()), NOW).unwrap();
    let registered = verified.registered();
    assert_eq!(registered.subject.as_deref(), Some("älice"));
    assert_eq!(registered.expires_at, Timestamp::from_secs(1_000_060));
    assert_eq!(registered.issued_at, Some(Timestamp::from_millis(999_999_500)));
    assert_eq!(registered.token_id.as_deref(), Some("j"));
    assert_eq!(registered.auth_time, Some(Timestamp::from_secs(5)));
    assert_eq!(registered.generation, Some(7));
    assert_eq!(registered.session, Some(SessionId::from_bytes([0; 16])));
    assert_eq!(registered.scopes().collect::<Vec<_>>(), ["a", "b"]);
    assert!(registered.has_scope("a") && !registered.has_scope("") && !registered.has_scope("a  b"));
    assert_eq!(verified.claims().as_str(), claims, "the text, as it was signed");
}
