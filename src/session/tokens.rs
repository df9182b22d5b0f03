use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::erased::Granted;
use super::error::{SessionError, SessionErrorKind};
use super::keys::Keys;
use super::rotation::Outcome;
use crate::store::{NewSession, Row};
use crate::token::{
    ACCESS_TYPE, KeySet, LONGEST, Policy, REFRESH_TYPE, RefreshClaims, RefreshNames, SUBJECT_CLAIM, SecretHash,
    SessionId, SessionSecret, Signer, Timestamp, TokenError,
};

/// The two tokens of a session, as a client gets them.
///
/// They are secrets: there is no `Display`, and `Debug` shows neither.
#[must_use]
pub struct Tokens {
    pub(crate) session: SessionId,
    pub(crate) subject: String,
    pub(crate) access: Zeroizing<String>,
    pub(crate) expires_in: Duration,
    pub(crate) refresh: Zeroizing<String>,
    pub(crate) refresh_is_new: bool,
    pub(crate) refresh_for: Duration,
    pub(crate) transient: bool,
    pub(crate) outcome: Option<Outcome>,
}

impl Tokens {
    /// The session.
    pub fn session_id(&self) -> SessionId {
        self.session
    }

    /// Whose session it is.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The access token.
    pub fn access_token(&self) -> &str {
        &self.access
    }

    /// For how long the access token is good, in whole seconds.
    pub fn expires_in(&self) -> Duration {
        self.expires_in
    }

    /// The refresh token: a new one, or the one that was presented where that stays good. That one is not to be stored again: of
    /// two answers the older may arrive last, and a newer token would be lost.
    pub fn refresh_token(&self) -> &str {
        &self.refresh
    }

    /// Whether the refresh token is another one than was presented. If not, its cookie is left alone.
    pub fn refresh_token_is_new(&self) -> bool {
        self.refresh_is_new
    }

    /// For how long the refresh token is good unless it is used before, in whole seconds: the rest of the idle life, at most
    /// the session's absolute end.
    pub fn refresh_expires_in(&self) -> Duration {
        self.refresh_for
    }

    /// What became of the refresh token that was presented; none at a login. For logs and support: a client needs none of it.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// Whether the cookies end with the browser.
    pub fn is_transient(&self) -> bool {
        self.transient
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("session", &self.session)
            .field("expires_in", &self.expires_in)
            .field("refresh_is_new", &self.refresh_is_new)
            .finish_non_exhaustive()
    }
}

/// Writes and reads the tokens of one issuer.
pub(crate) struct Mint {
    issuer: String,
    audience: String,
    subject_claim: String,
    refresh_audience: String,
    access: Signer,
    access_life: Duration,
    refresh: Signer,
    refresh_keys: KeySet,
    refresh_policy: Policy,
}

/// What an access token is made of.
pub(crate) struct AccessGrant<'a> {
    pub(crate) row: &'a Row,
    pub(crate) subject: &'a str,
    pub(crate) generation: u64,
    pub(crate) granted: &'a Granted,
}

/// Where a token would go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// The generation that it would carry: its digits count.
    pub(crate) generation: u64,
    /// How many bytes there are for an access token, where that is less than a token may have at all.
    pub(crate) longest: Option<usize>,
}

impl Mint {
    pub(crate) fn new(
        keys: &Keys,
        issuer: String,
        audience: String,
        subject_claim: String,
        access_life: Duration,
    ) -> Option<Self> {
        let refresh_audience = format!("{audience}/refresh");
        // Their times are the store's: `iat` is not compared, and `exp` has a minute for clocks that differ.
        let refresh_policy = Policy::new()
            .issuer(issuer.as_str())
            .audience(refresh_audience.as_str())
            .subject_claim(subject_claim.as_str())
            .typ(REFRESH_TYPE)
            .any_subject()
            .session()
            .any_issued_at()
            .dangerous_leeway(Duration::from_secs(60));
        Some(Self {
            issuer,
            audience,
            subject_claim,
            refresh_audience,
            access: Signer::new(keys.access.signing_key()?.clone(), ACCESS_TYPE),
            access_life,
            refresh: Signer::new(keys.refresh.signing_key()?.clone(), REFRESH_TYPE),
            refresh_keys: keys.refresh.clone(),
            refresh_policy,
        })
    }

