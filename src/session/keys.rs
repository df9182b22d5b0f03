use crate::token::{Algorithm, KeyError, KeyErrorKind, KeySet, SigningKey};

/// The keys of an issuer: a set for access tokens, a set for refresh tokens, with nothing in common.
#[derive(Clone, Debug)]
pub struct Keys {
    pub(crate) access: KeySet,
    pub(crate) refresh: KeySet,
}

impl Keys {
    /// Access tokens signed by `access`, refresh tokens by `refresh`.
    ///
    /// The access set may be of any algorithm: a key pair where others verify. The refresh set is symmetric: only the issuer
    /// reads refresh tokens.
    ///
    /// # Errors
    ///
    /// When one of the sets cannot sign, the refresh set is not symmetric, or a secret stands in both, or is the beginning
    /// of one in the other.
    pub fn new(access: KeySet, refresh: KeySet) -> Result<Self, KeyError> {
        if access.signing_key().is_none() || refresh.signing_key().is_none() {
            return Err(KeyError::new(KeyErrorKind::Empty));
        }
        if refresh.verifying_keys().iter().any(|key| !key.algorithm().is_symmetric()) {
            return Err(KeyError::new(KeyErrorKind::Mismatch));
        }
        let shared =
            access.verifying_keys().iter().any(|one| refresh.verifying_keys().iter().any(|two| one.same_secret(two)));
        if shared {
            return Err(KeyError::new(KeyErrorKind::Duplicate));
        }
        Ok(Self { access, refresh })
    }

    /// Both symmetric (`HS256`), from two secrets of at least 32 bytes.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), and when a secret is too short or too simple.
    pub fn secrets(access: impl AsRef<[u8]>, refresh: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let set = |secret: &[u8]| SigningKey::secret(Algorithm::HS256, secret).map(KeySet::new);
        Self::new(set(access.as_ref())?, set(refresh.as_ref())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "one-secret-of-more-than-32-bytes-0123456789";
    const TWO: &str = "two-secret-of-more-than-32-bytes-0123456789";

    #[test]
    fn the_two_secrets_have_nothing_in_common() {
        assert!(Keys::secrets(ONE, TWO).is_ok());
        let longer = format!("{ONE}-and-more");
        for (access, refresh) in [(ONE, ONE), (ONE, longer.as_str()), (longer.as_str(), ONE)] {
            assert_eq!(Keys::secrets(access, refresh).unwrap_err().kind(), KeyErrorKind::Duplicate);
        }
    }
}
