"""The baseline of gradient runs: one run at a time in a plain Torch loop, with autograd.

The same maths as the geometry model. Like the published loop it gathers the sampled batch at every
step, one row of task vectors a sample, and has Adam with betas (0, 0) for SignGD; unlike it, it
records levels at chosen steps only and does not count aligned dimensions.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def torch_run(
    vectors: torch.Tensor,
    frequency: Floats,
    lr: float,
    steps: int,
    *,
    every: int = 10,
    loss: str = "mse",
    betas: tuple[float, float] = (0.0, 0.0),
    noise: float = 0.0,
    batch_size: int | None = None,
    seed: int = 0,
) -> Floats:
    """Return the projections (records, skills) at every `every`-th step.

    Parameters
    ----------
    vectors
        Task vectors (skills, n_dim).
    frequency
        (skills,), adding up to 1.
    """
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    x = torch.nn.Parameter(torch.zeros(vectors.shape[1]))
    weights = torch.from_numpy(frequency).float()
    optimizer = torch.optim.Adam([x], lr=lr, betas=betas)
    kept = []
    for step in range(steps + 1):
        optimizer.zero_grad()
        if step % every == 0:
            kept.append((vectors @ x).detach().numpy().astype(float))
        rows = vectors
        if batch_size is not None:
            rows = vectors[torch.from_numpy(rng.choice(len(frequency), batch_size, p=frequency))]
        y = rows @ x
        each = -torch.nn.functional.logsigmoid(y) if loss == "ce" else 0.5 * (1 - y) ** 2
        (each.mean() if batch_size is not None else (weights * each).sum()).backward()
        if noise:
            assert x.grad is not None
            x.grad += noise * torch.randn(x.shape, generator=generator)
        optimizer.step()
    return np.array(kept)
