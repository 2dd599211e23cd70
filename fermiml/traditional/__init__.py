"""Traditional detection: iterated TS maps, the baseline of every comparison."""
