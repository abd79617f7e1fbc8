#!/bin/sh
# Foreign tools for the tests: as root on Debian or Ubuntu they are installed, elsewhere this only says what is missing.
set -eu
missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need exiftool libimage-exiftool-perl
need jpegtran libjpeg-turbo-progs
need djxl libjxl-tools
need pngcheck pngcheck
need webpinfo webp
need rsvg-convert librsvg2-bin
need qpdf qpdf
need pdftotext poppler-utils
need xmllint libxml2-utils
need chromium chromium
need softhsm2-util softhsm2
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "installing$missing"
  apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null
else
  echo "Not installed, so some tests will skip:$missing"
fi
