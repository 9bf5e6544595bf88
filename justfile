# Short names for the common commands; `just` alone lists them. Everything works without just as well.

_default:
    @just --list

# A place to try it in; `just sandbox --image cat.png` generates at start
sandbox *arguments:
    cargo sandbox {{ arguments }}

# The command-line program, built without Bevy; `just trellis --help`
trellis *arguments:
    cargo trellis {{ arguments }}

# Every test, as CI runs them; --quick, --rust or --python for a part
check *arguments:
    ./check {{ arguments }}

# Rust tests only; `just test morton` runs those with morton in their name
test *arguments:
    cargo test --features sandbox,cli {{ arguments }}

# Benches; `just bench --bench inflate` runs one
bench *arguments:
    cargo bench {{ arguments }}

# Feeds a reader random bytes for ten minutes; `just fuzz csm` (needs nightly Rust and cargo-fuzz)
fuzz target:
    cargo +nightly fuzz run {{ target }} -- -max_total_time=600 -rss_limit_mb=2048

# Formats Rust; Python too, once ./check has made its tools
fmt:
    cargo fmt
    "${XDG_CACHE_HOME:-$HOME/.cache}/crossworld-trellis/venv/bin/ruff" format python
