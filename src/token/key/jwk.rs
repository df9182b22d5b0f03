//! JWKs, read and written by us: jsonwebtoken drops a key's own `alg`, `use`, `key_ops` and most curve mismatches.

use std::borrow::Cow;
use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::material::Material;
use crate::token::algorithm::{Algorithm, Family};
use crate::token::error::{KeyError, KeyErrorKind};
use crate::token::json;

/// A JWK's members, borrowed from its text, so that a secret in it is not copied.
pub(super) struct Jwk<'a>(Vec<(Cow<'a, str>, json::Value<'a>)>);

impl<'a> Jwk<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, KeyError> {
        let mut members = Vec::new();
        json::object(text, |name, value| members.push((name, value))).ok_or(KeyError::new(KeyErrorKind::Format))?;
        Ok(Self(members))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    /// The key's name, if it has one.
    pub(super) fn kid(&self) -> Result<Option<String>, KeyError> {
        Ok(self.text("kid")?.map(str::to_owned))
    }

    /// A member in base64url.
    pub(super) fn bytes(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let format = || KeyError::new(KeyErrorKind::Format);
        let text = self.text(name)?.ok_or_else(format)?;
        URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new).map_err(|_| format())
    }

    /// The public key or the secret, once what the JWK says of itself agrees with its use: `operation` is one of RFC 7517
    /// section 4.3.
    pub(super) fn material(&self, algorithm: Algorithm, operation: &str) -> Result<Material, KeyError> {
        if self.text("alg")?.is_some_and(|name| !algorithm.has_name(name)) {
            return Err(KeyError::new(KeyErrorKind::Mismatch));
        }
        if self.text("use")?.is_some_and(|purpose| purpose != "sig") {
            return Err(KeyError::new(KeyErrorKind::Use));
        }
        match self.member("key_ops") {
            None => {}
            Some(json::Value::Texts(operations)) => {
                let mut known = HashSet::new();
                if !operations.iter().all(|one| known.insert(one)) {
                    return Err(KeyError::new(KeyErrorKind::Format));
                }
                if !operations.iter().any(|one| one == operation) {
                    return Err(KeyError::new(KeyErrorKind::Use));
                }
            }
            Some(_) => return Err(KeyError::new(KeyErrorKind::Format)),
        }
        let family = self.family()?.filter(|family| *family == algorithm.family());
        match family.ok_or(KeyError::new(KeyErrorKind::Mismatch))? {
            Family::Hmac => Material::secret(algorithm, &self.bytes("k")?),
            Family::Rsa => Material::rsa(&self.bytes("n")?, &self.bytes("e")?),
            Family::P256 | Family::P384 => Material::ec(algorithm, &self.bytes("x")?, &self.bytes("y")?),
            Family::Ed25519 => Material::ed25519(&self.bytes("x")?),
        }
    }

    /// The type of the key by its `kty` and, where that has curves, its `crv`; none for a type that no algorithm here takes.
    pub(super) fn family(&self) -> Result<Option<Family>, KeyError> {
        let named = |name| self.text(name)?.ok_or(KeyError::new(KeyErrorKind::Format));
        Ok(match named("kty")? {
            "oct" => Some(Family::Hmac),
            "RSA" => Some(Family::Rsa),
            kty @ ("EC" | "OKP") => match (kty, named("crv")?) {
                ("EC", "P-256") => Some(Family::P256),
                ("EC", "P-384") => Some(Family::P384),
                ("OKP", "Ed25519") => Some(Family::Ed25519),
                _ => None,
            },
            _ => None,
        })
    }

    /// The algorithm that the key says is its own, if it says so.
    pub(super) fn alg(&self) -> Result<Option<&str>, KeyError> {
        self.text("alg")
    }

    fn text(&self, name: &str) -> Result<Option<&str>, KeyError> {
        match self.member(name) {
            None => Ok(None),
            Some(json::Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(KeyError::new(KeyErrorKind::Format)),
        }
    }

    fn member(&self, name: &str) -> Option<&json::Value<'a>> {
        self.0.iter().find(|(one, _)| one == name).map(|(_, value)| value)
    }
}

/// The public JWK of a key; none for a secret.
pub(super) fn write(algorithm: Algorithm, material: &Material, kid: Option<&str>) -> Option<Value> {
    let mut jwk = required(algorithm, material)?;
    let members = jwk.as_object_mut()?;
    members.insert("alg".into(), algorithm.name().into());
    members.insert("use".into(), "sig".into());
    if let Some(kid) = kid {
        members.insert("kid".into(), kid.into());
    }
    Some(jwk)
}

/// The required members alone, in the order of their names, without white space: what RFC 7638 section 3 hashes.
pub(super) fn canonical(algorithm: Algorithm, material: &Material) -> String {
    // serde_json's map is sorted by name unless somebody in the tree turned its insertion order on; the names below are
    // inserted in order, too.
    required(algorithm, material).map(|jwk| jwk.to_string()).unwrap_or_default()
}

fn required(algorithm: Algorithm, material: &Material) -> Option<Value> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match material {
        Material::Secret(_) => None,
        Material::Rsa { n, e } => Some(json!({"e": encode(e), "kty": "RSA", "n": encode(n)})),
        Material::Ec { .. } => {
            let (x, y) = material.coordinates()?;
            let crv = if algorithm.family() == Family::P384 { "P-384" } else { "P-256" };
            Some(json!({"crv": crv, "kty": "EC", "x": encode(x), "y": encode(y)}))
        }
        Material::Ed25519 { x } => Some(json!({"crv": "Ed25519", "kty": "OKP", "x": encode(x)})),
    }
}
