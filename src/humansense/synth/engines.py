"""Who runs the shards: processes of this machine, or a Ray cluster.

    for frames in ENGINES["local"](make_shard, jobs, workers=2):
        ...

An engine calls `make_shard(job)` once for each job, in other processes of one thread each, and yields the results in
the order in which they come. It knows nothing of what a job is: both must be picklable. `make_shard` must be safe to
run again for a job that was cut off, because a job whose process was killed is given to another one.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import MappingProxyType
from typing import Any

from humansense.core import HumansenseError

# (make_shard, jobs, workers) -> results. workers: processes on this machine.
Engine = Callable[[Callable[[Any], Any], Sequence[Any], int], Iterator[Any]]

MOST_DEATHS = 2  # a job that has killed so many workers is not tried again
_KILLED = (
    "a worker was killed, perhaps for want of memory: run the same command again to go on where it stopped, "
    "with fewer --workers if it happens again"
)


def prepare_worker() -> None:
    """One thread, and the body at hand: one worker and many compute the same bytes."""
    import cv2
    import torch

    from humansense.bodies import load_body

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    load_body()


@dataclass
class _Worker:
    """A process of the local engine and the job that it has, if any."""

    process: BaseProcess
    connection: Connection
    job: int | None = None


def local(make_shard: Callable[[Any], Any], jobs: Sequence[Any], workers: int) -> Iterator[Any]:
    """Fresh processes of this machine, at most one a core.

    A job whose worker is killed is given to a new one; `HumansenseError` when that is killed too. What `make_shard`
    raises is raised here. When the iteration ends early (an error, Ctrl-C), jobs under way are finished, the rest left.
    """
    context = multiprocessing.get_context("spawn")  # the same start on every system, and no thread's lock inherited
    waiting, deaths = deque(range(len(jobs))), Counter[int]()
    crew: list[_Worker] = []

    def hire() -> None:
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, make_shard), daemon=True)
        with _no_interrupts():
            process.start()
        theirs.close()
        crew.append(_Worker(process, ours))

    try:
        for _ in range(min(workers, os.cpu_count() or 1, len(jobs))):
            hire()
        while waiting or any(worker.job is not None for worker in crew):
            for worker in crew:
                if worker.job is None and waiting:
                    _give(worker, waiting.popleft(), jobs)
            busy = {worker.connection: worker for worker in crew if worker.job is not None}
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                job, worker.job = worker.job, None
                assert job is not None
                try:
                    result, error = worker.connection.recv()
                except (EOFError, OSError) as gone:  # the process has ended without an answer
                    deaths[job] += 1
                    if deaths[job] >= MOST_DEATHS:
                        raise HumansenseError(_KILLED) from gone
                    waiting.appendleft(job)
                    crew.remove(worker)
                    worker.connection.close()
                    worker.process.join()
                    hire()
                    continue
                if error is not None:
                    raise error
                yield result
    finally:
        for worker in crew:
            worker.connection.close()  # a worker that finds nobody at the other end goes home
        for worker in crew:
            worker.process.join()


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Ctrl-C is for the parent, which stops the workers: what starts here never sees it, not even while importing."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _give(worker: _Worker, job: int, jobs: Sequence[Any]) -> None:
    worker.job = job
    with suppress(OSError):  # it is dead: the next look at its connection finds the end of file
        worker.connection.send(jobs[job])


def _work(connection: Connection, make_shard: Callable[[Any], Any]) -> None:
    """The life of a local worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepared = False
    while True:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            return
        answer: tuple[Any, Exception | None]
        try:
            if not prepared:
                prepare_worker()
                prepared = True
            answer = (make_shard(job), None)
        except Exception as error:
            answer = (None, _portable(error))
        try:
            connection.send(answer)
        except OSError:
            return


def _end_with_parent() -> None:
    """A parent that is killed cannot stop its workers: they end by themselves, at once, rather than film for nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _portable(error: Exception) -> Exception:
    """The error as it can be sent to another process, with the place where it was raised."""
    if not isinstance(error, HumansenseError):
        error.add_note("in a worker:\n" + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


ENGINES: Mapping[str, Engine] = MappingProxyType({"local": local})
