//! JWKs, read and written by us: jsonwebtoken drops a key's own `alg`, `use`, `key_ops` and most curve mismatches.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::material::Material;
use crate::token::algorithm::{Algorithm, Family};
use crate::token::error::{KeyError, KeyErrorKind};

/// Reads a public key or a secret, with its `kid`.
pub(super) fn read(algorithm: Algorithm, text: &str) -> Result<(Material, Option<String>), KeyError> {
    let format = || KeyError::new(KeyErrorKind::Format);
    // Walked once for members given twice, which a map would hide.
    crate::token::json::member_names(text).ok_or_else(format)?;
    let jwk: Value = serde_json::from_str(text).map_err(|_| format())?;
    let text_of = |name: &str| match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(format()),
    };
    if text_of("alg")?.is_some_and(|name| name != algorithm.name()) {
        return Err(KeyError::new(KeyErrorKind::Mismatch));
    }
    if text_of("use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(KeyError::new(KeyErrorKind::Use));
    }
    match jwk.get("key_ops") {
        None => {}
        Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => {}
        Some(_) => return Err(KeyError::new(KeyErrorKind::Use)),
    }
    let bytes_of = |name: &str| {
        let text = text_of(name)?.ok_or_else(format)?;
        URL_SAFE_NO_PAD.decode(text).map(zeroize::Zeroizing::new).map_err(|_| format())
    };
    let is_of =
        |kty: &str, crv: Option<&str>| Ok(text_of("kty")? == Some(kty) && (crv.is_none() || text_of("crv")? == crv));
    let material = match algorithm.family() {
        Family::Hmac if is_of("oct", None)? => Material::secret(algorithm, &bytes_of("k")?)?,
        Family::Rsa if is_of("RSA", None)? => Material::rsa(&bytes_of("n")?, &bytes_of("e")?)?,
        Family::P256 if is_of("EC", Some("P-256"))? => Material::ec(algorithm, &bytes_of("x")?, &bytes_of("y")?)?,
        Family::P384 if is_of("EC", Some("P-384"))? => Material::ec(algorithm, &bytes_of("x")?, &bytes_of("y")?)?,
        Family::Ed25519 if is_of("OKP", Some("Ed25519"))? => Material::ed25519(&bytes_of("x")?)?,
        _ => return Err(KeyError::new(KeyErrorKind::Mismatch)),
    };
    Ok((material, text_of("kid")?.map(str::to_owned)))
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
