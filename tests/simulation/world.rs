//! Users, thieves and the network between them and a rule: one queue of events in virtual time.

use std::collections::BTreeSet;

use super::client::User;
use super::draw::{Draws, Of};
use super::event::{Event, Queue, Sender};
use super::rule::{ACCESS_LIFE, Access, Answer, HOUR, Millis, Rule, SECOND, Token};
use super::scene::{Outcome, Scene};

/// Users, thieves, what is to come, and a rule.
pub(crate) struct World<'a, R> {
    pub(crate) scene: Scene,
    pub(crate) draws: Draws,
    pub(crate) rule: &'a mut R,
    pub(crate) users: Vec<User>,
    queue: Queue,
    pub(crate) now: Millis,
    /// The users of whom something was seen since the last confirmation, if there is one to come.
    seen: Option<BTreeSet<usize>>,
    pub(crate) outcome: Outcome,
}

const TIMEOUT: Millis = 30 * SECOND;

impl<'a, R: Rule> World<'a, R> {
    pub(crate) fn new(scene: Scene, rule: &'a mut R) -> Self {
        let draws = Draws { seed: scene.seed };
        let users = (0..scene.users).map(|user| User::new(1 + draws.below(4, user, Of::Tabs, 0, 0) as usize)).collect();
        let outcome = Outcome { refused: Vec::new(), robberies: Vec::new(), trace: 0, refreshes: 0, undone: 0 };
        let (queue, seen) = (Queue::default(), None);
        Self { scene, draws, rule, users, queue, now: 0, seen, outcome }
    }

    /// Runs it all.
    pub(crate) async fn run(mut self) -> Outcome {
        for user in 0..self.users.len() {
            let start = self.draws.below(ACCESS_LIFE, user, Of::Start, 0, 0);
            self.queue.push(start, user, Event::Login);
            self.queue.push(start + ACCESS_LIFE, user, Event::Period(1));
        }
        while let Some((now, user, event)) = self.queue.pop() {
            self.now = now;
            match event {
                Event::Confirm => self.confirm().await,
                event if !self.users[user].done => self.happens(user, event).await,
                _ => {}
            }
        }
        self.outcome.refused = self.users.iter().map(|user| user.refused).collect();
        self.outcome
    }

    async fn happens(&mut self, user: usize, event: Event) {
        match event {
            Event::Period(period) => self.period(user, period),
            Event::Timer(tab, period) => self.timer(user, tab, period),
            Event::Online => self.online(user),
            Event::Asked(sender, token) => self.asked(user, sender, token).await,
            Event::Answered(sender, answer) => self.answered(user, sender, answer),
            Event::TimedOut(tab, request) => {
                let waits = &mut self.users[user].tabs[tab].waits;
                if *waits == Some(request) {
                    *waits = None;
                    self.ask(user, tab);
                }
            }
            Event::Use => self.use_access(user),
            Event::Used(access) => self.used(user, access).await,
            Event::Login => self.login(user).await,
            Event::Theft(period) => self.theft(user, period).await,
            Event::ThiefActs(period) => self.thief_acts(user, period),
            Event::FailOver => self.fail_over(user),
            Event::End => self.end(user),
            Event::Confirm => {}
        }
    }

    fn period(&mut self, user: usize, period: u64) {
        if period > self.scene.periods {
            self.after(0, user, Event::End);
            return;
        }
        // Soon after the timers began to fire, so that it takes answers away.
        let length = if self.goes_away(user, period) {
            let from = self.draws.below(60 * SECOND, user, Of::OfflineAt, period, 0);
            let length = HOUR + self.draws.below(7 * HOUR, user, Of::OfflineFor, period, 0);
            self.users[user].offline = self.now + from..self.now + from + length;
            self.after(from + length, user, Event::Online);
            length
        } else {
            0
        };
        for tab in 0..self.users[user].tabs.len() {
            let timer = self.draws.below(self.scene.jitter, user, Of::Timer, period, tab as u64);
            self.after(timer, user, Event::Timer(tab, period));
        }
        if self.draws.chance(self.scene.failovers, user, Of::FailOver, period, 0) {
            let wait = self.draws.below(120 * SECOND, user, Of::FailOverAt, period, 0);
            self.after(wait, user, Event::FailOver);
        }
        self.thief_plans(user, period);
        self.after(ACCESS_LIFE + length, user, Event::Period(period + 1));
    }

    /// Whether the user loses the network in that period.
    pub(crate) fn goes_away(&self, user: usize, period: u64) -> bool {
        self.draws.chance(5, user, Of::Offline, period, 0)
    }

    fn timer(&mut self, user: usize, tab: usize, period: u64) {
        // Half of the tabs have a timer of their own, the others find the access token too old.
        let by_itself = self.draws.chance(50, user, Of::Fresh, period, tab as u64);
        if by_itself || self.users[user].needs_refresh(self.now) {
            if self.users[user].tabs[tab].waits.is_none() {
                self.ask(user, tab);
            }
        } else {
            self.use_access(user);
        }
    }

    fn fail_over(&mut self, user: usize) {
        let session = self.users[user].jar.refresh.as_ref().map(|token| token.session);
        self.outcome.undone += u64::from(session.is_some_and(|session| self.rule.fail_over(session)));
    }

    fn online(&mut self, user: usize) {
        for tab in 0..self.users[user].tabs.len() {
            let tab_state = &mut self.users[user].tabs[tab];
            if std::mem::take(&mut tab_state.wants) && tab_state.waits.is_none() {
                self.ask(user, tab);
            }
        }
    }

