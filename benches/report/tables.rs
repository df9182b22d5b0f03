//! The tables, as Markdown.

use std::fmt::Write as _;

use jwt_sessions_benches::cases::{
    BARE, DECODE, EMPTY, FIRST, FIRST_UNKEPT, HAND, HAND_ASKING, HAND_NEW, HIT, HIT_ASKING, HIT_COOKIE, HIT_ENDED,
    IDLE, PLACED, PLACED_NEW, RAW, RAW_NEW, UNKEPT,
};

use crate::figures::{BARE_07, Figures};

pub(crate) const ALGORITHMS: [&str; 4] = ["HS256", "ES256", "EdDSA", "RS256"];
pub(crate) const PUBLISHED: [&str; 6] =
    ["jwt-authorizer", "axum-jwt-auth", "tower-oauth2-resource-server", "aliri_axum", "axum-gate", "axum-login"];

/// Nanoseconds over the bare route.
pub(crate) fn layer(figures: &Figures) -> String {
    let bare = figures.part("HS256", BARE, "ns").unwrap_or(f64::NAN);
    let mut text = format!(
        "\n## A protected route, in process\n\nNanoseconds over the bare route, which takes {bare:.0} itself; medians over the rounds of one run, all cases in turn. The lines *alone* are no layers: they are the whole of what they do.\n\n| | {} |\n|---|{}\n",
        ALGORITHMS.join(" | "),
        "--:|".repeat(ALGORITHMS.len())
    );
    let ours = [HIT, HIT_COOKIE, HIT_ASKING, HIT_ENDED, FIRST, FIRST_UNKEPT, UNKEPT];
    for name in [IDLE, EMPTY, RAW, RAW_NEW, PLACED, PLACED_NEW, DECODE]
        .into_iter()
        .chain(ours)
        .chain([HAND, HAND_NEW, HAND_ASKING])
        .chain(PUBLISHED)
    {
        let alone = [RAW, RAW_NEW, DECODE].contains(&name);
        let cell = |alg: &&str| match alone {
            true => number(figures.part(alg, name, "ns")),
            false => number(figures.over(alg, name)),
        };
        row(&mut text, name, ALGORITHMS.iter().map(cell));
    }
    let notes = figures.names("notes").into_iter().map(|name| format!("{name}: {}", figures.text("notes", name)));
    let _ = writeln!(text, "\n{}.", notes.collect::<Vec<_>>().join(". "));
    text
}

/// What follows from them.
pub(crate) fn ratios(figures: &Figures) -> String {
    let mut text = format!(
        "\nThe same as ratios:\n\n| | {} |\n|---|{}\n",
        ALGORITHMS.join(" | "),
        "--:|".repeat(ALGORITHMS.len())
    );
    let over = |alg: &str, name: &str| figures.over(alg, name);
    let mut line = |what: &str, of: &dyn Fn(&str) -> Option<f64>| {
        row(&mut text, what, ALGORITHMS.iter().map(|alg| of(alg).map_or_else(none, |ratio| format!("{ratio:.2}"))));
    };
    line("seen before / an empty `from_fn`", &|alg| Some(over(alg, HIT)? / over(alg, EMPTY)?));
    line("hand-written / seen before", &|alg| Some(over(alg, HAND)? / over(alg, HIT)?));
    line("best published / seen before", &|alg| Some(best(figures, alg)?.1 / over(alg, HIT)?));
    line("first sight / the signature check alone, each one new", &|alg| {
        Some(over(alg, FIRST)? / figures.part(alg, RAW_NEW, "ns")?)
    });
    line("first sight / a layer of nothing but that check", &|alg| Some(over(alg, FIRST)? / over(alg, PLACED_NEW)?));
    line("hand-written, each token new / first sight", &|alg| Some(over(alg, HAND_NEW)? / over(alg, FIRST)?));
    // What gets the same token each time is compared with what does.
    line("nothing kept / the signature check alone", &|alg| Some(over(alg, UNKEPT)? / figures.part(alg, RAW, "ns")?));
    line("nothing kept / a layer of nothing but that check", &|alg| Some(over(alg, UNKEPT)? / over(alg, PLACED)?));
    line("hand-written / nothing kept", &|alg| Some(over(alg, HAND)? / over(alg, UNKEPT)?));
    line("best published / nothing kept", &|alg| Some(best(figures, alg)?.1 / over(alg, UNKEPT)?));
    let names: Vec<_> = ALGORITHMS.iter().filter_map(|alg| Some(format!("{alg} {}", best(figures, alg)?.0))).collect();
    let _ = writeln!(text, "\nBest published layer for tokens: {}.", names.join(", "));
    text
}

/// The published layer that costs least. Not axum-login: it verifies no token.
pub(crate) fn best(figures: &Figures, alg: &str) -> Option<(&'static str, f64)> {
    published(figures, alg).into_iter().min_by(|one, other| one.1.total_cmp(&other.1))
}

/// The published layers that verify a token of that algorithm.
pub(crate) fn published(figures: &Figures, alg: &str) -> Vec<(&'static str, f64)> {
    let layers = PUBLISHED.into_iter().filter(|name| *name != "axum-login");
    layers.filter_map(|name| Some((name, figures.over(alg, name)?))).collect()
}

