#!/bin/sh
# Makes ./configure from configure.ac; needed after a clone only.
set -e
cd "$(dirname "$0")"
mkdir -p m4
autoreconf --install --force "$@"
