use std::error::Error as StdError;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::store::{Created, Loaded, NewSession, Row, SessionStore, StoreError, Swap, Swapped};
use crate::token::{SecretHash, SessionId, Timestamp};

/// The promises of a store, to be tried. See the [module](super).
#[derive(Debug)]
#[must_use]
pub struct Suite<S> {
    pub(super) store: Arc<S>,
    /// The same sessions by another way, where there is one.
    pub(super) other: Arc<S>,
    pub(super) clock: Option<Clock>,
    alone: bool,
}

impl<S: SessionStore> Suite<S> {
    /// A suite for this store, which is ready for use.
    pub fn new(store: S) -> Self {
        let store = Arc::new(store);
        Self { other: Arc::clone(&store), store, clock: None, alone: false }
    }

    /// The same sessions as another process sees them: a second store over a connection of its own. Races then run through
    /// both, and what one of them ended is read by the other.
    pub fn shared_with(mut self, other: S) -> Self {
        self.other = Arc::new(other);
        self
    }

    /// The store's own clock, if it can be set ([`Clock::manual`]); the suite moves it forward.
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Nobody else uses the store: the suite may end all its sessions.
    pub const fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// Tries every promise.
    pub async fn run(&self) {
        self.what_is_created_is_loaded().await;
        self.an_id_is_never_taken_over().await;
        self.unknown_is_an_answer().await;
        self.anothers_session_does_not_exist().await;
        self.a_swap_writes_exactly_what_it_says().await;
        self.a_swap_demands_everything().await;
        self.seen_and_cut_never_fall().await;
        self.a_quiet_row_is_demanded().await;
        self.what_is_seen_is_noted().await;
        self.orphans_are_answered().await;
        self.the_first_reason_stays().await;
        self.every_reason_is_kept().await;
        self.a_subjects_sessions_end_together().await;
        self.a_login_in_flight_does_not_survive().await;
        self.the_present_is_that_of_the_decisions().await;
        self.the_longest_unused_makes_room().await;
        self.the_list_shows_the_living_in_order().await;
        self.devices_are_kept().await;
        self.subjects_are_compared_byte_for_byte().await;
        self.sessions_expire().await;
        self.idle_sessions_end().await;
        self.the_dead_have_no_orphans().await;
        self.the_dead_make_no_room_and_are_not_ended().await;
        self.a_purge_takes_the_dead_alone().await;
        self.one_swap_wins().await;
        self.ended_is_ended_during_a_race().await;
        self.a_login_and_a_logout_of_all_agree().await;
        self.the_limit_holds_in_a_race().await;
        self.a_dropped_call_leaves_no_half().await;
        self.what_is_ended_is_in_the_feed().await;
        self.what_ends_nothing_is_not_in_the_feed().await;
        self.a_reader_misses_nothing_in_a_race().await;
        self.a_strange_cursor_is_the_beginning().await;
        self.old_entries_are_not_read().await;
        if self.alone {
            self.all_sessions_can_be_ended().await;
        }
    }

    /// A subject that nobody else has.
    pub(super) fn subject(&self, name: &str) -> String {
        random::<8>().iter().fold(format!("{name}-"), |mut subject, byte| {
            let _ = write!(subject, "{byte:02x}");
            subject
        })
    }

    /// A session of an hour, idle for half of it, whose credentials were read later than anything was ended.
    pub(super) fn session(&self, subject: &str) -> NewSession {
        let (id, hash) = (SessionId::from_bytes(random()), SecretHash::from_bytes(random()));
        NewSession::new(id, subject, hash, HOUR / 2, HOUR, LATER_THAN_ANYTHING)
    }

    pub(super) async fn open(&self, session: &NewSession) -> Row {
        self.open_with(session).await.0
    }

    /// The row, and what was ended for it.
    pub(super) async fn open_with(&self, session: &NewSession) -> (Row, Vec<SessionId>) {
        match answered("create", self.store.create(session).await) {
            Created::Opened { row, ended } => (row, ended),
            Created::TooLate => panic!("create: a login after everything was refused as too late"),
        }
    }

    pub(super) async fn loaded(&self, session: &NewSession) -> Loaded {
        let loaded = answered("load", self.store.load(&session.subject, session.id).await);
        loaded.unwrap_or_else(|| panic!("load: a session that was opened is not found"))
    }

    pub(super) async fn row(&self, session: &NewSession) -> Row {
        self.loaded(session).await.row
    }

    pub(super) async fn swap(&self, session: &NewSession, swap: &Swap) -> Swapped {
        let swapped = self.store.swap(&session.subject, session.id, &session.secret_hash, swap).await;
        answered("swap", swapped)
    }

    pub(super) async fn swap_wins(&self, session: &NewSession, swap: &Swap) -> Loaded {
        match self.swap(session, swap).await {
            Swapped::Won(loaded) => loaded,
            Swapped::Lost(row) => panic!("swap: lost although every demand was met; the row was {row:?}"),
        }
    }

    /// That a swap loses and leaves the row as it was.
    pub(super) async fn swap_loses(&self, session: &NewSession, swap: &Swap, because: &str) {
        let before = self.row(session).await;
        match self.swap(session, swap).await {
            Swapped::Lost(Some(now)) => same(&before, &now.row, because),
            Swapped::Lost(None) => panic!("swap: a loser must get the row ({because})"),
            Swapped::Won(_) => panic!("swap: won although {because}"),
        }
        same(&before, &self.row(session).await, because);
    }

    /// Lets the store's present pass `moment`.
    pub(super) async fn pass(&self, session: &NewSession, moment: Timestamp) {
        if let Some(clock) = &self.clock {
            clock.set(clock.now().max(moment.after(MILLISECOND)));
            return;
        }
        for _ in 0..PATIENCE {
            if self.loaded(session).await.now > moment {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("the store's clock stands still; if a test moves it, give it to the suite: with_clock");
    }
}

/// What a verb answered.
#[track_caller]
pub(super) fn answered<T>(verb: &str, answer: Result<T, StoreError>) -> T {
    answer.unwrap_or_else(|error| {
        let mut chain = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            let _ = write!(chain, ": {error}");
            source = error.source();
        }
        panic!("{verb}: {chain}")
    })
}

#[track_caller]
pub(super) fn promised(holds: bool, promise: &str) {
    assert!(holds, "the store breaks a promise: {promise}");
}

/// That nothing of a row differs.
#[track_caller]
pub(super) fn same(expected: &Row, row: &Row, because: &str) {
    // Debug shows every field but the hash.
    let equal = format!("{expected:?}") == format!("{row:?}") && expected.secret_hash.matches(&row.secret_hash);
    assert!(equal, "the row is not what it must be ({because})\nexpected {expected:?}\n   found {row:?}");
}

pub(super) fn sorted(mut ids: Vec<SessionId>) -> Vec<SessionId> {
    ids.sort_unstable();
    ids
}

pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap_or_else(|error| panic!("no randomness: {error}"));
    bytes
}

pub(super) const MILLISECOND: Duration = Duration::from_millis(1);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
/// The year 2200.
pub(super) const LATER_THAN_ANYTHING: Timestamp = Timestamp::from_secs(7_258_118_400);
pub(super) const PATIENCE: u32 = 10_000_000;
