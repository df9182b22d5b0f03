//! The tokens that were verified before, so that the next request with one costs no signature check.
//!
//! Skipped is only what cannot come out another way: what a token's signature, issuer, audience and subject are worth is decided
//! by its bytes, the policy and the keys, and a verifier keeps one policy and one set of keys for all its life. Times are
//! compared again at each request, and the session watch is asked. Refused tokens are not kept: there is no end of them.

use std::fmt;
use std::hash::{Hash, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, OptionsBuilder, Weighter};
use zeroize::Zeroizing;

use super::mark::Taken;
use crate::token::{CLOCKS_DIFFER, Timestamp, is_same};

/// Verified tokens with what they say, of one verifier.
pub(super) struct VerifiedTokens {
    /// None where nothing is to be kept.
    tokens: Option<Tokens>,
    /// The latest moment at which it was asked, in milliseconds.
    latest: AtomicI64,
}

/// Evicts by CLOCK-Pro: a token that was seen once never takes the place of one that is in use. The standard library's keyed hash
/// has a random key for each verifier.
type Tokens = Cache<Token, Arc<Taken>, Weight, RandomState, DefaultLifecycle<Token, Arc<Taken>>>;

impl VerifiedTokens {
    /// Room for so many tokens of ordinary size, [`ORDINARY`] bytes each.
    pub(super) fn new(capacity: usize) -> Self {
        let bytes = u64::try_from(capacity).unwrap_or(u64::MAX).saturating_mul(ORDINARY);
        let options = OptionsBuilder::new().estimated_items_capacity(capacity).weight_capacity(bytes).build();
        let tokens = options
            .ok()
            .filter(|_| capacity > 0)
            .map(|options| Cache::with_options(options, Weight, RandomState::new(), DefaultLifecycle::default()));
        Self { tokens, latest: AtomicI64::new(i64::MIN) }
    }

    /// What this token was found to say. Whether it still counts at `now` is for the caller to compare.
    pub(super) fn get(&self, token: &[u8], now: Timestamp) -> Option<Arc<Taken>> {
        let tokens = self.tokens.as_ref()?;
        self.keep_time(tokens, now);
        tokens.get(&Presented(token))
    }

    /// Keeps what a token that was verified says.
    pub(super) fn keep(&self, token: &[u8], taken: &Arc<Taken>) {
        if let Some(tokens) = self.tokens.as_ref().filter(|_| token.len() <= LONGEST) {
            tokens.insert(Token(Zeroizing::new(token.into())), Arc::clone(taken));
        }
    }

    /// Forgets a token, one that has expired say.
    pub(super) fn forget(&self, token: &[u8]) {
        if let Some(tokens) = &self.tokens {
            tokens.remove(&Presented(token));
        }
    }

    /// How many tokens there are, and what they take in bytes.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, u64) {
        self.tokens.as_ref().map_or((0, 0), |tokens| (tokens.len(), tokens.weight()))
    }

    /// Empties it when the clock was set back: whatever was wrong about the time before, nothing that was decided then stays.
    fn keep_time(&self, tokens: &Tokens, now: Timestamp) {
        let latest = Timestamp::from_millis(self.latest.load(Ordering::Relaxed));
        if now > latest {
            self.latest.store(now.as_millis(), Ordering::Relaxed);
        } else if latest.since(now) > CLOCKS_DIFFER {
            tokens.clear();
            self.latest.store(now.as_millis(), Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedTokens").field("kept", &self.tokens.as_ref().map(Cache::len)).finish_non_exhaustive()
    }
}

/// A token that is kept, wiped when it goes.
struct Token(Zeroizing<Box<[u8]>>);

/// A token that is looked for.
struct Presented<'a>(&'a [u8]);

impl Token {
    fn presented(&self) -> Presented<'_> {
        Presented(&self.0)
    }
}

impl Presented<'_> {
    /// Whether it is the same token, in every byte and in a time that says nothing of where they differ.
    fn is(&self, other: &Self) -> bool {
        is_same(self.0, other.0)
    }
}

impl Hash for Presented<'_> {
    /// The end of a token is its signature's, and as good as random: the rest would tell no more tokens apart. Whoever sends
    /// another token with that end meets one comparison.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (_, end) = self.0.split_at(self.0.len().saturating_sub(HASHED));
        state.write(end);
    }
}

impl Hash for Token {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.presented().hash(state);
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.presented().is(&other.presented())
    }
}

impl Eq for Token {}

impl Equivalent<Token> for Presented<'_> {
    fn equivalent(&self, token: &Token) -> bool {
        self.is(&token.presented())
    }
}

/// What a token takes of the memory, in bytes: at least [`ORDINARY`], so that their number is bounded, too.
#[derive(Clone)]
struct Weight;

impl Weighter<Token, Arc<Taken>> for Weight {
    fn weight(&self, token: &Token, taken: &Arc<Taken>) -> u64 {
        let texts = token.0.len().saturating_add(taken.texts());
        u64::try_from(texts).unwrap_or(u64::MAX).saturating_add(AROUND).max(ORDINARY)
    }
}

/// How many tokens are kept unless it is set.
pub(super) const TOKENS: usize = 10_000;
/// Longer tokens are not kept, in bytes: they are rare, and one would take the place of several.
const LONGEST: usize = 4 * 1024;
/// What a token of ordinary size takes with what it says, in bytes.
const ORDINARY: u64 = 1024;
/// What is around a token's texts, in bytes: the entry, the claims' fields, what the allocator adds.
const AROUND: u64 = 384;
/// How much of a token's end is hashed, in bytes.
const HASHED: usize = 32;

#[cfg(test)]
mod tests;
