//! JSON objects read once and strictly: no member twice at any depth, nothing after the end.
//!
//! serde's derives ignore unknown members, twice or not, and serde_json's maps keep the last one; two readers that keep
//! different ones are how a token means one thing to the guard and another to the application (RFC 8259 section 4).

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::OnceLock;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The value of a member, as far as a token's own members need it: anything deeper is walked and dropped.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'de> {
    Integer(i64),
    Float(f64),
    Text(Cow<'de, str>),
    /// An array of nothing but strings.
    Texts(Vec<Cow<'de, str>>),
    Bool(bool),
    Null,
    /// An object or a mixed array.
    Nested,
}

/// Reads `text` as one JSON object and hands every member to `member`, in order; `None` when it is not an object or has
/// a member twice, here or deeper.
pub(crate) fn object<'de>(text: &'de str, member: impl FnMut(Cow<'de, str>, Value<'de>)) -> Option<()> {
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(ObjectVisitor(member)).ok()?;
    json.end().ok()
}

/// The names of an object's members, in order.
pub(crate) fn member_names(text: &str) -> Option<Vec<Cow<'_, str>>> {
    let mut names = Vec::new();
    object(text, |name, _| names.push(name))?;
    Some(names)
}

/// Whether `text` is one JSON object without a member twice.
#[cfg(feature = "axum")]
pub(crate) fn is_proper_object(text: &str) -> bool {
    object(text, |_, _| {}).is_some()
}

struct ObjectVisitor<F>(F);

impl<'de, F: FnMut(Cow<'de, str>, Value<'de>)> Visitor<'de> for ObjectVisitor<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let first = map.next_key()?;
        members(Names::with_room(), first, map, self.0)
    }
}

/// Walks the members of an object from its `first` name on.
fn members<'de, A: MapAccess<'de>>(
    mut seen: Names<'de>,
    first: Option<Text<'de>>,
    mut map: A,
    mut member: impl FnMut(Cow<'de, str>, Value<'de>),
) -> Result<(), A::Error> {
    let mut next = first;
    while let Some(Text(name)) = next {
        if name.starts_with(SERDE_JSONS_OWN) {
            return Err(A::Error::custom("a name with a meaning of serde_json's own"));
        }
        seen.insert(name.clone()).map_err(A::Error::custom)?;
        member(name, map.next_value()?);
        next = map.next_key()?;
    }
    Ok(())
}

/// A string, borrowed from the text where it has no escapes.
struct Text<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Text(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("not a string")),
        }
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut texts = Some(Vec::new());
        while let Some(value) = seq.next_element()? {
            match (value, &mut texts) {
                (Value::Text(text), Some(texts)) => texts.push(text),
                _ => texts = None,
            }
        }
        Ok(texts.map_or(Value::Nested, Value::Texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let first = map.next_key()?;
        if numbers_are_objects() && matches!(&first, Some(Text(name)) if name == NUMBER) {
            let Text(digits) = map.next_value()?;
            return number(&digits).ok_or_else(|| A::Error::custom("not a finite number"));
        }
        members(Names::default(), first, map, |_, _| {})?;
        Ok(Value::Nested)
    }
}

/// How serde_json hands over a number where some crate of the application's tree has turned its `arbitrary_precision` on:
/// as an object with this one member. Without it every time in a token would look like an object then.
const NUMBER: &str = "$serde_json::private::Number";
/// How the names begin that serde_json's own values obey where some crate of the application's tree has turned a feature on:
/// under `raw_value` an object of one such member is what its text says. Whoever reads the text again as such a value,
/// here or in the application, would read something else than was checked.
const SERDE_JSONS_OWN: &str = "$serde_json::private::";

/// Whether serde_json does so in this program. Asked once: where it does not, an object of that form is an object.
fn numbers_are_objects() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| matches!(serde_json::from_str("1"), Ok(IsObject(true))))
}

struct IsObject(bool);

impl<'de> Deserialize<'de> for IsObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IsObjectVisitor)
    }
}

struct IsObjectVisitor;

impl<'de> Visitor<'de> for IsObjectVisitor {
    type Value = IsObject;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E>(self, _: u64) -> Result<IsObject, E> {
        Ok(IsObject(false))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<IsObject, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(IsObject(true))
    }
}

fn number<'de>(digits: &str) -> Option<Value<'de>> {
    match digits.parse() {
        Ok(integer) => Some(Value::Integer(integer)),
        Err(_) => digits.parse().ok().filter(|float: &f64| float.is_finite()).map(Value::Float),
    }
}

/// The names met so far. A list while they are few, as in every honest token; a set beyond, so that an object of
/// thousands of members costs no more than its length.
#[derive(Default)]
struct Names<'de> {
    /// Each behind how it begins.
    few: Vec<(u64, Cow<'de, str>)>,
    many: HashSet<Cow<'de, str>>,
}

