#!/usr/bin/env bash
# The files of the container's image, as the command and user of the Containerfile. packaging/test/container.sh BINARY
# shellcheck source=packaging/test/common.sh
. "$(dirname "$0")/common.sh"
need curl python3

# What the first stage of the Containerfile makes; if buildah is here, it makes an image of that.
packaging/container/rootfs.sh "$1" "$work/image"
image=$work/image
container=packaging/container/Containerfile
if command -v buildah >/dev/null; then
    export BUILDAH_ISOLATION=chroot
    buildah() { command buildah --storage-driver vfs --root "$work/storage" --runroot "$work/run" "$@"; }
    buildah bud --quiet --build-context "build=$work" -f "$container" -t ftpd "$work" >/dev/null
    image=$(buildah mount "$(buildah from ftpd)")
else
    echo "SKIPPED: buildah is not installed: no image, only its files"
fi
user=$(sed -n 's/^USER //p' "$container")
mapfile -t command < <(sed -n 's/^\(ENTRYPOINT\|CMD\) //p' "$container" | python3 -c '
import json, sys
print(*sum(map(json.loads, sys.stdin), []), sep="\n")')
in_image() { serve env -i "$(command -v chroot)" --userspec="$user" "$image" "$@" -p 0 -i 127.0.0.1 --set web.web_port=0; }

# Alone: /srv for everybody, and nothing that could be written.
install -d -o 65534 "$image/srv"
echo 'it works' >"$image/srv/file"
in_image "${command[@]}"
[ "$(curl -sS "ftp://127.0.0.1:$port/file")" = 'it works' ] || fail "no download"
curl -sS -T "$0" "ftp://127.0.0.1:$port/" 2>/dev/null && fail "an upload into a folder that is shared read-only"
stop

# With the files of the example, which belong to another user of the machine.
for file in ftpd.conf user.ini; do
    [ "$file" = ftpd.conf ] && from=3 to=44 || from=57 to=99
    sed -n '/^# *ftpd.conf: /,/^#$/p' packaging/container/compose.yaml | tail -n +2 | cut -c "$from-$to" |
        sed 's/^#\? *//; s/ *$//; s/192.168.1.20/127.0.0.1/' >"$image/etc/ftpd/$file"
done
chown -R 1000:1000 "$image/srv" "$image/etc/ftpd"
chmod 600 "$image/etc/ftpd/user.ini"
user=1000:1000
in_image "${command[0]}" -c /etc/ftpd/ftpd.conf -u /etc/ftpd/user.ini
curl -sS --disable-epsv --no-ftp-skip-pasv-ip -T "$0" --user 'ann:a long one' "ftp://127.0.0.1:$port/new" ||
    fail "no upload"
cmp "$0" "$image/srv/new"
grep '^\[[WE]' "$work/log" && fail "warnings of the example"
stop
echo "ok: the image of the container"
