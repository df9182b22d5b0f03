//! The honest client: one jar, some tabs. Each sends what the jar holds when it sends, stores an answer before it uses
//! it, and no request travels, with its answer, for longer than W.

use super::protocol::{Protocol, Rotates, Step};
use super::world::{Asked, Fault, Mail, Token, What, World};
use crate::session::rotation::{Answer, Outcome};

impl Protocol {
    pub(super) fn of_honest(&self, world: &World, steps: &mut Vec<Step>) {
        // What has travelled for W arrives now or never.
        if world.mail.iter().all(|mail| mail.left > 0) {
            steps.push(Step::Tick);
        }
        for (at, mail) in world.mail.iter().enumerate() {
            match mail.what {
                What::Request(..) => steps.extend([Step::Arrive(at), Step::Lose(at)]),
                What::Answer(_, of_rotate) => {
                    steps.push(Step::Store(at));
                    if !of_rotate || self.thief {
                        steps.push(Step::Lose(at));
                    }
                }
            }
        }
        let waits = self.rotates == Rotates::Alone && world.mail.iter().any(is_of_rotate);
        if world.jar.is_none() || world.mail.len() >= self.tabs || waits {
            return;
        }
        steps.push(Step::Send(Asked::Refresh));
        let rotates = match self.rotates {
            Rotates::Never => false,
            Rotates::Alone => world.mail.is_empty(),
            Rotates::Whenever => true,
        };
        if rotates {
            steps.push(Step::Send(Asked::Rotate));
        }
    }

    pub(super) fn send(&self, world: &mut World, asked: Asked) {
        if let Some(token) = world.jar {
            world.mail.push(Mail { left: self.window, what: What::Request(token, asked) });
        }
    }

    pub(super) fn arrive(&self, world: &mut World, at: usize) {
        let Mail { left, what } = world.mail.remove(at);
        let What::Request(token, asked) = what else { return };
        let served = self.present(world, token, asked);
        match served.answer {
            Answer::Both => {
                let what = What::Answer(world.row.newest(), asked == Asked::Rotate);
                world.mail.push(Mail { left, what });
            }
            // Its access token is of a generation that the client holds.
            Answer::AccessOnly => {
                world.out.insert(token.generation);
            }
            Answer::Retry(_) => {}
            Answer::Refusal if self.thief => {
                if served.outcome.clears() {
                    world.jar = None;
                    world.mail.clear();
                }
            }
            Answer::Refusal => {
                if asked == Asked::Refresh && !(served.outcome == Outcome::Superseded && goes_on(world)) {
                    world.blame(Fault::HonestRefused);
                }
            }
        }
    }

    pub(super) fn lose(&self, world: &mut World, at: usize) {
        let mail = world.mail.remove(at);
        world.answer_lost |= matches!(mail.what, What::Answer(..));
    }

    pub(super) fn store(&self, world: &mut World, at: usize) {
        let mail = world.mail.remove(at);
        if let What::Answer(token, _) = mail.what {
            world.jar = Some(token);
            world.out.insert(token.generation);
        }
    }
}

const fn is_of_rotate(mail: &Mail) -> bool {
    matches!(mail.what, What::Request(_, Asked::Rotate) | What::Answer(_, true))
}

/// Whether what the client's own `/rotate` cut off has a successor in the jar or on its way there: the next request has
/// it.
fn goes_on(world: &World) -> bool {
    let above = |token: Token| token.generation >= world.row.cut;
    world.jar.is_some_and(above)
        || world.mail.iter().any(|mail| matches!(mail.what, What::Answer(token, true) if above(token)))
}
