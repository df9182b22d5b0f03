//! What a refresh token says of its place in the rotation.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lineage {
    pub(crate) generation: u64,
    pub(crate) previous: u64,
}

impl Lineage {
    /// Without a look at the signature.
    pub(crate) fn of(token: &str) -> Self {
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        Self { generation: payload["gen"].as_u64().unwrap(), previous: payload["prv"].as_u64().unwrap() }
    }
}
