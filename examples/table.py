"""From a table to answers, in twelve lines. Run: python examples/table.py"""

import rung

data = rung.read("nsw")  # or a file, a data frame, an array
before = [name for name in data.names if name not in ("treat", "re78")]
known = rung.Knowledge(  # what comes first in time; and the model lets the programme matter
    tiers=[before, ["treat"], ["re78"]], required=["treat -> re78"]
)
found = rung.discover(data, rung.Bootstrap(rung.Auto(), draws=20), knowledge=known)
print(found)
model = rung.fit(found, data)  # one mechanism a node, for each graph that was found
print("mean earnings if all took part:", rung.do(model, treat=1).sample(1000)["re78"].mean())
print("three men:", data[:3]["re78"])
print("had they not taken part:", rung.counterfactual(model, data[:3], treat=0)["re78"])
query = rung.ATE("treat", "re78", adjust=())  # drawn by lot: nothing to adjust for
answer = rung.effect(found, data, query)
print(answer)
print(rung.design(found, data, query=query))
