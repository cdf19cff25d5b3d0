"""Causal models inside images: latent variables, and what is measured about them."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "DCI": "metrics.importance",
        "Forest": "metrics.importance",
        "InfoMEC": "metrics.infomec_scores",
        "Lasso": "metrics.importance",
        "Score": "metrics.arrays",
        "dci": "metrics.importance",
        "infomec": "metrics.infomec_scores",
        "mcc": "metrics.correlation",
        "mig": "metrics.gap",
        "modularity": "metrics.one_factor",
        "mutual_information": "metrics.information",
        "r2_up_to_linear": "metrics.correlation",
        "r2_up_to_permutation": "metrics.correlation",
        "sap": "metrics.attributes",
    },
)
