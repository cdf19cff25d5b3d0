"""From pictures to answers, in twelve lines. Run: python examples/image.py"""

import rung

world = rung.simulate.Pendulum(n=1500, seed=0)  # a lamp, a pendulum and its shadow, drawn
data = world.data  # or rung.read("pictures/", factors="labels.csv")
labels = data.drop(["image"])
known = rung.Knowledge(tiers=[["angle", "light"], ["shadow_length", "shadow_position"]])
found = rung.discover(labels, knowledge=known)
print(found)
spec = rung.CausalDiffAE(found, training=rung.Training(steps=200, batch=64, rate=2e-3))
model = rung.fit(spec, data)  # 200 steps for a first look; the default draws sharper pictures
print(
    "mean place of the shadow in new pictures with the lamp at 0.8:",
    rung.do(model, light=0.8).sample(50)["shadow_position"].mean(),
)
print("three pictures:", data[:3]["shadow_position"])
imagined = rung.counterfactual(model, data[:3], light=0.8)
print("had the lamp been at 0.8:", imagined["shadow_position"], imagined["image"].shape)
query = rung.ATE("light", "shadow_position")
print(rung.effect(found, labels, query))
print(rung.design(found, labels, query=query))
