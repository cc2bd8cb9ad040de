#!/usr/bin/env bash
# The Debian package in a small Debian: install, serve, upgrade, remove, purge. packaging/test/deb.sh BINARY
# shellcheck disable=SC2034 # for common.sh
namespaces=(--mount)
# shellcheck source=packaging/test/common.sh
. "$(dirname "$0")/common.sh"
need debootstrap dpkg-deb curl strip objdump

tree=$work/debian
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
debootstrap --variant=minbase "$suite" "$tree" >"$work/debootstrap" 2>&1 ||
    { tail -n 5 "$work/debootstrap" && echo "SKIPPED: $0: no mirror of Debian can be reached" && exit 0; }
mount -t proc proc "$tree/proc"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
export OUTPUT=$tree/root COMPRESSION=gzip
packaging/deb/build.sh "$1" 0.0.1
packaging/deb/build.sh "$1"
if command -v lintian >/dev/null; then
    lintian --allow-root --fail-on error --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog \
        "$tree/root/ftpd_${version}"_*.deb
else
    echo "SKIPPED: lintian is not installed"
fi

# Everything but what dpkg and useradd write down for themselves.
all_files() {
    (cd "$tree" && find . -xdev ! -path './root/*' ! -path './var/lib/dpkg/*' ! -path './var/log/*' ! -path './var/cache/*' \
        ! -path './etc/*-' -printf '%M %u %g %p\n' | LC_ALL=C sort)
}
dpkg_in_tree() { chroot "$tree" env DEBIAN_FRONTEND=noninteractive dpkg "$@" </dev/null; }
# As systemd would: the unit's command, user and folder for the socket.
serve_unit() {
    local unit=$tree/usr/lib/systemd/system/ftpd.service
    command=$(sed -n 's/^ExecStart=//p' "$unit")
    install -d -o "$(chroot "$tree" id -u ftpd)" "$tree/run/ftpd"
    # shellcheck disable=SC2086 # the words of a command
    serve chroot --userspec=ftpd:ftpd "$tree" env RUNTIME_DIRECTORY=/run/ftpd $command -p 0 "$@"
}

before=$(all_files)
dpkg_in_tree --install "/root/ftpd_0.0.1_$(dpkg --print-architecture).deb"
[ "$(cd "$tree/etc/ftpd" && chroot "$tree" stat -c '%a %U %G %n' /etc/ftpd /etc/ftpd/ftpd.conf /etc/ftpd/user.ini)" = \
    "1770 root ftpd /etc/ftpd
640 root ftpd /etc/ftpd/ftpd.conf
640 root ftpd /etc/ftpd/user.ini" ] || fail "modes and owners of /etc/ftpd"
[ -z "$(find "$tree/etc/systemd" -name 'ftpd.*')" ] || fail "the unit is enabled"

# Out of the box it starts without a warning, and lets nobody in.
serve_unit
grep '^\[[WE]' "$work/log" && fail "warnings of the packaged settings"
code=0
curl -sS "ftp://alex:123@127.0.0.1:$port/" || code=$?
[ "$code" = 67 ] || fail "the login of the disabled account ends with $code"
stop

# As the administrator sets it up; the server makes its certificate beside ftpd.conf.
install -d "$tree/srv/share"
echo 'it works' >"$tree/srv/share/file"
printf '[ann]\npassword = a-long-one\nperm = elr\nhome = /srv/share\n' >>"$tree/etc/ftpd/user.ini"
serve_unit --set tls.tls=on
[ "$(curl -sS "ftp://ann:a-long-one@127.0.0.1:$port/file")" = 'it works' ] || fail "no download"
[ "$(curl -sS --ssl-reqd --cacert "$tree/etc/ftpd/ftpd-certificate.pem" "ftp://ann:a-long-one@127.0.0.1:$port/file")" = \
    'it works' ] || fail "no download over TLS"
stop

changed=$(sha256sum <"$tree/etc/ftpd/user.ini")
chroot "$tree" chmod 750 /etc/ftpd
dpkg_in_tree --install "/root/ftpd_${version}_$(dpkg --print-architecture).deb"
# shellcheck disable=SC2016 # no variable of the shell
[ "$(chroot "$tree" dpkg-query -W -f '${Version}' ftpd)" = "1:$version" ] || fail "no upgrade"
[ "$(sha256sum <"$tree/etc/ftpd/user.ini")" = "$changed" ] || fail "the upgrade changed user.ini"
[ "$(chroot "$tree" stat -c '%a %G' /etc/ftpd /etc/ftpd/user.ini | tr '\n' ' ')" = '750 ftpd 640 ftpd ' ] ||
    fail "the upgrade changed modes"
serve_unit
[ "$(curl -sS "ftp://ann:a-long-one@127.0.0.1:$port/file")" = 'it works' ] || fail "no download after the upgrade"
stop

dpkg_in_tree --remove ftpd
[ -e "$tree/etc/ftpd/user.ini" ] || fail "remove takes the settings"
[ ! -e "$tree/usr/bin/ftpd" ] || fail "remove leaves the program"
dpkg_in_tree --purge ftpd
rm -r "$tree/srv/share" "$tree/run/ftpd"
diff <(echo "$before") <(all_files) || fail "purge leaves something"
chroot "$tree" getent passwd ftpd >/dev/null || fail "the user is gone, whose number may own files"
echo "ok: the Debian package"
