//! Users, thieves and the network between them and a rule: one queue of events in virtual time.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::client::User;
use super::draw::{Draws, Of};
use super::rule::{ACCESS_LIFE, Access, Answer, HOUR, Millis, Rule, SECOND, Token};
use super::thief::{Behaviour, Thief};

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    pub(crate) seed: u64,
    pub(crate) users: usize,
    pub(crate) periods: u64,
    /// Whether each user is robbed once.
    pub(crate) thieves: bool,
    /// The timers of a page's tabs fire at any time up to this after the access token's end.
    pub(crate) jitter: Millis,
    /// A request travels for less than this, and so does its answer.
    pub(crate) travel: Millis,
    /// Sights are gathered for this long.
    pub(crate) confirmed_after: Millis,
}

/// What came of it.
pub(crate) struct Outcome {
    /// For each user, how often a refresh token was refused.
    pub(crate) refused: Vec<u64>,
    pub(crate) robberies: Vec<Robbery>,
    /// A number for all that happened, in its order.
    pub(crate) trace: u64,
    pub(crate) refreshes: u64,
}

pub(crate) struct Robbery {
    pub(crate) behaviour: Behaviour,
    pub(crate) held: Millis,
    pub(crate) held_to_expiry: Millis,
    /// Whether the session was ended.
    pub(crate) noticed: bool,
    /// Whether the victim had no network for some of the time, so that nothing could be noticed.
    pub(crate) away: bool,
}

#[derive(Clone, Copy, Debug)]
enum Sender {
    Tab(usize, u64),
    Thief,
}

enum Event {
    /// The access token's life is over, by the page's timer.
    Period(u64),
    /// The timer of a tab fires.
    Timer(usize, u64),
    /// The network is there again.
    Online,
    /// A request to refresh reaches the server.
    Asked(Sender, Token),
    /// Its answer reaches the client.
    Answered(Sender, Answer),
    /// A tab has waited long enough.
    TimedOut(usize, u64),
    /// The page makes a request with the access token that the jar holds.
    Use,
    /// A request with an access token reaches the server.
    Used(Access),
    Login,
    Theft(u64),
    ThiefActs(u64),
    /// What was seen in use is confirmed.
    Confirm,
    End,
}

/// An event, ordered by when it comes and, of one moment, by when it was put there.
struct Due(Millis, u64, usize, Event);

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

pub(crate) struct World<'a, R> {
    scene: Scene,
    draws: Draws,
    rule: &'a mut R,
    users: Vec<User>,
    queue: BinaryHeap<Reverse<Due>>,
    queued: u64,
    now: Millis,
    /// The users of whom something was seen since the last confirmation, if there is one to come.
    seen: Option<BTreeSet<usize>>,
    outcome: Outcome,
}

const TIMEOUT: Millis = 30 * SECOND;

impl<'a, R: Rule> World<'a, R> {
    pub(crate) fn new(scene: Scene, rule: &'a mut R) -> Self {
        let draws = Draws { seed: scene.seed };
        let users = (0..scene.users).map(|user| User::new(1 + draws.below(4, user, Of::Tabs, 0, 0) as usize)).collect();
        let outcome = Outcome { refused: Vec::new(), robberies: Vec::new(), trace: 0, refreshes: 0 };
        let (queue, seen) = (BinaryHeap::new(), None);
        Self { scene, draws, rule, users, queue, queued: 0, now: 0, seen, outcome }
    }

