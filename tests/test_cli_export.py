"""`humansense data export` as a user calls it, with bad input too, and the page that describes the files."""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fake_set import clip_frames, make_set

from humansense.cli import main
from humansense.data.export import EXPORTERS, rle
from humansense.data.maps import ENCODERS
from humansense.data.readers import READERS, open_reader
from humansense.data.store import Clip, ClipSet, ShardWriter, shard_path

PAGE = (Path(__file__).parent.parent / "docs" / "export.md").read_text()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("cli_export") / "set", engine=True)


@pytest.mark.parametrize("layout", EXPORTERS)
def test_export_and_again(layout, root, tmp_path, capsys):
    arguments = ["data", "export", str(root), str(tmp_path / "out"), "--format", layout, "--workers", "1"]
    assert main(arguments) == 0
    said = capsys.readouterr()
    home = tmp_path / "out" / "cmu" / "train" if layout == "surreal" else tmp_path / "out"
    assert said.out.startswith(f"{home}: 4 clips, 16 frames as {EXPORTERS[layout].title}")
    assert said.err == ""
    assert main(arguments) == 0
    assert "(16 were there before)" in capsys.readouterr().out


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_killed_export_is_completed(tmp_path):
    """kill -9 of the program in the middle: its workers end too, and the same command gives what one run gives."""
    root = make_set(tmp_path / "set", 6, 1, 12, engine=True)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "humansense.cli", "data", "export", str(root), str(out), "--format", "surreal"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    run = out / "cmu" / "train" / "run0"
    deadline = time.time() + 60
    while not (run.is_dir() and any(not p.name.startswith(".") for p in run.iterdir())):
        assert process.poll() is None, process.stderr.read()
        assert time.time() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    while _alive(process.pid) and time.time() < deadline:
        time.sleep(0.05)
    assert not _alive(process.pid)
    assert len([p for p in run.iterdir() if not p.name.startswith(".")]) < 6
    for folder in (out, tmp_path / "whole"):
        arguments = ["data", "export", str(root), str(folder), "--format", "surreal", "--workers", "1"]
        assert main(arguments) == 0
    assert _files(out) == _files(tmp_path / "whole")


def _alive(group: int) -> bool:
    """Whether a process of the group is there that is no zombie."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, process_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(process_group) == group and state != "Z":
                return True
    return False


def _files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_is_left_out_is_said(root, tmp_path, capsys):
    root = make_set(tmp_path / "set", 1, 1)
    with ShardWriter(shard_path(root, 1)) as writer:
        writer.add_clip(Clip("none"), clip_frames(1, 1)[1])
    out = str(tmp_path / "out")
    arguments = ["--format", "surreal", "--workers", "1", "--split-name", "test"]
    assert main(["data", "export", str(root), out, *arguments]) == 0
    said = capsys.readouterr()
    assert "1 of 2 clips were left out: they show nobody" in said.err
    assert "1 of 1 exported clips have another lens than SURREAL's" in said.err
    assert len(open_reader(tmp_path / "out" / "cmu" / "test")) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "voc"], "--format is 'voc': expected one of surreal, coco, folders"),
        (["--format", "coco", "--split-name", "val"], "--split-name belongs to --format surreal"),
        (["--format", "coco", "--masks", "polygons"], "--masks is 'polygons': expected one of rle, counts"),
        (["--format", "coco", "--workers", "0"], "--workers is 0"),
        (["--format", "surreal", "--split-name", "a/b"], "--split-name is 'a/b'"),
        ([], "--format"),
    ],
)
def test_options_that_cannot_be(arguments, message, root, tmp_path, capsys):
    assert main(["data", "export", str(root), str(tmp_path / "out"), *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("humansense: error: ")
    assert message in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_no_set_and_no_place(root, tmp_path, capsys):
    assert main(["data", "export", str(tmp_path), str(tmp_path / "out"), "--format", "coco"]) == 2
    assert "is no set" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["data", "export", str(root), str(tmp_path / "file"), "--format", "coco"]) == 2
    assert "not a folder" in capsys.readouterr().err


def test_eval_says_what_surreal_lacks(root, tmp_path, capsys):
    assert main(["eval", "people", "--data", f"surreal:{root}"]) == 2
    said = capsys.readouterr().err
    assert "has no clip of SURREAL" in said
    assert "non-commercial research" in said


def examples():
    return [block.split("```")[0] for block in PAGE.split("```python\n")[1:]]


def test_the_page_s_examples_run(root, tmp_path):
    for layout in EXPORTERS:
        arguments = ["data", "export", str(root), str(tmp_path / layout), "--format", layout, "--workers", "1"]
        assert main(arguments) == 0
    clips, sample = ClipSet(root, "human21"), ClipSet(root, "human21").read(1)
    folders, coco, surreal = (
        code.replace("out/files", str(tmp_path / "folders"))
        .replace("out/coco", str(tmp_path / "coco"))
        .replace("out/surreal", str(tmp_path / "surreal"))
        for code in examples()
    )
    scope: dict = {}
    exec(folders, scope)
    assert np.array_equal(scope["image"][..., ::-1], sample.image)
    assert np.array_equal(scope["parts"], sample.parts)
    assert np.allclose(scope["depth_m"], sample.depth, atol=1e-6, equal_nan=True)
    assert np.allclose(scope["normals"][sample.parts > 0], sample.normals[sample.parts > 0], atol=0.01)
    assert np.allclose(scope["flow"], sample.flow, atol=1e-6, equal_nan=True)
    assert np.array_equal(scope["left_knee"], sample.people[0].joint("left_knee").astype(float))
    assert np.allclose(scope["pixels"], sample.people[0].joint("left_knee"), atol=1e-3)
    scope = {}
    exec(coco, scope)
    assert np.array_equal(scope["mask"], clips.read(0).instance == 1)
    scope = {}
    exec(surreal, scope)
    assert np.array_equal(scope["person"], clips.read(0).parts > 0)
    assert scope["projected"].shape == (2, 24)
    assert np.abs(scope["projected"] - scope["joints2D"]).max() <= 0.5 + 1e-4


def test_the_page_names_what_there_is(root, tmp_path):
    for suffix in (suffix for field, (suffix, _) in ENCODERS.items() if field != "image"):
        assert f"| `{suffix.rpartition('.')[0]}` |" in PAGE
    for name in EXPORTERS:
        assert f"--format {name}" in PAGE
    assert "surreal-middle" in READERS
    assert main(["data", "export", str(root), str(tmp_path), "--format", "surreal", "--workers", "1"]) == 0
    import scipy.io

    (info,) = (tmp_path / "cmu/train/run0/c000000").glob("*_info.mat")
    for name in scipy.io.loadmat(info):
        assert name.startswith("__") or f"`{name}`" in PAGE, name
    assert main(["data", "export", str(root), str(tmp_path / "coco"), "--format", "coco", "--workers", "1"]) == 0
    content = json.loads((tmp_path / "coco" / "annotations.json").read_text())
    for name in (*content["images"][0], *content["annotations"][0]):
        assert f"`{name}`" in PAGE, name
    assert rle.unpack_counts(content["annotations"][0]["segmentation"]["counts"]).sum() > 0
