//! The tokens that were verified before, so that the next request with one costs no signature check.
//!
//! Skipped is only what cannot come out another way: what a token's signature, issuer, audience and subject are worth is decided
//! by its bytes, the policy and the keys, and a verifier keeps one policy and one set of keys for all its life. Times are
//! compared again at each request, and the session watch is asked. Refused tokens are not kept: there is no end of them.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Lifecycle, OptionsBuilder, Weighter};
use zeroize::Zeroizing;

use super::mark::Taken;
use crate::token::{CLOCKS_DIFFER, Timestamp, is_same};

/// Verified tokens with what they say, of one verifier.
pub(super) struct VerifiedTokens {
    /// None where nothing is to be kept.
    tokens: Option<Tokens>,
    /// Which tokens came: of four in each slot, some bits of their hashes. One alone would not do: two tokens that come in turns
    /// would never be known.
    came: Box<[AtomicU64]>,
    hash: RandomState,
    /// The latest moment at which it was asked, in milliseconds.
    latest: AtomicI64,
}

/// Evicts by CLOCK-Pro: a token that was seen once takes no place of one that is in use. The standard library's keyed hash has
/// a random key for each verifier.
type Tokens = Cache<Token, Arc<Taken>, Weight, RandomState, Outside>;

impl VerifiedTokens {
    /// Room for so many tokens and as many times [`ROOM`] bytes; none for 0, and a [shard](SHARD) at least otherwise.
    pub(super) fn new(capacity: usize) -> Self {
        let room = capacity.max(SHARD);
        let bytes = u64::try_from(room).unwrap_or(u64::MAX).saturating_mul(ROOM);
        let mut options = OptionsBuilder::new();
        options.estimated_items_capacity(room).weight_capacity(bytes);
        // Not by the number of cores, which would leave a shard too small to tell what is in use.
        options.shards((room / SHARD).min(MOST_SHARDS)).hot_allocation(IN_USE).ghost_allocation(1.0);
        let options = options.build().ok().filter(|_| capacity > 0);
        let slots = options.as_ref().map_or(0, |_| room.min(MOST_SLOTS));
        let (came, hash) = ((0..slots).map(|_| AtomicU64::new(0)).collect(), RandomState::new());
        let tokens = options.map(|options| Cache::with_options(options, Weight, hash.clone(), Outside));
        Self { tokens, came, hash, latest: AtomicI64::new(i64::MIN) }
    }

    /// What this token was found to say. Whether it still counts at `now` is for the caller to compare.
    pub(super) fn get(&self, token: &[u8], now: Timestamp) -> Option<Arc<Taken>> {
        let tokens = self.tokens.as_ref()?;
        self.keep_time(tokens, now);
        tokens.get(&Presented(token))
    }

    /// Gives back what a token that was verified says, and keeps it if the token came before: one that never comes again would only
    /// cost its place, and finding one costs more than an HMAC.
    pub(super) fn met(&self, token: &[u8], taken: Taken) -> Arc<Taken> {
        if self.came_before(token) { self.keep(token, taken) } else { Arc::new(taken) }
    }

    /// Keeps what a token that was verified says, and gives it back; where somebody was faster, what he has kept.
    pub(super) fn keep(&self, token: &[u8], taken: Taken) -> Arc<Taken> {
        let taken = Arc::new(taken);
        let Some(tokens) = self.tokens.as_ref().filter(|_| token.len() <= LONGEST) else { return taken };
        // A value that is replaced would be dropped under a lock.
        tokens.peek(&Presented(token)).unwrap_or_else(|| {
            tokens.insert(Token(Zeroizing::new(token.into())), Arc::clone(&taken));
            taken
        })
    }

