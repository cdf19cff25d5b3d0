"""Pretrained: any torch encoder and decoder as a model of pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.budget import Budget, Run
from ..core.data import Data
from ..core.errors import InputError
from ..deep.device import device_of
from .autoencoder import named, unnamed
from .codec import Codec, Codes, Images, parts
from .model import ImageModel
from .pictures import image_variable, images_of, need_rows, picture_shape


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A trained encoder and decoder from elsewhere, wrapped as a model of pictures.

    Nothing is trained. With a graph and labels each factor is matched to the number of the code
    that explains it best and an SCM is fitted to the labels; without, the variables are the numbers
    z1, z2 ... of the code. `model.site(name)` is the lens on a factor, whose laws
    `rung.latent.lens_laws_of(model, units)` measures.

    Parameters
    ----------
    encoder : torch module
        Pictures (n, c, h, w) in 0..1 to codes (n, k), or to a tuple that begins with them.
    decoder : torch module
        Codes (n, k) to pictures (n, c, h, w) in 0..1.
    graph : Graph, Discovery or Learner, optional
        Over labelled factors.
    device : str, optional
        Of torch; a CUDA device if there is one, else the CPU.
    """

    encoder: nn.Module
    decoder: nn.Module
    graph: Any = None
    device: str | None = None

    def fit(
        self, data: Data, *, budget: Budget | Run | None = None, rng: np.random.Generator
    ) -> ImageModel:
        """Match codes to factors; the networks stay as they are.

        Raises
        ------
        InputError
            Codes or decoded pictures have another shape than they should, or are not finite.
        """
        image = image_variable(data)
        need_rows(data, "Pretrained")
        images = images_of(data)
        codec = TorchCodec(self.encoder, self.decoder, picture_shape(image), self.device)
        codes = codec.encode(images)
        codec.decode(codes[:2], None, None)
        latents, places = (
            unnamed(codec.size) if self.graph is None else named(self.graph, data, codes, rng)
        )
        return ImageModel(self, codec, latents, places, image)


@dataclass(frozen=True, eq=False)
class TorchCodec(Codec):
    """Two torch modules, in evaluation mode; cannot be saved without their classes."""

    encoder: nn.Module = field(repr=False)
    decoder: nn.Module = field(repr=False)
    shape: tuple[int, int, int]
    device: str | None = None

    @cached_property
    def size(self) -> int:
        return int(self.encode(np.zeros((1, *self.shape), dtype=np.float32)).shape[1])

    def _through(self, module: nn.Module, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        out, device, training = [], device_of(self.device), module.training
        module.eval()
        module.to(device)
        try:
            with torch.no_grad():
                for part in parts(len(rows)):
                    found = module(torch.from_numpy(np.array(rows[part])).to(device))
                    first = found if isinstance(found, Tensor) else found[0]
                    out.append(first.float().cpu().numpy())
        finally:
            module.train(training)
        return np.concatenate(out)

    def encode(self, images: Images) -> Codes:
        codes = self._through(self.encoder, images)
        if codes.ndim != 2 or len(codes) != len(images) or not np.isfinite(codes).all():
            raise InputError(
                f"the encoder gave {codes.shape} for {len(images)} pictures; expected finite codes "
                f"({len(images)}, k)"
            )
        return codes

    def decode(self, codes: Codes, rest: NDArray[Any] | None, change: Codes | None) -> Images:
        images = self._through(self.decoder, codes)
        if images.shape != (len(codes), *self.shape) or not np.isfinite(images).all():
            raise InputError(
                f"the decoder gave {images.shape} for {len(codes)} codes; expected finite pictures "
                f"{(len(codes), *self.shape)}"
            )
        return np.clip(images, 0, 1)
