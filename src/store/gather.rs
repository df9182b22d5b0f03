//! Calls that wait for a database at the same time are sent together. No driver is named here, and any may use it.
//!
//! 1. A call that comes while little is under way is sent at once, alone. One that comes while a statement of several is under
//!    way waits, and goes with all that waited with it when that is done; or on another lane, as soon as so many wait that
//!    they are work enough: what a statement takes whatever it holds (the way, the disk) is best shared by all.
//! 2. Nothing waits for company: gathering costs no time where nothing is under way.
//! 3. What was sent is finished, whether or not its caller still waits; what was not yet sent is left out once its caller is gone.
//! 4. A lane whose statement takes long gives up its place to another: one that is stuck holds up nobody but those on it.
//! 5. Lanes are tasks that end a moment after nothing waits any more: what comes within that moment finds a connection at
//!    hand. There is none for an idle store, and none is left behind by a dropped one.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{StoreError, StoreErrorKind};
use crate::clock::Clock;

/// What sends calls to a database.
pub(super) trait Carrier: Clone + Send + Sync + 'static {
    type Call: Send + 'static;
    type Answer: Send + 'static;

    /// Serves what the lane hands out, until it hands out nothing more.
    fn serve(self, lane: Lane<Self>) -> impl Future<Output = ()> + Send;
}

/// Where the calls of one store meet.
pub(super) struct Gather<C: Carrier>(Arc<Shared<C>>);

struct Shared<C: Carrier> {
    carrier: C,
    clock: Clock,
    state: Mutex<State<C>>,
}

struct State<C: Carrier> {
    waiting: VecDeque<Waiting<C>>,
    /// How many lanes have a place.
    lanes: usize,
    /// Those of them that have nothing to do.
    idle: VecDeque<oneshot::Sender<()>>,
    /// How many of them have a statement of several calls under way.
    gathering: usize,
    /// What the last statement took.
    took: Duration,
}

/// A call whose caller waits for the answer.
pub(super) struct Waiting<C: Carrier> {
    pub(super) call: C::Call,
    answer: oneshot::Sender<Result<C::Answer, StoreError>>,
}

/// The right to send calls.
pub(super) struct Lane<C: Carrier> {
    shared: Arc<Shared<C>>,
    has_place: bool,
    /// Whether it has a statement of several calls under way.
    gathers: bool,
}

impl<C: Carrier> Gather<C> {
    pub(super) fn new(carrier: C, clock: Clock) -> Self {
        let (waiting, idle, took) = (VecDeque::new(), VecDeque::new(), Duration::ZERO);
        let state = Mutex::new(State { waiting, lanes: 0, idle, gathering: 0, took });
        Self(Arc::new(Shared { carrier, clock, state }))
    }

    /// Has a call sent and waits for its answer.
    pub(super) async fn call(&self, call: C::Call) -> Result<C::Answer, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.0.state().waiting.push_back(Waiting { call, answer });
        Shared::open_lane(&self.0);
        match timeout(PATIENCE, answered).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::Unavailable).because(GONE))),
            Err(_) => Err(StoreError::new(StoreErrorKind::Timeout)),
        }
    }
}

impl<C: Carrier> Clone for Gather<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: Carrier> Shared<C> {
    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds a lane for what waits: one that has nothing to do, or a new one if there is a place.
    fn open_lane(shared: &Arc<Self>) {
        {
            let mut state = shared.state();
            if state.waiting.is_empty() || !state.is_worth_a_lane() {
                return;
            }
            while let Some(lane) = state.idle.pop_front() {
                // One that ends at this moment does not hear it.
                if lane.send(()).is_ok() {
                    return;
                }
            }
            if state.lanes >= LANES {
                return;
            }
            state.lanes += 1;
        }
        let lane = Lane { shared: Arc::clone(shared), has_place: true, gathers: false };
        tokio::spawn(shared.carrier.clone().serve(lane));
    }
}

impl<C: Carrier> State<C> {
    fn is_worth_a_lane(&self) -> bool {
        let waiting = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        self.gathering == 0 || EACH.saturating_mul(waiting) >= self.took
    }
}

