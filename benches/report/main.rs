//! Writes `docs/benchmarks.md` and its picture from what the runs left in `target/benchmarks`: the last step of
//! `sh benches/run.sh`.

mod facts;
mod figures;
mod picture;
mod tables;

use std::fs;
use std::path::Path;

use figures::Figures;

fn main() {
    let (layer, peers) = (Figures::of("peers"), Figures::of("peers-allocations"));
    let (refresh, growth, memory, http) =
        (Figures::of("refresh"), Figures::of("growth"), Figures::of("memory"), Figures::of("http"));
    let quick = [&layer, &refresh, &growth, &memory, &http].iter().any(|figures| figures.quick);
    let text = [
        facts::text(),
        tables::layer(&layer),
        tables::ratios(&layer),
        tables::allocations(&memory, &peers),
        tables::http(&http),
        tables::refresh(&refresh, &http),
        tables::growth(&growth),
        tables::memory(&memory),
    ]
    .join("\n");
    let picture = picture::draw(&layer, &http);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if quick {
        // What was only tried is no result.
        let folder = jwt_sessions_benches::results::folder();
        fs::write(folder.join("benchmarks.md"), text).unwrap();
        fs::write(folder.join("benchmarks.svg"), picture).unwrap();
        return;
    }
    let page = root.join("docs/benchmarks.md");
    let before = fs::read_to_string(&page).unwrap();
    let (head, rest) = before.split_once(BEGIN).expect("the page has a mark where its results begin");
    let (_, foot) = rest.split_once(END).expect("the page has a mark where its results end");
    fs::write(page, format!("{head}{BEGIN}\n{text}{END}{foot}")).unwrap();
    fs::write(root.join("docs/benchmarks.svg"), picture).unwrap();
}

const BEGIN: &str = "<!-- results: written by benches/run.sh -->";
const END: &str = "<!-- end of results -->";
