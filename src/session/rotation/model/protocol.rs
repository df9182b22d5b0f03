//! The search's bounds, and its steps put together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use stateright::{Model, Property};

use super::numbers::canonical;
use super::properties;
use super::server::{Rules, Served, Server};
use super::world::{Asked, Fault, Issue, Party, Record, Token, World};
use crate::session::rotation::{Outcome, Preset, Reuse, Rotation};

/// Whether and when the honest client asks for `/rotate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rotates {
    Never,
    /// When nothing else of its jar travels, and nothing is sent until the answer is there. It is not lost.
    Alone,
    /// Beside anything. Its answer is not lost.
    Whenever,
}

/// What is searched.
#[derive(Clone)]
pub(super) struct Protocol {
    pub(super) server: Server,
    /// W in ticks.
    pub(super) window: u8,
    /// Ages beyond this are all alike.
    pub(super) oldest: i8,
    /// How many requests of the honest client travel at once.
    pub(super) tabs: usize,
    pub(super) rotates: Rotates,
    pub(super) thief: bool,
    /// Whether a quiet may begin, in which a theft is to be noticed.
    pub(super) hushes: bool,
    /// How many of the last writes a failover may lose, and how many failovers there are; `u8::MAX` is no bound.
    pub(super) losable: usize,
    pub(super) failovers: u8,
    /// How often the store's clock is set, and by how many ticks.
    pub(super) clock_sets: u8,
    pub(super) clock_by: i8,
    /// The rows of the table that were reached, by their bits.
    pub(super) reached: Arc<AtomicU32>,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Tick,
    /// The honest client sends what the jar holds.
    Send(Asked),
    /// The request at this place arrives at the server.
    Arrive(usize),
    /// What is at this place is lost: a request, an answer, or a server between its write and its answer.
    Lose(usize),
    /// The answer at this place reaches the jar.
    Store(usize),
    /// The sight of an access token of that generation reaches the store.
    Confirm(u8),
    /// The store fails over and loses that many of its last writes.
    Failover(usize),
    /// The store's clock is set back, or ahead.
    SetClock,
    /// The thief copies the jar.
    Copy,
    /// The thief presents what he holds; the flag: and does not get the answer.
    Steal(Asked, bool),
    /// From now on neither party presents within 3W of the other; the flag: and all sights until now are confirmed.
    Hush(bool),
    /// One of them refreshes, so many ticks later.
    Refresh {
        party: Party,
        after: i8,
        fate: Fate,
    },
}

/// What becomes of an answer in the quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives,
    AnswerLost,
    SightLost,
}

impl Protocol {
    /// One tab, nobody else, and a store that loses nothing.
    pub(super) fn new(rules: Rules, rotation: Rotation, window: u8) -> Self {
        let rotation = rotation.window(Duration::from_secs(window.into()));
        let window_ticks = i8::try_from(window).unwrap();
        Self {
            server: Server::new(rules, rotation),
            window,
            oldest: 3 * window_ticks + 1,
            tabs: 1,
            rotates: Rotates::Never,
            thief: false,
            hushes: true,
            losable: 0,
            failovers: u8::MAX,
            clock_sets: 0,
            clock_by: -1,
            reached: Arc::default(),
        }
    }

    /// 3W, in ticks.
    pub(super) const fn quiet(&self) -> i8 {
        3 * self.window.cast_signed()
    }

    /// A token is presented: what is checked at every presentation, and what is written.
    pub(super) fn present(&self, world: &mut World, token: Token, asked: Asked) -> Served {
        let before = world.row;
        let served = self.server.serve(before, token, asked);
        self.reached.fetch_or(bit(served.outcome), Ordering::Relaxed);
        if let Some(fault) = properties::of_presentation(self, world, token, asked, &served) {
            world.blame(fault);
        }
        if served.row != before {
            self.write(world, served.row, served.durable);
        }
        let newest = served.row.newest();
        if newest != before.newest() && newest != token {
            // Without a failover nobody asks what a write was made from.
            let from = if self.losable > 0 { before.newest() } else { newest };
            world.issued.insert(Issue { token: newest, parent: token, from });
        }
        served
    }

