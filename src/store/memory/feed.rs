use std::collections::VecDeque;

use crate::store::{Cursor, Ends, Entry, Feed, REVOKED_FOR};
use crate::token::{SessionId, Timestamp};

/// What was ended lately, numbered from 1.
#[derive(Default)]
pub(super) struct Log {
    entries: VecDeque<(Timestamp, Ends)>,
    /// How many there were before the first of them.
    forgotten: u64,
}

impl Log {
    pub(super) fn append_ended(&mut self, ended: &[SessionId], now: Timestamp) {
        ended.iter().for_each(|session| self.append(Ends::Session(*session), now));
    }

    /// Adds an entry, and drops what is of no use any more.
    pub(super) fn append(&mut self, ends: Ends, now: Timestamp) {
        while self.entries.front().is_some_and(|(at, _)| now.since(*at) > REVOKED_FOR) {
            self.entries.pop_front();
            self.forgotten = self.forgotten.saturating_add(1);
        }
        self.entries.push_back((now, ends));
    }

    /// A page from `cursor` on.
    pub(super) fn read(&self, cursor: &Cursor, now: Timestamp) -> Feed {
        let last = self.forgotten.saturating_add(self.entries.len() as u64);
        let read = cursor.as_bytes().try_into().map_or(0, u64::from_be_bytes);
        let read = if read > last { 0 } else { read };
        let skip = usize::try_from(read.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        let page = self.entries.iter().skip(skip).take(PAGE);
        let entries: Vec<_> = page.map(|(at, ends)| Entry::new(*ends, now.since(*at))).collect();
        let read = read.max(self.forgotten).saturating_add(entries.len() as u64);
        let entries = entries.into_iter().filter(|entry| entry.age <= REVOKED_FOR).collect();
        Feed::new(entries, Cursor::new(read.to_be_bytes()), read < last)
    }
}

/// How many entries are read in one step.
const PAGE: usize = 4096;
