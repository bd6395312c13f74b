"""Made genomes and cohorts with known answers, for the demo, tests and benchmarks."""
