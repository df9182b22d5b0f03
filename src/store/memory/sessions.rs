use std::hash::RandomState;

use hashbrown::HashTable;

use super::name::Name;
use super::packed::{Packed, pack};
use super::slab::{Handle, Slab};
use crate::store::{Device, Row};
use crate::token::SessionId;

/// Whose sessions are asked for.
pub(super) struct Key<'a> {
    pub(super) subject: &'a str,
    name: Name<'a>,
    /// Of the name, with the store's random key.
    pub(super) hash: u64,
}

impl<'a> Key<'a> {
    pub(super) fn new(subject: &'a str, keyed: &RandomState) -> Self {
        let name = Name::new(subject);
        Self { subject, hash: name.hash(keyed), name }
    }
}

/// Sessions, found by subject and id or by subject alone.
pub(super) struct Sessions {
    keyed: RandomState,
    index: HashTable<Handle>,
    slab: Slab,
}

impl Sessions {
    pub(super) fn new(keyed: RandomState) -> Self {
        Self { keyed, index: HashTable::new(), slab: Slab::default() }
    }

    pub(super) fn find(&self, key: &Key<'_>, id: SessionId) -> Option<Handle> {
        let is_it = |at: &&Handle| self.packed(**at).is_some_and(|packed| packed.id == id && packed.name == key.name);
        self.index.iter_hash(spread(key.hash, id)).find(is_it).copied()
    }

    /// Every session of the subject.
    pub(super) fn of(&self, key: &Key<'_>) -> impl Iterator<Item = Handle> {
        (0..SPREAD).flat_map(move |step| {
            let one_step = self.index.iter_hash(step_of(key.hash, step));
            one_step.copied().filter(move |at| {
                self.packed(*at).is_some_and(|packed| step_for(packed.id) == step && packed.name == key.name)
            })
        })
    }

    pub(super) fn row(&self, at: Handle) -> Option<Row> {
        self.packed(at)?.row()
    }

    pub(super) fn device(&self, at: Handle) -> Device {
        self.packed(at).and_then(|packed| packed.device()).unwrap_or_default()
    }

    /// Whether there was room for it.
    pub(super) fn insert(&mut self, key: &Key<'_>, row: &Row, device: &Device) -> bool {
        let Some(at) = self.slab.insert(&pack(&key.name, row, device)) else { return false };
        let (keyed, slab) = (&self.keyed, &self.slab);
        self.index.insert_unique(spread(key.hash, row.id), at, |at| hash(slab, keyed, *at));
        true
    }

    /// Whether there was room for what it became.
    pub(super) fn write(&mut self, at: Handle, row: &Row) -> bool {
        let Some(bytes) = self.packed(at).map(|packed| packed.with(row)) else { return false };
        if self.slab.overwrite(at, &bytes) {
            return true;
        }
        let hash = hash(&self.slab, &self.keyed, at);
        let (Some(longer), Some(entry)) = (self.slab.insert(&bytes), self.index.find_mut(hash, |held| *held == at))
        else {
            return false;
        };
        *entry = longer;
        self.close(at);
        true
    }

    pub(super) fn remove(&mut self, at: Handle) {
        if let Ok(entry) = self.index.find_entry(hash(&self.slab, &self.keyed, at), |held| *held == at) {
            entry.remove();
            self.close(at);
        }
    }

    /// The next of all sessions, in an order in which those that were seen may be written and removed.
    pub(super) fn next(&self, at: Option<Handle>) -> Option<Handle> {
        self.slab.before(at)
    }

    /// Gives back what a table of twice as many sessions took.
    pub(super) fn shrink(&mut self) {
        if self.index.len() < self.index.capacity() / 4 {
            let (keyed, slab) = (&self.keyed, &self.slab);
            self.index.shrink_to(self.index.len() * 2, |at| hash(slab, keyed, *at));
        }
    }

    fn packed(&self, at: Handle) -> Option<Packed<'_>> {
        Packed::new(self.slab.get(at)?)
    }

    /// Frees a place that the index does not know any more.
    fn close(&mut self, at: Handle) {
        if let Some(moved) = self.slab.remove(at)
            && let Some(entry) = self.index.find_mut(hash(&self.slab, &self.keyed, at), |held| *held == moved)
        {
            *entry = at;
        }
    }
}

fn hash(slab: &Slab, keyed: &RandomState, at: Handle) -> u64 {
    let packed = slab.get(at).and_then(Packed::new);
    packed.map_or(0, |packed| spread(packed.name.hash(keyed), packed.id))
}

/// The sessions of a subject have sixteen hashes by their ids, so that finding one of a hundred, or of the thousands that
/// somebody opens and ends, looks at a few. The bits are those that the table compares before it looks.
fn spread(hash: u64, id: SessionId) -> u64 {
    step_of(hash, step_for(id))
}

const fn step_of(hash: u64, step: u8) -> u64 {
    hash ^ (step as u64) << (u64::BITS - 7)
}

const fn step_for(id: SessionId) -> u8 {
    let [first, ..] = *id.as_bytes();
    first % SPREAD
}