const FEW: usize = 16;

impl<'de> Names<'de> {
    /// At once, and not by doubling, for as many as an honest token has.
    fn with_room() -> Self {
        Self { few: Vec::with_capacity(FEW), many: HashSet::new() }
    }

    fn insert(&mut self, name: Cow<'de, str>) -> Result<(), &'static str> {
        let begins = beginning(&name);
        let mut fresh = !self.few.iter().any(|(other, seen)| *other == begins && *seen == name);
        if self.few.len() < FEW {
            self.few.push((begins, name));
        } else {
            fresh = fresh && self.many.insert(name);
        }
        if fresh { Ok(()) } else { Err("a member twice") }
    }
}

/// The first eight bytes of a name, by which most are told apart: comparing whole names took longer than anything else here.
fn beginning(name: &str) -> u64 {
    let bytes = name.as_bytes();
    match bytes.first_chunk() {
        Some(first) => u64::from_le_bytes(*first),
        None => bytes.iter().fold(0, |begins, byte| begins << 8 | u64::from(*byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(text: &str) -> bool {
        object(text, |_, _| {}).is_some()
    }

    #[test]
    fn a_member_twice_is_refused_at_every_depth() {
        assert!(accepted(r#"{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}"#));
        assert!(!accepted(r#"{"a":1,"a":1}"#));
        assert!(!accepted(r#"{"a":1,"\u0061":1}"#));
        assert!(!accepted(r#"{"\u0061":1,"a":1}"#));
        assert!(!accepted(r#"{"\u0061":1,"\u0061":1}"#));
        assert!(!accepted(r#"{"x":{"a":1,"a":2}}"#));
        assert!(!accepted(r#"{"x":[[{"a":1,"a":2}]]}"#));
    }

    #[test]
    fn a_member_twice_among_thousands_is_refused() {
        let many = (0..2000).map(|i| format!("\"m{i}\":1")).collect::<Vec<_>>().join(",");
        assert!(accepted(&format!("{{{many}}}")));
        for again in ["m0", "m15", "m16", "m1999", "\\u006d0", "\\u006d16"] {
            assert!(!accepted(&format!("{{{many},\"{again}\":1}}")), "{again}");
        }
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for text in
            ["", "[]", "1", "null", "\"a\"", "{} {}", "{}x", "{", "{\"a\":1e400}", "{\"a\":\"\\ud800\"}", "{a:1}"]
        {
            assert!(!accepted(text), "{text}");
        }
        assert!(!accepted(&("{\"a\":".repeat(200) + "1" + &"}".repeat(200))), "nesting is bounded");
    }

    #[test]
    fn numbers_of_any_precision_are_numbers() {
        assert_eq!(number("-5"), Some(Value::Integer(-5)));
        assert_eq!(number("1.5e3"), Some(Value::Float(1500.0)));
        assert_eq!(number("18446744073709551615"), Some(Value::Float(18_446_744_073_709_551_615.0)));
        for wrong in ["1e400", "inf", "NaN", "x", ""] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_that_serde_jsons_own_values_obey_are_refused() {
        for name in ["Number", "RawValue", "else"] {
            let name = format!("{SERDE_JSONS_OWN}{name}");
            for text in [format!(r#"{{"{name}":"5"}}"#), format!(r#"{{"a":[{{"b":1,"{name}":"5"}}]}}"#)] {
                assert!(member_names(&text).is_none(), "{text}");
            }
        }
        // Where numbers come as such objects, the two cannot be told apart, here or by whoever reads it again.
        let mut found = None;
        let text = r#"{"n":{"$serde_json::private::Number":"5"}}"#;
        object(text, |_, value| found = Some(value));
        assert_eq!(found, numbers_are_objects().then_some(Value::Integer(5)));
    }

    #[test]
    fn values_keep_their_types() {
        let mut values = Vec::new();
        let text = r#"{"i":1,"n":-1,"big":18446744073709551615,"f":1.5,"s":"x","e":"\n","l":["a","b"],"m":["a",1],"o":{},"t":true,"z":null,"none":[]}"#;
        object(text, |_, value| values.push(value)).unwrap();
        assert_eq!(
            values,
            [
                Value::Integer(1),
                Value::Integer(-1),
                Value::Float(18_446_744_073_709_551_615.0),
                Value::Float(1.5),
                Value::Text("x".into()),
                Value::Text("\n".into()),
                Value::Texts(vec!["a".into(), "b".into()]),
                Value::Nested,
                Value::Nested,
                Value::Bool(true),
                Value::Null,
                Value::Texts(vec![]),
            ]
        );
    }
}
