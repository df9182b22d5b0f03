//! The machine and the versions.

use std::fs;
use std::path::Path;
use std::process::Command;

pub(crate) fn text() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("an unknown processor");
    let model = model.trim_start_matches(['\t', ' ', ':']);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').nth(2).unwrap_or("?").to_owned();
    let peers: Vec<_> = CRATES.iter().filter_map(|name| version(name)).collect();
    let packages: Vec<_> = PACKAGES.iter().filter_map(|name| package(name)).collect();
    let tools = [
        said("rustc", &["--version"]),
        format!("Node.js {}", said("node", &["--version"])),
        said("psql", &["--version"]).replace("psql (PostgreSQL)", "PostgreSQL"),
        said("wrk", &["--version"])
            .split(" Copyright")
            .next()
            .unwrap_or_default()
            .trim_end_matches(" [epoll]")
            .to_owned(),
    ];
    format!(
        "Measured with `sh benches/run.sh` on {cores} cores ({model}, {}), load over the last quarter of an hour {load}.\n\n{}.\n\nCrates: {}.\n\nPackages: {}.\n",
        said("uname", &["-sr"]),
        tools.join(", "),
        peers.join(", "),
        packages.join(", ")
    )
}

/// The first line of what a program says.
fn said(program: &str, arguments: &[&str]) -> String {
    let said = Command::new(program).args(arguments).output().map(|done| [done.stdout, done.stderr].concat());
    let said = String::from_utf8(said.unwrap_or_default()).unwrap_or_default();
    said.lines().next().unwrap_or("?").trim().to_owned()
}

/// The newest version of a crate that the peers' lock file has; for jsonwebtoken all of them.
fn version(name: &str) -> Option<String> {
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/Cargo.lock")).unwrap_or_default();
    let head = format!("name = \"{name}\"\nversion = \"");
    let versions: Vec<_> =
        lock.match_indices(&head).filter_map(|(at, _)| lock[at + head.len()..].split('"').next()).collect();
    match name {
        "jsonwebtoken" => Some(format!("{name} {}", versions.join(" and "))),
        _ => versions.last().map(|version| format!("{name} {version}")),
    }
}

fn package(name: &str) -> Option<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("node/package.json");
    let package: serde_json::Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    package["dependencies"][name].as_str().map(|version| format!("{name} {version}"))
}

const CRATES: [&str; 11] = [
    "axum",
    "aws-lc-rs",
    "jsonwebtoken",
    "jwt-authorizer",
    "axum-jwt-auth",
    "tower-oauth2-resource-server",
    "aliri_axum",
    "axum-gate",
    "axum-login",
    "tower-sessions",
    "sqlx",
];
const PACKAGES: [&str; 5] = ["express", "jsonwebtoken", "fastify", "@fastify/jwt", "pg"];
