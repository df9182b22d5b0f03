//! The table of `docs/rfc-requirements.md` names what is there: its files, its tests, its families of the corpus.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers outside the test functions fail their test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn families() -> BTreeSet<String> {
    let corpus = fs::read_to_string(root().join("tests/vectors/corpus.jsonl")).unwrap();
    let id =
        |row: &str| serde_json::from_str::<serde_json::Value>(row).unwrap()["case"]["id"].as_str().unwrap().to_owned();
    corpus.lines().map(|row| id(row).split('/').next().unwrap_or_default().to_owned()).collect()
}

/// What stands in code font.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_row_names_a_place_and_a_proof_that_exist() {
    let table = fs::read_to_string(root().join("docs/rfc-requirements.md")).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| section"));
    let families = families();
    let (mut proofs, mut shown) = (0, BTreeSet::new());
    for row in rows {
        let inner = row.strip_prefix('|').and_then(|row| row.strip_suffix('|')).unwrap_or_default();
        let cells: Vec<_> = inner.split('|').map(str::trim).collect();
        let [_, demand, place, proof] = cells[..] else { panic!("not four cells: {row}") };
        for file in named(place).filter(|file| file.contains('/') || file.ends_with(".rs")) {
            assert!(root().join("src").join(file).exists(), "{file}: {row}");
        }
        for name in named(proof) {
            proofs += 1;
            if let Some(family) = name.strip_prefix("corpus/") {
                assert!(families.contains(family), "{name}");
                shown.insert(family);
                continue;
            }
            let (file, test) = name.split_once(": ").unwrap();
            let source = fs::read_to_string(root().join(file)).unwrap_or_else(|_| panic!("{name}"));
            assert!(source.contains(&format!("fn {test}()")), "{name}");
        }
        let argued = ["**Excused**", "**Yours**"].iter().any(|mark| demand.starts_with(mark));
        assert!(argued || named(proof).next().is_some(), "nothing shows it: {row}");
    }
    assert!(proofs > 60, "{proofs}");
    // Every family is there for some demand; these are for this crate's own bounds and mixtures.
    let own = ["size", "mix", "wrong_secret", "other_key", "rsa_range", "empty_segment"];
    let unnamed: Vec<_> =
        families.iter().filter(|one| !shown.contains(one.as_str()) && !own.contains(&one.as_str())).collect();
    assert!(unnamed.is_empty(), "no demand names {unnamed:?}");
}
