"""Reading tables, inferring kinds, profiling, saving and loading results."""
