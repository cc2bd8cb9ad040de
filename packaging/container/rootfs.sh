#!/bin/sh
# Puts the binary, the libraries it needs and the folders of an image into a folder: packaging/container/rootfs.sh BINARY FOLDER
set -eu
binary=$1
root=$2

install -D -m 755 "$binary" "$root/ftpd"
ldd "$binary" | grep -o '/[^ ]*' | while read -r library; do
    install -D -m 755 "$library" "$root$library"
done
# For ftpd.conf and user.ini; for what is shared; for the socket of ftpd who and its like.
install -d "$root/etc/ftpd" "$root/srv"
install -d -m 1777 "$root/tmp"
