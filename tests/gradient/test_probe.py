"""A probe sees every skill of a model in training, and the training does not notice."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator

import numpy as np
import pytest

from domino_sim.errors import ArgumentError
from domino_sim.gradient.probe import SkillProbe, undisturbed
from domino_sim.record import Recorder

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """More threads than idle cores make models this small slow."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Restless(nn.Module):
    """Does all that a forward pass should not: draws, counts, caches and replaces buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("last", None)
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.mean = self.mean * 0.9 + x.detach().mean() * 0.1
        self.last = x.detach()[:1]
        if "seen" not in self._buffers:
            self.register_buffer("seen", torch.ones(()))
        noise = torch.randn(()) + np.random.normal() + random.random()  # noqa: NPY002
        return x + 0.01 * noise + 0.1 * self.mean * self.calls


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), Restless(), nn.Linear(16, 2)
    )


def batch(seed: int, n: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 6, generator=generator)
    return x, (x[:, 0] > 0).long()


def cross_entropy(model, batch):
    x, y = batch
    return functional.cross_entropy(model(x), y)


def accuracy(model, batch):
    x, y = batch
    return (model(x).argmax(1) == y).float().mean()


def tensors_of(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def trained(probed: bool, steps: int = 20) -> dict[str, torch.Tensor]:
    """Return the state after a training that draws from every generator, with a probe or not."""
    model = network()
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    def noisy(model, batch):
        x, y = batch
        return cross_entropy(model, (x + 0.1 * torch.randn_like(x), y))

    probe = SkillProbe(
        model, {"A": batch(1), "B": batch(2, n=3)}, noisy, level=accuracy, every=3
    )
    for step in range(steps):
        if probed:
            probe(step)
        optimizer.zero_grad()
        loss = noisy(model, batch(100 + step))
        if probed and step % 5 == 0:
            probe.measure()  # between the forward and the backward pass
        loss.backward()
        if probed and step % 5 == 1:
            probe.measure()  # between the backward pass and the update
        optimizer.step()
    return tensors_of(model)


def assert_same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> None:
    assert one.keys() == two.keys()
    for name in one:
        assert torch.equal(one[name], two[name]), name


def test_training_with_a_probe_is_bit_for_bit_training_without() -> None:
    assert_same(trained(probed=True), trained(probed=False))


def test_a_probe_logs_every_skill_every_few_steps() -> None:
    recorder = Recorder("seed 0", mixture={"A": 0.9, "B": 0.1})
    model = network()
    probe = SkillProbe(
        model, {"A": batch(1), "B": batch(2)}, cross_entropy, level=accuracy, every=5,
        recorder=recorder,
    )  # fmt: skip
    for step in range(13):
        probe(step)
    probe.record(13)
    curves = recorder.curves()
    assert curves.step.values.tolist() == [0, 5, 10, 13]
    model.eval()
    assert curves.level.sel(run="seed 0", skill="B")[0] == accuracy(model, batch(2)).item()
    assert curves.frequency.values.tolist() == [[0.9, 0.1]]


def test_a_probe_has_a_recorder_of_its_own_if_none_is_given() -> None:
    probe = SkillProbe(network(), {"A": batch(1)}, level=accuracy)
    probe(0)
    assert probe.recorder.skills == ("A",)
    assert set(probe.measure()) == {"levels"}


def test_each_module_gets_its_own_mode_back() -> None:
    model = network()
    model[1].eval()  # a frozen normalisation in a model that trains
    modes = [module.training for module in model.modules()]
    with undisturbed(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == modes


def test_modules_with_a_train_of_their_own_are_not_asked() -> None:
    class Merging(nn.Linear):
        def train(self, mode: bool = True) -> nn.Module:
            self.weight.data += 1  # as an adapter that merges its weights for evaluation
            return super().train(mode)

    model = Merging(6, 2)
    before = tensors_of(model)
    SkillProbe(model, {"A": batch(1)}, cross_entropy).measure()
    assert_same(tensors_of(model), before)


def test_a_loss_that_fails_leaves_all_as_it_was_and_says_for_which_skill() -> None:
    model = network()
    cross_entropy(model, batch(3)).backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    before, modes = tensors_of(model), [module.training for module in model.modules()]
    draws = torch.get_rng_state()

    def failing(model, batch):
        cross_entropy(model, batch)
        raise ZeroDivisionError("no such luck")

    with pytest.raises(ZeroDivisionError) as caught:
        SkillProbe(model, {"A": batch(1)}, failing)(0)
    assert caught.value.__notes__ == ["while SkillProbe evaluated the losses of 'A'"]
    assert_same(tensors_of(model), before)
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), draws)
    assert torch.is_grad_enabled() and torch.is_autocast_cache_enabled()
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert torch.equal(parameter.grad, gradient)


def test_no_graph_is_kept() -> None:
    kept = []

    def loss(model, batch):
        kept.append(cross_entropy(model, batch))
        return kept[-1]

    SkillProbe(network(), {"A": batch(1)}, loss).measure()
    assert kept[0].grad_fn is None


def test_a_loss_may_take_gradients_of_its_own() -> None:
    def gradient_norm(model, batch):
        with torch.enable_grad():
            cross_entropy(model, batch).backward()
        return sum(p.grad.square().sum() for p in model.parameters()).sqrt()

    model = network()
    probe = SkillProbe(model, {"A": batch(1)}, gradient_norm)
    assert probe.measure()["losses"]["A"] > 0
    assert all(parameter.grad is None for parameter in model.parameters())
    cross_entropy(model, batch(3)).backward()
    held = [(parameter.grad, parameter.grad.clone()) for parameter in model.parameters()]
    probe.measure()
    for parameter, (gradient, value) in zip(model.parameters(), held, strict=True):
        assert parameter.grad is gradient and torch.equal(gradient, value)


def test_under_autocast_the_training_still_gets_its_gradients() -> None:
    def gradients(probed: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))

        def loss_of_probe(model, batch):
            # What is cast here must not be kept: it has no graph.
            assert torch.is_autocast_enabled("cpu") and not torch.is_autocast_cache_enabled()
            return cross_entropy(model, batch)

        probe = SkillProbe(model, {"A": batch(1)}, loss_of_probe)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            if probed:
                probe(0)
            loss = cross_entropy(model, batch(2))
        loss.backward()
        return [parameter.grad for parameter in model.parameters()]

    for one, two in zip(gradients(True), gradients(False), strict=True):
        assert torch.equal(one, two)


Pair = namedtuple("Pair", ["x", "y"])


@pytest.mark.parametrize(
    "wrapped", [tuple, list, lambda b: Pair(*b), lambda b: {"x": b[0], "y": [b[1]], "name": "a"}]
)
def test_batches_of_any_form_are_taken_to_the_device_of_the_model(wrapped) -> None:
    given = wrapped(batch(1))
    seen = []

    def loss(model, batch):
        seen.append(batch)
        x, y = (batch["x"], batch["y"][0]) if isinstance(batch, dict) else batch
        assert x.device == y.device == model.weight.device
        return model(x).sum()

    # The meta device stands for a GPU: it computes shapes alone.
    model = nn.Linear(6, 2, device="meta")
    with pytest.raises(ArgumentError, match=r"losses\.A: is Tensor of shape"):
        SkillProbe(model, {"A": given}, loss).measure()
    assert type(seen[0]) is type(given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": 3}, "model: is 3; expected a torch.nn.Module"),
        ({"batches": {}}, "batches: is {}; expected a batch for each skill"),
        ({"loss": None}, "neither loss nor level is given"),
        ({"loss": nn.CrossEntropyLoss()}, r"loss: is CrossEntropyLoss; .* function of \(model, b"),
        ({"level": 0.5}, "level: is float; expected a function"),
        ({"every": 0}, "every: is 0; expected an integer ≥ 1"),
        ({"batches": {"": batch(1)}}, "skills: the name '' is no name"),
    ],
)
def test_what_cannot_be_probed_is_named(arguments: dict[str, object], message: str) -> None:
    usual = {"model": network(), "batches": {"A": batch(1)}, "loss": cross_entropy}
    with pytest.raises(ArgumentError, match=message):
        SkillProbe(**(usual | arguments))


def test_a_loss_must_be_one_number() -> None:
    probe = SkillProbe(network(), {"A b": batch(1)}, lambda model, batch: model(batch[0]))
    with pytest.raises(ArgumentError, match=r'losses."A b": is Tensor of shape \(8, 2\); exp'):
        probe(0)


def test_a_model_without_values_yet_is_refused() -> None:
    # Probed first, it would be initialised by the probe: with other draws than without.
    model = nn.Sequential(nn.LazyLinear(2), nn.Dropout())
    probe = SkillProbe(model, {"A": batch(1)}, cross_entropy)
    with pytest.raises(ArgumentError, match="has parameters without values yet"):
        probe(0)
    model(batch(1)[0])
    probe(0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_too_the_training_does_not_notice() -> None:
    def run(probed: bool) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 64), nn.Dropout(0.5), nn.Linear(64, 2)).cuda()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        probe = SkillProbe(
            model, {"A": batch(1)}, lambda m, b: cross_entropy(m, b) + torch.rand((), device="cuda")
        )
        for step in range(10):
            if probed:
                probe(step)
            optimizer.zero_grad()
            x, y = batch(step)
            cross_entropy(model, (x.cuda(), y.cuda())).backward()
            optimizer.step()
        return tensors_of(model)

    assert_same(run(True), run(False))


def test_without_torch_there_is_a_clear_error_and_recorder_works() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import domino_sim\n"
        "from domino_sim.errors import EngineError\n"
        "domino_sim.Recorder().log(0, losses={'A': 1.0})\n"
        "try:\n"
        "    domino_sim.SkillProbe(None, {}, None)\n"
        "except EngineError as error:\n"
        "    print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install torch pytorch-optimizer" in out.stdout


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_model_of_torchscript_is_refused_at_once() -> None:
    model = torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)))
    with pytest.raises(ArgumentError, match="model: is compiled by TorchScript"):
        SkillProbe(model, {"a": torch.ones(2, 4)}, lambda m, b: m(b).sum())


def test_buffers_made_in_inference_mode_are_put_back() -> None:
    model = nn.Linear(2, 2)
    with torch.inference_mode():
        model.register_buffer("count", torch.zeros(1))

    def loss(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            model.count += 1
        return model(batch).sum()

    SkillProbe(model, {"a": torch.ones(1, 2)}, loss)(0)
    assert float(model.count) == 0


def test_lazy_buffers_are_refused_as_lazy_parameters_are() -> None:
    probe = SkillProbe(
        nn.Sequential(nn.LazyBatchNorm1d(affine=False)), {"a": torch.ones(2, 2)},
        lambda m, b: m(b).sum(),
    )  # fmt: skip
    with pytest.raises(ArgumentError, match="model: has parameters without values yet"):
        probe(0)


@pytest.mark.parametrize("step", [-1, 1.0, "1", None])
def test_a_step_that_is_none_is_refused(step: object) -> None:
    probe = SkillProbe(nn.Linear(1, 1), {"a": torch.ones(1)}, lambda m, b: m(b).sum(), every=10)
    with pytest.raises(ArgumentError, match="step: is "):
        probe(step)  # type: ignore[arg-type]


def test_a_batch_arrives_as_what_it_was() -> None:
    class Named(dict):  # such as a tokenizer gives
        @property
        def x(self) -> torch.Tensor:
            return self["x"]

    seen: list[type] = []

    def loss(model: nn.Module, batch: Named) -> torch.Tensor:
        seen.append(type(batch))
        return model(batch.x).sum()

    SkillProbe(nn.Linear(2, 2), {"a": Named(x=torch.ones(1, 2))}, loss, every=np.int64(5))(0)
    assert seen == [Named]
