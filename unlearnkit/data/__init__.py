"""Data: one module a benchmark, the universe, prompt formats, and `encode`, the only place that makes a mask."""
