#!/bin/sh
# Puts ftpd and all that comes with it below $DESTDIR$PREFIX, or takes it away:
#   packaging/install.sh install BINARY
#   packaging/install.sh uninstall
set -eu

prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}$prefix
binary=${2:+$(realpath "$2")}
cd "$(dirname "$0")/.."

# Mode, place, and a file of this folder or how it is made.
files() {
    cat <<END
755 bin/ftpd binary
644 share/man/man1/ftpd.1 generate ftpd.1
644 share/man/man5/ftpd.conf.5 generate ftpd.conf.5
644 share/man/man5/user.ini.5 generate user.ini.5
644 share/bash-completion/completions/ftpd generate bash
644 share/zsh/site-functions/_ftpd generate zsh
644 share/fish/vendor_completions.d/ftpd.fish generate fish
644 lib/systemd/system/ftpd.service unit
644 lib/systemd/system/ftpd.socket packaging/systemd/ftpd.socket
644 share/doc/ftpd/LICENSE.crates licences
644 share/doc/ftpd/examples/ftpd.conf ftpd.conf
644 share/doc/ftpd/examples/user.ini user.ini
644 share/doc/ftpd/examples/logrotate packaging/logrotate/ftpd
644 share/doc/ftpd/examples/fail2ban.conf packaging/fail2ban/ftpd.conf
END
    for file in README.md CHANGELOG.md SECURITY.md LICENSE docs/*.md docs/pictures/*; do
        echo "644 share/doc/ftpd/$file $file"
    done
}

# The content of a file, from the third field on.
content() {
    case $1 in
        generate) "$binary" generate "$2" ;;
        binary) cat "$binary" ;;
        unit) sed "s|/usr/local/bin/|$prefix/bin/|" packaging/systemd/ftpd.service ;;
        # In an unpacked release they are there already.
        licences) if [ -f LICENSE.crates ]; then cat LICENSE.crates; else packaging/licences.sh; fi ;;
        *) cat "$1" ;;
    esac
}

case ${1:-} in
    install)
        made=$(mktemp)
        trap 'rm -f "$made"' EXIT
        files | while read -r mode place how; do
            # shellcheck disable=SC2086 # two words, of which neither has blanks
            content $how >"$made"
            install -D -m "$mode" "$made" "$root/$place"
        done
        ;;
    uninstall)
        files | while read -r _ place _; do
            rm -f "$root/$place"
            # Folders that are empty now; all others stay.
            (cd "${DESTDIR:-/}" && rmdir -p --ignore-fail-on-non-empty "${prefix#/}/${place%/*}" 2>/dev/null) || true
        done
        ;;
    *)
        sed -n '2,4s/^# *//p' "$0" >&2
        exit 2
        ;;
esac
