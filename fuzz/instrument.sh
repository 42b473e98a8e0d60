#!/bin/sh
# Cargo calls this in place of rustc for the crates of this workspace (RUSTC_WORKSPACE_WRAPPER): they tell the fuzzer which
# code an input reaches and which values it compares. Dependencies are built as for everything else, and so are shared.
# Cargo does not see a change of this file: after one, `cargo clean -p` each of our crates.

# What runs while building has no fuzzer to tell anything to.
case "$*" in
*"--crate-name build_script_"* | *"--crate-type proc-macro"*) exec "$@" ;;
esac

# Optimised where that is cheap: for the operator itself it would double the time of the whole build.
level=1
case "$*" in
*"--crate-name bonafide "*) level=0 ;;
esac

# A finding is told by its lines; more about each variable would only be linked twelve times.
exec "$@" -Copt-level="$level" -Cdebuginfo=line-tables-only -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
