#!/usr/bin/env bash
# Builds ftpd_VERSION_ARCH.deb in $OUTPUT (target): packaging/deb/build.sh BINARY [VERSION]
set -euo pipefail
binary=$(realpath "$1")
cd "$(dirname "$0")/../.."
version=${2:-$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)}
arch=$(dpkg --print-architecture)
output=${OUTPUT:-target}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
export SOURCE_DATE_EPOCH
umask 022
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"

DESTDIR=$tree PREFIX=/usr packaging/install.sh install "$binary"
strip --strip-unneeded "$tree/usr/bin/ftpd"
# What the first lines of the unit ask for is done by postinst.
sed -i '1,/^$/d' "$tree/usr/lib/systemd/system/ftpd.service"
# Where Debian's zsh looks.
mv "$tree/usr/share/zsh/site-functions" "$tree/usr/share/zsh/vendor-completions"
gzip -9n "$tree"/usr/share/man/man?/*

documents=$tree/usr/share/doc/ftpd
{
    sed '/^ *Apache License$/Q' "$documents/LICENSE"
    printf 'The Apache License, version 2.0: /usr/share/common-licenses/Apache-2.0\n'
} >"$documents/copyright"
rm "$documents/LICENSE" "$documents/examples/logrotate"
maintainer=${MAINTAINER:-ftpd contributors <ftpd@localhost>}
date=$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
printf 'ftpd (1:%s) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- %s  %s\n' "$version" "$maintainer" "$date" |
    gzip -9n >"$documents/changelog.gz"

install -D -m 644 packaging/logrotate/ftpd "$tree/etc/logrotate.d/ftpd"
install -d -m 750 "$tree/etc/ftpd"
install -m 640 ftpd.conf "$tree/etc/ftpd/ftpd.conf"
grep -q "^# The passwords below" user.ini
sed '/^# The passwords below/,$d' user.ini | cat - packaging/deb/account.ini >"$tree/etc/ftpd/user.ini"
chmod 640 "$tree/etc/ftpd/user.ini"

libc=$(objdump -T "$tree/usr/bin/ftpd" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
install -d "$tree/DEBIAN"
(cd "$tree" && find etc -type f -printf '/%p\n' | LC_ALL=C sort >DEBIAN/conffiles)
(cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
install -m 755 packaging/deb/{postinst,prerm,postrm} "$tree/DEBIAN"
# Debian has an old package of this name, 0.17, which would otherwise be an upgrade: hence the epoch.
cat >"$tree/DEBIAN/control" <<END
Package: ftpd
Version: 1:$version
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $(du -sk --exclude=DEBIAN "$tree" | cut -f 1)
Depends: libc6 (>= ${libc#GLIBC_}), libgcc-s1, passwd
Suggests: fail2ban, logrotate
Section: net
Priority: optional
Description: FTP server for the folders and accounts of two small files
 Shares a folder with one command, or serves the accounts of user.ini with the
 settings of ftpd.conf. Each session is locked into its account's home, uploads
 replace a file only when they are whole, and whatever is refused, the log says
 why.
 .
 The service is disabled after the installation, and so is its only account.
END
find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$output"
dpkg-deb --root-owner-group "-Z${COMPRESSION:-xz}" --build "$tree" "$output/ftpd_${version}_$arch.deb"
