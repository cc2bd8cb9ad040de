# What the tests of packages share, to be sourced by bash: a folder $work that goes away, a server, and its end.
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# Leaves the test, loudly, if it has no root or one of these programs is missing.
need() {
    [ "$(id -u)" = 0 ] || { echo "SKIPPED: $0 needs root" && exit 0; }
    for program; do
        command -v "$program" >/dev/null || { echo "SKIPPED: $0: $program is not installed" && exit 0; }
    done
}

# In namespaces of its own, so that nothing stays mounted and no port is another's. A test that needs the network sets
# $namespaces.
need unshare ip
if [ -z "${UNSHARED:-}" ]; then
    [ -v namespaces ] || namespaces=(--mount --net)
    UNSHARED=1 exec unshare "${namespaces[@]}" "$0" "$@"
fi
[ -v namespaces ] || ip link set lo up

work=$(mktemp -d /tmp/ftpd-packages.XXXXXX)
chmod 755 "$work"
server=
clean() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    umount -q "$work"/*/proc 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap clean EXIT

# Starts a server and waits until it listens at 127.0.0.1:$port; its log is $work/log.
serve() {
    "$@" >"$work/log" 2>&1 &
    server=$!
    for _ in {1..200}; do
        port=$(sed -n 's/.*starting FTP server on 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$work/log")
        [ -z "$port" ] || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/log" >&2
    fail "it does not start: $*"
}

stop() {
    kill "$server"
    wait "$server" || fail "the server ended with $?"
    server=
}
