//! An honest client: one jar, which keeps an answer before it is used, and after an error or a lost answer asks again with
//! what is in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jwt_sessions::session::{Outcome, Refused, SessionError};
use jwt_sessions::token::SessionId;
use jwt_sessions::{Client as From, Opened, Refreshed, Tokens};
use tokio::time::sleep;

use super::load::{Instance, Shared, WINDOW};
use super::token::Lineage;

/// What others may ask of a running client.
#[derive(Default)]
pub(crate) struct Pulse {
    /// Refreshes that were answered.
    pub(crate) beats: AtomicU64,
    /// It has gone away for a while on its own account.
    pub(crate) is_away: AtomicBool,
    pub(crate) is_logged_in: AtomicBool,
}

pub(crate) struct Client {
    shared: Arc<Shared>,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) subject: String,
    pub(crate) jar: Option<Jar>,
    /// The tokens of each session that it ended, and was told so.
    pub(crate) ended: Vec<Jar>,
    /// The state of its dice.
    dice: u64,
}

/// The tokens of one session.
pub(crate) struct Jar {
    pub(crate) session: SessionId,
    pub(crate) access: String,
    pub(crate) refresh: String,
    /// Each generation's predecessor, of every refresh token that was ever answered.
    generations: BTreeMap<u64, u64>,
    /// Tokens that never arrived, and were replaced by others.
    pub(crate) lost: Vec<String>,
}

impl Client {
    pub(crate) fn new(shared: Arc<Shared>, number: usize) -> Self {
        let dice = number as u64 + 1;
        Self { shared, pulse: Arc::default(), subject: format!("client-{number}"), jar: None, ended: Vec::new(), dice }
    }

    /// Until it is told to stop.
    pub(crate) async fn run(mut self) -> Self {
        while !self.shared.gate.passed().await {
            self.act().await;
            let pause = self.shared.pace * (40 + self.roll(120));
            if !self.shared.gate.is_closed() {
                sleep(Duration::from_millis(pause)).await;
            }
        }
        self
    }

    async fn act(&mut self) {
        if self.jar.is_none() {
            self.login().await;
        } else {
            self.go_on().await;
        }
        self.pulse.is_logged_in.store(self.jar.is_some(), Ordering::Release);
    }

    async fn go_on(&mut self) {
        match self.roll(100) {
            0..3 => self.rotate().await,
            3..5 => self.logout().await,
            5..10 => self.hang_up().await,
            _ => self.refresh_over_a_bad_line().await,
        }
    }

    pub(crate) async fn login(&mut self) {
        let begun = Instant::now();
        match self.instance().open(self.subject.as_str(), From::default()).await {
            Ok(Opened::Tokens(tokens)) => {
                self.shared.tally.answered("login", begun.elapsed());
                let mut jar = Jar {
                    session: tokens.session_id(),
                    access: String::new(),
                    refresh: String::new(),
                    generations: BTreeMap::new(),
                    lost: Vec::new(),
                };
                jar.keep(&self.shared, &tokens);
                self.jar = Some(jar);
                self.use_it();
            }
            Ok(other) => self.shared.tally.wrong(format!("a login: {other:?}")),
            Err(error) => self.failed("a login", &error, begun).await,
        }
    }

    /// Whether tokens came.
    pub(crate) async fn refresh(&mut self) -> bool {
        let Some(token) = self.jar.as_ref().map(|jar| jar.refresh.clone()) else { return false };
        let begun = Instant::now();
        let answer = self.instance().refresh(&token).await;
        self.take("a refresh", answer, begun).await
    }

    /// Only where its answer is not lost: what it cut off would be what the jar holds.
    async fn rotate(&mut self) {
        let shared = self.shared.clone();
        let Ok(calm) = shared.calm.try_read() else { return };
        if *calm && let Some(token) = self.jar.as_ref().map(|jar| jar.refresh.clone()) {
            let begun = Instant::now();
            let answer = self.instance().rotate(&token).await;
            self.take("a rotation", answer, begun).await;
        }
    }

    async fn logout(&mut self) {
        let shared = self.shared.clone();
        let calm = shared.calm.try_read();
        if !shared.is_durable && !calm.as_ref().is_ok_and(|calm| **calm) {
            return;
        }
        let Some(jar) = self.jar.take() else { return };
        let (begun, instance) = (Instant::now(), self.instance());
        match instance.revoke(&self.subject, jar.session).await {
            Ok(was_living) => {
                shared.tally.answered("logout", begun.elapsed());
                if !was_living {
                    shared.tally.wrong(format!("{} had ended before its logout", jar.session));
                }
                if instance.verifier().verify(&jar.access).is_ok() {
                    shared.tally.wrong("an access token outlived its session where that was ended");
                }
                self.ended.push(jar);
            }
            // Whether it has ended is not known; it is not used again.
            Err(error) => self.failed("a logout", &error, begun).await,
        }
    }

