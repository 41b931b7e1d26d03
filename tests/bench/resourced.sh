#!/bin/sh
# What resourced costs, with databases in the build folder's file system.
BUILD=${BUILD:-build}
dir=$(mktemp -d "$BUILD/bench.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
TOP_BUILDDIR=$BUILD "$BUILD/tests/bench/bench_resourced" "$dir" "$@"
