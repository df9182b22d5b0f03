use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep};

use super::{Carrier, EACH, Gather, Lane, PATIENCE, STUCK};
use crate::clock::Clock;
use crate::store::{StoreError, StoreErrorKind};

/// A database whose statements are answered when the test says so.
#[derive(Clone)]
struct Database {
    sent: Arc<Mutex<Vec<Vec<u32>>>>,
    answers: Arc<Semaphore>,
    how: How,
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    Answers,
    /// Sends back what is 0 when it comes first.
    PutsBack,
    Panics,
}

impl Carrier for Database {
    type Call = u32;
    type Answer = u32;

    async fn serve(self, mut lane: Lane<Self>) {
        loop {
            let mut calls = Vec::new();
            lane.take(&mut calls);
            if calls.is_empty() {
                if lane.idles(Duration::from_millis(5)).await {
                    continue;
                }
                return;
            }
            self.sent.lock().unwrap().push(calls.iter().map(|call| call.call).collect());
            lane.statement(calls.len(), self.answers.acquire()).await.unwrap().forget();
            assert!(self.how != How::Panics, "as a carrier may");
            for mut call in calls {
                let n = call.call;
                if self.how == How::PutsBack && n == 0 {
                    call.call = 100;
                    lane.put_back(call);
                } else {
                    call.answer(Ok(n));
                }
            }
        }
    }
}

struct World {
    gather: Gather<Database>,
    database: Database,
    clock: Clock,
}

type Answer = JoinHandle<Result<u32, StoreError>>;

impl World {
    fn new(how: How) -> Self {
        let database = Database { sent: Arc::default(), answers: Arc::new(Semaphore::new(0)), how };
        let clock = Clock::manual(crate::token::Timestamp::default());
        Self { gather: Gather::new(database.clone(), clock.clone()), database, clock }
    }

    fn call(&self, n: u32) -> Answer {
        let gather = self.gather.clone();
        tokio::spawn(async move { gather.call(n).await })
    }

    async fn calls(&self, calls: std::ops::Range<u32>) -> Vec<Answer> {
        let calls = calls.map(|n| self.call(n)).collect();
        settled().await;
        calls
    }

    async fn answers(&self, statements: usize) {
        self.database.answers.add_permits(statements);
        settled().await;
    }

    fn sent(&self) -> Vec<Vec<u32>> {
        self.database.sent.lock().unwrap().clone()
    }
}

/// Until nobody has anything to do.
async fn settled() {
    for _ in 0..20 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_two_are_under_way_goes_together() {
    let world = World::new(How::Answers);
    let begun = Instant::now();
    let mut calls = world.calls(0..1).await;
    calls.extend(world.calls(1..2).await);
    calls.extend(world.calls(2..10).await);
    assert_eq!(world.sent(), [vec![0], vec![1]], "each at once, and then nobody");
    world.answers(1).await;
    assert_eq!(world.sent()[2..], [(2..10).collect::<Vec<_>>()]);
    world.answers(2).await;
    for (n, call) in (0..).zip(calls) {
        assert_eq!(call.await.unwrap().unwrap(), n);
    }
    assert_eq!(begun.elapsed(), Duration::ZERO, "nobody waits for company");
    world.answers(1).await;
    assert_eq!(world.call(10).await.unwrap().unwrap(), 10, "by a lane that had nothing to do");
}

#[tokio::test(start_paused = true)]
async fn another_lane_is_for_many_and_not_for_a_few_who_can_share_a_slow_statement() {
    let world = World::new(How::Answers);
    let _first = world.calls(0..2).await;
    world.clock.advance(EACH * 20);
    world.answers(1).await;
    let _gathered = world.calls(2..4).await;
    let mut waiting = world.calls(4..23).await;
    assert_eq!(world.sent().len(), 2, "19 wait for what takes as long as 20");
    waiting.extend(world.calls(23..24).await);
    assert_eq!(world.sent()[2..], [(4..24).collect::<Vec<_>>()]);

    let world = World::new(How::Answers);
    let _first = world.calls(0..2).await;
    world.clock.advance(EACH * 20);
    world.answers(1).await;
    let _lone = (world.calls(2..3).await, world.calls(3..4).await);
    assert_eq!(world.sent()[1..], [vec![2], vec![3]], "behind one that is alone nobody waits");
}

#[tokio::test(start_paused = true)]
async fn a_statement_holds_so_many_and_not_more() {
    let world = World::new(How::Answers);
    let _calls = world.calls(0..450).await;
    world.answers(10).await;
    let sizes: Vec<_> = world.sent().iter().map(Vec::len).collect();
    assert_eq!(sizes, [200, 200, 50]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_stuck_holds_up_nobody_else() {
    let world = World::new(How::Answers);
    let _stuck = (world.calls(0..1).await, world.calls(1..2).await);
    let _waiting = world.calls(2..4).await;
    assert_eq!(world.sent().len(), 2);
    sleep(STUCK + Duration::from_millis(5)).await;
    settled().await;
    assert_eq!(world.sent()[2..], [vec![2, 3]]);
    // And those who come later.
    let _late = world.calls(4..5).await;
    assert_eq!(world.sent()[3..], [vec![4]]);
}

#[tokio::test(start_paused = true)]
async fn what_is_put_back_is_sent_again_also_by_a_lane_that_was_stuck() {
    for stuck in [false, true] {
        let world = World::new(How::PutsBack);
        let call = world.call(0);
        settled().await;
        if stuck {
            sleep(STUCK + Duration::from_millis(5)).await;
        }
        world.answers(2).await;
        assert_eq!(call.await.unwrap().unwrap(), 100, "{stuck}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_gone_before_it_was_sent_is_left_out() {
    let world = World::new(How::Answers);
    let _under_way = (world.calls(0..1).await, world.calls(1..2).await);
    let waiting = world.calls(2..5).await;
    waiting[1].abort();
    settled().await;
    world.answers(1).await;
    assert_eq!(world.sent()[2..], [vec![2, 4]]);
}

#[tokio::test(start_paused = true)]
async fn everybody_is_answered_in_time() {
    let world = World::new(How::Answers);
    let begun = Instant::now();
    for call in world.calls(0..10).await {
        assert_eq!(call.await.unwrap().unwrap_err().kind(), StoreErrorKind::Timeout);
    }
    assert_eq!(begun.elapsed(), PATIENCE);

    let world = World::new(How::Panics);
    let calls = (world.calls(0..1).await, world.calls(1..2).await, world.calls(2..4).await);
    world.answers(4).await;
    for call in calls.0.into_iter().chain(calls.1).chain(calls.2) {
        assert_eq!(call.await.unwrap().unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
}

#[tokio::test(start_paused = true)]
async fn no_lane_outlives_its_work() {
    let world = World::new(How::Answers);
    let calls = world.calls(0..10).await;
    world.answers(4).await;
    drop(calls);
    sleep(Duration::from_millis(10)).await;
    settled().await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}
