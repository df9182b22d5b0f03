//! The picture: what a request costs, an algorithm a panel, and what a refresh costs.

use std::fmt::Write as _;

use jwt_sessions_benches::cases::{EMPTY, FIRST, HAND, HIT};

use crate::figures::Figures;
use crate::tables::{ALGORITHMS, best, published};

/// `(name, value, whether it is ours)`.
type Bar = (String, f64, bool);

pub(crate) fn draw(layer: &Figures, http: &Figures) -> String {
    let mut panels: Vec<(String, Vec<Bar>)> =
        ALGORITHMS.iter().map(|alg| (format!("A request, {alg}"), request(layer, alg))).collect();
    panels.push((String::from("A refresh over HTTP"), refresh(http)));
    let mut body = String::new();
    let mut top = TOP;
    for (title, bars) in &panels {
        let height = 34 + bars.len() as u32 * LINE;
        let _ = writeln!(
            body,
            r#"  <rect class="band" x="10" y="{top}" width="{}" height="{height}" rx="8"/>"#,
            WIDTH - 20
        );
        let _ = writeln!(body, r#"  <text class="name" x="20" y="{}">{title}</text>"#, top + 20);
        panel(&mut body, top + 30, bars);
        top += height + 10;
    }
    let described: Vec<_> = panels.iter().map(|(title, bars)| said(title, bars)).collect();
    HEAD.replace("WIDTH", &WIDTH.to_string())
        .replace("HEIGHT", &top.to_string())
        .replace("INNER_W", &(WIDTH - 1).to_string())
        .replace("INNER_H", &(top - 1).to_string())
        .replace("DESCRIBED", &described.join(" "))
        + &body
        + "</svg>\n"
}

fn request(figures: &Figures, alg: &str) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut bar = |name: String, value: Option<f64>, ours| bars.extend(value.map(|value| (name, value / 1e3, ours)));
    bar(String::from("empty from_fn"), figures.over(alg, EMPTY), false);
    bar(String::from("seen before"), figures.over(alg, HIT), true);
    bar(String::from("first sight"), figures.over(alg, FIRST), true);
    let (best, worst) = (best(figures, alg), published(figures, alg).into_iter().max_by(|a, b| a.1.total_cmp(&b.1)));
    bar(best.map(|(name, _)| name.to_owned()).unwrap_or_default(), best.map(|(_, value)| value), false);
    bar(String::from("hand-written"), figures.over(alg, HAND), false);
    bar(worst.map(|(name, _)| name.to_owned()).unwrap_or_default(), worst.map(|(_, value)| value), false);
    bars
}

fn refresh(figures: &Figures) -> Vec<Bar> {
    let group = "a refresh";
    let bar = |name: &&str, said: &str| {
        figures.part(group, name, "cpu_us").map(|cpu| (said.to_owned(), cpu, name.starts_with("jwt-sessions")))
    };
    let said = |name: &str| match name {
        "jwt-sessions, SQLite" => "over SQLite",
        "jwt-sessions, PostgreSQL" => "over PostgreSQL",
        "the Express tutorial, PostgreSQL" => "Express tutorial",
        _ => "the same, tuned",
    };
    figures.names(group).iter().filter_map(|name| bar(name, said(name))).collect()
}

fn panel(body: &mut String, top: u32, bars: &[Bar]) {
    // Ours stands first among the blue ones, in its ordinary case.
    let ordinary = bars.iter().find(|(_, _, ours)| *ours).map_or(f64::NAN, |(_, value, _)| *value);
    let most = bars.iter().map(|(_, value, _)| *value).fold(f64::MIN_POSITIVE, f64::max);
    for (line, (name, value, ours)) in bars.iter().enumerate() {
        let (y, width) = (top + line as u32 * LINE, (value.max(0.0) / most * f64::from(ROOM)).max(1.5));
        let class = if *ours { "ours" } else { "other" };
        let _ = writeln!(body, r#"  <text class="end" x="{}" y="{}">{name}</text>"#, LEFT - 8, y + 14);
        let _ = writeln!(
            body,
            r#"  <rect class="{class}" x="{LEFT}" y="{}" width="{width:.1}" height="14" rx="2"/>"#,
            y + 3
        );
        let _ = writeln!(
            body,
            r#"  <text x="{:.1}" y="{}">{} µs, {} ×</text>"#,
            f64::from(LEFT) + width + 6.0,
            y + 14,
            short(*value),
            short(value / ordinary)
        );
    }
}

fn said(title: &str, bars: &[Bar]) -> String {
    let bars: Vec<_> = bars.iter().map(|(name, value, _)| format!("{name} {} µs", short(*value))).collect();
    format!("{title}: {}.", bars.join(", "))
}

/// Two digits that count.
fn short(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

const WIDTH: u32 = 560;
const TOP: u32 = 52;
const LEFT: u32 = 234;
const ROOM: u32 = 180;
const LINE: u32 = 20;
const HEAD: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 WIDTH HEIGHT" role="img" aria-labelledby="title desc">
  <title id="title">What a request and a refresh cost</title>
  <desc id="desc">DESCRIBED</desc>
  <style>
    .card { fill: #ffffff; stroke: #d0d7de; }
    .band { fill: #f3f5f8; }
    .ours { fill: #1f5fbf; }
    .other { fill: #a9b4c0; }
    text { font: 13.5px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1c2430; }
    .end { text-anchor: end; }
    .name { font-weight: 700; }
    @media (prefers-color-scheme: dark) {
      .card { fill: #12171e; stroke: #333c47; }
      .band { fill: #1a212b; }
      .ours { fill: #4a8be6; }
      .other { fill: #5b6672; }
      text { fill: #e6ebf1; }
    }
  </style>
  <rect class="card" x="0.5" y="0.5" width="INNER_W" height="INNER_H" rx="12"/>
  <text class="name" x="20" y="24">Processor time of this crate (blue) and of others</text>
  <text x="20" y="42">A request: over the bare route. A refresh: the whole application.</text>
"#;
