"""From a table to answers, in twelve lines. Run: python examples/table.py"""

import rung

data = rung.read("sachs")  # or a file, a data frame, an array
found = rung.discover(data, rung.Bootstrap(rung.Auto(), draws=10))
print(found)
model = rung.fit(found, data)  # one mechanism a node, for each graph that was found
print("mean Akt if PKA is set to 1000:", rung.do(model, PKA=1000.0).sample(2000)["Akt"].mean())
print("Akt of three cells if PKA had been 0:", rung.counterfactual(model, data[:3], PKA=0.0)["Akt"])
print("Akt as measured:", data[:3]["Akt"])
answer = rung.effect(found, data, rung.ATE("PKA", "Akt"))
print(answer)
print(rung.design(found, data, query=rung.ATE("PKA", "Akt")))
