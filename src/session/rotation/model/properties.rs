//! What must hold, by name.

use stateright::Property;

use super::protocol::Protocol;
use super::server::Served;
use super::world::{Asked, Fault, Record, Token, World};
use crate::session::rotation::{Answer, Preset};

pub(super) const HONEST: &str = "an honest client is never refused by /refresh";
pub(super) const UNENDED: &str = "an honest client alone never ends its session";
pub(super) const NOTICED: &str = "a theft is over after one more refresh of each, two where something was lost";
pub(super) const NEXT: &str = "where nothing was lost, the other party's next refresh ends the session";
pub(super) const KIN: &str = "usable tokens descend from each other";
pub(super) const FORK: &str = "after a failover the second line ends the session";
pub(super) const WINDOW: &str = "the window moves with a new generation only";
pub(super) const ENDED: &str = "an ended session answers nobody";
pub(super) const CUT: &str = "what was cut off opens nothing and ends nothing";
pub(super) const REPEATS: &str = "a store catches up with what was written once, and with nothing else";
pub(super) const ORDER: &str = "cut <= previous <= generation, and none of them falls";
pub(super) const OUTSIDER: &str = "without the session's secret nobody gets or ends anything";
pub(super) const SIGHT: &str = "an orphan that is seen in use ends the session";
pub(super) const HOPE: &str = "what is hoped for is what the table says";

pub(super) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always(HONEST, |_, world: &World| world.fault != Some(Fault::HonestRefused)),
        Property::always(UNENDED, |protocol, world: &World| protocol.thief || !world.row.revoked),
        Property::always(NOTICED, noticed),
        Property::always(NEXT, |_, world: &World| world.fault != Some(Fault::Missed)),
        Property::always(KIN, kin),
        Property::always(FORK, fork),
        Property::always(WINDOW, |_, world: &World| world.fault != Some(Fault::WindowMoved)),
        Property::always(ENDED, ended),
        Property::always(CUT, |_, world: &World| world.fault != Some(Fault::CutIgnored)),
        Property::always(REPEATS, |_, world: &World| world.fault != Some(Fault::Invented)),
        Property::always(ORDER, |_, world: &World| world.fault != Some(Fault::OrderLost)),
        Property::always(OUTSIDER, outsider),
        Property::always(SIGHT, |_, world: &World| world.fault != Some(Fault::SightIgnored)),
        Property::always(HOPE, |_, world: &World| world.fault != Some(Fault::HopeDiffers)),
    ]
}

/// What a presentation must not do, whoever presents. `world` is as it was before.
pub(super) fn of_presentation(
    protocol: &Protocol,
    world: &World,
    token: Token,
    asked: Asked,
    served: &Served,
) -> Option<Fault> {
    let (before, after) = (world.row, served.row);
    let moved = after.generation > before.generation;
    let answered = served.answer != Answer::Refusal;
    let cuts = asked == Asked::Rotate && served.answer == Answer::Both;
    let outlives_cut = || {
        let left = world.issued.iter().map(|issue| issue.token);
        left.filter(|left| *left != after.newest()).any(|left| protocol.server.answers(after, left))
    };
    // A token of a cut, and a `/rotate` with any but the newest or with what the store has forgotten.
    let cut_ignored = (token.generation < before.cut && (answered || after != before))
        || (cuts && (token.generation < before.generation || outlives_cut()));
    let repeats = world.issued.iter().any(|issue| issue.token == token && issue.from == before.newest());
    let ahead = token.generation > before.generation && world.quiet.is_none() && !before.revoked;
    let invented = ahead && !repeats && (answered || after != before);
    let fallen = after.generation < before.generation || after.previous < before.previous || after.cut < before.cut;
    let disordered = after.cut > after.previous || after.previous > after.generation || after.seen > after.generation;
    [
        (cut_ignored, Fault::CutIgnored),
        (after.age != before.age && !moved, Fault::WindowMoved),
        (fallen || disordered, Fault::OrderLost),
        (invented, Fault::Invented),
        (!served.as_hoped, Fault::HopeDiffers),
    ]
    .into_iter()
    .find_map(|(broken, fault)| broken.then_some(fault))
}

/// A successor that was taken for lost.
pub(super) fn is_orphan(world: &World, generation: u8) -> bool {
    let row = &world.row;
    !row.revoked && row.previous < generation && generation < row.generation && row.cut <= generation
}

/// The newest generation, which nobody has told of.
pub(super) const fn is_unseen(world: &World, generation: u8) -> bool {
    generation == world.row.generation && world.row.seen < generation
}

fn noticed(protocol: &Protocol, world: &World) -> bool {
    let Some(quiet) = world.quiet else { return true };
    let (Some(jar), Some(thief)) = (world.jar, world.thief) else { return true };
    let needed = if world.answer_lost || world.sight_lost { 2 } else { 1 };
    if world.row.revoked || quiet.refreshed.0.min(quiet.refreshed.1) < needed {
        return true;
    }
    let later = world.row.aged(protocol.quiet() + 1, protocol.oldest);
    !(protocol.server.answers(later, jar) && protocol.server.answers(later, thief))
}

/// Whoever has something of an ended session, at once or later, with whatever is on its way.
fn ended(protocol: &Protocol, world: &World) -> bool {
    let answers = |asked, token| protocol.server.serve(world.row, token, asked).answer != Answer::Refusal;
    let mut held = world.issued.iter().map(|issue| issue.token).chain(world.jar).chain(world.thief);
    !world.row.revoked || !held.any(|token| answers(Asked::Refresh, token) || answers(Asked::Rotate, token))
}

fn kin(protocol: &Protocol, world: &World) -> bool {
    // In the quiet nothing is handed out that could not be before.
    if world.failed_over || world.quiet.is_some() {
        return true;
    }
    unrelated(protocol, world, world.row).is_none()
}

/// Two tokens that do not descend from one another and would both be answered.
fn unrelated(protocol: &Protocol, world: &World, row: Record) -> Option<(Token, Token)> {
    let usable: Vec<Token> =
        world.issued.iter().map(|issue| issue.token).filter(|token| protocol.server.answers(row, *token)).collect();
    usable.iter().enumerate().find_map(|(at, one)| {
        let other =
            usable[at + 1..].iter().find(|other| !world.descends(*one, **other) && !world.descends(**other, *one))?;
        Some((*one, *other))
    })
}

fn fork(protocol: &Protocol, world: &World) -> bool {
    if !world.failed_over || world.quiet.is_some() || world.row.revoked {
        return true;
    }
    let row = world.row.aged(protocol.quiet() + 1, protocol.oldest);
    let Some((one, other)) = unrelated(protocol, world, row) else { return true };
    let ends = |first: Token, second: Token| {
        let mut after = protocol.server.serve(row, first, Asked::Refresh).row;
        // Its access token is used, and that is confirmed.
        after.seen = after.generation;
        let after = after.aged(protocol.quiet() + 1, protocol.oldest);
        protocol.server.serve(after, second, Asked::Refresh).row.revoked
    };
    protocol.server.rotation.preset == Preset::Lenient || (ends(one, other) && ends(other, one))
}

fn outsider(protocol: &Protocol, world: &World) -> bool {
    let Record { generation, previous, .. } = world.row;
    let forged =
        [(generation, previous), (previous, previous), (generation + 1, generation), (generation + 1, 0), (1, 1)];
    forged.into_iter().all(|(generation, previous)| protocol.server.ignores(world.row, Token { generation, previous }))
}