    pub(super) fn write(&self, world: &mut World, row: Record, durable: bool) {
        if durable {
            world.behind.clear();
        } else if self.losable > 0 && world.failovers > 0 {
            world.behind.push(world.row);
            let surplus = world.behind.len().saturating_sub(self.losable);
            world.behind.drain(..surplus);
        }
        world.row = row;
    }

    pub(super) fn pass(&self, world: &mut World, ticks: i8) {
        world.row = world.row.aged(ticks, self.oldest);
        for record in &mut world.behind {
            *record = record.aged(ticks, self.oldest);
        }
    }

    /// A sight reaches the store.
    pub(super) fn confirm(&self, world: &mut World, generation: u8) {
        let (before, orphan) = (world.row, properties::is_orphan(world, generation));
        let mut row = before;
        let betrayed = (self.server.rules.confirm)(&mut row, generation);
        if row != before {
            // It may be lost like any write, alone or with the one before it.
            if world.behind.is_empty() && self.losable > 0 && world.failovers > 0 {
                world.behind.push(before);
            }
            world.row = row;
        }
        let lenient = self.server.rotation.preset == Preset::Lenient;
        if betrayed && !lenient {
            self.write(world, Record { revoked: true, ..row }, true);
        }
        if orphan && !lenient && !world.row.revoked {
            world.blame(Fault::SightIgnored);
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let mut world = World::opened();
        world.failovers = self.failovers;
        world.clock_sets = self.clock_sets;
        vec![world]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        // An ended session is asked by the property itself.
        if world.fault.is_some() || world.row.revoked {
            return;
        }
        if world.quiet.is_some() {
            return self.in_quiet(world, steps);
        }
        self.of_honest(world, steps);
        self.of_store(world, steps);
        if self.thief {
            self.of_thief(world, steps);
        }
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        let mut world = last.clone();
        match step {
            Step::Tick => {
                self.pass(&mut world, 1);
                world.mail.iter_mut().for_each(|mail| mail.left -= 1);
            }
            Step::Send(asked) => self.send(&mut world, asked),
            Step::Arrive(at) => self.arrive(&mut world, at),
            Step::Lose(at) => self.lose(&mut world, at),
            Step::Store(at) => self.store(&mut world, at),
            Step::Confirm(generation) => self.confirm(&mut world, generation),
            Step::Failover(lost) => self.fail_over(&mut world, lost),
            Step::SetClock => self.set_clock(&mut world),
            Step::Copy => world.thief = world.jar,
            Step::Steal(asked, lost) => self.steal(&mut world, asked, lost),
            Step::Hush(sights) => self.hush(&mut world, sights),
            Step::Refresh { party, after, fate } => self.refresh(&mut world, party, after, fate),
        }
        if !self.thief || !self.hushes {
            // Only the quiet asks for these.
            (world.suspect, world.answer_lost) = (false, false);
        }
        let world = canonical(world);
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

/// A bit for each row of the table.
pub(super) const fn bit(outcome: Outcome) -> u32 {
    1 << match outcome {
        Outcome::Unknown => 1,
        Outcome::Ended => 2,
        Outcome::Superseded => 3,
        Outcome::AheadOfStore => 4,
        Outcome::FastForwarded => 5,
        Outcome::Reused(Reuse::Fork) => 6,
        Outcome::Cut => 7,
        Outcome::Held => 8,
        Outcome::Rotated => 9,
        Outcome::Replayed => 10,
        Outcome::Bridged => 11,
        Outcome::TryAgain => 14,
        Outcome::Reissued => 12,
        Outcome::Reused(_) => 13,
    }
}
