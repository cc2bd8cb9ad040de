#!/usr/bin/env bash
# Prints the licences of the crates that are part of the binary: each crate with its licence, then each text once.
set -euo pipefail
cd "$(dirname "$0")/.."

crates=$(cargo tree --quiet --locked --edges normal --prefix none --format '{p} {l}' |
    sed -E '/^ftpd /d; s/ \((proc-macro|\*)\)//g' | LC_ALL=C sort -u)
sources=${CARGO_HOME:-$HOME/.cargo}/registry/src
declare -A number=()
texts=()
echo "The binary of ftpd contains these crates. The numbers are those of the texts below."
echo
while read -r name version licence; do
    numbers=
    for text in "$sources"/*/"$name-${version#v}"/{LICENSE,LICENCE,COPYING,COPYRIGHT,NOTICE}*; do
        [ -f "$text" ] || continue
        sum=$(sha256sum <"$text")
        if [ -z "${number[$sum]:-}" ]; then
            texts+=("$text")
            number[$sum]=${#texts[@]}
        fi
        numbers+=" ${number[$sum]}"
    done
    echo "$name ${version#v}: $licence (text${numbers:- of the licence of this name})"
done <<<"$crates"
for index in "${!texts[@]}"; do
    printf '\n==== %d ====\n\n' $((index + 1))
    cat "${texts[index]}"
done