    /// Runs it all.
    pub(crate) async fn run(mut self) -> Outcome {
        for user in 0..self.users.len() {
            let start = self.draws.below(ACCESS_LIFE, user, Of::Start, 0, 0);
            self.at(start, user, Event::Login);
            self.at(start + ACCESS_LIFE, user, Event::Period(1));
        }
        while let Some(Reverse(Due(now, _, user, event))) = self.queue.pop() {
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
        let offline = self.draws.chance(5, user, Of::Offline, period, 0);
        let length = if offline {
            let from = self.draws.below(60 * SECOND, user, Of::OfflineAt, period, 0);
            let length = HOUR + self.draws.below(7 * HOUR, user, Of::OfflineFor, period, 0);
            let offline = self.now + from..self.now + from + length;
            if let Some(thief) = &mut self.users[user].thief {
                thief.alone_from.get_or_insert(offline.start);
            }
            self.users[user].offline = offline;
            self.after(from + length, user, Event::Online);
            length
        } else {
            0
        };
        for tab in 0..self.users[user].tabs.len() {
            let timer = self.draws.below(self.scene.jitter, user, Of::Timer, period, tab as u64);
            self.after(timer, user, Event::Timer(tab, period));
        }
        if self.scene.thieves && period == 1 + self.draws.below(self.last_theft(), user, Of::TheftPeriod, 0, 0) as u64 {
            let theft = self.draws.below(ACCESS_LIFE, user, Of::TheftAt, 0, 0);
            self.after(theft, user, Event::Theft(period));
        }
        self.thief_plans(user, period);
        self.after(ACCESS_LIFE + length, user, Event::Period(period + 1));
    }

    /// Thefts leave a quarter of the run to what comes of them.
    fn last_theft(&self) -> Millis {
        (self.scene.periods * 3 / 4) as Millis
    }

    fn thief_plans(&mut self, user: usize, period: u64) {
        let Some(thief) = &self.users[user].thief else { return };
        if thief.behaviour.acts_in(&self.draws, user, period - thief.period) {
            let wait = thief.behaviour.acts_after(&self.draws, user, period);
            self.after(wait, user, Event::ThiefActs(period));
        }
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
        self.users[user].logins += 1;
        let (refresh, access) = self.rule.open(user, self.now).await;
        let jar = &mut self.users[user].jar;
        (jar.refresh, jar.access) = (Some(refresh), Some(access));
        let logins = self.users[user].logins;
        self.plan_uses(user, usize::MAX, logins);
    }

    async fn theft(&mut self, user: usize, period: u64) {
        let jar = &self.users[user].jar;
        let (Some(refresh), Some(access)) = (jar.refresh.clone(), jar.access.clone()) else {
            // There is nothing to steal from somebody who is logged out.
            self.after(60 * SECOND, user, Event::Theft(period));
            return;
        };
        let behaviour = Behaviour::of(user);
        let mut thief = Thief::new(behaviour, self.now, period, refresh, access);
        let offline = &self.users[user].offline;
        thief.alone_from = (offline.end > self.now).then_some(offline.start);
        self.users[user].thief = Some(thief);
        self.look_ahead(user).await;
        match behaviour {
            Behaviour::Before | Behaviour::SitStill => self.after(SECOND, user, Event::ThiefActs(period)),
            _ => {}
        }
        self.leave_if_over(user);
    }

    fn thief_acts(&mut self, user: usize, period: u64) {
        let Some(thief) = self.users[user].thief.as_ref().filter(|thief| !thief.refused) else { return };
        if let Some(token) = thief.token().cloned() {
            let travel = self.draws.below(SECOND / 2, user, Of::ThiefThere, period, 0);
            self.after(travel, user, Event::Asked(Sender::Thief, token));
        }
    }

    fn thief_answered(&mut self, user: usize, answer: Answer) {
        let Some(thief) = &mut self.users[user].thief else { return };
        match answer {
            Answer::Tokens(access, refresh) => {
                thief.got(access.clone(), refresh);
                // Whoever sits still takes care not to be seen.
                if thief.behaviour != Behaviour::SitStill {
                    self.after(SECOND / 10, user, Event::Used(access));
                }
            }
            Answer::Refused => thief.refused = true,
        }
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

    fn look_back(&mut self, user: usize) {
        if let Some(thief) = &mut self.users[user].thief {
            thief.look_back(self.now);
        }
    }

    async fn look_ahead(&mut self, user: usize) {
        if let Some(thief) = &mut self.users[user].thief {
            thief.look_ahead(self.rule, self.now).await;
        }
    }

    /// A robbery is over when the session is, and what the thief was sent before has reached him.
    fn leave_if_over(&mut self, user: usize) {
        if self.users[user].thief.as_ref().is_some_and(|thief| thief.ended_at == Some(self.now)) {
            self.after(SECOND, user, Event::End);
        }
    }

    fn end(&mut self, user: usize) {
        let (now, client) = (self.now, &mut self.users[user]);
        client.done = true;
        if let Some(thief) = &mut client.thief {
            thief.look_back(now);
            // The end of the run, and not of what is counted, where the session ended before.
            let end = if thief.ended_at.is_some() { Millis::MAX } else { now };
            let held = thief.held(end);
            self.outcome.robberies.push(Robbery {
                behaviour: thief.behaviour,
                held,
                away: thief.alone_from.is_some_and(|from| from < thief.stolen_at + held),
                held_to_expiry: thief.held_to_expiry(end),
                noticed: thief.ended_at.is_some(),
            });
        }
    }

    fn note(&mut self, user: usize, what: u64) {
        for part in [self.now as u64, user as u64, what] {
            self.outcome.trace = (self.outcome.trace.rotate_left(5) ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn after(&mut self, wait: Millis, user: usize, event: Event) {
        self.at(self.now + wait, user, event);
    }

    fn at(&mut self, when: Millis, user: usize, event: Event) {
        self.queued += 1;
        self.queue.push(Reverse(Due(when, self.queued, user, event)));
    }
}
