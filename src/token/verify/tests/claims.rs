//! What a payload must say.

use super::*;

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
