#!/usr/bin/env bash
# The release as a tar.gz, on a machine that has nothing but the libraries. packaging/test/dist.sh BINARY
# shellcheck source=packaging/test/common.sh
. "$(dirname "$0")/common.sh"
need curl strip

OUTPUT=$work packaging/dist/build.sh "$1" >/dev/null
(cd "$work" && sha256sum --quiet --check ./*.sha256)
tar -C "$work" -xzf "$work"/ftpd-*.tar.gz
mv "$work"/ftpd-*/ "$work/bare"
for file in ftpd ftpd.conf user.ini README.md LICENSE LICENSE.crates docs/ftpd.conf.md man/ftpd.1 completions/_ftpd \
    packaging/systemd/ftpd.service; do
    [ -s "$work/bare/$file" ] || fail "$file is missing"
done
[ -z "$(find "$work/bare" ! -user root -o ! -group root -o -perm /go=w)" ] || fail "owners and modes"

# What the binary itself asks for; no shell, no /etc, no /proc.
ldd "$work/bare/ftpd" | grep -o '/[^ ]*' | while read -r library; do
    install -D "$library" "$work/bare$library"
done
install -d "$work/bare/home"
install -d -o 65534 "$work/bare/tmp"
echo 'it works' >"$work/bare/home/file"
serve chroot --userspec=65534:65534 "$work/bare" /ftpd /home -p 0 -i 127.0.0.1
[ "$(curl -sS "ftp://127.0.0.1:$port/file")" = 'it works' ] || fail "no download"
stop

# The same folder can be installed without its source.
DESTDIR=$work/installed "$work/bare/packaging/install.sh" install "$work/bare/ftpd"
for file in bin/ftpd share/man/man1/ftpd.1 share/doc/ftpd/LICENSE.crates lib/systemd/system/ftpd.service; do
    [ -s "$work/installed/usr/local/$file" ] || fail "$file is not installed"
done
echo "ok: the tar.gz"
