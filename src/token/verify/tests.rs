use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

use super::*;
use crate::token::algorithm::Algorithm;
use crate::token::key::SigningKey;

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
fn headers() {
    let rows: &[(&str, &str, Result<(), Kind>)] = &[
        ("with the key's name", r#"{"alg":"HS256","typ":"at+jwt","kid":"one"}"#, Ok(())),
        ("typ in capitals", r#"{"alg":"HS256","typ":"AT+JWT"}"#, Ok(())),
        ("typ as a media type", r#"{"alg":"HS256","typ":"Application/at+jwt"}"#, Ok(())),
        ("b64 true", r#"{"alg":"HS256","typ":"at+jwt","b64":true}"#, Ok(())),
        ("white space", " {\n\t\"alg\" : \"HS256\" , \"typ\":\"at+jwt\" } ", Ok(())),
        ("escaped letters", r#"{"\u0061lg":"HS\u003256","typ":"at+jwt"}"#, Ok(())),
        ("unknown members", r#"{"alg":"HS256","typ":"at+jwt","cty":"JWT","x":{"y":[1]}}"#, Ok(())),
        ("jwk", r#"{"alg":"HS256","typ":"at+jwt","jwk":{"kty":"oct","k":"AAAA"}}"#, Ok(())),
        ("jku", r#"{"alg":"HS256","typ":"at+jwt","jku":"http://127.0.0.1/","x5u":1,"x5c":[]}"#, Ok(())),
        ("no alg", r#"{"typ":"at+jwt"}"#, Err(Kind::Header)),
        ("alg as an object", r#"{"alg":{"HS256":null},"typ":"at+jwt"}"#, Err(Kind::Header)),
        ("alg as an array", r#"{"alg":["HS256"],"typ":"at+jwt"}"#, Err(Kind::Header)),
        ("alg null", r#"{"alg":null,"typ":"at+jwt"}"#, Err(Kind::Header)),
        ("alg twice", r#"{"alg":"HS256","alg":"HS256","typ":"at+jwt"}"#, Err(Kind::Header)),
        ("alg twice, once escaped", r#"{"alg":"none","\u0061lg":"HS256","typ":"at+jwt"}"#, Err(Kind::Header)),
        ("an unknown member twice", r#"{"alg":"HS256","typ":"at+jwt","x":1,"x":1}"#, Err(Kind::Header)),
        ("a member twice, deeper", r#"{"alg":"HS256","typ":"at+jwt","x":{"y":1,"y":1}}"#, Err(Kind::Header)),
        ("alg empty", r#"{"alg":"","typ":"at+jwt"}"#, Err(Kind::Algorithm)),
        ("alg in small letters", r#"{"alg":"hs256","typ":"at+jwt"}"#, Err(Kind::Algorithm)),
        ("alg with a space", r#"{"alg":"HS256 ","typ":"at+jwt"}"#, Err(Kind::Algorithm)),
        ("alg unknown", r#"{"alg":"HS1","typ":"at+jwt"}"#, Err(Kind::Algorithm)),
        ("alg of no key", r#"{"alg":"HS512","typ":"at+jwt"}"#, Err(Kind::Algorithm)),
        ("no typ", r#"{"alg":"HS256"}"#, Err(Kind::Type)),
        ("typ JWT", r#"{"alg":"HS256","typ":"JWT"}"#, Err(Kind::Type)),
        ("typ of a refresh token", r#"{"alg":"HS256","typ":"rt+jwt"}"#, Err(Kind::Type)),
        ("typ of another type", r#"{"alg":"HS256","typ":"text/at+jwt"}"#, Err(Kind::Type)),
        ("typ with a space", r#"{"alg":"HS256","typ":"at+jwt "}"#, Err(Kind::Type)),
        ("typ null", r#"{"alg":"HS256","typ":null}"#, Err(Kind::Header)),
        ("typ as a number", r#"{"alg":"HS256","typ":1}"#, Err(Kind::Header)),
        ("typ as an array", r#"{"alg":"HS256","typ":["at+jwt"]}"#, Err(Kind::Header)),
        ("crit", r#"{"alg":"HS256","typ":"at+jwt","crit":["exp"],"exp":1}"#, Err(Kind::Critical)),
        ("crit empty", r#"{"alg":"HS256","typ":"at+jwt","crit":[]}"#, Err(Kind::Critical)),
        ("crit null", r#"{"alg":"HS256","typ":"at+jwt","crit":null}"#, Err(Kind::Critical)),
        ("crit with b64 true", r#"{"alg":"HS256","typ":"at+jwt","crit":["b64"],"b64":true}"#, Err(Kind::Critical)),
        ("b64 false", r#"{"alg":"HS256","typ":"at+jwt","b64":false}"#, Err(Kind::Unencoded)),
        ("b64 null", r#"{"alg":"HS256","typ":"at+jwt","b64":null}"#, Err(Kind::Unencoded)),
        ("b64 as text", r#"{"alg":"HS256","typ":"at+jwt","b64":"true"}"#, Err(Kind::Unencoded)),
        ("kid empty", r#"{"alg":"HS256","typ":"at+jwt","kid":""}"#, Err(Kind::UnknownKey)),
        ("kid unknown", r#"{"alg":"HS256","typ":"at+jwt","kid":"two"}"#, Err(Kind::UnknownKey)),
        ("kid in capitals", r#"{"alg":"HS256","typ":"at+jwt","kid":"ONE"}"#, Err(Kind::UnknownKey)),
        ("kid as a path", r#"{"alg":"HS256","typ":"at+jwt","kid":"../../one"}"#, Err(Kind::UnknownKey)),
        ("kid as SQL", r#"{"alg":"HS256","typ":"at+jwt","kid":"x' UNION SELECT 'one"}"#, Err(Kind::UnknownKey)),
        ("kid with a zero", r#"{"alg":"HS256","typ":"at+jwt","kid":"one\u0000"}"#, Err(Kind::UnknownKey)),
        ("kid null", r#"{"alg":"HS256","typ":"at+jwt","kid":null}"#, Err(Kind::Header)),
        ("kid as a number", r#"{"alg":"HS256","typ":"at+jwt","kid":1}"#, Err(Kind::Header)),
        ("an array", r#"["HS256","at+jwt"]"#, Err(Kind::Header)),
        ("a string", r#""HS256""#, Err(Kind::Header)),
        ("empty", "", Err(Kind::Header)),
        ("two objects", r#"{"alg":"HS256","typ":"at+jwt"}{}"#, Err(Kind::Header)),
        ("a byte order mark", "\u{feff}{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", Err(Kind::Header)),
        ("a comma too many", r#"{"alg":"HS256","typ":"at+jwt",}"#, Err(Kind::Header)),
    ];
    for (name, header, expected) in rows {
        assert_eq!(header_verdict(header), *expected, "{name}");
    }
    let huge = format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":"{}"}}"#, "one".repeat(1500));
    assert_eq!(header_verdict(huge), Err(Kind::UnknownKey), "kid of 4,500 bytes");
    let deep = format!(r#"{{"alg":"HS256","typ":"at+jwt","x":{}{}}}"#, "[".repeat(2000), "]".repeat(2000));
    assert_eq!(header_verdict(deep), Err(Kind::Header), "nested 2,000 deep");
    assert_eq!(header_verdict(b"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"x\":\"\xff\"}"), Err(Kind::Header), "no UTF-8");
    for none in ["none", "None", "NONE", "nOnE", " none", "none\\u0000", "nonE"] {
        let header = format!(r#"{{"alg":"{none}","typ":"at+jwt"}}"#);
        assert_eq!(header_verdict(&header), Err(Kind::Algorithm), "{none}");
        let unsigned = format!("{}.{}.", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(CLAIMS));
        assert_eq!(verdict(&policy(), &unsigned), Err(Kind::Algorithm), "{none}, unsigned");
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
fn claims() {
    type Rows<'a> = &'a [(&'a str, Result<(), Kind>)];
    let cases: &[(&str, Rows<'_>)] = &[
        (
            "exp",
            &[
                ("1000001", Ok(())),
                ("1000000.001", Ok(())),
                ("1.000001e6", Ok(())),
                ("1e300", Ok(())),
                ("18446744073709551615", Ok(())),
                ("1000000", Err(Kind::Expired)),
                ("1000000.0", Err(Kind::Expired)),
                ("1000000.0004", Err(Kind::Expired)),
                ("999999.9999", Err(Kind::Expired)),
                ("0", Err(Kind::Expired)),
                ("-1", Err(Kind::Expired)),
                ("-1e300", Err(Kind::Expired)),
                ("-9223372036854775808", Err(Kind::Expired)),
                ("\"1000060\"", Err(Kind::ClaimType)),
                ("null", Err(Kind::ClaimType)),
                ("true", Err(Kind::ClaimType)),
                ("[1000060]", Err(Kind::ClaimType)),
                ("{}", Err(Kind::ClaimType)),
            ],
        ),
        (
            "nbf",
            &[
                ("1000000", Ok(())),
                ("1000000.0", Ok(())),
                ("999999.9999", Ok(())),
                ("-1", Ok(())),
                ("1000000.0004", Err(Kind::NotYetValid)),
                ("1000000.001", Err(Kind::NotYetValid)),
                ("1000001", Err(Kind::NotYetValid)),
                ("1e300", Err(Kind::NotYetValid)),
                ("\"0\"", Err(Kind::ClaimType)),
                ("null", Err(Kind::ClaimType)),
            ],
        ),
        (
            "iat",
            &[
                ("0", Ok(())),
                ("1000060", Ok(())),
                ("1000060.001", Err(Kind::IssuedInFuture)),
                ("1000061", Err(Kind::IssuedInFuture)),
                ("9223372036854775807", Err(Kind::IssuedInFuture)),
                ("\"now\"", Err(Kind::ClaimType)),
                ("[]", Err(Kind::ClaimType)),
            ],
        ),
        (
            "iss",
            &[
                ("\"https:\\/\\/example.com\"", Ok(())),
                ("\"https://example.com/\"", Err(Kind::Issuer)),
                ("\"HTTPS://EXAMPLE.COM\"", Err(Kind::Issuer)),
                ("\"\"", Err(Kind::Issuer)),
                ("[\"https://example.com\"]", Err(Kind::ClaimType)),
                ("[\"evil\",\"https://example.com\"]", Err(Kind::ClaimType)),
                ("42", Err(Kind::ClaimType)),
                ("{}", Err(Kind::ClaimType)),
                ("null", Err(Kind::ClaimType)),
            ],
        ),
        (
            "aud",
            &[
                ("[\"other\",\"api\"]", Ok(())),
                ("\"API\"", Err(Kind::Audience)),
                ("\"api \"", Err(Kind::Audience)),
                ("\"other api\"", Err(Kind::Audience)),
                ("[\"other\"]", Err(Kind::Audience)),
                ("[\"\"]", Err(Kind::Audience)),
                ("[]", Err(Kind::Audience)),
                ("[\"api\",42]", Err(Kind::ClaimType)),
                ("[[\"api\"]]", Err(Kind::ClaimType)),
                ("[\"api\",null]", Err(Kind::ClaimType)),
                ("42", Err(Kind::ClaimType)),
                ("{}", Err(Kind::ClaimType)),
                ("{\"api\":1}", Err(Kind::ClaimType)),
                ("null", Err(Kind::ClaimType)),
            ],
        ),
        (
            "sub",
            &[
                ("\"bob\"", Ok(())),
                ("42", Err(Kind::ClaimType)),
                ("[\"alice\"]", Err(Kind::ClaimType)),
                ("{}", Err(Kind::ClaimType)),
                ("null", Err(Kind::ClaimType)),
            ],
        ),
        ("jti", &[("\"x\"", Ok(())), ("42", Err(Kind::ClaimType)), ("null", Err(Kind::ClaimType))]),
        // Not of RFC 7519: of another type they count as absent, and open nothing.
        ("scope", &[("\"a b\"", Ok(())), ("[\"admin\"]", Ok(())), ("1", Ok(()))]),
        ("gen", &[("1", Ok(())), ("-1", Ok(())), ("1.5", Ok(())), ("\"1\"", Ok(()))]),
        ("sid", &[("\"x\"", Ok(())), ("1", Ok(()))]),
        ("auth_time", &[("1", Ok(())), ("\"1\"", Ok(()))]),
    ];
    for (name, rows) in cases {
        for (value, expected) in *rows {
            assert_eq!(claims_verdict(claims_with(name, Some(value))), *expected, "{name}: {value}");
        }
    }
    for (name, expected) in [
        ("exp", Err(Kind::MissingClaim)),
        ("iss", Err(Kind::MissingClaim)),
        ("aud", Err(Kind::MissingClaim)),
        ("sub", Err(Kind::MissingClaim)),
        ("iat", Ok(())),
        ("nbf", Ok(())),
    ] {
        assert_eq!(claims_verdict(claims_with(name, None)), expected, "without {name}");
    }
}

#[test]
fn a_session_is_demanded_whole() {
    let policy = policy().session();
    let sid = r#""sid":"AAAAAAAAAAAAAAAAAAAAAA""#;
    for (name, members, expected) in [
        ("both", format!(r#"{sid},"gen":3"#), Ok(())),
        ("no sid", r#""gen":3"#.into(), Err(Kind::MissingClaim)),
        ("no gen", sid.into(), Err(Kind::MissingClaim)),
        ("sid too short", r#""sid":"AAAA","gen":3"#.into(), Err(Kind::MissingClaim)),
        ("sid no text", r#""sid":1,"gen":3"#.into(), Err(Kind::MissingClaim)),
        ("gen negative", format!(r#"{sid},"gen":-3"#), Err(Kind::MissingClaim)),
        ("gen as text", format!(r#"{sid},"gen":"3""#), Err(Kind::MissingClaim)),
        ("gen fractional", format!(r#"{sid},"gen":3.0"#), Err(Kind::MissingClaim)),
    ] {
        let claims = format!("{{{members},{}", &CLAIMS[1..]);
        assert_eq!(verdict(&policy, &signed(HEADER, claims)), expected, "{name}");
    }
}

#[test]
fn what_a_policy_does_not_name_is_not_compared_but_has_its_type() {
    let policy = Policy::new();
    assert_eq!(verdict(&policy, &signed(r#"{"alg":"HS256"}"#, r#"{"exp":1000060}"#)), Ok(()));
    for claims in [r#"{"exp":1000060,"iss":1}"#, r#"{"exp":1000060,"aud":{}}"#, r#"{"exp":1000060,"sub":[]}"#] {
        assert_eq!(verdict(&policy, &signed(HEADER, claims)), Err(Kind::ClaimType), "{claims}");
    }
    let token = signed(HEADER, CLAIMS);
    for (name, policy, expected) in [
        ("the subject", policy.clone().subject("alice"), Ok(())),
        ("another subject", policy.clone().subject("bob"), Err(Kind::Subject)),
        ("one of two audiences", policy.clone().audience("x").audience("api"), Ok(())),
        ("one of a list of audiences", policy.clone().audiences(["x", "api"]), Ok(())),
        ("one of no audiences", policy.clone().audiences([""; 0]), Err(Kind::Audience)),
        ("an audience without a name", policy.clone().audience(""), Err(Kind::Audience)),
        ("an issuer without a name", policy.clone().issuer(""), Err(Kind::Issuer)),
        ("a type without a name", policy.clone().typ(""), Err(Kind::Type)),
        ("no algorithm", policy.clone().algorithms([]), Err(Kind::Algorithm)),
        ("another algorithm", policy.clone().algorithms([Algorithm::RS256]), Err(Kind::Algorithm)),
        ("its algorithm", policy.clone().algorithms([Algorithm::RS256, Algorithm::HS256]), Ok(())),
        ("its type as a media type", policy.clone().typ("application/AT+JWT"), Ok(())),
    ] {
        assert_eq!(verdict(&policy, &token), expected, "{name}");
    }
    let hs384 = signed(r#"{"alg":"HS384"}"#, CLAIMS);
    let allowed = Policy::new().algorithms([Algorithm::HS256, Algorithm::HS384]);
    assert_eq!(verdict(&allowed, &hs384), Err(Kind::UnknownKey), "allowed, but no key has it");
}

#[test]
fn the_leeway_is_bounded_and_never_overflows() {
    use std::time::Duration;
    let secs = Duration::from_secs;
    assert!(Policy::new().leeway(secs(60)).is_ok());
    assert!(Policy::new().leeway(Duration::from_millis(60_001)).is_err());
    assert!(Policy::new().leeway(Duration::MAX).is_err());
    let lenient = || Policy::new().leeway(secs(10)).unwrap();
    for (name, policy, claims, expected) in [
        ("just within", lenient(), r#"{"exp":999990.001}"#, Ok(())),
        ("just beyond", lenient(), r#"{"exp":999990}"#, Err(Kind::Expired)),
        ("early, within", lenient(), r#"{"exp":2000000,"nbf":1000010}"#, Ok(())),
        ("early, beyond", lenient(), r#"{"exp":2000000,"nbf":1000010.001}"#, Err(Kind::NotYetValid)),
        ("without end", Policy::new().dangerous_leeway(Duration::MAX), r#"{"exp":0,"nbf":1e300}"#, Ok(())),
        ("iat not compared", Policy::new().any_issued_at(), r#"{"exp":2000000,"iat":1500000}"#, Ok(())),
    ] {
        assert_eq!(verdict(&policy, &signed(HEADER, claims)), expected, "{name}");
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