    /// Whether a token came before, about: so many others may have come since that it is forgotten, or one may look like it. From
    /// now on it did.
    fn came_before(&self, token: &[u8]) -> bool {
        let hash = self.hash.hash_one(Presented(token));
        // Never 0, which is in the places that were not used yet.
        let (index, mark) = (hash as usize, (hash >> 48) | 1);
        let Some(slot) = index.checked_rem(self.came.len()).and_then(|index| self.came.get(index)) else {
            return false;
        };
        let last = slot.load(Ordering::Relaxed);
        let at = |place: u64| last >> (16 * place) & 0xffff;
        let came = (0..4).any(|place| at(place) == mark);
        if !came {
            // In turns, five that come in turns would never meet themselves in four places.
            let by_chance = (last ^ mark).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 62;
            let place = 16 * (0..4).find(|place| at(*place) == 0).unwrap_or(by_chance);
            // Who writes at the same time may be forgotten, and comes again.
            slot.store(last & !(0xffff << place) | mark << place, Ordering::Relaxed);
        }
        came
    }

    /// Forgets a token, one that has expired say.
    pub(super) fn forget(&self, token: &[u8]) {
        if let Some(tokens) = &self.tokens {
            tokens.remove(&Presented(token));
        }
    }

    /// Whether it is kept, without a word of it being in use.
    #[cfg(test)]
    pub(super) fn knows(&self, token: &[u8], now: Timestamp) -> bool {
        let tokens = self.tokens.as_ref();
        tokens
            .inspect(|tokens| self.keep_time(tokens, now))
            .is_some_and(|tokens| tokens.contains_key(&Presented(token)))
    }

    /// How many tokens there are, and what they take in bytes.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, u64) {
        self.tokens.as_ref().map_or((0, 0), |tokens| (tokens.len(), tokens.weight()))
    }

    /// Empties it when the clock was set back: whatever was wrong about the time before, nothing that was decided then stays.
    fn keep_time(&self, tokens: &Tokens, now: Timestamp) {
        let latest = Timestamp::from_millis(self.latest.load(Ordering::Relaxed));
        let set = |to: Timestamp| {
            let (from, to) = (latest.as_millis(), to.as_millis());
            self.latest.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        if now > latest {
            set(now);
        } else if latest.since(now) > CLOCKS_DIFFER && set(now) {
            // One by one, and each is dropped behind its lock.
            tokens.drain().for_each(drop);
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

/// Has what is evicted dropped when no lock is held any more: an application's claims go with it, and what their `Drop` does, nobody
/// knows.
#[derive(Clone)]
struct Outside;

type Kept = (Token, Arc<Taken>);

impl Lifecycle<Token, Arc<Taken>> for Outside {
    /// Mostly one.
    type RequestState = (Option<Kept>, Vec<Kept>);

    fn on_evict(&self, (first, more): &mut Self::RequestState, token: Token, taken: Arc<Taken>) {
        match first {
            None => *first = Some((token, taken)),
            Some(_) => more.push((token, taken)),
        }
    }
}

/// What a token takes of the memory, in bytes: at least [`ROOM`], so that their number is bounded, too. Not what the application
/// makes of its claims, which nobody can measure.
#[derive(Clone)]
struct Weight;

impl Weighter<Token, Arc<Taken>> for Weight {
    fn weight(&self, token: &Token, taken: &Arc<Taken>) -> u64 {
        let texts = token.0.len().saturating_add(taken.texts());
        u64::try_from(texts).unwrap_or(u64::MAX).saturating_add(AROUND).max(ROOM)
    }
}

/// How many tokens are kept unless it is set.
pub(super) const TOKENS: usize = 10_000;
/// Longer tokens are not kept, in bytes: they are rare, and one would take the place of several.
const LONGEST: usize = 4 * 1024;
/// What a short token takes with what it says, in bytes.
const ROOM: u64 = 1024;
/// What is around a token's texts, in bytes: the entry, the claims' fields, what the allocator adds.
const AROUND: u64 = 384;
/// How much of a token's end is hashed, in bytes.
const HASHED: usize = 16;
/// How many tokens have a lock in common, about: so few that no writer holds it for long.
const SHARD: usize = 256;
const MOST_SHARDS: usize = 1024;
/// The share of those that came again after they were kept. A new one has the rest to do so, and is known again for as many more
/// tokens as there are places.
const IN_USE: f64 = 0.9;
/// One slot for each place, 8 bytes: a new token is rarely forgotten before it comes again.
const MOST_SLOTS: usize = 1 << 20;

#[cfg(test)]
mod tests;
