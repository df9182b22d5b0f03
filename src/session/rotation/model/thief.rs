//! The thief, who copies the jar at any step and has one of his own; and the quiet, in which a theft is to be noticed.

use super::properties::{is_orphan, is_unseen};
use super::protocol::{Fate, Protocol, Rotates, Step};
use super::world::{Asked, Fault, Party, Quiet, Token, World};
use crate::session::rotation::{Answer, Outcome, Preset};

impl Protocol {
    pub(super) fn of_thief(&self, world: &World, steps: &mut Vec<Step>) {
        if world.jar.is_some() && world.jar != world.thief {
            steps.push(Step::Copy);
        }
        if world.thief.is_some() {
            let rotates = self.rotates != Rotates::Never;
            for asked in [Asked::Refresh, Asked::Rotate].into_iter().take(1 + usize::from(rotates)) {
                steps.extend([Step::Steal(asked, false), Step::Steal(asked, true)]);
            }
        }
        if self.hushes && world.suspect && world.mail.is_empty() && !world.row.revoked && world.jar.is_some() {
            steps.extend([Step::Hush(true), Step::Hush(false)]);
        }
    }

    pub(super) fn steal(&self, world: &mut World, asked: Asked, lost: bool) {
        let Some(token) = world.thief else { return };
        let served = self.present(world, token, asked);
        world.suspect |= !served.refused();
        match served.answer {
            Answer::Both if lost => world.answer_lost = true,
            Answer::Both => {
                let newest = world.row.newest();
                world.thief = Some(newest);
                world.out.insert(newest.generation);
            }
            Answer::AccessOnly => {
                world.out.insert(token.generation);
            }
            Answer::Retry(_) | Answer::Refusal => {}
        }
    }

    /// What has not been confirmed by now is lost. A failover is no part of the quiet.
    pub(super) fn hush(&self, world: &mut World, sights: bool) {
        let told = |world: &World, generation| is_unseen(world, generation) || is_orphan(world, generation);
        for generation in world.out.clone() {
            if sights {
                self.confirm(world, generation);
            } else {
                world.sight_lost |= told(world, generation);
            }
        }
        world.behind.clear();
        // What the quiet's properties do not ask for.
        world.out.clear();
        world.issued.clear();
        world.failed_over = false;
        world.clock_sets = 0;
        world.failovers = 0;
        world.quiet = Some(Quiet::default());
    }

    pub(super) fn in_quiet(&self, world: &World, steps: &mut Vec<Step>) {
        let Some(quiet) = world.quiet.filter(|_| !world.row.revoked) else { return };
        let apart = self.quiet() + 1;
        let again = [0, self.window.cast_signed() + 1, apart];
        for (party, token) in [(Party::Honest, world.jar), (Party::Thief, world.thief)] {
            if token.is_none() {
                continue;
            }
            let gaps = if quiet.last == Some(party) { &again[..] } else { &again[2..] };
            for &after in gaps {
                steps.push(Step::Refresh { party, after, fate: Fate::Arrives });
                if !quiet.lost {
                    steps.push(Step::Refresh { party, after, fate: Fate::AnswerLost });
                    steps.push(Step::Refresh { party, after, fate: Fate::SightLost });
                }
            }
        }
    }

    /// One party refreshes in the quiet: sent, answered, stored, used and confirmed at once, but for one loss.
    pub(super) fn refresh(&self, world: &mut World, party: Party, after: i8, fate: Fate) {
        let Some(held) = (if party == Party::Honest { world.jar } else { world.thief }) else { return };
        self.pass(world, after);
        let (outdated, lossless) = (held != world.row.newest(), self.nothing_was_lost(world));
        let served = self.present(world, held, Asked::Refresh);
        if missed(world, served.outcome, outdated && lossless && !served.refused()) {
            world.blame(Fault::Missed);
        }
        let got = match served.answer {
            Answer::Both => Some(world.row.newest()),
            Answer::AccessOnly => Some(held),
            Answer::Retry(_) | Answer::Refusal => None,
        };
        if let Some(got) = got {
            self.receive(world, party, got, fate);
        } else if served.outcome.clears() && party == Party::Honest {
            world.jar = None;
        }
        if let Some(quiet) = &mut world.quiet {
            quiet.lost |= got.is_some() && fate != Fate::Arrives;
            quiet.last = Some(party);
            let count = if party == Party::Honest { &mut quiet.refreshed.0 } else { &mut quiet.refreshed.1 };
            // Any refresh counts, but where more is forgiven: by `lenient`, or for a write that the store lost. There, again
            // within 3W is the same refresh, repeated.
            let forgives = self.server.rotation.preset == Preset::Lenient || self.losable > 0;
            let counts = after > self.quiet() || !forgives;
            *count = (*count + u8::from(counts)).min(2);
        }
        world.out.clear();
        world.issued.clear();
        world.behind.clear();
    }

    fn receive(&self, world: &mut World, party: Party, got: Token, fate: Fate) {
        if fate == Fate::AnswerLost {
            world.answer_lost = true;
            return;
        }
        match party {
            Party::Honest => world.jar = Some(got),
            Party::Thief => world.thief = Some(got),
        }
        match fate {
            Fate::SightLost => world.sight_lost = true,
            _ => self.confirm(world, got.generation),
        }
    }

    /// Where nothing was lost, whoever holds less than the newest token is not alone. `strict` does not ask who was
    /// seen.
    fn nothing_was_lost(&self, world: &World) -> bool {
        !world.answer_lost
            && match self.server.rotation.preset {
                Preset::Strict => true,
                Preset::Balanced => !world.sight_lost,
                Preset::Lenient => false,
            }
    }
}

/// A theft that this refresh should have told: it was answered where nothing explains that its token is not the newest,
/// or the session went on although it was refused.
fn missed(world: &World, outcome: Outcome, answered: bool) -> bool {
    answered || (matches!(outcome, Outcome::Reused(_)) && !world.row.revoked)
}
