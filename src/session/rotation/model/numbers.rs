//! Worlds that no rule tells apart are one world: this makes the search finite without a bound on refreshes or
//! failovers.

use std::collections::BTreeSet;

use super::world::{Issue, Record, Token, What, World};

/// Forgets what can count no more, and numbers the generations anew.
pub(super) fn canonical(mut world: World) -> World {
    forget(&mut world);
    world.mail.sort_unstable();
    let top = world.records().map(|record| record.generation).min().unwrap_or_default();
    let names: Vec<u8> = values(&world).into_iter().filter(|value| (1..=top).contains(value)).collect();
    // Up to the store's newest generation only order and equality count. Above it counts by how much.
    let rename = |value: u8| match names.binary_search(&value) {
        _ if value == 0 => 0,
        Ok(rank) => u8::try_from(rank).unwrap() + 1,
        Err(rank) => u8::try_from(rank).unwrap() + value - top,
    };
    renamed(world, rename)
}

fn forget(world: &mut World) {
    let oldest = world.records().map(|record| record.previous).min().unwrap_or_default();
    // Of the successors that were taken for lost, the last one stands for all.
    let top = world.records().map(|record| record.generation).min().unwrap_or_default();
    let honoured: Vec<u8> = world.records().map(|record| record.previous).collect();
    let orphans = world.out.iter().filter(|out| **out < top && !honoured.contains(*out));
    let last = orphans.max().copied();
    world.out.retain(|out| *out >= oldest && (*out >= top || honoured.contains(out) || Some(*out) == last));
    let kept: Vec<Token> = tokens(world);
    let counts = |token: Token| {
        token.generation >= oldest
            && (token.generation + 1 >= top || honoured.contains(&token.generation) || kept.contains(&token))
    };
    world.issued = std::mem::take(&mut world.issued)
        .into_iter()
        .filter(|issue| counts(issue.token))
        .map(|issue| Issue { parent: since(issue.parent, oldest), from: since(issue.from, oldest), ..issue })
        .collect();
    let mut held: Vec<u8> = world.issued.iter().map(|issue| issue.token.generation).collect();
    held.extend(tokens(world).into_iter().map(|token| token.generation));
    for record in world.behind.iter_mut().chain([&mut world.row]) {
        // `seen` is asked for one thing only.
        if record.seen < record.generation {
            record.seen = 0;
        }
        if held.iter().all(|generation| *generation >= record.cut) {
            record.cut = 0;
        }
    }
}

const fn since(token: Token, oldest: u8) -> Token {
    if token.generation < oldest { Token { generation: 0, previous: 0 } } else { token }
}

fn tokens(world: &World) -> Vec<Token> {
    let mailed = world.mail.iter().map(|mail| match mail.what {
        What::Request(token, _) | What::Answer(token, _) => token,
    });
    mailed.chain(world.jar).chain(world.thief).collect()
}

/// Every number in that world.
fn values(world: &World) -> BTreeSet<u8> {
    let mut values = world.out.clone();
    for record in world.records() {
        values.extend([record.generation, record.previous, record.seen, record.cut]);
    }
    let issued = world.issued.iter().flat_map(|issue| [issue.token, issue.parent, issue.from]);
    for token in tokens(world).into_iter().chain(issued) {
        values.extend([token.generation, token.previous]);
    }
    values
}

fn renamed(mut world: World, rename: impl Fn(u8) -> u8) -> World {
    let token = |token: Token| Token { generation: rename(token.generation), previous: rename(token.previous) };
    let record = |record: &mut Record| {
        record.generation = rename(record.generation);
        record.previous = rename(record.previous);
        record.seen = rename(record.seen);
        record.cut = rename(record.cut);
    };
    record(&mut world.row);
    world.behind.iter_mut().for_each(record);
    world.jar = world.jar.map(token);
    world.thief = world.thief.map(token);
    for mail in &mut world.mail {
        mail.what = match mail.what {
            What::Request(it, asked) => What::Request(token(it), asked),
            What::Answer(it, cut) => What::Answer(token(it), cut),
        };
    }
    world.mail.sort_unstable();
    world.out = world.out.into_iter().map(&rename).collect();
    world.issued = world
        .issued
        .into_iter()
        .map(|issue| Issue { token: token(issue.token), parent: token(issue.parent), from: token(issue.from) })
        .collect();
    world
}
