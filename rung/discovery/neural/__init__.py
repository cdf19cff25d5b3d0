"""Structure learners with neural networks; torch is imported when one of them learns."""
