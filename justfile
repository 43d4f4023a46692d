# Same as CI, cheapest first.
check:
    .ci/run

# The main job: RLEF from the starter on the built-in problems.
train:
    cargo run --release -- train

# Makes the shipped starter again.
starter:
    cargo run --release -- sft --config starter/skilled.toml --out target/skilled
    cargo run --release -- sft --config starter/careless.toml --from target/skilled --out starter

# Licences and advisories of dependencies; needs cargo-deny.
deny:
    cargo deny check
