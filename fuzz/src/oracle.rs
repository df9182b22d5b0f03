//! The verdict about a token, from the RFCs' words and DESIGN.md's order, over a tree of the whole header and payload.

use crate::base64url;
use crate::json::Json;
use crate::signer;

/// What a token must be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// In lower case.
    pub typ: Option<&'static str>,
    pub issuer: Option<&'static str>,
    pub audience: Option<&'static str>,
    pub any_subject: bool,
    pub subject: Option<&'static str>,
    pub session: bool,
    /// Seconds.
    pub leeway: f64,
    /// Seconds.
    pub now: f64,
}

#[derive(Debug, PartialEq)]
pub enum Verdict {
    Refused(&'static str),
    Accepted {
        subject: Option<String>,
        session: Option<Vec<u8>>,
    },
    /// A time within a millisecond of its bound: the crate counts whole ones.
    TooClose,
}

pub fn judge(token: &str, rules: &Rules) -> Verdict {
    verdict(token, rules).unwrap_or_else(|refused| refused)
}

fn verdict(token: &str, rules: &Rules) -> Result<Verdict, Verdict> {
    let refused = Verdict::Refused;
    if token.len() > 8192 {
        return Err(refused("too_long"));
    }
    let segments: Vec<_> = token.split('.').collect();
    let [header_text, payload_text, signature_text] = segments[..] else { return Err(refused("malformed")) };
    let decode = |text| base64url::decode(text).ok_or(refused("malformed"));
    let (header, payload, signature) = (decode(header_text)?, decode(payload_text)?, decode(signature_text)?);

    let header = Json::object(&header).ok_or(refused("header"))?;
    let member = |name: &str| header.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    let text = |name: &str| member(name).map(|value| value.text().ok_or(refused("header"))).transpose();
    let (alg, typ, kid) = (text("alg")?.ok_or(refused("header"))?, text("typ")?, text("kid")?);
    // Two names of one algorithm (RFC 9864).
    let alg = if alg == "Ed25519" { "EdDSA" } else { alg };
    if !["HS256", "HS384", "EdDSA"].contains(&alg) {
        return Err(refused("algorithm"));
    }
    if let Some(wanted) = rules.typ {
        let lower = typ.unwrap_or_default().to_ascii_lowercase();
        if typ.is_none() || lower != wanted && lower != format!("application/{wanted}") {
            return Err(refused("type"));
        }
    }
    if member("crit").is_some() {
        return Err(refused("critical"));
    }
    if member("b64").is_some_and(|b64| *b64 != Json::Bool(true)) {
        return Err(refused("unencoded"));
    }

    let signed = token.len() - signature_text.len() - 1;
    match signer::verifies(alg, kid, &token.as_bytes()[..signed], &signature) {
        None => return Err(refused("unknown_key")),
        Some(false) => return Err(refused("signature")),
        Some(true) => {}
    }
    claims(&Json::object(&payload).ok_or(refused("claims"))?, rules)
}

fn claims(payload: &[(String, Json)], rules: &Rules) -> Result<Verdict, Verdict> {
    let refused = Verdict::Refused;
    let member = |name: &str| payload.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    let text = |name: &str| member(name).map(|value| value.text().ok_or(refused("claim_type"))).transpose();
    let time = |name: &str| match member(name) {
        None => Ok(None),
        Some(Json::Number(number)) => Ok(number.as_f64()),
        Some(_) => Err(refused("claim_type")),
    };
    let (iss, sub, _) = (text("iss")?, text("sub")?, text("jti")?);
    let (exp, nbf, iat) = (time("exp")?, time("nbf")?, time("iat")?);
    let aud: Option<Vec<&str>> = match member("aud") {
        None => None,
        Some(Json::Array(all)) => {
            Some(all.iter().map(|one| one.text().ok_or(refused("claim_type"))).collect::<Result<_, _>>()?)
        }
        Some(one) => Some(vec![one.text().ok_or(refused("claim_type"))?]),
    };

    let exp = exp.ok_or(refused("missing_claim"))?;
    // How far the token is from being refused for its times, in seconds: each must be above its bound.
    let rests = [exp + rules.leeway - rules.now, rules.now + rules.leeway - nbf.unwrap_or(f64::MIN)];
    let early = rules.now + 60.0 - iat.unwrap_or(f64::MIN);
    if [rests[0], rests[1], early].iter().any(|rest| *rest != 0.0 && rest.abs() <= 0.001) {
        return Err(Verdict::TooClose);
    }
    if rests[0] <= 0.0 {
        return Err(refused("expired"));
    }
    if rests[1] < 0.0 {
        return Err(refused("not_yet_valid"));
    }
    if early < 0.0 {
        return Err(refused("issued_in_future"));
    }
    if let Some(issuer) = rules.issuer
        && iss.ok_or(refused("missing_claim"))? != issuer
    {
        return Err(refused("issuer"));
    }
    if let Some(audience) = rules.audience
        && !aud.ok_or(refused("missing_claim"))?.contains(&audience)
    {
        return Err(refused("audience"));
    }
    if (rules.any_subject || rules.subject.is_some()) && sub.is_none() {
        return Err(refused("missing_claim"));
    }
    if rules.subject.is_some() && rules.subject != sub {
        return Err(refused("subject"));
    }
    let sid = member("sid").and_then(Json::text).and_then(base64url::decode).filter(|id| id.len() == 16);
    let generation = match member("gen") {
        Some(Json::Number(number)) => number.as_i64().filter(|generation| *generation >= 0),
        _ => None,
    };
    if rules.session && (sid.is_none() || generation.is_none()) {
        return Err(refused("missing_claim"));
    }
    Ok(Verdict::Accepted { subject: sub.map(str::to_owned), session: sid })
}
