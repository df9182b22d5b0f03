//! Chance that can be repeated.

/// What a draw decides. Each is drawn for itself, so that what one rule answers does not change what another meets.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    Start,
    Tabs,
    Offline,
    OfflineAt,
    OfflineFor,
    Timer,
    Fresh,
    There,
    Back,
    Lost,
    Uses,
    UsedAt,
    LoginAt,
    TheftPeriod,
    TheftAt,
    ThiefAt,
    ThiefPeriod,
    ThiefThere,
    FailOver,
    FailOverAt,
}

/// A number for each question, always the same for the same one: a hash and not a stream, so that the draws of a run do
/// not depend on the order in which things happen in it.
#[derive(Clone, Copy)]
pub(crate) struct Draws {
    pub(crate) seed: u64,
}

impl Draws {
    /// A number below `bound`, for the user's question, told apart by two numbers more.
    pub(crate) fn below(&self, bound: i64, user: usize, of: Of, a: u64, b: u64) -> i64 {
        let bound = u64::try_from(bound).unwrap_or(0).max(1);
        let bits = [user as u64, of as u64, a, b].into_iter().fold(mix(self.seed), |all, one| mix(all ^ mix(one)));
        // The bias of a remainder by less than 2^40 is below 2^-24.
        i64::try_from(bits % bound).unwrap_or(0)
    }

    /// Whether something happens that does in `percent` of 100 cases.
    pub(crate) fn chance(&self, percent: i64, user: usize, of: Of, a: u64, b: u64) -> bool {
        self.below(100, user, of, a, b) < percent
    }
}

/// The finalizer of SplitMix64.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
