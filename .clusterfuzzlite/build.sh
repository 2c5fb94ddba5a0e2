#!/usr/bin/env bash
# Builds every fuzz target into $OUT, as OSS-Fuzz and ClusterFuzzLite ask for, each with the settings that its engine reads.
# There is no seed corpus: what a generator's bytes mean changes with the generator, so engines keep their own
# corpora, and cases worth keeping become files of regressions/.
set -euo pipefail
cd "${SRC:?}/thumbsmith"

cargo fuzz build --release
for target in $(cargo fuzz list); do
  cp "fuzz/target/x86_64-unknown-linux-gnu/release/$target" "${OUT:?}/$target"
  # Inputs are the choices of a generator: longer ones make larger modules, and the largest take seconds to compile.
  printf '[libfuzzer]\nmax_len = 12288\ntimeout = 60\nrss_limit_mb = 2560\n' >"$OUT/$target.options"
done
