//! The demo's page does what it should in a real browser.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use std::path::Path;
use std::process::Command;

/// The steps are those of `browser/walk.mjs`, which prints each. Its screenshots are for looking at.
#[test]
fn a_person_walks_through_the_page() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let chromium = std::env::var_os("CHROMIUM").unwrap_or_else(|| "/usr/bin/chromium".into());
    // Where they are missing, nothing was shown: that is no success.
    assert!(
        Path::new(&chromium).exists(),
        "there is no Chromium at {}: `sh tests/run.sh` installs it, CHROMIUM names another one",
        chromium.display()
    );
    assert!(
        folder.join("node_modules/playwright-core").is_dir(),
        "the walk's driver is not installed: `sh tests/run.sh` installs it"
    );
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    let walk = Command::new("node")
        .arg(folder.join("walk.mjs"))
        .args([common::demo::binary(), &pictures])
        .env("CHROMIUM", chromium)
        .status()
        .expect("node does not start: `sh tests/run.sh` installs it");
    assert!(walk.success(), "the step that failed is the last one printed above");
}
