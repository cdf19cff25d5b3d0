"""The narrow waists: numpy only, importing nothing else of rung."""
