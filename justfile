# Short names for the common commands; `just` alone lists them. Everything works without just as well.

# What `just trellis-setup` makes, else the system's Python, for which the package is in this folder.
environment := if os_family() == "windows" { ".venv/Scripts/python.exe" } else { ".venv/bin/python" }
system := if os_family() == "windows" { "python" } else { "python3" }
trellis-python := if path_exists(environment) == "true" { environment } else { system }

# Arguments arrive as they were typed, blanks and all.
set positional-arguments := true

_default:
    @just --list

# Makes .venv with the torch that fits this machine; `--weights` downloads the models too, `--help` tells more
trellis-setup *arguments:
    {{ system }} python/set_up.py "$@"

# The inference server, at http://127.0.0.1:8001
trellis-server *arguments:
    PYTHONPATH=python {{ trellis-python }} -m crossworld_trellis serve "$@"

# What is wrong with this machine's TRELLIS, and what to do; `just doctor --explain "an error message"`
doctor *arguments:
    PYTHONPATH=python {{ trellis-python }} -m crossworld_trellis doctor "$@"

# A place to try it in; `just sandbox --image cat.png` generates at start
sandbox *arguments:
    cargo sandbox "$@"

# The command-line program, built without Bevy; `just trellis --help`
trellis *arguments:
    cargo trellis "$@"

# Every test, as CI runs them; --quick, --rust or --python for a part
check *arguments:
    ./check "$@"

# Rust tests only; `just test morton` runs those with morton in their name
test *arguments:
    cargo test --features sandbox,cli "$@"

# Benches; `just bench --bench inflate` runs one
bench *arguments:
    cargo bench "$@"

# Feeds a reader random bytes for ten minutes; `just fuzz csm` (needs nightly Rust and cargo-fuzz)
fuzz target:
    cargo +nightly fuzz run {{ target }} -- -max_total_time=600 -rss_limit_mb=2048

# Formats Rust; Python too, once ./check has made its tools
fmt:
    cargo fmt
    "${XDG_CACHE_HOME:-$HOME/.cache}/crossworld-trellis/venv/bin/ruff" format python
