use super::claims::{Payload, Registered, Verified};
use super::error::TokenError;
use super::header::KnownHeaders;
use super::key::KeySet;
use super::policy::Policy;
use super::time::Timestamp;

/// A policy and its keys for all of their life, which is what anything that is remembered of tokens rests on: the same bytes are
/// worth the same, but for the time.
#[derive(Debug)]
pub(crate) struct Checker {
    policy: Policy,
    keys: KeySet,
    headers: KnownHeaders,
}

impl Checker {
    pub(crate) fn new(policy: Policy, keys: KeySet) -> Self {
        Self { policy, keys, headers: KnownHeaders::default() }
    }

    /// Verifies a token, by [`Policy::verify`].
    pub(crate) fn verify(&self, token: &[u8], now: Timestamp) -> Result<Verified<Payload>, TokenError> {
        self.policy.verify_knowing(Some(&self.headers), token, &self.keys, now)
    }

    /// Verifies again, at another moment, a token that this has verified: the times are all that can come out differently.
    pub(crate) fn verify_again(&self, verified: &Registered, now: Timestamp) -> Result<(), TokenError> {
        let Registered { expires_at, not_before, issued_at, .. } = verified;
        self.policy.check_times(*expires_at, *not_before, *issued_at, now)
    }
}
