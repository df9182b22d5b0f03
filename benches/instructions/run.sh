#!/bin/sh
# Counts the instructions of the paths that have to stay short, and compares them with kept.txt: `sh benches/instructions/run.sh`.
#
# No clock is asked: a busy machine counts the same. `--write` keeps what was counted; the commit says why it is more.
set -eu
cd "$(dirname "$0")"

TIMES=1000
# Percent. Another compiler or processor moves the counts a little, a mistake moves them a lot.
TOLERANCE=10
PATHS='bare seen-before seen-before-by-cookie first-sight refresh'

if ! command -v valgrind >/dev/null 2>&1; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends valgrind
    else
        echo "valgrind is needed, which only root can install" >&2
        exit 1
    fi
fi

cargo build --locked --quiet --release --manifest-path ../Cargo.toml --bin instructions
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for path in $PATHS; do
    valgrind --tool=callgrind --callgrind-out-file="$scratch/out" --toggle-collect='*counted*' \
        ../../target/release/instructions "$path" "$TIMES" >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; exit 1; }
    all=$(sed -n 's/^==[0-9]*== Collected : \([0-9]*\).*/\1/p' "$scratch/log")
    printf '%s %s\n' "$path" "$((all / TIMES))"
done >"$scratch/counted"

if [ "${1-}" = --write ]; then
    {
        echo "# Instructions of one request (HS256, 383 bytes) and of one refresh in memory, by callgrind on x86-64."
        cat "$scratch/counted"
    } >kept.txt
fi
awk -v tolerance="$TOLERANCE" '
    /^#/ { next }
    NR == FNR { kept[$1] = $2; next }
    {
        change = kept[$1] ? 100 * ($2 / kept[$1] - 1) : 0
        bad = !kept[$1] || change > tolerance
        failed += bad
        passed += !bad
        printf "%-24s %8d instructions, kept %8d, %+.1f %%%s\n", $1, $2, kept[$1], change, bad ? "  TOO MANY" : ""
    }
    END {
        if (failed) print "what may cost more: sh benches/instructions/run.sh --write"
        printf "%d passed, %d failed\n", passed, failed
        exit failed > 0
    }' kept.txt "$scratch/counted"
