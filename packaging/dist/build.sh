#!/usr/bin/env bash
# Builds ftpd-VERSION-linux-ARCH.tar.gz and its .sha256 in $OUTPUT (target): packaging/dist/build.sh BINARY
# Unpacked, it is all that packaging/install.sh needs: `sudo packaging/install.sh install ftpd`.
set -euo pipefail
binary=$(realpath "$1")
cd "$(dirname "$0")/../.."
name=ftpd-$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)-linux-$(uname -m)
output=$(realpath "${OUTPUT:-target}")
date=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/$name

mkdir -p "$tree"/{man,completions,packaging}
strip --strip-unneeded -o "$tree/ftpd" "$binary"
cp -r README.md CHANGELOG.md SECURITY.md LICENSE docs ftpd.conf user.ini "$tree"
cp -r packaging/{install.sh,systemd,logrotate,fail2ban} "$tree/packaging"
packaging/licences.sh >"$tree/LICENSE.crates"
for page in ftpd.1 ftpd.conf.5 user.ini.5; do
    "$binary" generate "$page" >"$tree/man/$page"
done
"$binary" generate bash >"$tree/completions/ftpd.bash"
"$binary" generate zsh >"$tree/completions/_ftpd"
"$binary" generate fish >"$tree/completions/ftpd.fish"

mkdir -p "$output"
tar -C "$work" --sort=name --owner=root:0 --group=root:0 --mode=u=rwX,go=rX --mtime="@$date" -c "$name" |
    gzip -9n >"$output/$name.tar.gz"
(cd "$output" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "$output/$name.tar.gz"
