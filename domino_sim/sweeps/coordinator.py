"""The coordinator: tasks out, rows in. It alone writes the store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from time import monotonic, perf_counter

from domino_sim.errors import RunError
from domino_sim.sweeps.blocks import Block, Blocks
from domino_sim.sweeps.executors import Workers, died
from domino_sim.sweeps.store import Store
from domino_sim.sweeps.summary import failed
from domino_sim.sweeps.task import Row

__all__ = ["coordinate"]

#: After so many deaths of workers that had it, a block gets a worker with nothing else beside it;
#: after so many more deaths there it is halved.
BLAMED, GUILTY = 3, 2

#: Seconds without anything finished after which is asked whether there are still workers.
QUIET = 5.0


def coordinate(
    blocks: Blocks, workers: Workers, store: Store, report: Callable[[float], None]
) -> None:
    """Do all blocks; report the number of points done so far.

    Whatever ends this early (Ctrl-C, a full disk), the rows of finished tasks are written first,
    if they can be.
    """
    work = _Work(blocks, workers, store, report)
    try:
        work.run()
    except BaseException:
        work.leave()
        workers.close(at_once=True)
        raise
    workers.close(at_once=False)


class _Work:
    def __init__(
        self, blocks: Blocks, workers: Workers, store: Store, report: Callable[[float], None]
    ) -> None:
        self.blocks, self.workers, self.store, self.report = blocks, workers, store, report
        self.running: dict[Future[list[Row]], tuple[Block, float]] = {}
        self.suspects: list[Block] = []
        #: The suspect that is in work, with nothing else beside it.
        self.tried: Block | None = None
        self.count = 0
        self.unwritable = False

    def run(self) -> None:
        since = monotonic()  # nothing was finished
        while True:
            self._hand_out()
            if not self.running:
                return
            finished, _ = wait(self.running, timeout=QUIET, return_when=FIRST_COMPLETED)
            if finished:
                since = monotonic()
            else:
                self.workers.check(since)
            for future in finished:
                if future in self.running:
                    self._take(future)

    def _hand_out(self) -> None:
        while len(self.running) < self.workers.window:
            block = self.blocks.next()
            if block is None:
                break
            self._submit(block)
        if not self.running and self.suspects:
            self.tried = self.suspects.pop()
            self._submit(self.tried)

    def _submit(self, block: Block) -> None:
        try:
            future = self.workers.submit(self.blocks.task(block))
        except BaseException as error:
            self.blocks.again(block)
            if not isinstance(error, BrokenExecutor):
                raise
            self._mourn()
        else:
            self.running[future] = (block, perf_counter())

    def _take(self, future: Future[list[Row]]) -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, BrokenExecutor):
            self._mourn()
            return
        block, begun = self.running[future]
        if error is not None and died(error):
            # Dask has tried this task on several workers. It says so of all tasks that the workers
            # had when they died, so only one that had nothing beside it is guilty.
            del self.running[future]
            block.alone = GUILTY if block is self.tried else 0
            self._judge(block)
            return
        if error is None and not future.cancelled():
            rows = future.result()
        else:
            # Not the point: solving returns a row whatever a point raises.
            raise error or RunError(
                "the executor has cancelled a task: it is closed, or the cluster's scheduler is "
                "gone; what is done is kept: resume with a new one"
            )
        self._write(rows)
        del self.running[future]
        seconds = sum(row.seconds for row in rows) or perf_counter() - begun
        self.blocks.took(len(block.numbers), seconds)

    def _write(self, rows: list[Row]) -> None:
        try:
            self.store.write(rows)
        except RunError:
            self.unwritable = True
            raise
        self.count += len(rows)
        self.report(self.count)

    def _mourn(self) -> None:
        """A pool broke, and with it all that were at work: keep what is finished."""
        alone = len(self.running) == 1
        self._keep_finished()
        lost = [block for block, _ in self.running.values()]
        self.running.clear()
        self.workers.renew()
        for block in lost:
            block.blame += 1
            if block.blame <= BLAMED:
                self.blocks.again(block)
                continue
            block.alone += alone
            self._judge(block)

    def _judge(self, block: Block) -> None:
        if block.alone < GUILTY:
            self.suspects.append(block)
        elif len(block.numbers) > 1:
            self.suspects += reversed(block.halves())
        else:
            self._write([self._dead(block)])

    def _dead(self, block: Block) -> Row:
        task = self.blocks.task(block)
        what = "the worker died each time (killed, or out of memory)"
        return failed(task.points[0], what, task.engine, task.points[0].seed)

    def _keep_finished(self) -> None:
        for future in list(self.running):
            if future.done() and not future.cancelled() and future.exception() is None:
                self._write(future.result())
                del self.running[future]

    def leave(self) -> None:
        """Write what has finished, on the way out, and take back what nobody has begun."""
        if not self.unwritable:
            self._keep_finished()
        for future in self.running:
            future.cancel()