pub(crate) fn allocations(own: &Figures, peers: &Figures) -> String {
    let mut text = format!(
        "\nAllocations over the bare route, which makes {}:\n\n| | {} |\n|---|{}\n",
        number(own.number("allocations, HS256", BARE)),
        ALGORITHMS.join(" | "),
        "--:|".repeat(ALGORITHMS.len())
    );
    let of = |alg: &str, name: &str| {
        let group = format!("allocations, {alg}");
        let base = if name == "jwt-authorizer" { peers.number(&group, BARE_07) } else { own.number(&group, BARE) };
        Some(own.number(&group, name).or_else(|| peers.number(&group, name))? - base?)
    };
    for name in [IDLE, EMPTY, HIT, HIT_COOKIE, HIT_ASKING, FIRST, FIRST_UNKEPT, UNKEPT, HAND, HAND_ASKING]
        .into_iter()
        .chain(PUBLISHED)
    {
        row(&mut text, name, ALGORITHMS.iter().map(|alg| number(of(alg, name))));
    }
    text
}

pub(crate) fn http(figures: &Figures) -> String {
    let group = "a protected route";
    let mut text = String::from(
        "\n## A protected route, over HTTP\n\nwrk with 16 connections; the server has one core, wrk the other. HS256. Processor time is the server's own.\n\n| | µs of CPU a request | over bare axum | requests a second |\n|---|--:|--:|--:|\n",
    );
    let bare = figures.part(group, "bare axum", "cpu_us");
    for name in figures.names(group) {
        let cpu = figures.part(group, name, "cpu_us");
        let ratio = cpu.zip(bare).map_or_else(none, |(cpu, bare)| format!("{:.2} ×", cpu / bare));
        let cells =
            [cpu.map_or_else(none, |cpu| format!("{cpu:.1}")), ratio, number(figures.part(group, name, "rate"))];
        row(&mut text, name, cells);
    }
    text
}

pub(crate) fn refresh(own: &Figures, http: &Figures) -> String {
    let group = "a refresh";
    let mut text = String::from(
        "\n## A refresh\n\nOver HTTP, each token used once, so that each refresh is a rotation that is written with full durability; wrk with 16 connections; PostgreSQL is on wrk's core. Processor time is the application's own: with SQLite the database is in it.\n\n| | µs of CPU a refresh | of ours over PostgreSQL | refreshes a second |\n|---|--:|--:|--:|\n",
    );
    let ours = http.part(group, "jwt-sessions, PostgreSQL", "cpu_us");
    for name in http.names(group) {
        let cpu = http.part(group, name, "cpu_us");
        let ratio = cpu.zip(ours).map_or_else(none, |(cpu, ours)| format!("{:.1} ×", cpu / ours));
        let cells = [cpu.map_or_else(none, |cpu| format!("{cpu:.0}")), ratio, number(http.part(group, name, "rate"))];
        row(&mut text, name, cells);
    }
    text += "\nIn process, over the memory store:\n\n| | ns |\n|---|--:|\n";
    for (group, name) in
        ["refresh", "refused"].iter().flat_map(|group| own.names(group).into_iter().map(move |name| (group, name)))
    {
        let name_said =
            if *group == "refused" { format!("refused, the store is not asked: {name}") } else { name.to_owned() };
        row(&mut text, &name_said, [number(own.part(group, name, "ns"))]);
    }
    text
}

pub(crate) fn growth(figures: &Figures) -> String {
    let mut text = String::from(
        "\n## What grows\n\nNanoseconds; of a request those over the bare route. A session's age and the number of ended sessions should cost nothing; in a large store what is touched is no longer in the processor's cache.\n\n| | |\n|---|---|\n",
    );
    let groups = [
        ("a refresh, by sessions in the store", "ns"),
        ("a refresh, by refreshes made before", "ns"),
        ("a request, by sessions that ended", "over"),
        ("a request, by keys, HS256", "over"),
        ("a request, by keys, EdDSA", "over"),
    ];
    for (group, part) in groups {
        let cells = figures
            .names(group)
            .into_iter()
            .filter(|name| *name != BARE)
            .map(|name| format!("{name}: {}", number(figures.part(group, name, part))));
        row(&mut text, group, [cells.collect::<Vec<_>>().join("; ")]);
    }
    text
}

pub(crate) fn memory(figures: &Figures) -> String {
    let mut text = String::from(
        "\n## Memory\n\nFor a million, each kind in a process of its own: bytes that were asked of the allocator, and that the process grew by.\n\n| | bytes | of the process |\n|---|--:|--:|\n",
    );
    for name in figures.names("bytes") {
        row(&mut text, name, [number(figures.number("bytes", name)), number(figures.number("resident", name))]);
    }
    text
}

fn row(text: &mut String, name: &str, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<_> = cells.into_iter().collect();
    let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
}

/// A number with its thousands apart; a dash for none.
fn number(number: Option<f64>) -> String {
    let Some(number) = number.filter(|number| number.is_finite()) else { return none() };
    let digits = format!("{:.0}", number.abs());
    let mut said = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            said.push(',');
        }
        said.push(digit);
    }
    if number <= -0.5 { format!("-{said}") } else { said }
}

fn none() -> String {
    String::from("–")
}
