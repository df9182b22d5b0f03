//! What a header may say.

use super::*;

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
