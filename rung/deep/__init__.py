"""What every neural model of rung shares: one training loop, checkpoints, small networks.

torch is imported by the modules of this package, which load when a neural model is fitted.
"""
