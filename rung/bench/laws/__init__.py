"""The laws of each plug shape; one file a shape, run by `rung.bench.contracts.check`."""
