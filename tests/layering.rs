//! `ls -R src` is the architecture diagram, and this keeps it true: a folder is a ring, and imports point inward.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers outside the test functions fail their test"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Each ring with the rings that it imports, and with what it must do without.
const RINGS: [(&str, &[&str], &[&str]); 8] = [
    ("token", &[], &["async ", "tokio::", "http::", "getrandom::"]),
    ("site", &[], &["async ", "http::"]),
    ("clock", &["token"], &["async "]),
    ("store", &["token", "clock"], &["http::", "axum"]),
    ("auth", &["token", "clock", "site"], &["async move", "tokio::", "Pin<Box<dyn"]),
    ("session", &["token", "store", "clock", "site", "auth"], &["http::", "axum"]),
    ("router", &["token", "store", "clock", "site", "auth", "session"], &[]),
    ("settings", &["token", "store", "site", "session"], &["http::", "axum"]),
];
/// What the session ring knows of the layer: it builds the verifier, and tells it what has ended.
const AUTH_IN_SESSION: [&str; 5] = ["Verifier", "VerifierBuilder", "SessionWatch", "Sight", "Noted"];
const DRIVERS: [&str; 6] = ["rusqlite", "sqlx", "redis", "mongodb", "tokio_postgres", "mysql_async"];

/// Every file of `src` with its name, its ring, and its code: without comments and tests.
fn files() -> Vec<(String, String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&src, &mut found);
    let code =
        found.iter().filter(|path| path.extension().is_some_and(|ext| ext == "rs") && !path.ends_with("tests.rs"));
    let file = |path: &PathBuf| {
        let inside = path.strip_prefix(&src).unwrap();
        let ring = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
        let lines: Vec<_> = lines.filter(|line| !line.trim().is_empty() && !line.trim().starts_with("//")).collect();
        (inside.to_str().unwrap().to_owned(), ring.to_owned(), lines.join("\n") + "\n")
    };
    code.map(file).collect()
}

/// The names that `code` takes from `path`: `a` of `path::a`, `a` and `b` of `path::{a, b::c}`.
fn named<'a>(code: &'a str, path: &str) -> Vec<&'a str> {
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    let first = |text: &'a str| text.trim().split(|char| !is_word(char)).next().unwrap();
    let after = code.match_indices(path).map(|(at, _)| &code[at + path.len()..]);
    after
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(list) => list.split(['}', ';']).next().unwrap().split(',').map(first).collect::<Vec<_>>(),
            None => vec![first(rest)],
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn imports_point_inward() {
    let mut checked = 0;
    for (file, ring, code) in files().iter().filter(|(file, ..)| file != "lib.rs") {
        let rule = RINGS.iter().find(|(name, ..)| name == ring);
        let (_, inner, without) = rule.unwrap_or_else(|| panic!("{file} is in no ring: draw it into the diagram"));
        for name in named(code, "crate::") {
            assert!(name == ring || inner.contains(&name), "{file} imports {name}");
            checked += 1;
        }
        // Another ring would not be seen behind it.
        assert!(!code.contains("super::super::"), "{file} names its relatives by `super::super`");
        // What a feature turns off is no import.
        let gates = |line: &&str| !line.trim_start().starts_with("#[cfg");
        for word in *without {
            assert!(!code.lines().filter(gates).any(|line| line.contains(word)), "{file} has `{word}`");
        }
        for name in named(code, "crate::auth::").into_iter().filter(|_| ring == "session") {
            assert!(AUTH_IN_SESSION.contains(&name), "{file} imports {name} of the layer");
        }
    }
    assert!(checked > 50, "the imports were not found");
}

#[test]
fn one_folder_names_each_foundation() {
    for (file, ring, code) in files() {
        for driver in DRIVERS.iter().filter(|_| ring != "store") {
            assert!(!code.contains(&format!("{driver}::")), "{file} names {driver}");
        }
        assert!(ring == "token" || !code.contains("jsonwebtoken::"), "{file} names jsonwebtoken");
    }
}

#[test]
fn one_file_reads_the_time() {
    let files = files();
    let clocks: Vec<_> = files.iter().filter(|(_, _, code)| code.contains("SystemTime::now")).collect();
    assert!(clocks.len() == 1 && clocks[0].0 == "clock.rs", "{:?}", clocks.iter().map(|file| &file.0));
    for (file, _, code) in &files {
        if file == "clock.rs" {
            continue;
        }
        // tokio's own stands still in a paused runtime, where std's goes on: timers are made of it.
        let of_tokio = !code.contains("Instant::now") || code.contains("use tokio::time::Instant;");
        assert!(of_tokio && !named(code, "std::time::").contains(&"Instant"), "{file} reads the time");
    }
}

/// `==` and `!=` on secrets that nobody can learn from, each with the reason. What is not here is compared in constant time:
/// signatures by the crypto backend, the rest by `subtle`.
const COMPARED: [(&str, &str, &str); 2] = [
    ("router/body.rs", "**other != token", "two members of one request, both its sender's"),
    ("store/sqlite/statements.rs", "secret_hash = :secret_hash", "hashes of 128 random bits, and signed by us before"),
];

#[test]
fn secrets_are_compared_in_constant_time() {
    let is_path = |char: char| char.is_alphanumeric() || "_.&*()?".contains(char);
    let secret = |operand: &str| {
        let last = operand.trim_matches(|char: char| !char.is_alphanumeric() && char != '_');
        let last = last.rsplit(['.', '(']).next().unwrap();
        let words = ["secret", "hash", "signature", "sec", "token", "password", "digest", "hmac"];
        words.iter().any(|word| last == *word || last.ends_with(&format!("_{word}")))
    };
    // In SQL one equals sign compares; in Rust two do.
    let operators = [" == ", " != ", " = :"];
    let mut found = Vec::new();
    // What the search of the rotation calls a token is a pair of numbers.
    for (file, _, code) in files().into_iter().filter(|(file, ..)| !file.starts_with("session/rotation/model/")) {
        for line in code.lines() {
            for (at, operator) in operators.iter().flat_map(|operator| line.match_indices(operator)) {
                let left = line[..at].rsplit(|char| !is_path(char)).next().unwrap();
                let right = line[at + operator.len()..].split(|char| !is_path(char)).next().unwrap();
                if secret(left) || secret(right) {
                    found.push((file.clone(), line.trim().to_owned()));
                }
            }
        }
    }
    for (file, line) in &found {
        let argued = |(other, what, _): &&(&str, &str, &str)| other == file && line.contains(what);
        assert!(COMPARED.iter().any(|one| argued(&one)), "{file}: {line}");
    }
    for (file, what, reason) in COMPARED {
        assert!(
            found.iter().any(|(other, line)| other == file && line.contains(what)),
            "{file} has no {what}: {reason}"
        );
    }
}

#[test]
fn files_are_small() {
    for (file, _, code) in files() {
        let lines = code.lines().count();
        assert!(lines <= 300, "{file} has {lines} lines of code");
    }
}
