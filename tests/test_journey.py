"""The whole way on the command line: make people, prove them, look at them, train, measure, predict."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from humansense.cli import main
from humansense.video import read_frames


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A set of two clips, made once."""
    root = tmp_path_factory.mktemp("journey") / "set"
    arguments = ["--clips", "2", "--frames", "3", "--size", "96x80", "--workers", "1", "--preset", "wild"]
    assert main(["synth", str(root), *arguments]) == 0
    return root


def test_info_check_show(made, tmp_path, capsys):
    assert main(["data", "info", str(made), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert (info["clips"], info["frames"], info["sizes"]) == (2, 6, {"96x80": 6})
    assert main(["data", "info", str(made)]) == 0
    assert "2 clips, 6 frames" in capsys.readouterr().out
    assert main(["data", "check", str(made)]) == 0
    assert "sha256" in capsys.readouterr().out
    assert main(["data", "show", str(made), "--samples", "3", "--cell", "64", "--out", str(tmp_path / "s.png")]) == 0
    assert Image.open(tmp_path / "s.png").width > 3 * 64
    assert main(["data", "show", str(made), "--clip", "1", "--out", str(tmp_path / "c.mp4")]) == 0
    assert len(list(read_frames(tmp_path / "c.mp4"))) == 3
    assert main(["data", "show", str(made), "--clip", "7"]) == 2
    capsys.readouterr()
    # Again: everything is there already, and nothing changes.
    assert main(["synth", str(made), "--clips", "2", "--frames", "3", "--size", "96x80", "--preset", "wild"]) == 0
    assert "6 were there before" in capsys.readouterr().out
    assert main(["synth", str(made), "--clips", "9"]) == 2


def test_a_damaged_set_is_refused_in_one_line(made, tmp_path, capsys):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(made, copy)
    shard = next((copy / "shards").glob("*.tar"))
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    for command in ("info", "check", "show"):
        assert main(["data", command, str(copy)]) == 2
        said = capsys.readouterr().err.strip()
        assert said.startswith("humansense: error: ")
        assert "cut short" in said
        assert shard.name in said
        assert "\n" not in said
    # Bytes changed within: the check finds it.
    shard.write_bytes(whole[:3000] + bytes(2000) + whole[5000:])
    assert main(["data", "check", str(copy)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_train_resume_eval_predict(made, tmp_path, capsys):
    run = tmp_path / "run"
    options = ["--preset", "tiny", "--image-size", "64", "--batch", "4", "--workers", "0", "--precision", "32-true"]
    options += ["--accelerator", "cpu", "--devices", "1", "--data", str(made), "--out", str(run)]
    assert main(["train", "people", *options, "--samples", "12"]) == 0
    assert (run / "weights.safetensors").is_file()
    assert main(["train", "people", *options, "--samples", "12"]) == 0  # done already
    capsys.readouterr()
    looks = ["--sheets", str(tmp_path / "looks")]
    assert main(["eval", "people", "--weights", str(run), "--data", str(made), "--json", *looks]) == 0
    assert sorted(p.name for p in (tmp_path / "looks").iterdir()) == ["random.png", "worst.png"]
    figures = json.loads(capsys.readouterr().out)
    assert figures["samples"] == 6
    assert 0 <= figures["mask_iou"] <= 1
    assert main(["eval", "pose2d", "--weights", str(run), "--data", str(made)]) == 2
    assert "humansense eval people" in capsys.readouterr().err
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)).save(tmp_path / "noise.png")
    options = ["--weights", str(run), "--out", str(tmp_path / "out"), "--box", "10,10,80,80", "--found-score", "0"]
    assert main(["predict", str(tmp_path / "noise.png"), *options]) == 0
    assert json.loads((tmp_path / "out" / "noise" / "result.json").read_text())["versions"]["weights"] == str(run)


def test_a_finder_is_trained_measured_and_used(made, tmp_path, capsys):
    run = tmp_path / "finder"
    options = ["--preset", "tiny", "--image-size", "64", "--batch", "4", "--workers", "0", "--precision", "32-true"]
    options += ["--accelerator", "cpu", "--devices", "1", "--data", str(made), "--out", str(run)]
    assert main(["train", "finder", *options, "--samples", "12"]) == 0
    capsys.readouterr()
    assert main(["eval", "finder", "--weights", str(run), "--data", str(made), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["samples"] == 6
    assert 0 <= figures["box_ap50"] <= 1
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)).save(tmp_path / "noise.png")
    assert main(["predict", str(tmp_path / "noise.png"), "--finder", str(run), "--out", str(tmp_path / "out")]) == 0
    assert main(["predict", str(tmp_path / "noise.png"), "--finder", "people-base"]) == 2
    assert "finder" in capsys.readouterr().err
