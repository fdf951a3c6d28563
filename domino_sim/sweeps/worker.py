"""A worker's side: one task, solved. Nothing here writes anything."""

from __future__ import annotations

from domino_sim.sweeps.task import Row, Task

__all__ = ["solve"]


def solve(task: Task) -> list[Row]:
    """Return a row for each point of a task that is wanted, also for those that fail.

    The rows depend on the task alone, not on who solves it or when; but for `seconds`.
    """
    if task.subject.kind == "run":
        from domino_sim.sweeps.gradient_points import solve_gradient

        return solve_gradient(task)
    if task.batched:
        from domino_sim.sweeps.clock_points import solve_clock

        return solve_clock(task)
    from domino_sim.sweeps.single_points import solve_single

    return [solve_single(task, point) for point in task.points]
