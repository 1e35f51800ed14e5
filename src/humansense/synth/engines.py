"""Who runs the shards: processes of this machine, or a Ray cluster.

    for done in run_shards("local", make_shard, jobs, workers=2, folder=out / "shards"):
        ...

An engine calls `make_shard(job)` once for each job, in other processes, and yields the results in the order in which
they come. It knows nothing of what a job is: both must be picklable. `make_shard` uses one thread, and must be safe to
run again for a job that was cut off, because a job whose process was killed is given to another one. Close the engine
(`contextlib.closing`) where the iteration may end early: then nobody works any more.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import platform
import secrets
import signal
import socket
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import MappingProxyType
from typing import Any

from humansense import __version__
from humansense.core import HumansenseError, write_error

# (make_shard, jobs, workers) -> results. workers: processes on this machine.
Engine = Callable[[Callable[[Any], Any], Sequence[Any], int], Generator[Any, None, None]]

MOST_DEATHS = 2  # a job that has killed so many workers is not tried again
RAY_RETRIES = 3  # machines of a cluster come and go
_KILLED = (
    "a worker was killed, perhaps for want of memory: run the same command again to go on where it stopped, "
    "with fewer --workers if it happens again"
)


@dataclass
class _Worker:
    """A process of the local engine and the job that it has, if any."""

    process: BaseProcess
    connection: Connection
    job: int | None = None


def local(make_shard: Callable[[Any], Any], jobs: Sequence[Any], workers: int) -> Generator[Any, None, None]:
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
        for _ in range(usable_workers(workers, len(jobs))):
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


def usable_workers(workers: int, jobs: int) -> int:
    """How many of `workers` processes this machine runs for so many jobs: at most one a core."""
    return min(workers, os.cpu_count() or 1, jobs)


def _give(worker: _Worker, job: int, jobs: Sequence[Any]) -> None:
    worker.job = job
    with suppress(OSError):  # it is dead: the next look at its connection finds the end of file
        worker.connection.send(jobs[job])


def _work(connection: Connection, make_shard: Callable[[Any], Any]) -> None:
    """The life of a local worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            return
        answer: tuple[Any, Exception | None]
        try:
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


def on_ray(make_shard: Callable[[Any], Any], jobs: Sequence[Any], workers: int) -> Generator[Any, None, None]:
    """The CPUs of a Ray cluster: one task of one thread is one shard; a task whose worker or machine dies is run again.

    The cluster is the one at `$RAY_ADDRESS`, else the one that runs on this machine, else one that is started for the
    run with `workers` CPUs (only then they count: a cluster gives all its CPUs). All machines need the same versions
    of humansense and its dependencies, and must see the files of the jobs under the same paths. Raises
    `HumansenseError` without the package `ray`, and where no cluster answers at `$RAY_ADDRESS`. When the iteration
    ends early, tasks under way are cancelled.
    """
    ray, started_here = _connect(workers)
    task = ray.remote(num_cpus=1, max_retries=RAY_RETRIES)(_ray_task)
    waiting, running = deque(jobs), set[Any]()
    try:
        while waiting or running:
            room = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))  # a machine that is added is used
            while waiting and len(running) < room:
                running.add(task.remote(make_shard, waiting.popleft(), os.getcwd(), __version__))
            done, _ = ray.wait(list(running), num_returns=1)
            running.difference_update(done)
            yield _ray_result(ray, done[0])
    finally:
        for reference in running:
            ray.cancel(reference)
        if running:
            ray.wait(list(running), num_returns=len(running), timeout=10)  # they remove their half-written files
        if started_here:
            ray.shutdown()


def _connect(workers: int) -> tuple[Any, bool]:
    """The module `ray`, connected; and whether that has to be undone."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise HumansenseError(
            f"--engine ray needs the package ray ({error}): pip install 'humansense[ray]', or use --engine local"
        ) from error
    if ray.is_initialized():
        return ray, False
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    address = os.environ.get("RAY_ADDRESS", "")
    try:
        _knock(address)
        ray.init(address=address or "auto", **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        if address:
            raise HumansenseError(
                f"no Ray cluster answers at RAY_ADDRESS={address} ({str(error).splitlines()[0]}): start it with "
                "`ray start --head`, or unset RAY_ADDRESS to use this machine"
            ) from error
        cores = max(1, min(workers, os.cpu_count() or 1))
        quiet |= {"_node_ip_address": "127.0.0.1", "include_dashboard": False, "object_store_memory": 100_000_000}
        ray.init(address="local", num_cpus=cores, **quiet)
    return ray, True


def _knock(address: str) -> None:
    """Raise `OSError` where nobody listens at HOST:PORT; Ray itself would go on asking for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "://" not in address:
        socket.create_connection((host, int(port)), timeout=10).close()


def _ray_task(make_shard: Callable[[Any], Any], job: Any, folder: str, version: str) -> Any:
    if version != __version__:
        raise HumansenseError(
            f"the machine {platform.node()} has humansense {__version__}, this one {version}: install the same version "
            "on all machines of the cluster"
        )
    with suppress(OSError):  # paths of the job may be relative; where the folder is missing they may still be absolute
        os.chdir(folder)
    return make_shard(job)


def _ray_result(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, HumansenseError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise HumansenseError(_KILLED) from error


@dataclass(frozen=True)
class _Prepared:
    """`make_shard` in a process that is ready for it: it sees the parent's files, and has one thread and the body.

    One thread, so that one worker and many compute the same bytes. mark: a file that the parent has just written.
    """

    make_shard: Callable[[Any], Any]
    mark: Path

    def __call__(self, job: Any) -> Any:
        import cv2
        import torch

        from humansense.bodies import load_body

        if not self.mark.exists():
            raise HumansenseError(
                f"{platform.node()} does not see {self.mark.parent.absolute()} as the machine does that started the "
                "run: choose a folder on a file system that all machines share under the same path"
            )
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        load_body()
        return self.make_shard(job)


def run_shards(
    engine: str, make_shard: Callable[[Any], Any], jobs: Sequence[Any], workers: int, folder: Path
) -> Generator[Any, None, None]:
    """The results of `make_shard` for all jobs, by a row of `ENGINES`; `folder` is where the shards are written.

    What killed workers have left there half-written, in this run or an earlier one, is removed. Raises
    `HumansenseError` where `folder` cannot be written, or is not the same folder for a worker on another machine.
    """
    sweep(folder)
    mark = folder / f".shared.partial.{secrets.token_hex(8)}"
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            mark.touch()
        except OSError as error:
            raise write_error(mark, error) from error
        with closing(ENGINES[engine](_Prepared(make_shard, mark), jobs, workers)) as results:
            yield from results
    finally:
        sweep(folder)


def sweep(folder: Path) -> None:
    """Remove temporary files from a folder of shards; nobody may be writing there."""
    for leftover in folder.glob(".*.partial.*"):
        with suppress(OSError):
            leftover.unlink()


ENGINES: Mapping[str, Engine] = MappingProxyType({"local": local, "ray": on_ray})