    /// Goes before the answer comes, and asks again at once.
    async fn hang_up(&mut self) {
        let Some(token) = self.jar.as_ref().map(|jar| jar.refresh.clone()) else { return };
        let patience = Duration::from_micros(self.roll(4_000));
        let instance = self.instance();
        match tokio::time::timeout(patience, instance.refresh(&token)).await {
            Ok(answer) => {
                self.take("a refresh", answer, Instant::now()).await;
            }
            Err(_) => {
                self.shared.tally.answered("hung up", Duration::ZERO);
                self.refresh().await;
            }
        }
    }

    /// Of answers with a new refresh token, some never arrive. Some clients ask again soon, others when it is long too late to
    /// get the same again.
    async fn refresh_over_a_bad_line(&mut self) {
        let (begun, instance) = (Instant::now(), self.instance());
        let Some(jar) = self.jar.as_mut() else { return };
        let answer = instance.refresh(&jar.refresh).await;
        let is_lost = roll(&mut self.dice, 100) < 15;
        match &answer {
            Ok(Refreshed::Tokens(tokens)) if tokens.refresh_token_is_new() && is_lost => {
                self.shared.tally.answered("lost", begun.elapsed());
                jar.note(&self.shared, tokens);
                jar.lost.push(tokens.refresh_token().to_owned());
            }
            _ => {
                self.take("a refresh", answer, begun).await;
                return;
            }
        }
        if self.roll(3) == 0 && self.shared.calm.try_read().is_ok_and(|calm| *calm) {
            self.pulse.is_away.store(true, Ordering::Release);
            self.shared.gate.closed_within(3 * WINDOW + WINDOW / 5).await;
            self.pulse.is_away.store(false, Ordering::Release);
        }
    }

    async fn take(&mut self, what: &'static str, answer: Result<Refreshed, SessionError>, begun: Instant) -> bool {
        let (answer, took) = match answer {
            Ok(answer) => (answer, begun.elapsed()),
            Err(error) => {
                self.failed(what, &error, begun).await;
                return false;
            }
        };
        let Refreshed::Tokens(tokens) = &answer else {
            self.refused(what, &answer);
            return false;
        };
        self.shared.tally.answered(answer.outcome().map_or("?", Outcome::name), took);
        if let Some(jar) = &mut self.jar {
            jar.keep(&self.shared, tokens);
        }
        self.use_it();
        self.pulse.beats.fetch_add(1, Ordering::AcqRel);
        true
    }

    fn refused(&mut self, what: &str, answer: &Refreshed) {
        let tally = &self.shared.tally;
        match answer {
            // It refreshes first, and then rotates.
            Refreshed::Refused(Refused::TryAgain(_)) => return tally.answered("try_again", Duration::ZERO),
            Refreshed::Refused(Refused::SessionEnded(Outcome::Unknown))
                if tally.loses_sessions.load(Ordering::Acquire) =>
            {
                tally.answered("session_ended", Duration::ZERO);
            }
            other => tally.wrong(format!("{what} of {}: {other:?}", self.subject)),
        }
        self.jar = None;
    }

    /// Goes to a page with its access token, at whichever instance.
    fn use_it(&mut self) {
        let instance = self.instance();
        let Some(jar) = &self.jar else { return };
        if let Err(refusal) = instance.verifier().verify(&jar.access) {
            self.shared.tally.wrong(format!("a new access token of {} was refused: {refusal:?}", self.subject));
        }
    }

    async fn failed(&mut self, what: &str, error: &SessionError, begun: Instant) {
        self.shared.tally.failed(what, error, begun.elapsed());
        let pause = 100 + self.roll(200);
        sleep(Duration::from_millis(pause)).await;
    }

    fn instance(&mut self) -> Instance {
        let instances = &self.shared.instances;
        let index = roll(&mut self.dice, instances.len() as u64) as usize;
        instances[index].clone()
    }

    /// A number below `bound`.
    fn roll(&mut self, bound: u64) -> u64 {
        roll(&mut self.dice, bound)
    }
}

impl Jar {
    fn keep(&mut self, shared: &Shared, tokens: &Tokens) {
        self.note(shared, tokens);
        self.access = tokens.access_token().to_owned();
        self.refresh = tokens.refresh_token().to_owned();
        // What was lost and came again is not lost.
        self.lost.retain(|lost| Lineage::of(lost) != Lineage::of(&self.refresh));
    }

    /// No two tokens of one generation descend from different ones: that would be two sessions in one.
    fn note(&mut self, shared: &Shared, tokens: &Tokens) {
        let Lineage { generation, previous } = Lineage::of(tokens.refresh_token());
        let known = *self.generations.entry(generation).or_insert(previous);
        if known != previous {
            shared.tally.wrong(format!("{} forked at {generation}: {known} and {previous}", self.session));
        }
    }
}

/// SplitMix64: chance that is the same in each run, as far as the order of things is.
fn roll(dice: &mut u64, bound: u64) -> u64 {
    *dice = dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (*dice ^ (*dice >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (number ^ (number >> 31)) % bound.max(1)
}