const SPREAD: u8 = 16;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::{NewSession, Swap};
    use crate::token::{SecretHash, Timestamp};

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: Timestamp = Timestamp::from_secs(1_760_000_000);
    const MILLION: usize = 1_000_000;
    const SHARDS: usize = 64;

    fn random(n: usize) -> u128 {
        // Spread as random ids are.
        (n as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }

    fn uuid(n: usize) -> String {
        let digits = format!("{:032x}", random(n));
        [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
    }

    /// One session for each of a shard's subjects, of all ages and rotated every quarter of an hour until now.
    fn share_of_a_million(subject: impl Fn(usize) -> String, device: impl Fn(usize) -> Device) -> Sessions {
        let mut sessions = Sessions::new(RandomState::new());
        for n in 0..MILLION / SHARDS {
            let (subject, id) = (subject(n), SessionId::from_bytes(random(n).to_be_bytes()));
            let created_at = NOW.before(Duration::from_millis((random(n) >> 64) as u64 % (90 * 86_400_000)));
            let hash = SecretHash::from_bytes([n as u8; 32]);
            let read_at = created_at.before(Duration::from_millis(150 + n as u64 % 1000));
            let new = NewSession::new(id, subject.as_str(), hash, 7 * DAY, 90 * DAY, read_at);
            let key = Key::new(&subject, &sessions.keyed);
            let row = Row::opened(&new, created_at);
            assert!(sessions.insert(&key, &row, &device(n)));
            let generation = 2 + NOW.since(created_at).as_secs() / 900;
            let rotated = Swap::new((1, 1), generation, generation - 1).apply(&row, created_at).unwrap();
            let rotated = Row { rotated_at: NOW, seen: generation - 1, ..rotated };
            let at = sessions.find(&key, id).unwrap();
            assert!(sessions.write(at, &rotated));
        }
        sessions
    }

    fn bytes_each(sessions: &Sessions) -> f64 {
        let bytes = sessions.index.allocation_size() + sessions.slab.bytes() + size_of::<Sessions>();
        bytes as f64 / sessions.index.len() as f64
    }

    #[test]
    #[allow(clippy::print_stdout, reason = "a measurement is read")]
    fn a_million_sessions_take_100_bytes_each_and_200_with_their_devices() {
        let nothing = |_| Device::default();
        let by_uuid = bytes_each(&share_of_a_million(uuid, nothing));
        let by_number = bytes_each(&share_of_a_million(|n| (random(n) as u64).to_string(), nothing));
        let by_hex = bytes_each(&share_of_a_million(|n| uuid(n).replace('-', "")[..24].to_owned(), nothing));
        let labelled = bytes_each(&share_of_a_million(uuid, device));
        println!("UUID {by_uuid:.1}, number {by_number:.1}, ObjectId {by_hex:.1}, UUID and device {labelled:.1}");
        assert!(by_uuid <= 100.0 && by_number <= 100.0 && by_hex <= 100.0);
        assert!(labelled <= 200.0);
    }

    fn device(n: usize) -> Device {
        let agents = [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
            "ExampleApp/5.12.1 (com.example.app; build:4711; iOS 18.5.0) Alamofire/5.9.1",
        ];
        let ip = std::net::IpAddr::from(if n.is_multiple_of(2) { random(n).to_be_bytes() } else { [10; 16] });
        let label = Some(format!("Someone's device, the {n}th"));
        Device { user_agent: Some(agents[n % agents.len()].to_owned()), ip: Some(ip), label }
    }

    #[test]
    fn what_is_removed_takes_no_memory() {
        let mut sessions = share_of_a_million(uuid, |_| Device::default());
        let before = sessions.index.allocation_size() + sessions.slab.bytes();
        let mut next = sessions.next(None);
        while let Some(at) = next {
            sessions.remove(at);
            next = sessions.next(Some(at));
        }
        sessions.shrink();
        assert!(sessions.index.is_empty());
        let left = sessions.index.allocation_size() + sessions.slab.bytes();
        assert!(left * 50 < before, "{left} of {before}");
    }

    #[test]
    fn the_sessions_of_one_subject_are_found_among_others() {
        let mut sessions = Sessions::new(RandomState::new());
        let id = |n: usize| SessionId::from_bytes(random(n).to_be_bytes());
        let subjects = ["alice", "bob"];
        for n in 0..2000_usize {
            let subject = subjects[usize::from(n.is_multiple_of(20))];
            let hash = SecretHash::from_bytes([0; 32]);
            let row = Row::opened(&NewSession::new(id(n), subject, hash, DAY, DAY, NOW), NOW);
            let key = Key::new(subject, &sessions.keyed);
            assert!(sessions.insert(&key, &row, &Device::default()));
        }
        let [alice, bob] = subjects.map(|subject| Key::new(subject, &sessions.keyed));
        let mut found: Vec<_> = sessions.of(&bob).map(|at| sessions.row(at).unwrap().id).collect();
        found.sort_unstable();
        let mut expected: Vec<_> = (0..2000_usize).filter(|n| n.is_multiple_of(20)).map(id).collect();
        expected.sort_unstable();
        assert_eq!(found, expected);
        assert!(sessions.find(&bob, id(20)).is_some() && sessions.find(&alice, id(20)).is_none());
    }
}
