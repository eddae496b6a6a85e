#!/usr/bin/env bash
# Builds a real TLCP server (GB/T 38636) for the tests: GmSSL, whose source ships in a crate. Wants cargo, cmake and a C compiler; a minute at most.
# usage: tests/tlcp_peer.sh     -> target/tlcp/gmssl
set -euo pipefail
cd "$(dirname "$0")/.."
home=$PWD/target/tlcp
[ ! -x "$home/gmssl" ] || exit 0
mkdir -p "$home/src" "$home/build"
: >"$home/src/lib.rs"
printf '[package]\nname = "peer"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n[dependencies]\ngmssl-rs-sys = "=0.1.0"\n' >"$home/Cargo.toml"
cargo fetch --quiet --manifest-path "$home/Cargo.toml"
source=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -maxdepth 2 -type d -name gmssl-rs-sys-0.1.0 | head -n 1)
cmake -S "$source/GmSSL" -B "$home/build" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF >"$home/cmake.log" 2>&1
cmake --build "$home/build" --target gmssl-bin --parallel 2 >"$home/make.log" 2>&1
mv "$home/build/bin/gmssl" "$home/gmssl"
