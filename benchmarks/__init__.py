"""How fast it is, measured on the running program: `python -m benchmarks --help`, and docs/performance.md."""
