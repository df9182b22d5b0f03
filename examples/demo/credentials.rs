//! What people log in with, from a JSON or a form body.

use std::fmt;

use axum::http::HeaderMap;
use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::BoxError;
use crate::accounts::Accounts;
use crate::answers::media_type;
use crate::passwords::{Password, Passwords};

/// `username` or `email`, never both; `password`; and `remember`, which is no unless it says yes.
#[derive(Debug, Deserialize)]
pub(crate) struct Credentials {
    /// The username or the address: either of the account's names, in either member.
    #[serde(alias = "email")]
    pub(crate) username: String,
    password: Password,
    #[serde(default, deserialize_with = "yes_or_no")]
    pub(crate) remember: bool,
}

impl Credentials {
    /// The body of a login, as the crate's router reads it: by its Content-Type. A body can be JSON with one name and a
    /// form with another, and what counts tries by the wrong one is passed by.
    pub(crate) fn from_body(headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let media_type = media_type(headers).to_ascii_lowercase();
        match media_type.as_slice() {
            // serde would also take an array of the members in their order.
            b"application/json" if body.trim_ascii_start().first() == Some(&b'{') => serde_json::from_slice(body).ok(),
            b"application/x-www-form-urlencoded" => serde_urlencoded::from_bytes(body).ok(),
            _ => None,
        }
    }

    /// The id of the account that they open; none when the name is nobody's, the password is wrong or the account is
    /// disabled, after the same work in each case.
    pub(crate) async fn subject(self, accounts: &Accounts, passwords: &Passwords) -> Result<Option<String>, BoxError> {
        let (account, hash) = accounts.by_name(&self.username).await?.unzip();
        let right = passwords.check(self.password, hash).await?;
        Ok(account.filter(|account| right && !account.disabled).map(|account| account.id))
    }
}

/// JSON has `true`; a form has a checkbox, which is `on` or not sent at all.
fn yes_or_no<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct YesOrNo;

    impl Visitor<'_> for YesOrNo {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("yes or no")
        }

        fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<bool, E> {
            Ok(value)
        }

        fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<bool, E> {
            match value {
                "true" | "on" | "1" => Ok(true),
                "false" | "off" | "0" | "" => Ok(false),
                other => Err(E::invalid_value(Unexpected::Str(other), &self)),
            }
        }
    }

    deserializer.deserialize_any(YesOrNo)
}

#[cfg(test)]
mod tests {
    use axum::http::header::CONTENT_TYPE;

    use super::*;

    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";

    fn read(media_types: &[&'static str], body: &str) -> Option<Credentials> {
        let headers = media_types.iter().map(|one| (CONTENT_TYPE, one.parse().unwrap())).collect();
        Credentials::from_body(&headers, body.as_bytes())
    }

    #[test]
    fn a_login_is_json_or_a_form_with_either_name() {
        for (media_type, body, name, remember) in [
            (JSON, r#"{"username":"alice","password":"p"}"#, "alice", false),
            ("Application/JSON ; charset=utf-8", r#" {"email":"a@b","password":"p","remember":true}"#, "a@b", true),
            (FORM, "username=alice&password=p", "alice", false),
            (FORM, "email=a%40b&password=p&remember=on", "a@b", true),
        ] {
            let credentials = read(&[media_type], body).unwrap();
            assert_eq!((credentials.username.as_str(), credentials.remember), (name, remember), "{body}");
        }
    }

    #[test]
    fn a_login_that_is_json_and_a_form_at_once_is_what_its_content_type_says_and_nothing_without_one() {
        let both = r#"{"username":"bob","password":"p","a":"&username=alice&password=p&b="}"#;
        let name = |media_types: &[&'static str]| read(media_types, both).map(|credentials| credentials.username);
        assert_eq!(name(&[JSON]).as_deref(), Some("bob"));
        assert_eq!(name(&[FORM]).as_deref(), Some("alice"));
        for nothing in [&[][..], &[""], &["text/plain"], &["application/jsonp"], &[JSON, FORM], &[FORM, FORM]] {
            assert_eq!(name(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn nothing_but_strings_and_one_name_is_taken() {
        for (media_type, body) in [
            (JSON, r#"{"username":{"$ne":null},"password":"p"}"#),
            (JSON, r#"{"username":"a","password":{"$gt":""}}"#),
            (JSON, r#"{"username":["a"],"password":"p"}"#),
            (JSON, r#"{"username":7,"password":"p"}"#),
            (JSON, r#"{"username":"a","password":null}"#),
            (JSON, r#"{"username":"a","email":"a@b","password":"p"}"#),
            (JSON, r#"{"username":"a","username":"b","password":"p"}"#),
            (JSON, r#"{"username":"a","password":"p","remember":"maybe"}"#),
            (JSON, r#"["a","p",true]"#),
            (JSON, "username=a&password=p"),
            (JSON, ""),
            (FORM, r#"{"username":"a","password":"p"}"#),
            (FORM, "username[$ne]=&password=p"),
            (FORM, "username=a&username=b&password=p"),
            (FORM, "username=a"),
            (FORM, ""),
        ] {
            assert!(read(&[media_type], body).is_none(), "{media_type}: {body}");
        }
    }
}
