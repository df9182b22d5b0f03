use super::algorithm::Algorithm;
use super::claims::{Payload, is_subject};
use super::error::{KeyError, KeyErrorKind, TokenError, TokenErrorKind};
use super::json;
use super::key::{KeySet, SigningKey};
use super::policy::Policy;
use super::refresh::{RefreshClaims, SessionSecret};
use super::session_id::SessionId;
use super::time::Timestamp;

/// Reads the refresh tokens that a system without sessions has issued: `HS256`, a subject, `iat` and `exp`, nothing else.
///
/// Each stands for generation 1 of a session of its own, whose id and secret follow from the token: presented twice, by two
/// tabs or again after a lost answer, it names the same session, and the rotation table decides as for any predecessor.
pub(crate) struct LegacyReader {
    key: SigningKey,
    keys: KeySet,
    policy: Policy,
    subject_claim: String,
}

/// Before the token in what is authenticated to find its session. No signing input has a null byte, so that none of the
/// signatures ever made with the secret is such a digest.
const SESSION_OF: &[u8] = b"jwt-sessions: session of\0";

impl LegacyReader {
    /// Reads tokens that `key` signed, with the subject in `subject_claim`.
    pub(crate) fn new(key: SigningKey, subject_claim: &str) -> Result<Self, KeyError> {
        if key.algorithm() != Algorithm::HS256 {
            return Err(KeyError::new(KeyErrorKind::Mismatch));
        }
        Ok(Self {
            keys: KeySet::new(key.clone()),
            key,
            policy: Policy::new().subject_claim(subject_claim).any_subject(),
            subject_claim: subject_claim.to_owned(),
        })
    }

    /// What a token says, and the session that it stands for.
    pub(crate) fn read(&self, token: &str, now: Timestamp) -> Result<RefreshClaims, TokenError> {
        let (registered, payload) = self.policy.verify(token, &self.keys, now)?.into_parts();
        self.check_members(&payload)?;
        let missing = || TokenError::new(TokenErrorKind::MissingClaim);
        let issued_at = registered.issued_at.ok_or_else(missing)?;
        let subject = registered.subject.ok_or_else(missing)?;
        if !is_subject(&subject) {
            return Err(TokenError::new(TokenErrorKind::Subject));
        }
        let (session, secret) = self.session_of(token).ok_or(TokenError::new(TokenErrorKind::Signature))?;
        Ok(RefreshClaims {
            session,
            subject,
            generation: 1,
            previous: 1,
            secret,
            issued_at,
            expires_at: registered.expires_at,
            // Such systems issue a new token at each refresh: that of a person who showed a password months ago may be of
            // this minute.
            auth_time: Timestamp::default(),
            transient: false,
            legacy: true,
        })
    }

    /// Exactly the three: a token for another purpose that was signed with the same secret has more.
    fn check_members(&self, payload: &Payload) -> Result<(), TokenError> {
        let names = json::member_names(payload.as_str()).unwrap_or_default();
        let known = |name: &str| name == self.subject_claim || name == "iat" || name == "exp";
        if names.len() == 3 && names.iter().all(|name| known(name)) {
            Ok(())
        } else {
            Err(TokenError::new(TokenErrorKind::Claims))
        }
    }

    fn session_of(&self, token: &str) -> Option<(SessionId, SessionSecret)> {
        let digest = zeroize::Zeroizing::new(self.key.sign(&[SESSION_OF, token.as_bytes()].concat()).ok()?);
        let (id, secret) = digest.split_at_checked(16)?;
        Some((SessionId::from_bytes(id.try_into().ok()?), SessionSecret::from_bytes(secret.try_into().ok()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Signer;

    const SECRET: &str = "the-secret-of-the-system-before-0123456789";

    fn key() -> SigningKey {
        SigningKey::secret(Algorithm::HS256, SECRET).unwrap().without_kid()
    }

    fn read(payload: &str) -> Result<RefreshClaims, TokenErrorKind> {
        let token = Signer::new(key(), "JWT").sign(payload).unwrap();
        let reader = LegacyReader::new(key(), "_id").unwrap();
        reader.read(&token, Timestamp::from_secs(100)).map_err(|error| error.kind())
    }

    #[test]
    fn a_token_always_stands_for_the_same_session() {
        let one = read(r#"{"_id":"65a","iat":90,"exp":200}"#).unwrap();
        let again = read(r#"{"_id":"65a","iat":90,"exp":200}"#).unwrap();
        let other = read(r#"{"_id":"65a","iat":91,"exp":200}"#).unwrap();
        assert_eq!((one.subject.as_str(), one.session), ("65a", again.session));
        assert!(one.secret.hash().unwrap().matches(&again.secret.hash().unwrap()));
        assert_ne!(one.session, other.session);
        assert!(!one.secret.hash().unwrap().matches(&other.secret.hash().unwrap()));
        assert_eq!((one.generation, one.previous, one.auth_time), (1, 1, Timestamp::from_secs(0)));
    }

    #[test]
    fn only_the_three_members_make_one() {
        use TokenErrorKind as Kind;
        for (payload, kind) in [
            (r#"{"_id":"65a","iat":90,"exp":200,"email":"a@b.c"}"#, Kind::Claims),
            (r#"{"_id":"65a","iat":90,"exp":200,"iss":"x"}"#, Kind::Claims),
            (r#"{"_id":"65a","exp":200}"#, Kind::Claims),
            (r#"{"_id":"65a","exp":200,"nbf":1}"#, Kind::Claims),
            (r#"{"sub":"65a","iat":90,"exp":200}"#, Kind::MissingClaim),
            (r#"{"_id":65,"iat":90,"exp":200}"#, Kind::ClaimType),
            (r#"{"_id":"","iat":90,"exp":200}"#, Kind::Subject),
            (r#"{"_id":"65a\u0000","iat":90,"exp":200}"#, Kind::Subject),
            (r#"{"_id":"65a","iat":90}"#, Kind::MissingClaim),
            (r#"{"_id":"65a","iat":90,"exp":100}"#, Kind::Expired),
            (r#"{"_id":"65a","iat":161,"exp":200}"#, Kind::IssuedInFuture),
        ] {
            assert_eq!(read(payload).unwrap_err(), kind, "{payload}");
        }
    }
}
