#!/bin/sh
# Three instances of the demo behind one nginx, over a database that they share:
#
#     sh examples/cluster/run.sh [postgres|redis|sqlite]
#
# Each request goes to the next instance; the header X-Instance of its answer says to which. Everything listens on 127.0.0.1
# alone, nginx on PORT or on a free port, and is kept in a temporary folder. Ctrl-C ends it, and so does the end of whoever
# started it. Variables of the demo's, such as ACCESS_TOKEN_EXPIRY=1m, reach the instances.
#
# It is for trying out: a deployment has TLS, an https:// PUBLIC_ORIGIN, backups, and its accounts in a database, too.
set -eu
store=${1:-postgres}
# Where Debian keeps what is not on everybody's PATH; with several versions of PostgreSQL, the last one.
PATH=$PATH:/usr/sbin
for bin in /usr/lib/postgresql/*/bin; do
    [ ! -x "$bin/initdb" ] || PATH=$bin:$PATH
done

fail() {
    echo "cluster: $*" >&2
    exit 1
}

missing=
need() { # COMMAND PACKAGE
    command -v "$1" >/dev/null || missing="$missing $2"
}
case $store in
postgres) need initdb postgresql ;;
redis) need redis-server redis-server ;;
sqlite) ;;
*) fail "there is no cluster over $store: choose postgres, redis or sqlite" ;;
esac
need nginx nginx
need perl perl-base
need setpriv util-linux
[ -z "$missing" ] || fail "Debian packages are missing: apt-get install$missing"
command -v cargo >/dev/null || fail "Rust is needed, with cargo on the PATH"

echo "Building the demo."
manifest=$(dirname "$0")/../../Cargo.toml
built=$(cargo build --manifest-path "$manifest" -p jwt-sessions --example demo --features postgres,redis --message-format=json) ||
    fail "the demo does not build"
demo=$(printf '%s\n' "$built" | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')

umask 077
folder=$(mktemp -d)
# Servers reach their own folders in it.
chmod 711 "$folder"
mkdir "$folder/database" "$folder/nginx"
# The names of what was started, the last one first. Each has its process id in NAME.pid, and what it says in NAME.log.
running=

is_alive() { # NAME
    read -r pid <"$folder/$1.pid" && kill -0 "$pid" 2>/dev/null
}

# Nothing lives longer than what it depends on. INT is what all of them take for a quick end.
finish() {
    trap '' INT TERM HUP
    for name in $running; do
        tries=100
        is_alive "$name" && kill -INT "$pid" || continue
        while sleep 0.1 && is_alive "$name"; do
            tries=$((tries - 1))
            [ "$tries" -gt 0 ] || kill -KILL "$pid" 2>/dev/null || true
        done
    done
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Root's servers get fewer rights; PostgreSQL refuses to start with root's. The instances keep them, for the program may be in
# root's home.
unprivileged() { # COMMAND...: in place of this process
    if [ "$(id -u)" -eq 0 ]; then
        set -- --reuid nobody --regid nogroup --clear-groups "$@"
    fi
    # The kernel ends it with this script, should the script be killed.
    exec setpriv --pdeathsig INT "$@"
}

# What is in the folder is its owner's alone, and a server's owner is then nobody.
give() { # FOLDER: of a server that does not run yet
    [ "$(id -u)" -ne 0 ] || chown -R nobody "$1"
}

start() { # NAME COMMAND...: in the background
    name=$1
    shift
    : >"$folder/$name.log"
    "$@" </dev/null >>"$folder/$name.log" 2>&1 &
    echo "$!" >"$folder/$name.pid"
    running="$name $running"
}

await() { # NAME TEXT: until its log says so
    tries=600
    until grep -q "$2" "$folder/$1.log"; do
        tries=$((tries - 1))
        if [ "$tries" -eq 0 ] || ! is_alive "$1"; then
            cat "$folder/$1.log" >&2
            fail "$1 did not start"
        fi
        sleep 0.1
    done
}

random() {
    head -c 48 /dev/urandom | base64 -w 0 | tr '+/' '-_'
}

# Both at once, or they might be one.
set -- $(perl -MIO::Socket::INET -e '
    my @free = map { IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1) or die $@ } 1 .. 2;
    print $_->sockport, "\n" for @free')
port=${PORT:-$1}
database_port=$2
password=$(random)

echo "Starting it in $folder, where its logs and process ids are."
case $store in
postgres)
    echo "$password" >"$folder/database/password"
    give "$folder/database"
    (unprivileged initdb -D "$folder/database/data" -U demo -E UTF8 --locale=C.UTF-8 -A scram-sha-256 -N \
        --pwfile "$folder/database/password") >/dev/null || fail "PostgreSQL has no place for its data"
    start database unprivileged postgres -D "$folder/database/data" -p "$database_port" -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories=
    await database 'ready to accept connections'
    SESSION_STORE=postgres://demo:$password@127.0.0.1:$database_port/postgres
    ;;
redis)
    printf '%s\n' 'bind 127.0.0.1' "port $database_port" "requirepass $password" "dir \"$folder/database\"" 'appendonly yes' \
        >"$folder/database/redis.conf"
    give "$folder/database"
    start database unprivileged redis-server "$folder/database/redis.conf"
    await database 'Ready to accept connections'
    SESSION_STORE=redis://:$password@127.0.0.1:$database_port/
    ;;
sqlite) SESSION_STORE=sqlite:$folder/sessions.db ;;
esac

# What makes three instances one application: the store, the keys, the name, and here the accounts.
export SESSION_STORE DEMO_DATA="$folder/accounts.db" PUBLIC_ORIGIN="http://127.0.0.1:$port"
export ACCESS_TOKEN_SECRET="$(random)" REFRESH_TOKEN_SECRET="$(random)"
# nginx's word for where a request came from.
export TRUSTED_PROXIES=1 BIND_ADDR=127.0.0.1:0
cd "$folder"
for number in 1 2 3; do
    start "instance-$number" setpriv --pdeathsig INT "$demo"
done
servers=
for number in 1 2 3; do
    await "instance-$number" '^The demo is at'
    servers="$servers server $(sed -n 's|^The demo is at http://\([^ ]*\).*|\1|p' "instance-$number.log");"
done
unset SESSION_STORE ACCESS_TOKEN_SECRET REFRESH_TOKEN_SECRET

cat >nginx/nginx.conf <<CONF
# One process: it ends as a whole, and takes the instances strictly in turn.
daemon off;
master_process off;
pid own.pid;
error_log stderr notice;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream demo { $servers }
    server {
        listen 127.0.0.1:$port;
        # As the browser wrote it, with the port: the check against other sites compares it with the origin.
        proxy_set_header Host \$http_host;
        proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
        add_header X-Instance \$upstream_addr always;
        location / { proxy_pass http://demo; }
        location = /auth/refresh {
            proxy_pass http://demo;
            # Unlike other POSTs it may be sent twice: the same token gets the same successor.
            proxy_next_upstream error timeout non_idempotent;
        }
    }
}
CONF
give nginx
start nginx unprivileged nginx -e stderr -p "$folder/nginx" -c "$folder/nginx/nginx.conf"
await nginx 'using the "epoll" event method'
echo "The demo is at $PUBLIC_ORIGIN (Ctrl-C ends it)."

while sleep 1; do
    # Not by a signal: whoever started this may be somebody whom it must not send any.
    read -r _ _ _ parent _ <"/proc/$$/stat"
    [ "$parent" -eq "$PPID" ] || exit 0
    left=
    for name in $running; do
        if is_alive "$name"; then
            left="$left $name"
        else
            echo "$name has ended." >&2
        fi
    done
    running=$left
    case $running in
    *nginx*) ;;
    *) exit 1 ;;
    esac
done
