#!/bin/sh
# Installs what the tests need, and runs them all: `sh tests/run.sh`, from anywhere.
#
# CHROMIUM names another browser than /usr/bin/chromium.
set -eu
cd "$(dirname "$0")/.."

CHROMIUM=${CHROMIUM:-/usr/bin/chromium}
export CHROMIUM
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The process ids of what runs in the background, which does not hear of Ctrl-C.
running=
trap '[ -z "$running" ] || kill $running; exit 130' INT
trap '[ -z "$running" ] || kill $running; exit 143' TERM HUP
passed=0
failed=0

SERVERS=postgres,mysql,redis,mongodb

# The tests that need them, as arguments: those that are not built without their features.
servers() {
    awk '/^\[\[test\]\]/ { name = "" } /^name = / { gsub(/"/, ""); name = $3 }
        /^required-features/ && name { print "--test " name; name = "" }' Cargo.toml
}

# Shows a command and runs it. Its tests are counted; where it has none, it counts itself.
run() {
    printf '\n$ %s\n' "$*"
    # A file of its own and no pipe: what a test may leave behind holds neither this up nor what comes next.
    rm -f "$scratch/log"
    : >"$scratch/log"
    # `timeout`, because it passes a signal on to all that the command has started.
    timeout -k 10 3600 "$@" >"$scratch/log" 2>&1 &
    command=$!
    tail -n +1 -s 0.1 -f --pid="$command" "$scratch/log" &
    viewer=$!
    running="$command $viewer"
    status=0
    wait "$command" || status=$?
    # It shows the rest, and ends.
    wait "$viewer" || true
    running=
    good=$(count passed)
    bad=$(count failed)
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    elif [ "$good" -eq 0 ] && [ "$bad" -eq 0 ]; then
        good=1
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
    return "$status"
}

# Builds tests of the crate and runs them: one that hangs is a failure after twenty minutes, and not the end of the other
# groups. `-p`: the benchmarks are of the same workspace, and would have their say about features.
tests() {
    run cargo test --locked -p jwt-sessions --no-run "$@" && built "$@"
}

# Those that are built, and those in the documentation, which cargo does not build before it runs them.
built() {
    run timeout -k 10 1200 cargo test --locked -p jwt-sessions --no-fail-fast "$@"
}

# The sum of what the lines `test result: ok. 12 passed; 0 failed; …` say.
count() {
    sed -n "s/^test result: .* \([0-9][0-9]*\) $1;.*/\1/p" "$scratch/log" | awk '{ sum += $1 } END { print sum + 0 }'
}

missing=
need() {
    # Servers stand where an ordinary user's PATH does not lead.
    PATH=$PATH:/usr/sbin command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
if ! command -v cargo >/dev/null 2>&1; then
    echo "Rust is needed, 1.94 or newer, with cargo on the PATH" >&2
    exit 1
fi
# The crate itself builds with 1.89; sqlx, which two of the stores are made of, does not.
version=$(rustc --version | cut -d ' ' -f 2)
if [ "$(printf '%s\n1.94\n' "$version" | sort -V | head -n 1)" != 1.94 ]; then
    echo "the tests need Rust 1.94 or newer, this is $version" >&2
    exit 1
fi
need cc "gcc libc6-dev"
need c++ g++
need openssl openssl
need timeout coreutils
need node nodejs
need npm npm
need "$CHROMIUM" chromium
need mariadbd mariadb-server
need redis-server "redis-server redis-tools"
need nginx nginx-light
need python3 python3
python3 -c "import ensurepip" 2>/dev/null || missing="$missing python3-venv"
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
if [ -n "$missing" ]; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
        export DEBIAN_FRONTEND=noninteractive
        printf '\n$ apt-get install%s\n' "$missing"
        apt-get update -qq
        # Unquoted: these are several names. In runlevel 1 no server is started: each test starts its own.
        RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing
    else
        echo "the tests need these Debian packages, which only root can install:$missing" >&2
        exit 1
    fi
fi

# Node packages, from the registry, as the folder's lock file names them.
install() {
    if [ -z "$(find "$1/node_modules/.package-lock.json" -newer "$1/package-lock.json" 2>/dev/null)" ]; then
        printf '\n$ npm ci (%s)\n' "$1"
        (cd "$1" && npm ci --no-audit --no-fund --loglevel=error)
    fi
}
# What the walk through the page is driven by, for the browser that is installed.
install tests/browser
# What people migrate from.
install tests/interop

# The examples first: the tests start them.
run cargo build --locked -p jwt-sessions --examples || true
tests --tests || true
# The stores on their own servers.
run cargo build --locked -p jwt-sessions --examples --features "$SERVERS" || true
# As examples/cluster/run.sh would, in the time of its tests.
run cargo build --locked -p jwt-sessions --example demo --features postgres,redis || true
tests --features "$SERVERS" $(servers) || true
tests --features "$SERVERS" --lib store:: || true
built --features "$SERVERS" --doc || true
# The token ring on the other backend alone.
tests --no-default-features --features rust-crypto --lib --test tokens --test keys --test known_traps --test wycheproof \
    --test rfc_examples --test corpus || true

# Each for a short while, the same each time: what a change is judged by does not change by itself. Longer, by hand:
# CONTRIBUTING.md.
if run sh fuzz/run.sh build; then
    for target in fuzz/fuzz_targets/*.rs; do
        run env SEED=1 sh fuzz/run.sh "$(basename "$target" .rs)" 12 || true
    done
fi

printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
