//! What people log in with, from a JSON or a form body.

use std::fmt;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::BoxError;
use crate::accounts::Accounts;
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
    /// The body of a login, in whichever of the two forms it is. No body is both.
    pub(crate) fn from_body(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok().or_else(|| serde_urlencoded::from_bytes(body).ok())
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
    use super::*;

    #[test]
    fn a_login_is_json_or_a_form_with_either_name() {
        for (body, name, remember) in [
            (r#"{"username":"alice","password":"p"}"#, "alice", false),
            (r#"{"email":"a@b","password":"p","remember":true}"#, "a@b", true),
            ("username=alice&password=p", "alice", false),
            ("email=a%40b&password=p&remember=on", "a@b", true),
        ] {
            let credentials = Credentials::from_body(body.as_bytes()).unwrap();
            assert_eq!((credentials.username.as_str(), credentials.remember), (name, remember), "{body}");
        }
    }

    #[test]
    fn nothing_but_strings_and_one_name_is_taken() {
        for body in [
            r#"{"username":{"$ne":null},"password":"p"}"#,
            r#"{"username":"a","password":{"$gt":""}}"#,
            r#"{"username":["a"],"password":"p"}"#,
            r#"{"username":7,"password":"p"}"#,
            r#"{"username":"a","password":null}"#,
            r#"{"username":"a","email":"a@b","password":"p"}"#,
            r#"{"username":"a","username":"b","password":"p"}"#,
            r#"{"username":"a","password":"p","remember":"maybe"}"#,
            "username[$ne]=&password=p",
            "username=a&username=b&password=p",
            "username=a",
            "",
        ] {
            assert!(Credentials::from_body(body.as_bytes()).is_none(), "{body}");
        }
    }
}
