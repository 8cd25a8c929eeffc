"""The simulated plant: what happens in it is a pure function of a seed and the time; only `source` looks at a clock."""
