//! What happens to the store by itself.

use super::properties::{is_orphan, is_unseen};
use super::protocol::{Protocol, Step};
use super::world::World;

impl Protocol {
    pub(super) fn of_store(&self, world: &World, steps: &mut Vec<Step>) {
        // Other sights are ignored by the rule itself; where it is changed, the predecessor's is what must be.
        let told = |generation: u8| {
            is_unseen(world, generation)
                || is_orphan(world, generation)
                || generation == world.row.previous
                || generation > world.row.generation
        };
        steps.extend(world.out.iter().copied().filter(|generation| told(*generation)).map(Step::Confirm));
        if world.failovers > 0 {
            steps.extend((1..=world.behind.len()).map(Step::Failover));
        }
        if world.clock_sets > 0 && world.row.age >= 0 {
            steps.push(Step::SetClock);
        }
    }

    pub(super) fn fail_over(&self, world: &mut World, lost: usize) {
        world.row = world.behind[world.behind.len() - lost];
        world.behind.clear();
        world.answer_lost = true;
        world.failed_over = true;
        if world.failovers != u8::MAX {
            world.failovers -= 1;
        }
    }

    pub(super) fn set_clock(&self, world: &mut World) {
        world.clock_sets -= 1;
        self.pass(world, self.clock_by);
    }
}
