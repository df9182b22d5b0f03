//! What thieves do in a world, and what is known of them.

use super::draw::Of;
use super::event::{Event, Sender};
use super::rule::{ACCESS_LIFE, Answer, Millis, Rule, SECOND};
use super::scene::Robbery;
use super::thief::{Behaviour, Thief};
use super::world::World;

impl<R: Rule> World<'_, R> {
    /// What of a robbery happens in the period that begins.
    pub(crate) fn thief_plans(&mut self, user: usize, period: u64) {
        if self.scene.thieves && period == 1 + self.draws.below(self.last_theft(), user, Of::TheftPeriod, 0, 0) as u64 {
            let theft = self.draws.below(ACCESS_LIFE, user, Of::TheftAt, 0, 0);
            self.after(theft, user, Event::Theft(period));
        }
        let Some(thief) = &self.users[user].thief else { return };
        if thief.behaviour.acts_in(&self.draws, user, period - thief.period) {
            let wait = thief.behaviour.acts_after(&self.draws, user, period);
            self.after(wait, user, Event::ThiefActs(period));
        }
    }

    /// Thefts leave a quarter of the run to what comes of them.
    fn last_theft(&self) -> Millis {
        (self.scene.periods * 3 / 4) as Millis
    }

    pub(crate) async fn theft(&mut self, user: usize, period: u64) {
        let jar = &self.users[user].jar;
        let (Some(refresh), Some(access)) = (jar.refresh.clone(), jar.access.clone()) else {
            // There is nothing to steal from somebody who is logged out.
            self.after(60 * SECOND, user, Event::Theft(period));
            return;
        };
        let behaviour = Behaviour::of(user);
        let mut thief = Thief::new(behaviour, self.now, period, refresh, access);
        thief.alone =
            self.users[user].offline.end > self.now || (1..=2).any(|later| self.goes_away(user, period + later));
        self.users[user].thief = Some(thief);
        self.look_ahead(user).await;
        match behaviour {
            Behaviour::Before | Behaviour::SitStill => self.after(SECOND, user, Event::ThiefActs(period)),
            _ => {}
        }
        self.leave_if_over(user);
    }

    pub(crate) fn thief_acts(&mut self, user: usize, period: u64) {
        let Some(thief) = self.users[user].thief.as_ref().filter(|thief| !thief.refused) else { return };
        if let Some(token) = thief.token().cloned() {
            let travel = self.draws.below(SECOND / 2, user, Of::ThiefThere, period, 0);
            self.after(travel, user, Event::Asked(Sender::Thief, token));
        }
    }

    pub(crate) fn thief_answered(&mut self, user: usize, answer: Answer) {
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

    pub(crate) fn look_back(&mut self, user: usize) {
        if let Some(thief) = &mut self.users[user].thief {
            thief.look_back(self.now);
        }
    }

    pub(crate) async fn look_ahead(&mut self, user: usize) {
        if let Some(thief) = &mut self.users[user].thief {
            thief.look_ahead(self.rule, self.now).await;
        }
    }

    /// A robbery is over when the session is, and what the thief was sent before has reached him. He tries what he has.
    pub(crate) fn leave_if_over(&mut self, user: usize) {
        let thief = self.users[user].thief.as_ref().filter(|thief| thief.ended_at == Some(self.now));
        if let Some(access) = thief.map(|thief| thief.access.clone()) {
            self.after(SECOND / 2, user, Event::Used(access));
            self.after(SECOND, user, Event::End);
        }
    }

    pub(crate) fn end(&mut self, user: usize) {
        let (now, client) = (self.now, &mut self.users[user]);
        client.done = true;
        if let Some(thief) = &mut client.thief {
            thief.look_back(now);
            // The end of the run, and not of what is counted, where the session ended before.
            let end = if thief.ended_at.is_some() { Millis::MAX } else { now };
            self.outcome.robberies.push(Robbery {
                behaviour: thief.behaviour,
                held: thief.held(end),
                away: thief.alone,
                held_to_expiry: thief.held_to_expiry(end),
                noticed: thief.ended_at.is_some(),
            });
        }
    }
}