    /// A tab sends what the jar holds now.
    fn ask(&mut self, user: usize, tab: usize) {
        let (now, client) = (self.now, &mut self.users[user]);
        if client.is_offline(now) {
            client.tabs[tab].wants = true;
            return;
        }
        // Logged out: the login makes the next request.
        let Some(token) = client.jar.refresh.clone() else { return };
        client.tabs[tab].asked += 1;
        let request = client.tabs[tab].asked;
        client.tabs[tab].waits = Some(request);
        let travel = self.draws.below(self.scene.travel, user, Of::There, tab as u64, request);
        self.after(travel, user, Event::Asked(Sender::Tab(tab, request), token));
        self.after(TIMEOUT, user, Event::TimedOut(tab, request));
    }

    async fn asked(&mut self, user: usize, sender: Sender, token: Token) {
        self.outcome.refreshes += 1;
        self.look_back(user);
        let answer = self.rule.refresh(&token, self.now).await;
        self.look_ahead(user).await;
        self.sees(user);
        let verdict = match &answer {
            Answer::Refused => 0,
            Answer::Tokens(_, None) => 1,
            Answer::Tokens(_, Some(refresh)) => 2 + refresh.number,
        };
        self.note(user, token.number << 32 | verdict);
        match sender {
            Sender::Thief => self.after(SECOND / 10, user, Event::Answered(sender, answer)),
            Sender::Tab(tab, request) => {
                if matches!(answer, Answer::Refused) {
                    self.users[user].refused += 1;
                }
                if !self.draws.chance(10, user, Of::Lost, tab as u64, request) {
                    let travel = self.draws.below(self.scene.travel, user, Of::Back, tab as u64, request);
                    self.after(travel, user, Event::Answered(sender, answer));
                }
            }
        }
        self.leave_if_over(user);
    }

    fn answered(&mut self, user: usize, sender: Sender, answer: Answer) {
        let now = self.now;
        match (sender, answer) {
            (Sender::Thief, answer) => self.thief_answered(user, answer),
            (Sender::Tab(..), _) if self.users[user].is_offline(now) => {}
            (Sender::Tab(tab, request), answer) => {
                let client = &mut self.users[user];
                if client.tabs[tab].waits == Some(request) {
                    client.tabs[tab].waits = None;
                }
                match answer {
                    Answer::Tokens(access, refresh) => {
                        // A browser stores what arrives last, whatever was asked first.
                        client.jar.access = Some(access);
                        if let Some(refresh) = refresh {
                            client.jar.refresh = Some(refresh);
                        }
                        self.plan_uses(user, tab, request);
                    }
                    Answer::Refused => self.logged_out(user),
                }
            }
        }
    }

    /// Most pages use what they got at once, and all of them again until it is old.
    fn plan_uses(&mut self, user: usize, tab: usize, request: u64) {
        let soon = self.draws.below(5 * SECOND, user, Of::UsedAt, tab as u64, request << 2);
        if self.draws.chance(80, user, Of::Uses, tab as u64, request) {
            self.after(soon, user, Event::Use);
        }
        let later = self.draws.below(800 * SECOND, user, Of::UsedAt, tab as u64, request << 2 | 1);
        self.after(later, user, Event::Use);
    }

    fn use_access(&mut self, user: usize) {
        let (now, client) = (self.now, &mut self.users[user]);
        if client.is_offline(now) || client.needs_refresh(now) {
            return;
        }
        client.uses += 1;
        let uses = client.uses;
        let Some(access) = client.jar.access.clone() else { return };
        let travel = self.draws.below(self.scene.travel, user, Of::There, u64::MAX, uses);
        self.after(travel, user, Event::Used(access));
    }

    /// Access tokens are taken while their session lives, and not a moment longer.
    async fn used(&mut self, user: usize, access: Access) {
        let is_alive = self.rule.is_alive(access.session, self.now).await;
        assert_eq!(self.rule.used(&access, self.now).await, is_alive, "user {user} at {}", self.now);
        self.sees(user);
    }

    fn logged_out(&mut self, user: usize) {
        let jar = &mut self.users[user].jar;
        if jar.refresh.take().is_some() {
            jar.access = None;
            let logins = self.users[user].logins;
            let wait = 5 * SECOND + self.draws.below(60 * SECOND, user, Of::LoginAt, logins, 0);
            self.after(wait, user, Event::Login);
        }
    }

    async fn login(&mut self, user: usize) {
        // An answer that was under way has logged them in again, or seems to.
        if self.users[user].jar.refresh.is_some() {
            return;
        }
        self.users[user].logins += 1;
        let (refresh, access) = self.rule.open(user, self.now).await;
        let jar = &mut self.users[user].jar;
        (jar.refresh, jar.access) = (Some(refresh), Some(access));
        let logins = self.users[user].logins;
        self.plan_uses(user, usize::MAX, logins);
    }

    /// That something of the user was seen in use: it is confirmed with what else is until then.
    fn sees(&mut self, user: usize) {
        if self.seen.is_none() {
            self.after(self.scene.confirmed_after, 0, Event::Confirm);
        }
        self.seen.get_or_insert_default().insert(user);
    }

    async fn confirm(&mut self) {
        let seen = self.seen.take().unwrap_or_default();
        for user in &seen {
            self.look_back(*user);
        }
        self.rule.confirm(self.now).await;
        for user in seen {
            self.look_ahead(user).await;
            self.leave_if_over(user);
        }
    }

    fn note(&mut self, user: usize, what: u64) {
        for part in [self.now as u64, user as u64, what] {
            self.outcome.trace = (self.outcome.trace.rotate_left(5) ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    pub(crate) fn after(&mut self, wait: Millis, user: usize, event: Event) {
        self.queue.push(self.now + wait, user, event);
    }
}
