//! A line, read as a case: every member is there, once, and of its type, or the line is refused and the reason names it.

use std::fmt;
use std::time::Duration;

use jwt_sessions::token::{Algorithm, Policy, Timestamp};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What is asked.
pub(super) struct Case<'a> {
    pub(super) id: String,
    pub(super) token: String,
    /// The JWK Set, as it was written: whoever reads it must see a member that is there twice.
    pub(super) keys: &'a str,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) policy: Policy,
    /// The moment of the verdict; none for the real clock.
    pub(super) now: Option<Timestamp>,
}

/// Why a line is no case.
pub(super) struct Unusable {
    pub(super) id: Option<String>,
    pub(super) reason: String,
}

impl<'a> Case<'a> {
    pub(super) fn read(line: &'a [u8]) -> Result<Self, Unusable> {
        let nameless = |reason: &str| Unusable { id: None, reason: reason.to_owned() };
        let text = std::str::from_utf8(line).map_err(|_| nameless("the line is not UTF-8"))?;
        let members: Members<'_> =
            serde_json::from_str(text).map_err(|_| nameless("the line is not one JSON object"))?;
        let id: String = members.read("id", "a string").map_err(|reason| Unusable { id: None, reason })?;
        members.case(id.clone()).map_err(|reason| Unusable { id: Some(id), reason })
    }
}

/// The members of a line in order, their values not yet read.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    fn case(&self, id: String) -> Result<Case<'a>, String> {
        let token = self.read("token", "a string")?;
        let keys = self.raw("keys")?;
        let names: Vec<String> = self.read("algorithms", "an array of strings")?;
        let algorithms: Vec<_> = names.iter().filter_map(|name| Algorithm::from_name(name)).collect();
        let mut policy = Policy::new().algorithms(algorithms.iter().copied());
        if let Some(issuer) = self.read::<Option<String>>("issuer", "a string or null")? {
            policy = policy.issuer(issuer);
        }
        policy = match self.read("audience", "a string, an array of strings or null")? {
            None => policy,
            Some(Audience::One(audience)) => policy.audience(audience),
            Some(Audience::AnyOf(audiences)) => policy.audiences(audiences),
        };
        if let Some(typ) = self.read::<Option<String>>("typ", "a string or null")? {
            policy = policy.typ(&typ);
        }
        let Seconds(leeway) = self.read("leeway", "a number of seconds from 0 on")?;
        // What no `Duration` holds is longer than any token lives.
        policy = policy.dangerous_leeway(Duration::try_from_secs_f64(leeway).unwrap_or(Duration::MAX));
        let now = self.read::<Option<Seconds>>("now", "a number of seconds from 0 on, or null")?;
        // The conversion saturates, and rounds down as that of a token's times does.
        let now = now.map(|Seconds(now)| Timestamp::from_millis((now * 1000.0).floor() as i64));
        Ok(Case { id, token, keys, algorithms, policy, now })
    }

    fn read<T: DeserializeOwned>(&self, name: &str, what: &str) -> Result<T, String> {
        serde_json::from_str(self.raw(name)?).map_err(|_| format!("`{name}` is not {what}"))
    }

    fn raw(&self, name: &str) -> Result<&'a str, String> {
        let mut values = self.0.iter().filter(|(one, _)| one == name).map(|(_, value)| value.get());
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => Err(format!("`{name}` is missing")),
            // Which one was meant cannot be guessed.
            (Some(_), Some(_)) => Err(format!("`{name}` is there twice")),
        }
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            members.push((name, value));
        }
        Ok(Members(members))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    AnyOf(Vec<String>),
}

/// A number that is not negative, integer or fraction.
#[derive(Deserialize)]
#[serde(try_from = "f64")]
struct Seconds(f64);

impl TryFrom<f64> for Seconds {
    type Error = &'static str;

    fn try_from(seconds: f64) -> Result<Self, Self::Error> {
        if seconds >= 0.0 { Ok(Self(seconds)) } else { Err("negative") }
    }
}
