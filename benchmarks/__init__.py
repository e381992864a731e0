"""Side-by-side measurements. Each prints ratios and writes its part of docs/BENCHMARKS.md."""
