//! The same tokens before all three: what a library of Node refuses with all its options set, the layer refuses, too.

use jwt_sessions::token::TokenErrorKind as Kind;

use super::*;

/// Who takes a token: `jose` and `jsonwebtoken` with every option that they have; here, the step that refuses it.
struct Row {
    name: &'static str,
    header: &'static str,
    /// Members after those of an honest token; one of the same name takes the other's place.
    claims: &'static str,
    jose: Verdict,
    jsonwebtoken: Verdict,
    layer: Result<(), Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Takes,
    Refuses,
}

use Verdict::{Refuses, Takes};

const fn row(
    name: &'static str,
    header: &'static str,
    claims: &'static str,
    [jose, jsonwebtoken]: [Verdict; 2],
    layer: Result<(), Kind>,
) -> Row {
    Row { name, header, claims, jose, jsonwebtoken, layer }
}

const H: &str = r#"{"alg":"HS256","typ":"at+jwt"}"#;

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Honest tokens: nobody refuses everything.
    row("honest", H, "{}", [Takes, Takes], Ok(())),
    row("typ in full", r#"{"alg":"HS256","typ":"application/AT+jwt"}"#, "{}", [Takes, Takes], Ok(())),
    row("several audiences", H, r#"{"aud":["https://other.example","https://api.example"]}"#, [Takes, Takes], Ok(())),
    row("the last second", H, r#"{"exp":1700000001}"#, [Takes, Takes], Ok(())),
    row("a fraction more", H, r#"{"exp":1700000000.5}"#, [Takes, Takes], Ok(())),
    row("nbf is now", H, r#"{"nbf":1700000000}"#, [Takes, Takes], Ok(())),
    row("an unknown member in the header", r#"{"alg":"HS256","typ":"at+jwt","x":1}"#, "{}", [Takes, Takes], Ok(())),
    // Times.
    row("exp is now", H, r#"{"exp":1700000000}"#, [Refuses, Refuses], Err(Kind::Expired)),
    row("expired", H, r#"{"exp":1699999999}"#, [Refuses, Refuses], Err(Kind::Expired)),
    row("exp as text", H, r#"{"exp":"1700000060"}"#, [Refuses, Refuses], Err(Kind::ClaimType)),
    row("exp is null", H, r#"{"exp":null}"#, [Refuses, Refuses], Err(Kind::ClaimType)),
    row("no exp", H, r#"{"exp":"-"}"#, [Refuses, Takes], Err(Kind::MissingClaim)),
    row("nbf to come", H, r#"{"nbf":1700000001}"#, [Refuses, Refuses], Err(Kind::NotYetValid)),
    row("nbf as text", H, r#"{"nbf":"0"}"#, [Refuses, Refuses], Err(Kind::ClaimType)),
    row("iat as text", H, r#"{"iat":"0"}"#, [Refuses, Takes], Err(Kind::ClaimType)),
    row("iat far in the future", H, r#"{"iat":1700000061}"#, [Takes, Takes], Err(Kind::IssuedInFuture)),
    // Who and for whom.
    row("another issuer", H, r#"{"iss":"https://evil.example"}"#, [Refuses, Refuses], Err(Kind::Issuer)),
    row("an issuer of many", H, r#"{"iss":["https://id.example"]}"#, [Refuses, Refuses], Err(Kind::ClaimType)),
    row("no issuer", H, r#"{"iss":"-"}"#, [Refuses, Refuses], Err(Kind::MissingClaim)),
    row("another audience", H, r#"{"aud":"https://other.example"}"#, [Refuses, Refuses], Err(Kind::Audience)),
    row("the refresh token's audience", H, r#"{"aud":"https://api.example/refresh"}"#, [Refuses, Refuses], Err(Kind::Audience)),
    row("no audience", H, r#"{"aud":"-"}"#, [Refuses, Refuses], Err(Kind::MissingClaim)),
    row("an empty audience", H, r#"{"aud":[]}"#, [Refuses, Refuses], Err(Kind::Audience)),
    row("an audience among numbers", H, r#"{"aud":[1,"https://api.example"]}"#, [Takes, Takes], Err(Kind::ClaimType)),
    row("no subject", H, r#"{"sub":"-"}"#, [Refuses, Takes], Err(Kind::MissingClaim)),
    row("a subject that is a number", H, r#"{"sub":1}"#, [Takes, Takes], Err(Kind::ClaimType)),
    // The header.
    row("typ JWT", r#"{"alg":"HS256","typ":"JWT"}"#, "{}", [Refuses, Takes], Err(Kind::Type)),
    row("a refresh token's typ", r#"{"alg":"HS256","typ":"rt+jwt"}"#, "{}", [Refuses, Takes], Err(Kind::Type)),
    row("no typ", r#"{"alg":"HS256"}"#, "{}", [Refuses, Takes], Err(Kind::Type)),
    row("typ is a number", r#"{"alg":"HS256","typ":1}"#, "{}", [Refuses, Takes], Err(Kind::Header)),
    row("an algorithm that is not allowed", r#"{"alg":"HS512","typ":"at+jwt"}"#, "{}", [Refuses, Refuses], Err(Kind::Algorithm)),
    row("alg none", r#"{"alg":"none","typ":"at+jwt"}"#, "{}", [Refuses, Refuses], Err(Kind::Algorithm)),
    row("alg in small letters", r#"{"alg":"hs256","typ":"at+jwt"}"#, "{}", [Refuses, Refuses], Err(Kind::Algorithm)),
    row("alg is an object", r#"{"alg":{"HS256":null},"typ":"at+jwt"}"#, "{}", [Refuses, Refuses], Err(Kind::Header)),
    row("no alg", r#"{"typ":"at+jwt"}"#, "{}", [Refuses, Refuses], Err(Kind::Header)),
    row("an unknown extension", r#"{"alg":"HS256","typ":"at+jwt","crit":["x"],"x":1}"#, "{}", [Refuses, Takes], Err(Kind::Critical)),
    row("an extension of nothing", r#"{"alg":"HS256","typ":"at+jwt","crit":[]}"#, "{}", [Refuses, Takes], Err(Kind::Critical)),
    row("crit is null", r#"{"alg":"HS256","typ":"at+jwt","crit":null}"#, "{}", [Refuses, Takes], Err(Kind::Critical)),
    row("an unencoded payload", r#"{"alg":"HS256","typ":"at+jwt","crit":["b64"],"b64":false}"#, "{}", [Refuses, Takes], Err(Kind::Critical)),
    row("b64 that nobody must know", r#"{"alg":"HS256","typ":"at+jwt","b64":false}"#, "{}", [Takes, Takes], Err(Kind::Unencoded)),
    row("alg twice", r#"{"alg":"none","alg":"HS256","typ":"at+jwt"}"#, "{}", [Takes, Takes], Err(Kind::Header)),
    row("the header is an array", r#"["HS256"]"#, "{}", [Refuses, Refuses], Err(Kind::Header)),
    row("the header is no JSON", "HS256", "{}", [Refuses, Refuses], Err(Kind::Header)),
    // The payload: a text that begins with something else than `{` is the payload itself.
    row("the payload is an array", H, r#"["alice"]"#, [Refuses, Refuses], Err(Kind::Claims)),
    row("the payload is null", H, "null", [Refuses, Refuses], Err(Kind::Claims)),
    row("the payload is no JSON", H, "alice", [Refuses, Refuses], Err(Kind::Claims)),
    row("exp twice", H, r#"{"exp":1699999999,"exp":1700000060}"#, [Takes, Takes], Err(Kind::Claims)),
];

/// An honest token's claims with those of the row; `"-"` takes one away. Written by hand: a member may stand there twice.
fn payload(claims: &str) -> String {
    let Some(own) = claims.strip_prefix('{').and_then(|claims| claims.strip_suffix('}')) else {
        return claims.to_owned();
    };
    let honest = [
        format!("\"iss\":\"{ISSUER}\""),
        format!("\"aud\":\"{AUDIENCE}\""),
        "\"sub\":\"alice\"".to_owned(),
        format!("\"exp\":{}", NOW + 60),
    ];
    let named = |member: &&String| !own.contains(member.split(':').next().unwrap());
    let mut members: Vec<_> = honest.iter().filter(named).map(String::as_str).collect();
    members.extend((!own.is_empty() && !own.ends_with("\"-\"")).then_some(own));
    format!("{{{}}}", members.join(","))
}

/// What becomes of an honest token on the way.
type Edit = fn(&str) -> String;

const EDITS: &[(&str, Edit, [Verdict; 2], Kind)] = &[
    ("no signature", |token| format!("{}.", token.rsplit_once('.').unwrap().0), [Refuses, Refuses], Kind::Signature),
    ("two segments", |token| token.rsplit_once('.').unwrap().0.to_owned(), [Refuses, Refuses], Kind::Malformed),
    ("four segments", |token| format!("{token}.{token}"), [Refuses, Refuses], Kind::Malformed),
    ("a bit flipped", |token| token.replace("YWxpY2U", "YWxpY2Q"), [Refuses, Refuses], Kind::Signature),
    ("a signature cut off", |token| token[..token.len() - 3].to_owned(), [Refuses, Refuses], Kind::Signature),
    ("padding", |token| format!("{token}="), [Takes, Refuses], Kind::Malformed),
    ("the other alphabet", |token| token.replace('-', "+").replace('_', "/"), [Refuses, Refuses], Kind::Malformed),
];

fn verdict(answer: &Value) -> Verdict {
    if answer["error"].is_null() { Takes } else { Refuses }
}

#[tokio::test]
async fn what_node_refuses_the_layer_refuses() {
    let craft =
        |row: &Row| json!({"job": "craft", "header": row.header, "payload": payload(row.claims), "key": SECRET});
    let crafted = ask(&ROWS.iter().map(craft).collect::<Vec<_>>());
    let honest = token(&crafted[0]).to_owned();
    let rows = ROWS
        .iter()
        .zip(&crafted)
        .map(|(row, answer)| (row.name, token(answer).to_owned(), [row.jose, row.jsonwebtoken], row.layer));
    let edits = EDITS.iter().map(|(name, edit, node, kind)| {
        assert_ne!(edit(&honest), honest, "{name}: nothing was changed");
        (*name, edit(&honest), *node, Err(*kind))
    });
    let cases: Vec<_> = rows.chain(edits).collect();

    let jobs: Vec<_> = cases
        .iter()
        .flat_map(|(_, token, ..)| {
            ["jose", "jsonwebtoken"].map(|by| verify(by, Algorithm::HS256, ACCESS_TYPE, AUDIENCE, token))
        })
        .collect();
    let answers = ask(&jobs);
    let keys = KeySet::verifying([verifying(Algorithm::HS256)]).unwrap();
    let mut wrong = Vec::new();
    for ((name, token, node, expected), answers) in cases.iter().zip(answers.chunks(2)) {
        let said = [verdict(&answers[0]), verdict(&answers[1])];
        let layer = layer(&keys, token).await.map(drop);
        if (said, &layer) != (*node, expected) {
            wrong.push(format!("{name}: {said:?} {layer:?} instead of {node:?} {expected:?}: {answers:?}"));
        }
        // The promise, whatever the table says.
        assert!(layer.is_err() || said == [Takes, Takes], "{name}: the layer is laxer than Node: {answers:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