impl<C: Carrier> Lane<C> {
    /// Takes along what waits.
    pub(super) fn take(&mut self, calls: &mut Vec<Waiting<C>>) {
        // Those that were taken before a wait may have been given up since.
        calls.retain(|call| !call.is_abandoned());
        if !self.has_place {
            return;
        }
        let mut state = self.shared.state();
        while calls.len() < TOGETHER {
            let Some(next) = state.waiting.pop_front() else { break };
            if !next.is_abandoned() {
                calls.push(next);
            }
        }
    }

    /// Waits until something waits, a moment at most; whether something does. If not, the lane is over.
    pub(super) async fn idles(&mut self, moment: Duration) -> bool {
        self.set_gathers(false);
        let woken = {
            let mut state = self.shared.state();
            if !self.has_place || !state.waiting.is_empty() {
                return self.has_place;
            }
            let (wake, woken) = oneshot::channel();
            state.idle.push_back(wake);
            woken
        };
        if timeout(moment, woken).await.is_ok() {
            return true;
        }
        let mut state = self.shared.state();
        state.idle.retain(|lane| !lane.is_closed());
        if state.waiting.is_empty() {
            self.has_place = false;
            state.lanes -= 1;
        }
        self.has_place
    }

    /// Puts a call back, to be taken before all others.
    pub(super) fn put_back(&mut self, call: Waiting<C>) {
        self.shared.state().waiting.push_front(call);
        if !self.has_place {
            Shared::open_lane(&self.shared);
        }
    }

    /// Waits for `work`; when that takes long, the lane's place is another's meanwhile, and it is over afterwards.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        if self.has_place {
            if let Ok(done) = timeout(STUCK, work.as_mut()).await {
                return done;
            }
            self.leave();
        }
        work.await
    }

    /// The same for a statement of so many calls.
    pub(super) async fn statement<T>(&mut self, calls: usize, work: impl Future<Output = T>) -> T {
        self.set_gathers(calls > 1);
        let begun = self.shared.clock.uptime();
        let done = self.during(work).await;
        self.shared.state().took = self.shared.clock.uptime().saturating_sub(begun);
        done
    }

    /// It stays so until the next statement: those who come before that wait for it.
    fn set_gathers(&mut self, gathers: bool) {
        if self.gathers != (gathers && self.has_place) {
            let mut state = self.shared.state();
            self.gathers = !self.gathers;
            state.gathering = if self.gathers { state.gathering + 1 } else { state.gathering.saturating_sub(1) };
        }
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.has_place) {
            self.set_gathers(false);
            self.shared.state().lanes -= 1;
            Shared::open_lane(&self.shared);
        }
    }
}

impl<C: Carrier> Drop for Lane<C> {
    /// It is over already, unless its carrier panicked or its runtime ended.
    fn drop(&mut self) {
        if std::mem::take(&mut self.has_place) {
            self.set_gathers(false);
            let mut state = self.shared.state();
            state.lanes -= 1;
            // Nobody is left who would send them; they hear of it.
            if state.lanes == 0 {
                state.waiting.clear();
            }
        }
    }
}

impl<C: Carrier> Waiting<C> {
    /// Whether nobody waits for the answer any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    pub(super) fn answer(self, answer: Result<C::Answer, StoreError>) {
        // The caller may be gone; then nobody wants to know.
        let _ = self.answer.send(answer);
    }
}

/// How many statements are under way before calls wait for one another.
const LANES: usize = 2;
/// What a call is taken to cost a server that has everything else at hand. When those who wait make up what the last statement
/// took, it is their number that takes the time, and another lane halves it; before that, it is something they can share.
const EACH: Duration = Duration::from_micros(100);
/// How many calls share a statement at most: their rows stay locked until it ends.
const TOGETHER: usize = 200;
/// Longer than a statement takes that waits for nobody, on a slow disk too.
const STUCK: Duration = Duration::from_millis(50);
/// The caller gave up long before.
const PATIENCE: Duration = Duration::from_secs(15);
const GONE: &str = "what would have sent the call is gone";

#[cfg(test)]
mod tests;
