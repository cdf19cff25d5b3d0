"""Up to what the latents of a model are known, by which theorem, under which conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.errors import unknown
from ..core.result import Result

if TYPE_CHECKING:
    import pandas as pd

GIVEN, CHECKED, ASSUMED = "given", "checked", "assumed"
NONE = "none"


@dataclass(frozen=True)
class Condition:
    """One condition of a theorem.

    Parameters
    ----------
    text : str
    status : str
        "given" by how the model is built or by the user's labels, "checked" by a figure of this
        library (named in `by`), or "assumed".
    by : str
        What checks it.
    """

    text: str
    status: str
    by: str = ""


@dataclass(frozen=True)
class Identifiability(Result):
    """What theory says of the latents of one class of models.

    Parameters
    ----------
    model : str
        Name of the specification.
    theorem : str
        The result that applies, or "none" and the result that says why.
    known : str
        Up to what the latents are known if every condition holds.
    conditions : tuple of Condition
    cites : tuple of str
    """

    model: str
    theorem: str
    known: str
    conditions: tuple[Condition, ...]
    cites: tuple[str, ...]

    @property
    def assumed(self) -> tuple[str, ...]:
        """The conditions that nothing here can check."""
        return tuple(c.text for c in self.conditions if c.status == ASSUMED)

    def frame(self) -> pd.DataFrame:
        """One row a condition."""
        import pandas as pd

        return pd.DataFrame([vars(c) for c in self.conditions], columns=["text", "status", "by"])

    def __repr__(self) -> str:
        lines = [f"{self.model}: {self.theorem}", f"  latents are known {self.known}"]
        for c in self.conditions:
            lines.append(f"  {c.status}{f' ({c.by})' if c.by else ''}: {c.text}")
        return "\n".join(lines)


def identifiability_of(model: Any) -> Identifiability:
    """What theory says of a fitted model of pictures, of its specification, or of its class.

    Raises
    ------
    UnknownName
        Nothing is on record for that class.
    """
    spec = getattr(model, "spec", model)
    name = spec if isinstance(spec, str) else getattr(spec, "__name__", type(spec).__name__)
    if name not in TABLE:
        raise unknown(name, TABLE, "model class")
    return TABLE[name]


def _unsupervised(model: str, *more: Condition) -> Identifiability:
    return Identifiability(
        model,
        "none: without labels or other side information a model with independent latents has "
        "infinitely many others, entangled, of the same distribution of pictures (Locatello et "
        "al. 2019, theorem 1)",
        "up to nothing: any resemblance to factors comes from the bias of network and loss",
        (*more, Condition("the bias of network and loss favours the factors", CHECKED,
                          "DCI, MIG, InfoMEC, MCC against labels")),
        ("locatello2019",),
    )  # fmt: skip


READABLE = Condition(
    "each labelled factor is a function of the picture", CHECKED, "held-out error of Predictor"
)
LABELS = Condition("labels of the factors, for some or all pictures", GIVEN)

TABLE: dict[str, Identifiability] = {
    "VAE": _unsupervised("VAE"),
    "BetaVAE": _unsupervised("BetaVAE"),
    "BetaTCVAE": _unsupervised("BetaTCVAE"),
    "QLAE": _unsupervised(
        "QLAE",
        Condition(
            "one small codebook a latent and weight decay favour simple codes; an argument from "
            "experiments (Hsu et al. 2023), no theorem",
            ASSUMED,
        ),
    ),
    "CVAE": Identifiability(
        "CVAE",
        "none for the free latents: their prior does not depend on the attributes, so that the "
        "theorem for auxiliary variables (Khemakhem et al. 2020, theorem 1) does not apply",
        "exactly for the attributes, which are inputs; up to nothing for the free latents",
        (
            LABELS,
            Condition("the decoder uses the attributes", CHECKED, "effectiveness in soundness"),
            Condition(
                "the free latents hold nothing of the attributes", CHECKED,
                "mutual_information of free latents and labels",
            ),
        ),
        ("khemakhem2020", "locatello2019"),
    ),
    "XFactors": Identifiability(
        "XFactors",
        "none for this loss; the nearest result is that what pairs of pictures share is found, as "
        "a block, by contrasting them (von Kuegelgen et al. 2021)",
        "up to an invertible map within the subspace of each labelled factor, if that result "
        "carries over; up to nothing within the residual subspace",
        (
            Condition("pictures that share a factor's value are known", GIVEN),
            READABLE,
            Condition(
                "factors take all combinations, so that nothing else is shared by such pictures",
                CHECKED, "mutual_information of the labels among each other",
            ),
            Condition("pictures determine the latents (an invertible mixing)", ASSUMED),
        ),
        ("vonkugelgen2021",),
    ),
    "CausalDiffAE": Identifiability(
        "CausalDiffAE",
        "labels of the factors fix the labelled latents one by one, also where factors cause each "
        "other (Shen et al. 2022, for a supervised encoder over a causal prior)",
        "up to a map of each labelled factor by itself; here in units of its label. The "
        "counterfactuals need more: the graph and the form of the noise",
        (
            LABELS,
            READABLE,
            Condition("the graph over the factors is the true one", ASSUMED),
            Condition("no hidden cause of two factors", ASSUMED),
            Condition(
                "mechanisms are additive in their noise: without such a form counterfactual "
                "pictures are not determined even under the true graph (Pan and Bareinboim 2024)",
                ASSUMED,
            ),
            Condition(
                "the noise of the decoder keeps no factor", CHECKED,
                "effectiveness of do() by inversion against fresh noise",
            ),
        ),
        ("komanduri2024", "shen2022", "pan2024"),
    ),
    "DomainCounterfactuals": Identifiability(
        "DomainCounterfactuals",
        "the latents are not needed: every class of models with the same domain counterfactuals "
        "holds one whose intervened latents come last, and the error of the counterfactuals is "
        "bounded by fit and sparsity (Zhou et al. 2024)",
        "up to any pair of invertible maps that leaves the domain counterfactuals unchanged",
        (
            Condition("the domain of each picture", GIVEN),
            Condition("pictures and latents determine each other (an invertible mixing)", GIVEN),
            Condition("domains share mixing and noise, and differ in few mechanisms", ASSUMED),
            Condition("the number of latents allowed to differ is large enough", CHECKED,
                      "held-out likelihood over k"),
        ),
        ("zhou2024",),
    ),
}  # fmt: skip
