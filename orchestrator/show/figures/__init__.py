"""Over all runs: trends, limits, agents, flaky tests, two runs compared, and the few figures of each run that they need. Pure."""
