//! The verdict on a case, as a line.

use jwt_sessions::clock::Clock;
use jwt_sessions::token::{Algorithm, KeyError, KeyErrorKind, KeySet};
use serde_json::json;

use super::case::Case;

pub(super) struct Judge {
    clock: Clock,
    last: Option<Last>,
}

/// The key set of the line before: most lists have few, and to parse an RSA key takes longer than to verify a token by it.
struct Last {
    text: String,
    algorithms: Vec<Algorithm>,
    keys: Result<KeySet, KeyError>,
}

impl Judge {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, last: None }
    }

    /// The verdict on one line, without the line's end.
    pub(super) fn verdict(&mut self, line: &[u8]) -> String {
        let case = match Case::read(line) {
            Ok(case) => case,
            Err(unusable) => return error(unusable.id.as_deref(), &unusable.reason),
        };
        let keys = match self.keys(&case) {
            Ok(keys) => keys,
            Err(refused) => return error(Some(&case.id), &format!("`keys`: {refused}")),
        };
        let now = case.now.unwrap_or_else(|| self.clock.now());
        match case.policy.verify(&case.token, &keys, now) {
            Ok(verified) => accept(&case.id, verified.claims().as_str()),
            Err(refused) => {
                let (id, reason) = (json!(case.id), refused.kind().name());
                format!(r#"{{"id":{id},"verdict":"reject","reason":"{reason}","claims":null}}"#)
            }
        }
    }

    fn keys(&mut self, case: &Case<'_>) -> Result<KeySet, KeyError> {
        let known = self.last.take().filter(|last| last.text == case.keys && last.algorithms == case.algorithms);
        let last = known.unwrap_or_else(|| Last {
            text: case.keys.to_owned(),
            algorithms: case.algorithms.clone(),
            keys: load(case.keys, &case.algorithms),
        });
        self.last.insert(last).keys.clone()
    }
}

fn load(text: &str, algorithms: &[Algorithm]) -> Result<KeySet, KeyError> {
    match KeySet::jwks(text, algorithms) {
        // An application is refused such a set when it starts. Here the question is what becomes of the token.
        Err(error) if error.kind() == KeyErrorKind::Empty => Ok(KeySet::empty()),
        loaded => loaded,
    }
}

fn accept(id: &str, claims: &str) -> String {
    // As they were signed: a number that were read and written again could become another. Line ends stand only between
    // members, never in a JSON string.
    let claims = claims.replace(['\n', '\r'], " ");
    format!(r#"{{"id":{},"verdict":"accept","reason":null,"claims":{claims}}}"#, json!(id))
}

fn error(id: Option<&str>, reason: &str) -> String {
    format!(r#"{{"id":{},"verdict":"error","reason":{},"claims":null}}"#, json!(id), json!(reason))
}
