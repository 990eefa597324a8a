"""Penalties that stop growing, so that one wrong measurement cannot pull a fit away."""

from jaxtyping import Float
from torch import Tensor


def geman_mcclure(squared_error: Float[Tensor, "*shape"], scale: float) -> Float[Tensor, "*shape"]:
    """Return scale² e² / (scale² + e²): e² for small errors e, at most scale².

    Geman and McClure, Bayesian image analysis, 1985; as in SMPLify (Bogo et al. 2016).
    """
    return scale**2 * squared_error / (scale**2 + squared_error)
