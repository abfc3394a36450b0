"""Programs in worlds: threads, clocks, endings."""
