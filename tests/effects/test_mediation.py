

def test_missing_cells_of_a_mediator_are_completed_under_em() -> None:
    """The mediator goes missing by the outcome: complete cases are biased, EM's tables are not."""
    rng = np.random.default_rng(3)
    n = 3000
    c = rng.normal(size=n)
    x = (rng.random(n) < 1 / (1 + np.exp(-c))).astype(float)
    m = 0.8 * x + 0.5 * c + rng.normal(size=n)
    y = x + 0.7 * m + 0.4 * c + rng.normal(size=n)
    m = np.where(rng.random(n) < 1 / (1 + np.exp(1 - y)), np.nan, m)
    variables = [rung.Variable("c"), rung.Variable("x", rung.Kind.BINARY, (0, 1)),
                 rung.Variable("m"), rung.Variable("y")]  # fmt: skip
    data = rung.Data.from_matrix(np.column_stack([c, x, m, y]), variables=variables)
    graph = rung.Graph.parse("c -> x; c -> m; c -> y; x -> m; x -> y; m -> y")
    query = rung.NIE("x", "y", "m")
    filled = rung.effect(graph, data.replacing(missing=rung.EM(draws=5)), query)
    assert filled.interval[0] < 0.56 < filled.interval[1]
    assert "pooled by Rubin's rules" in filled.method
    assert abs(filled.value - 0.56) < 0.15
    cut = rung.effect(graph, data.replacing(missing=rung.CompleteCases()), query)
    assert abs(cut.value - 0.56) > abs(filled.value - 0.56)
