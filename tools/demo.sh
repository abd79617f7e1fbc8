#!/bin/sh
# Label the samples as if a generator had made them, verify the copies, and say where to look.
set -eu
label=$1
mkdir -p demo
LABEL_DATA_DIR=${LABEL_DATA_DIR:-$PWD/demo/.identity}
export LABEL_DATA_DIR

say() { printf '\n== %s\n' "$1"; }

say "label add samples/ (a generator has just made these pictures)"
"$label" add samples --exclude README.md --system "Kandinsky 5" --provider Sber --publisher "Qala Media" --out-dir demo

say "label verify demo (rule by rule)"
# the BMP cannot show a notice: its verdict is incomplete, and the command ends with 1 for that
"$label" verify demo || [ $? -eq 1 ]

say "label verify samples --assume-ai (the same pictures without a label)"
"$label" verify samples --exclude README.md --assume-ai --quiet || [ $? -eq 1 ]

say "label show demo/steppe.jpg"
"$label" show demo/steppe.jpg

say "Look at the pictures in demo/."