    /// An access token and its life.
    ///
    /// The life is up to 5 % shorter than configured, by chance, so that the clients of one moment do not all come back at
    /// one moment; it never goes beyond the session's end.
    pub(crate) fn access(
        &self,
        of: &AccessGrant<'_>,
        now: Timestamp,
    ) -> Result<(Zeroizing<String>, Duration), SessionError> {
        #[derive(Serialize)]
        struct Claims<'a> {
            iss: &'a str,
            aud: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            sub: Option<&'a str>,
            iat: i64,
            exp: i64,
            jti: String,
            #[serde(serialize_with = "as_text")]
            sid: SessionId,
            #[serde(rename = "gen")]
            generation: u64,
            auth_time: i64,
            #[serde(skip_serializing_if = "Option::is_none")]
            scope: Option<&'a str>,
        }
        let random: [u8; 20] = random()?;
        let (jti, spread) = random.split_at(16);
        let spread = spread.iter().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        let most = self.access_life.as_secs() / 20;
        let jitter = (u128::from(spread) * u128::from(most + 1)) >> 32;
        let life = self.access_life.saturating_sub(Duration::from_secs(u64::try_from(jitter).unwrap_or(0)));
        let iat = now.as_secs();
        let exp = now.after(life).min(of.row.expires_at).as_secs().max(iat);
        let renamed = self.subject_claim != SUBJECT_CLAIM;
        let claims = Claims {
            iss: &self.issuer,
            aud: &self.audience,
            sub: (!renamed).then_some(of.subject),
            iat,
            exp,
            jti: URL_SAFE_NO_PAD.encode(jti),
            sid: of.row.id,
            generation: of.generation,
            auth_time: of.row.auth_time.as_secs(),
            scope: of.granted.scope.as_deref(),
        };
        let mut payload =
            serde_json::to_string(&claims).map_err(|error| SessionError::because(SessionErrorKind::Claims, error))?;
        if renamed {
            if of.granted.claims.has(&self.subject_claim) {
                tracing::error!(member = self.subject_claim, "the claims have a member of the subject's name");
                return Err(SessionError::new(SessionErrorKind::Claims));
            }
            let quoted = |text: &str| serde_json::Value::from(text).to_string();
            append(&mut payload, &format!("{}:{}", quoted(&self.subject_claim), quoted(of.subject)));
        }
        append(&mut payload, of.granted.claims.members());
        let token = Zeroizing::new(self.access.sign(&payload)?);
        Ok((token, Duration::from_secs(u64::try_from(exp - iat).unwrap_or(0))))
    }

    /// Refuses what is too long to be signed, or for where it would have to go, before anything is written: else a login would
    /// leave a session that nobody has, a refresh a token that nobody gets, and a rotation nothing that opens anything.
    pub(crate) fn check(
        &self,
        subject: &str,
        granted: &Granted,
        now: Timestamp,
        Room { generation, longest }: Room,
    ) -> Result<(), SessionError> {
        let scopes = granted.scope.as_ref().map_or(0, String::len);
        let texts = [scopes, self.issuer.len(), self.audience.len(), self.subject_claim.len(), subject.len()];
        // JSON may write six bytes for one of theirs.
        let texts = texts.iter().sum::<usize>().saturating_mul(6);
        let payload = granted.claims.members().len().saturating_add(texts).saturating_add(AROUND);
        if self.access.at_most(payload) <= longest.unwrap_or(LONGEST) {
            return Ok(());
        }
        // Too close to tell without trying.
        let (id, hash) = (SessionId::from_bytes([0xff; 16]), SecretHash::from_bytes([0; 32]));
        let session = NewSession::new(id, subject, hash, Duration::MAX, Duration::MAX, now);
        let row = Row::opened(&session, now);
        let (token, _) = self.access(&AccessGrant { row: &row, subject, generation, granted }, now)?;
        if longest.is_some_and(|longest| token.len() > longest) {
            tracing::error!(
                size = token.len(),
                longest,
                "an access token fits into no cookie: make the claims smaller"
            );
            return Err(SessionError::new(SessionErrorKind::Claims));
        }
        Ok(())
    }

    /// The refresh token of the row's generation: a pure function of the row, the secret, the settings and the key.
    pub(crate) fn refresh(
        &self,
        row: &Row,
        subject: &str,
        secret: &SessionSecret,
        transient: bool,
    ) -> Result<Zeroizing<String>, SessionError> {
        let claims = RefreshClaims {
            session: row.id,
            subject: subject.to_owned(),
            generation: row.generation,
            previous: row.previous,
            secret: secret.clone(),
            issued_at: row.rotated_at,
            expires_at: row.expires_at,
            auth_time: row.auth_time,
            transient,
            legacy: false,
        };
        let payload = claims.payload(RefreshNames {
            issuer: &self.issuer,
            audience: &self.refresh_audience,
            subject_claim: &self.subject_claim,
        })?;
        Ok(Zeroizing::new(self.refresh.sign(&payload)?))
    }

    /// Row 0 of the rotation table: everything that can be told without the store.
    pub(crate) fn read(&self, token: &str, now: Timestamp) -> Result<RefreshClaims, TokenError> {
        RefreshClaims::read(self.refresh_policy.verify(token, &self.refresh_keys, now)?)
    }
}

fn as_text<S: Serializer>(session: &SessionId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(session)
}

/// Adds members to the text of an object. Both are texts that this crate has written or checked, with no name in common.
fn append(object: &mut String, members: &str) {
    if !members.is_empty() {
        object.truncate(object.len().saturating_sub(1));
        object.push(',');
        object.push_str(members);
        object.push('}');
    }
}

/// What an access token's payload has besides the texts that its issuer, subject and application choose, in bytes: names, numbers and
/// ids.
const AROUND: usize = 320;

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], SessionError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| SessionError::because(SessionErrorKind::Cryptography, error))?;
    Ok(bytes)
}
