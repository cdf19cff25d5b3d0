"""Latent variables of pictures: encoders and decoders around an SCM, and how to judge them."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "CausalDiffAE": "causal_diffusion",
        "ImageModel": "model",
        "VAE": "vae",
    },
)
