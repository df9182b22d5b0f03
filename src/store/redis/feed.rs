//! The feed: a stream for each partition, read where it was left.

use std::cmp::Reverse;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::codec::session_id;
use super::error::damaged;
use super::keys;
use super::link::Link;
use super::scripts::FEED;
use crate::store::{Cursor, Ends, Entry, Feed, StoreError};

/// `1526919030474-55`, and what was appended under it.
type Appended = (String, Vec<Vec<u8>>);

pub(super) async fn feed(link: &Link, partitions: u16, cursor: &Cursor) -> Result<Feed, StoreError> {
    let mut read = parse(cursor, partitions);
    let count = (PAGE / usize::from(partitions.max(1))).max(1);
    let feeds: Vec<_> = (0..partitions).map(keys::feed).collect();
    // One call where all may be named together.
    let together = if link.has_slots() { 1 } else { feeds.len().max(1) };
    let calls = feeds.chunks(together).zip(read.chunks(together));
    let calls = calls.map(|(feeds, read)| {
        read.iter().fold(FEED.call(feeds).arg(count), |call, read| call.arg(&read.id).arg(&read.said))
    });
    let replies = link.run_each::<(i64, Vec<Vec<Appended>>)>(calls.collect()).await;

    let (mut entries, mut more, mut failed, mut answered) = (Vec::new(), false, None, false);
    for (read, reply) in read.chunks_mut(together).zip(replies) {
        let (now, pages) = match reply {
            Ok(reply) => reply,
            // Its places stay where they are.
            Err(error) => {
                failed = Some(error);
                continue;
            }
        };
        answered = true;
        for (read, page) in read.iter_mut().zip(pages) {
            more |= page.len() >= count;
            for (id, said) in page {
                if let Some(ends) = ends(&said) {
                    entries.push(Entry::new(ends, age(now, &id).ok_or_else(damaged)?));
                }
                *read = Place { id, said: said.concat() };
            }
        }
    }
    if let Some(error) = failed.take_if(|_| !answered) {
        return Err(error);
    }
    // The oldest first: of one partition they come in their order, and stay in it.
    entries.sort_by_key(|entry| Reverse(entry.age));
    let places: Vec<_> = read.iter().map(Place::text).collect();
    let feed = Feed::new(entries, Cursor::new(places.join(" ").into_bytes()), more);
    Ok(if failed.is_some() { feed.partial() } else { feed })
}

/// The last entry that was read of a partition; nothing at its beginning.
///
/// Not its id alone: a server that lost it in a failover may give the same one to another, of the same millisecond.
#[derive(Clone, Default)]
struct Place {
    id: String,
    said: Vec<u8>,
}

impl Place {
    fn text(&self) -> String {
        format!("{}:{}", self.id, URL_SAFE_NO_PAD.encode(&self.said))
    }

    fn parse(text: &str) -> Option<Self> {
        let (id, said) = text.split_once(':')?;
        let is_id = |id: &str| {
            let (millis, number) = id.split_once('-')?;
            Some((millis.parse::<u64>().ok()?, number.parse::<u64>().ok()?))
        };
        if !id.is_empty() {
            is_id(id)?;
        }
        Some(Self { id: id.to_owned(), said: URL_SAFE_NO_PAD.decode(said).ok()? })
    }
}

/// How far each partition was read; nothing of a cursor that is not understood.
fn parse(cursor: &Cursor, partitions: u16) -> Vec<Place> {
    let text = std::str::from_utf8(cursor.as_bytes()).unwrap_or_default();
    let places = text.split(' ').map(Place::parse).collect::<Option<Vec<_>>>();
    let places = places.filter(|places| places.len() == usize::from(partitions));
    places.unwrap_or_else(|| vec![Place::default(); usize::from(partitions)])
}

/// Nothing of what only a newer version says.
fn ends(said: &[Vec<u8>]) -> Option<Ends> {
    let [what, value] = said else { return None };
    match what.as_slice() {
        b"s" => session_id(value).ok().map(Ends::Session),
        b"b" => {
            let (id, generation) = value.split_first_chunk::<16>()?;
            Some(Ends::Below(session_id(id).ok()?, u64::from_be_bytes(generation.try_into().ok()?)))
        }
        b"a" => Some(Ends::All),
        _ => None,
    }
}

fn age(now: i64, id: &str) -> Option<Duration> {
    let (millis, _) = id.split_once('-')?;
    Some(Duration::from_millis(u64::try_from(now.saturating_sub(millis.parse().ok()?)).unwrap_or(0)))
}

/// Entries in a page, of all partitions.
const PAGE: usize = 10_000;
