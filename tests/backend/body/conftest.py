"""The body of an average adult."""

import pytest
import torch

from backend.body.anny55 import Anny55, load_anny55


@pytest.fixture(scope="session")
def body() -> Anny55:
    return load_anny55()


@pytest.fixture(scope="session")
def joints(body: Anny55) -> torch.Tensor:
    return body.bind(body.mean_shape).joints
