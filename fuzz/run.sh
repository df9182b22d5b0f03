#!/bin/sh
# The fuzz targets, on the stable toolchain: `sh fuzz/run.sh build`, then `sh fuzz/run.sh TARGET [SECONDS]`, from anywhere.
#
# No sanitizer: they need a nightly toolchain, and the crate forbids unsafe code. Coverage is stable. Comparisons are not traced,
# which makes the targets twice as fast; the dictionaries know what they compare with.
#
# SEED makes a run the same each time, as far as the same corpus lets it; otherwise each is another.
#
# What a run found out is kept in target/fuzz/corpus, and the next run starts from it. A finding is written to
# fuzz/artifacts and named; `sh fuzz/run.sh TARGET FILE` runs it again.
set -eu
cd "$(dirname "$0")/.."

PATH=$PWD/target/tools/bin:$PATH
CARGO_TARGET_DIR=$PWD/target/fuzz
export PATH CARGO_TARGET_DIR

if [ "$1" = build ]; then
    if ! command -v cargo-fuzz >/dev/null 2>&1; then
        CARGO_TARGET_DIR=$PWD/target/tools/build cargo install --quiet --locked --version =0.13.2 --root target/tools cargo-fuzz
        rm -rf target/tools/build
    fi
    # cargo-fuzz has no --locked of its own.
    cargo fetch --quiet --locked --manifest-path fuzz/Cargo.toml
    exec cargo fuzz build --sanitizer none --no-trace-compares --fuzz-dir fuzz
fi

target=$1
binary=$(find "$CARGO_TARGET_DIR" -path "*/release/$target" -type f)
artifacts=fuzz/artifacts/$target
mkdir -p "$artifacts"
if [ -f "${2-}" ]; then
    exec "$binary" "$2"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
corpus=$CARGO_TARGET_DIR/corpus/$target
mkdir -p "$corpus"
seeds=$CARGO_TARGET_DIR/seeds/$target
rm -rf "$seeds"
node fuzz/seeds.mjs "$target" "$seeds"
if "$binary" "$corpus" "$seeds" -dict="fuzz/dictionaries/$target.dict" -max_len=2048 -timeout=10 \
    -rss_limit_mb=1024 -max_total_time="${2:-15}" -seed="${SEED:-0}" -artifact_prefix="$artifacts/" -print_final_stats=1 >"$log" 2>&1; then
    awk '/DONE/ { for (i = 1; i < NF; i++) if ($i == "cov:") coverage = $(i + 1) }
        /^stat::number_of_executed_units/ { runs = $2 }
        END { printf "%s executions, %s edges, no finding\n", runs, coverage }' "$log"
else
    grep -v -E '^#[0-9]+' "$log" | grep -m 1 -A 30 -E 'panicked at|ERROR|^error'
    grep 'Test unit written' "$log" || true
    exit 1
fi
