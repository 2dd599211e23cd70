"""How good a catalog is: metrics, and the benchmark on skies with known truth."""
