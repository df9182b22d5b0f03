#!/bin/sh
# Measures everything, and writes docs/benchmarks.md and docs/benchmarks.svg: `sh benches/run.sh`, from anywhere, on Linux.
#
# It takes about ten minutes when everything is built. BENCH_QUICK=1 tries in two minutes that all of it still runs, and leaves the
# documents alone: what it would write is in target/benchmarks.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "$*" >&2
    exit 1
}

[ -d /proc/self/task ] || fail "the benchmarks ask Linux's /proc what a server's threads take"
command -v cargo >/dev/null 2>&1 || fail "Rust is needed, 1.94 or newer, with cargo on the PATH"
version=$(rustc --version | cut -d ' ' -f 2)
[ "$(printf '%s\n1.94\n' "$version" | sort -V | head -n 1)" = 1.94 ] ||
    fail "the benchmarks need Rust 1.94 or newer, this is $version"
[ "$(nproc)" -ge 2 ] || fail "the benchmarks need two cores: one for the server, one for what asks it"

missing=
need() {
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need cc "gcc libc6-dev"
need c++ g++
need pkg-config pkg-config
need node nodejs
need npm npm
need wrk wrk
need taskset util-linux
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
# Elliptic curves in aliri.
pkg-config --exists openssl 2>/dev/null || missing="$missing libssl-dev"
if [ -n "$missing" ]; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
        export DEBIAN_FRONTEND=noninteractive
        printf '\n$ apt-get install%s\n' "$missing"
        apt-get update -qq
        # Unquoted: these are several names. In runlevel 1 no server is started: the benchmarks start their own.
        RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing
    else
        fail "the benchmarks need these Debian packages, which only root can install:$missing"
    fi
fi

run() {
    printf '\n$ %s\n' "$*"
    "$@"
}

if [ -z "$(find benches/node/node_modules/.package-lock.json -newer benches/node/package-lock.json 2>/dev/null)" ]; then
    printf '\n$ npm ci (benches/node)\n'
    (cd benches/node && npm ci --no-audit --no-fund --loglevel=error)
fi

# What both workspaces are built of is built once.
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TARGET_DIR
BENCH_RESULTS=$CARGO_TARGET_DIR/benchmarks
export BENCH_RESULTS

# First everything is built, then nothing but the benchmarks runs.
run cargo bench --locked -p jwt-sessions-benches --no-run
run cargo build --locked --release -p jwt-sessions-benches --bins
# Not `--locked`: what the crate itself is newly built of is added to this lock file, and moves nothing else in it.
run cargo build --release --manifest-path benches/peers/Cargo.toml
# The layer is measured beside the others.
run cargo bench --locked -p jwt-sessions-benches --bench refresh --bench growth --bench memory
for program in layer allocations http; do
    run "$CARGO_TARGET_DIR/release/$program"
done
run "$CARGO_TARGET_DIR/release/report"
