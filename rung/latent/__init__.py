"""Latent variables of pictures: encoders and decoders around an SCM, and how to judge them."""
"""Causal models inside images: latent variables, and what is measured about them."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "CausalDiffAE": "causal_diffusion",
        "ImageModel": "model",
        "VAE": "vae",
        "DCI": "metrics.importance",
        "FactorReader": "metrics.predictor",
        "Finding": "metrics.soundness_table",
        "Forest": "metrics.importance",
        "Identifiability": "identifiability",
        "ImageQuality": "metrics.images",
        "InfoMEC": "metrics.infomec_scores",
        "Lasso": "metrics.importance",
        "LensLaws": "metrics.lenses",
        "Predictor": "metrics.predictor",
        "Score": "metrics.arrays",
        "Soundness": "metrics.soundness_table",
        "dci": "metrics.importance",
        "identifiability_of": "identifiability",
        "image_quality": "metrics.images",
        "infomec": "metrics.infomec_scores",
        "lens_laws": "metrics.lenses",
        "lens_laws_of": "metrics.lenses",
        "mcc": "metrics.correlation",
        "mean_squared_error": "metrics.images",
        "mig": "metrics.gap",
        "modularity": "metrics.one_factor",
        "mutual_information": "metrics.information",
        "r2_up_to_linear": "metrics.correlation",
        "r2_up_to_permutation": "metrics.correlation",
        "sap": "metrics.attributes",
        "soundness": "metrics.soundness",
        "ssim": "metrics.images",
    },
)
