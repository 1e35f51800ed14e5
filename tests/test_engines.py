"""Who runs the shards, and what is left when they are killed: always the bytes of an uninterrupted run."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from humansense.core import HumansenseError
from humansense.synth import SynthSettings, make_set, write
from humansense.synth.engines import ENGINES, MOST_DEATHS, _Prepared, local, run_shards
from humansense.synth.estimate import _clock, _extrapolate, estimate

SHARDS = 4
OPTIONS = ("--clips", str(SHARDS), "--frames", "100", "--size", "64x48", "--seed", "3", "--workers", "2")


# Jobs of the local engine: functions of this module, run in its processes.


def _square(job: int) -> int:
    return job * job


def _kill_once(job: tuple[Path, int]) -> int:
    """Job 1 kills the first process that runs it."""
    folder, number = job
    with (folder / f"{number}").open("a") as tries:
        tries.write("x")
    if number == 1 and (folder / "1").stat().st_size == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def _kill_always(job: tuple[Path, int]) -> int:
    with (job[0] / f"{job[1]}").open("a") as tries:
        tries.write("x")
    if job[1] == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return job[1]


class _Unportable(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)


def _fail(job: tuple[str, Path]) -> str:
    kind, folder = job
    if kind == "mendable":
        (folder / "failed").touch()
        raise HumansenseError("x.tar: the disk is full")
    if kind == "fault":
        raise ZeroDivisionError("of ours")
    if kind == "unportable":
        raise _Unportable("one", "two")
    deadline = time.monotonic() + 30
    while not (folder / "failed").exists() and time.monotonic() < deadline:  # under way while another one fails
        time.sleep(0.02)
    time.sleep(0.2)
    (folder / kind).touch()
    return kind


def test_every_job_is_done_once() -> None:
    assert sorted(local(_square, range(7), 3)) == [0, 1, 4, 9, 16, 25, 36]
    assert list(local(_square, [5], 8)) == [25]
    assert list(local(_square, [], 2)) == []


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    assert sorted(local(_kill_once, [(tmp_path, i) for i in range(4)], 2)) == [0, 1, 2, 3]
    assert {p.name: p.stat().st_size for p in tmp_path.iterdir()} == {"0": 1, "1": 2, "2": 1, "3": 1}


def test_a_job_that_kills_every_worker_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(HumansenseError, match=r"a worker was killed.*--workers"):
        list(local(_kill_always, [(tmp_path, i) for i in range(2)], 1))
    assert (tmp_path / "1").stat().st_size == MOST_DEATHS


@pytest.mark.parametrize(
    ("kind", "expected", "words"),
    [
        ("mendable", HumansenseError, "^x.tar: the disk is full$"),
        ("fault", ZeroDivisionError, "of ours"),
        ("unportable", RuntimeError, "_Unportable"),
    ],
)
def test_errors_of_a_worker_arrive(kind: str, expected: type[Exception], words: str, tmp_path: Path) -> None:
    with pytest.raises(expected, match=words) as caught:
        list(local(_fail, [(kind, tmp_path)], 1))
    if kind == "fault":  # where it happened
        assert "test_engines.py" in "".join(caught.value.__notes__)


def test_jobs_under_way_are_finished_when_another_fails(tmp_path: Path) -> None:
    with pytest.raises(HumansenseError):
        list(local(_fail, [("slow", tmp_path), ("mendable", tmp_path), ("never", tmp_path)], 2))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["failed", "slow"]


def test_a_worker_that_sees_another_folder_is_refused(tmp_path: Path) -> None:
    """As on a machine of a cluster that does not share the file system."""
    elsewhere = _Prepared(_square, tmp_path / "elsewhere" / "mark")
    with pytest.raises(HumansenseError, match=r"elsewhere.*file system that all machines share"):
        list(local(elsewhere, [1], 1))


def test_leftovers_are_swept_and_nothing_else(tmp_path: Path) -> None:
    for name in (".000001.99.partial.tar", ".shared.partial.0123", "000002.tar", ".hidden"):
        (tmp_path / name).touch()
    assert list(run_shards("local", _square, [], 1, tmp_path)) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == [".hidden", "000002.tar"]
    (tmp_path / "file").touch()
    with pytest.raises(HumansenseError, match="a file, not a folder"):
        list(run_shards("local", _square, [1], 1, tmp_path / "file"))


def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HumansenseError, match="unknown engine 'cloud': use one of local, ray"):
        SynthSettings(tmp_path, engine="cloud")


def test_without_ray_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(HumansenseError, match=r"pip install 'humansense\[ray\]'"):
        list(ENGINES["ray"](_square, [1], 1))


# Interruptions of the command line.


def digest(root: Path) -> dict[str, str]:
    """SHA-256 of every file, hidden ones too."""
    files = sorted(p for p in root.rglob("*") if p.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def start(out: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "humansense.cli", "synth", str(out), *OPTIONS],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C goes to a group of its own
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def complete(out: Path) -> None:
    process = start(out)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def filming(out: Path) -> set[int]:
    """The processes that write a shard now: the temporary names tell them."""
    return {int(path.name.split(".")[2]) for path in (out / "shards").glob(".0*.partial.tar")}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture(scope="module")
def whole_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "set"
    complete(out)
    return out


@pytest.fixture(scope="module")
def whole(whole_set: Path) -> dict[str, str]:
    files = digest(whole_set)
    assert len(files) == 1 + 2 * SHARDS
    return files


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux
def test_a_run_survives_the_death_of_a_worker(whole: dict[str, str], tmp_path: Path) -> None:
    process = start(tmp_path / "set")
    wait_for(lambda: filming(tmp_path / "set"))
    victim = min(filming(tmp_path / "set"))
    os.kill(victim, signal.SIGKILL)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert not alive(victim)
    assert digest(tmp_path / "set") == whole


@linux
def test_workers_end_with_a_killed_parent_and_a_new_run_completes(whole: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "set"
    process = start(out)
    wait_for(lambda: len(filming(out)) == 2)
    workers = filming(out)
    assert all(map(alive, workers))
    process.kill()
    process.wait()
    wait_for(lambda: not any(map(alive, workers)), seconds=10)
    assert digest(out) != whole
    complete(out)
    assert digest(out) == whole


@linux
def test_ctrl_c_is_quiet_and_a_new_run_completes(whole: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "set"
    process = start(out)
    wait_for(lambda: filming(out))
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    kept = digest(out)
    assert kept.items() <= whole.items()  # whole shards and nothing else
    assert len(kept) >= 3  # the shard under way was finished
    complete(out)
    assert digest(out) == whole


# In a mount namespace of its own a user may mount a small file system; `$1` is where, `$2` its size in bytes.
_FULL_DISK = """
mount -t tmpfs -o size="$2" none "$1" || exit 77
shift 2
"$@"
echo "exit $?" >&2
ls -A "$DISK/set/shards" >&2
mount -o remount,size=200m "$DISK"
"$@" && cp -a "$DISK/set" "$KEPT"
"""


@linux
def test_a_full_disk_is_one_line_and_a_new_run_completes(
    whole_set: Path, whole: dict[str, str], tmp_path: Path
) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare(1)")
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    room = sum(p.stat().st_size for p in (whole_set / "shards").iterdir()) // 2
    command = [sys.executable, "-m", "humansense.cli", "synth", str(disk / "set"), *OPTIONS]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _FULL_DISK, "sh", disk, str(room), *command],
        env=os.environ | {"DISK": str(disk), "KEPT": str(kept)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"no mount without privileges here: {done.stderr.strip()[-100:]}")
    said, _, after = done.stderr.partition("exit 2\n")
    errors = [line for line in said.splitlines() if "humansense: error:" in line]
    assert len(errors) == 1, done.stderr
    assert "the disk is full: free some space" in errors[0]
    assert "Traceback" not in done.stderr
    assert ".partial." not in after
    assert done.returncode == 0, done.stderr
    assert digest(kept) == whole


# What it would cost.


def test_an_estimate_knows_what_is_there_and_writes_nothing(whole_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    settings = SynthSettings(out, clips=SHARDS, frames=100, size=(48, 64), seed=3, workers=2)
    fresh = estimate(settings)
    assert list(tmp_path.iterdir()) == []
    assert (fresh.frames, fresh.shards, fresh.frames_there) == (SHARDS * 100, SHARDS, 0)
    assert fresh.seconds > fresh.start_s > 0
    real = sum(p.stat().st_size for p in (whole_set / "shards").iterdir())
    assert 0.8 < fresh.bytes / real < 1.25  # from twelve frames of each clip
    shutil.copytree(whole_set, out)
    (out / "shards" / "000002.json").unlink()
    before = digest(out)
    rest = estimate(settings)
    assert (rest.frames, rest.shards, rest.frames_there, rest.shards_there) == (100, 1, 300, 3)
    assert digest(out) == before
    said = rest.lines()
    assert said[0].endswith("set: 100 frames in 1 shards to make; 300 frames in 3 shards are there")
    assert said[1].startswith("time: about ")
    assert said[2].startswith("disk: about 0.00 GB")
    whole = estimate(SynthSettings(whole_set, clips=SHARDS, frames=100, size=(48, 64), seed=3))
    assert whole.lines() == [f"{whole_set}: 0 frames in 0 shards to make; 400 frames in 4 shards are there"]
    with pytest.raises(HumansenseError, match="another seed"):
        estimate(SynthSettings(out, clips=SHARDS, frames=100, size=(48, 64), seed=4))


def test_the_cost_of_a_clip_is_a_line() -> None:
    def cost(frames: int) -> float:
        return 3.0 + 0.25 * frames

    lengths = [(2, 3, 3 * cost(2)), (12, 3, 3 * cost(12)), (2, 2, 2 * cost(2)), (12, 2, 2 * cost(12))]
    assert _extrapolate(lengths, 100) == pytest.approx(cost(100))
    assert _extrapolate(lengths[:1], 2) == pytest.approx(cost(2))
    assert [_clock(s) for s in (0.2, 59, 61, 3661)] == ["0 s", "59 s", "1 min 01 s", "1 h 01 min"]


# Ray.


def _recorded(job: write.ShardJob) -> object:
    """`make_shard`, leaving the node's name; the first to film shard 1 is killed in the middle of it."""
    import os
    import signal
    import threading
    import time

    import ray

    from humansense.synth.write import make_shard

    settings, number = job.settings, job.number
    notes = settings.out.parent / "notes"
    if number == 1 and not (notes / "killed").exists():

        def kill() -> None:
            while not list((settings.out / "shards").glob(f".000001.{os.getpid()}.partial.tar")):
                time.sleep(0.001)
            (notes / "killed").write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)

        threading.Thread(target=kill, daemon=True).start()
    done = make_shard(job)
    (notes / f"shard{number}").write_text(ray.get_runtime_context().get_node_id())
    return done


@linux
def test_ray_gives_the_same_bytes_from_two_nodes(
    whole: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    (tmp_path / "notes").mkdir()
    node = {"num_cpus": 1, "object_store_memory": 100_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    try:
        cluster.add_node(**node)
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # nodes cannot import the tests
        monkeypatch.setattr(write, "make_shard", _recorded)
        settings = SynthSettings(
            tmp_path / "set", clips=SHARDS, frames=100, size=(48, 64), seed=3, workers=1, engine="ray"
        )
        seen: list[int] = []
        assert make_set(settings, lambda done, _: seen.append(done)) == SHARDS * 100
        assert seen == [100 * i for i in range(SHARDS + 1)]
        assert not ray.is_initialized()
    finally:
        cluster.shutdown()
    assert digest(settings.out) == whole
    assert (tmp_path / "notes" / "killed").exists()
    nodes = {path.read_text() for path in (tmp_path / "notes").glob("shard*")}
    assert len(nodes) == 2


def test_a_wrong_address_of_ray_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(HumansenseError, match=r"no Ray cluster answers at RAY_ADDRESS=127\.0\.0\.1:1"):
        list(ENGINES["ray"](_square, [1], 1))
