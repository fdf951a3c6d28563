"""The race of gate forms where all are lost: what has no graph is not carried on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from inferred import simulated

from domino_sim import infer
from domino_sim.inference import procedure
from domino_sim.inference.form_values import under
from domino_sim.inference.forms import Form
from domino_sim.inference.patience import Patience
from domino_sim.inference.racing import LOST, OUTDONE, in_order, race, strayed
from domino_sim.inference.refined import Refined, outdone
from domino_sim.inference.regaining import regain
from domino_sim.inference.structure import Structure


@dataclass
class Way:
    """Stands for a construction: `size` skills, lost from the start, alive or not."""

    explained: int
    size: int = 2
    dead: bool = False
    lost: bool = True
    exhausted: bool = True
    unled: bool = False
    steps: int = 0
    pace: float = 2.0
    doubts: bool = False
    hesitates: bool = False
    gates: dict[int, str] = field(default_factory=dict)
    free: object = None
    error: float = 0.0
    penalty: float = 0.0
    left: float = 2.0
    edges: int = 0
    name: str = ""
    others: list[Way] = field(default_factory=list)
    first: list[Way] = field(default_factory=list)

    cost = Structure.cost

    @property
    def alive(self) -> list[Any]:
        return [] if self.dead else [self]

    @property
    def courses(self) -> Any:
        return self

    @property
    def skills(self) -> int:
        return self.size

    @property
    def rank(self) -> float:
        return self.pace

    @property
    def astray(self) -> bool:
        return self.lost

    @property
    def graphs(self) -> object:
        return self.name or id(self), self.steps

    @property
    def passed(self) -> list[object]:
        return [(self.name or id(self), k) for k in range(self.steps + 1)]

    def forks(self) -> list[Way]:
        self.exhausted = True
        return self.others

    def leads(self) -> list[Way]:
        self.unled = False
        return self.first

    @property
    def done(self) -> bool:
        return self.dead or self.steps >= self.size

    @property
    def misfit(self) -> float:
        return math.inf if self.dead else self.left

    def misfits(self) -> dict[int, float]:
        return dict.fromkeys(range(self.size), 100.0)

    def step(self, *, hesitating: bool = False) -> None:
        if self.doubts and hesitating and not self.hesitates:
            self.hesitates = True
        else:
            self.steps += 1
            self.gates[len(self.gates)] = ""


def test_a_form_without_a_graph_does_not_stand_in_the_way_of_one_that_has_some() -> None:
    dead = [Way(explained=3, dead=True) for _ in range(4)]
    living = Way(explained=1)
    race([*dead, living], math.inf, lambda skills: None)
    assert living.done and in_order([*dead, living]) == [living]


def test_where_none_has_a_graph_the_race_ends() -> None:
    dead = [Way(explained=k, dead=True) for k in range(3)]
    race(dead, math.inf, lambda skills: None)
    assert in_order(dead) == []


def going(error: float, *, free: object) -> Way:
    """A form on its way, with so much χ² on the first skill, that fits to within noise."""
    return Way(
        explained=1, lost=False, size=5, free=free, error=error, left=1.01, pace=1.01, gates={0: ""}
    )


def test_a_form_that_another_has_outdone_goes_no_further_where_frequencies_are_fitted() -> None:
    whole = Way(explained=5, lost=False, size=5, steps=5, left=0.9, free="some")
    behind, near = going(190.0, free="some"), going(130.0, free="some")
    race([whole, behind, near], math.inf, lambda skills: None)
    assert behind.steps == 0 and near.done
    known = going(190.0, free=None)
    race([whole, known], math.inf, lambda skills: None)
    assert known.done


def test_a_form_that_hesitates_lets_the_others_go_first() -> None:
    doubtful = Way(explained=1, lost=False, pace=1.0, doubts=True)
    other = Way(explained=1, lost=False, pace=1.0)
    worse = Way(explained=1, lost=False, pace=1.5)
    order: list[Way] = []
    for one in (doubtful, other, worse):
        step = one.step
        one.step = lambda one=one, step=step, **how: (order.append(one), step(**how))[1]  # type: ignore[method-assign]
    race([doubtful, other, worse], math.inf, lambda skills: None)
    assert [doubtful, other, other, doubtful, doubtful, worse, worse] == order


def test_a_lost_form_of_many_prerequisites_is_mended_before_other_forms_go_on() -> None:
    whole = Way(explained=2, lost=False, size=2, steps=2, left=0.9)
    for explained, first in ((15, True), (14, False)):  # a wrong form has many of few skills
        far = Way(explained, size=20, exhausted=False, edges=15, others=[whole], pace=3.0)
        other = Way(explained=2, lost=False, size=5, pace=1.1, left=1.1)
        racing = [far, other]
        race(racing, math.inf, lambda skills: None)
        assert (in_order(racing) == [whole]) is first
        assert (far.steps, other.steps) == ((0, 0) if first else (0, 5))


@pytest.mark.parametrize(("free", "enough"), [(None, 8), ("some", 15)])
def test_a_form_that_fits_many_prerequisites_is_taken(free: object, enough: int) -> None:
    for edges in (enough - 1, enough):
        whole = Way(5, lost=False, size=5, steps=5, left=1.0, edges=edges, free=free)
        other = Way(1, lost=False, size=5, pace=1.0, left=1.0, free=free)
        race([whole, other], math.inf, lambda skills: None)
        assert other.steps == (0 if edges == enough else 5)


def test_the_meter_moves_while_other_ways_are_tried() -> None:
    fork = Way(explained=1, lost=False, size=3)
    told: list[float] = []
    assert regain([Way(explained=1, exhausted=False, others=[fork])], math.inf, told.append) is fork
    assert told == [1, 2, 3]


def test_a_way_that_comes_to_graphs_of_another_is_not_followed() -> None:
    far = Way(explained=9, size=9, steps=5, exhausted=False, name="same")
    again = Way(explained=5, size=9, steps=4, lost=False, name="same")
    new = Way(explained=5, size=9, steps=7, lost=False)
    far.others = [again, new]
    assert regain([far], math.inf, lambda skills: None) is new
    assert (again.steps, new.steps) == (4, 9)
    alone = Way(explained=9, size=9, steps=5, exhausted=False, name="same", others=[again])
    assert regain([alone], math.inf, lambda skills: None) is None and again.steps == 4


def test_searches_share_how_many_skills_are_put_in_on_other_ways() -> None:
    patience = Patience(4)
    for steps, left in ((3, 1), (3, -2), (0, -2)):  # a way that is begun is gone to its end
        fork = Way(explained=1, lost=False, size=3)
        regain(
            [Way(explained=1, size=3, exhausted=False, others=[fork])], math.inf,
            lambda skills: None, patience,
        )  # fmt: skip
        assert (fork.steps, patience.left) == (steps, left)


def test_lost_forms_of_many_prerequisites_share_the_search_of_other_ways() -> None:
    """Ways that are lost again after a step each: without a bound each form has 20 of them."""
    def lost() -> Way:
        return Way(15, size=20, exhausted=False, edges=15, pace=1.0)

    steps = 0

    class Vain(Way):
        def step(self, *, hesitating: bool = False) -> None:
            nonlocal steps
            steps += 1
            super().step()
            self.lost = self.steps >= 15

    racing = [lost() for _ in range(9)]
    for one in racing:
        one.others = [Vain(1, size=20, lost=False) for _ in range(20)]
    race(racing, math.inf, lambda skills: None)
    assert 100 < steps <= 6 * 20 + 20 * 15


def test_a_graph_that_is_far_worse_than_a_refined_one_is_not_refined() -> None:
    """Only where frequencies are fitted: then one that fits worse is not soon made to fit."""
    best = SimpleNamespace(cost=lambda structure: structure.error + 2.0 * structure.edges)
    ways = (Way(1, error=100.0, edges=5), Way(1, error=500.0))
    refined = [Refined(cast("Any", way), cast("Any", best), Form("soft", 0.1)) for way in ways]

    def is_outdone(error: float, *, free: object = "some", others: list[Any] = refined) -> bool:
        one = Way(1, error=error, penalty=3.0, edges=4, free=free)
        return outdone(cast("Any", one), 2.0, others)

    limit = 110.0 + OUTDONE - 3.0 - 8.0
    assert is_outdone(limit + 1.0)
    assert not is_outdone(limit - 1.0)
    assert not is_outdone(limit + 1.0, free=None)
    assert not is_outdone(limit + 1.0, others=[])


def test_a_graph_strayed_if_every_way_of_its_form_was_lost_and_it_leaves_more_than_noise() -> None:
    weight = np.ones((2, 100, 3))
    records = SimpleNamespace(values=600, weight=weight, level=weight)

    def is_strayed(error: float, ways: list[tuple[str, bool]]) -> bool:
        courses = [SimpleNamespace(form=form) for form, _ in ways]
        finished = [
            SimpleNamespace(lost=lost, alive=[SimpleNamespace(courses=one)])
            for one, (_, lost) in zip(courses, ways, strict=True)
        ]
        best = SimpleNamespace(error=error, records=records)
        return strayed(cast("Any", best), cast("Any", ways[0][0]), cast("Any", finished))

    assert is_strayed(900.0, [("soft", True), ("hard", False), ("soft", True)])
    assert not is_strayed(900.0, [("soft", True), ("soft", False)])
    # 600 levels less 200 records: as much as noise leaves is not more than noise.
    assert not is_strayed(390.0, [("soft", True)])
    assert is_strayed(410.0, [("soft", True)])


def test_what_goes_ahead_is_tried_before_other_ways_and_where_those_are_not_worth_it() -> None:
    right, other = Way(explained=1, lost=False), Way(explained=1, lost=False)
    for worth in (True, False):
        lost = Way(explained=3, exhausted=False, unled=True, others=[other], first=[right])
        right.steps = 0
        assert regain([lost], math.inf, lambda skills: None, forks=worth) is right
        lost = Way(explained=3, exhausted=False, others=[other], first=[right])
        other.steps = 0
        found = regain([lost], math.inf, lambda skills: None, forks=worth)
        assert found is (other if worth else None)


def test_forms_that_explain_no_more_than_those_before_are_asked_what_goes_ahead() -> None:
    right = Way(explained=1, lost=False, left=1.0, pace=1.0)
    later = Way(explained=3, unled=True, first=[right])
    racing = [Way(explained=3)]
    race(racing, math.inf, lambda skills: None, lambda: [later])
    assert in_order(racing)[0] is right


def test_no_edge_is_sure_of_a_search_that_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    curves = simulated(
        {"A": "", "B": "A", "C": "A"}, [[0.6, 0.2, 0.2], [0.2, 0.5, 0.3], [0.3, 0.2, 0.5]],
        steps=[np.arange(0, 9001, 60)] * 3,
    )  # fmt: skip
    for lost in (False, True):
        monkeypatch.setattr(procedure, "strayed", lambda *_, lost=lost: lost)
        found = infer(curves)
        assert (LOST in found.report["remarks"]) is lost
        assert (found.graph.edges["A", "B"]["probability"] > 0.89) is not lost


def test_whether_a_search_was_lost_is_asked_of_the_form_that_raced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its values are tuned before that: no way has the form of what was found."""
    curves = simulated(
        {"A": "", "B": "A", "C": "A"}, [[0.6, 0.2, 0.2], [0.2, 0.5, 0.3], [0.3, 0.2, 0.5]],
        steps=[np.arange(0, 9001, 60)] * 3,
    )  # fmt: skip
    asked = list[tuple[object, object, list[object]]]()

    def told(best: Any, form: object, finished: list[Any]) -> bool:
        asked.append((best.courses.form, form, [one.alive[0].courses.form for one in finished]))
        return False

    monkeypatch.setattr(procedure, "strayed", told)
    monkeypatch.setattr(procedure, "nearby", lambda one, **_: under(one, Form("hard", 0.985)))
    infer(curves)
    ((tuned, form, raced),) = asked
    assert form in raced and tuned not in raced
