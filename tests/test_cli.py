"""What a user does on the command line, with bad input too. In process, but for what only a process can show."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import oracle
import pytest
from PIL import Image

from humansense.cli import app, main
from humansense.cli.predict import result_folders
from humansense.core import HumansenseError
from humansense.video import VideoWriter, read_frames

BOX = (60, 30, 120, 140)


@pytest.fixture
def predict(tmp_path, monkeypatch, capsys):
    """`predict(*arguments) -> (exit code, stdout, stderr)` with the oracle for a net, writing to tmp_path/out."""
    oracle.install(monkeypatch)
    (tmp_path / "oracle.safetensors").write_bytes(b"x")

    def run(*arguments: object) -> tuple[int, str, str]:
        file = str(tmp_path / "oracle.safetensors")
        weights = ["--weights", file, "--finder", file]
        code = main(["predict", *map(str, arguments), "--out", str(tmp_path / "out"), *weights])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def photo(path: Path, mode: str = "RGB", **options: object) -> Path:
    Image.fromarray(oracle.scene(160, 200, BOX)).convert(mode).save(path, **options)
    return path


def one_line(stderr: str) -> str:
    """The error, which must be one line in the one style, without a traceback."""
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("humansense: error: ")
    assert "Traceback" not in stderr
    return lines[0]


def test_a_photo_gets_its_five_files(predict, tmp_path):
    code, said, errors = predict(photo(tmp_path / "me.jpg", quality=95))
    assert (code, errors) == (0, "")
    assert "1 person found" in said
    folder = tmp_path / "out" / "me"
    names = ["depth.png", "maps.npz", "overlay.png", "parts.png", "result.json"]
    assert sorted(p.name for p in folder.iterdir()) == names
    result = json.loads((folder / "result.json").read_text())
    assert result["found"]
    (person,) = result["people"]
    assert np.abs(np.array(person["box"]) - BOX).max() < 12
    assert [j["name"] for j in person["joints"]][:2] == ["nose", "left_eye"]
    assert result["versions"]["humansense"]
    assert Image.open(folder / "overlay.png").size == (200, 160)
    maps = np.load(folder / "maps.npz")
    assert maps["parts"].shape == maps["depth"].shape == (160, 200)
    # Again: the same names are taken over, nothing else appears.
    assert predict(tmp_path / "me.jpg")[0] == 0
    assert sorted(p.name for p in folder.iterdir()) == names


def test_a_video_gets_an_overlay_and_a_line_a_frame(predict, tmp_path):
    with VideoWriter(tmp_path / "v.mp4", fps=10) as video:
        for i in range(6):
            video.write(oracle.scene(160, 201, (60 + 4 * i, 30, 120 + 4 * i, 140)))
    code, said, errors = predict(tmp_path / "v.mp4")
    assert (code, errors) == (0, "")
    assert "somebody found in 6 of 6 frames, 1 person followed" in said
    folder = tmp_path / "out" / "v"
    assert sorted(p.name for p in folder.iterdir()) == ["coco.json", "overlay.mp4", "results.jsonl", "tracks.csv"]
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(6))
    assert lines[5]["time_s"] == 0.5
    assert [[person["track_id"] for person in line["people"]] for line in lines] == [[1]] * 6
    assert lines[5]["people"][0]["box"][0] > lines[0]["people"][0]["box"][0] + 12
    assert len(list(read_frames(folder / "overlay.mp4"))) == 6


def test_a_folder_with_good_and_bad_files(predict, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    photo(folder / "good.jpg")
    photo(folder / "good.png")
    photo(folder / "other.webp")
    (folder / "cut.jpg").write_bytes((folder / "good.jpg").read_bytes()[:700])
    (folder / "text.jpg").write_text("no picture")
    (folder / "empty.png").write_bytes(b"")
    (folder / "sound.mp4").write_bytes(b"\0" * 100)
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    (folder / "notes.txt").write_text("left out")
    (folder / ".hidden.jpg").write_text("left out")
    code, said, errors = predict(folder)
    assert code == 2
    assert said.count("person found") == 3
    assert "5 of 8 inputs failed" in errors
    assert "Traceback" not in errors
    listed = errors[errors.index("inputs failed") :]
    for name in ("cut.jpg", "text.jpg", "empty.png", "sound.mp4", "dot.png"):
        assert name in listed
    written = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert written == ["good_jpg", "good_png", "other"]  # the same stem twice: nothing is lost
    assert not list((tmp_path / "out").rglob("*partial*"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p.write_bytes(b""), "0 bytes"),
        (lambda p: p.write_text("hello"), "not a picture"),
        (lambda p: Image.new("RGB", (1, 1)).save(p), "too small"),
        (lambda p: None, "does not exist"),
    ],
)
def test_one_bad_photo_is_one_line(predict, tmp_path, make, words):
    make(tmp_path / "bad.png")
    code, said, errors = predict(tmp_path / "bad.png")
    assert (code, said) == (2, "")
    assert words in one_line(errors)
    assert "bad.png" in errors
    assert not (tmp_path / "out" / "bad").exists()


@pytest.mark.parametrize(
    ("mode", "name", "options"),
    [
        ("L", "grey.png", {}),
        ("RGBA", "alpha.png", {}),
        ("P", "palette.gif", {}),
        ("CMYK", "print.jpg", {"quality": 95}),
    ],
)
def test_unusual_pictures_are_read(predict, tmp_path, mode, name, options):
    code, said, _ = predict(photo(tmp_path / name, mode, **options))
    assert code == 0
    # The oracle knows people by their colour: on grey it must say that there is nobody.
    assert ("nobody found" in said) == (mode == "L")
    assert json.loads((tmp_path / "out" / Path(name).stem / "result.json").read_text())["found"] == (mode != "L")


def test_exif_and_large_pictures_map_back(predict, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = np.ascontiguousarray(np.rot90(oracle.scene(160, 200, BOX), 1))
    Image.fromarray(turned).save(tmp_path / "phone.png", exif=exif)
    assert predict(tmp_path / "phone.png")[0] == 0
    result = json.loads((tmp_path / "out" / "phone" / "result.json").read_text())
    assert result["size"] == {"width": 200, "height": 160}
    assert np.abs(np.array(result["people"][0]["box"]) - BOX).max() < 12
    wide = np.zeros((400, 20_000, 3), np.uint8)
    wide[:, 9000:9400] = oracle.scene(400, 400, (120, 60, 280, 380))
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert predict(tmp_path / "wide.png", "--box", "9120,60,9280,380")[0] == 0
    result = json.loads((tmp_path / "out" / "wide" / "result.json").read_text())
    assert result["size"]["width"] == 20_000
    assert abs(result["people"][0]["joints"][0]["x"] - 9200) < 30
    assert max(Image.open(tmp_path / "out" / "wide" / "overlay.png").size) <= 2400


def test_empty_folders_and_wrong_options(predict, tmp_path):
    (tmp_path / "nothing").mkdir()
    good = photo(tmp_path / "a.png")
    (tmp_path / "file").write_text("")
    for arguments, words in (
        ([tmp_path / "nothing"], "holds no picture and no video"),
        ([], "nothing to predict on"),
        ([good, "--box", "1,2,3"], "--box"),
        ([good, "--box", "900,900,990,990"], "outside"),
        ([good, "--scales", "many"], "--scales"),
        ([good, "--scales", "99"], "scales"),
        ([good, "--threads", "-3"], "--threads"),
        ([good, "--bogus"], "--bogus"),
        ([good, "--device", "tpu9"], "device"),
    ):
        code, _, errors = predict(*arguments)
        assert code == 2, arguments
        assert words in one_line(errors), arguments
    assert main(["predict", str(good), "--weights", "no-such"]) == 2
    assert main(["predict", str(good), "--out", str(tmp_path / "file")]) == 2


def test_an_unwritable_place_is_one_line(predict, tmp_path):
    photo(tmp_path / "a.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("a file where a folder should be")
    code, _, errors = predict(tmp_path / "a.png")
    assert code == 2
    assert "out/a" in one_line(errors)


def test_a_full_disk_leaves_nothing_half_written(predict, tmp_path, monkeypatch):
    photo(tmp_path / "a.png")

    def full(self, *args, **kwargs):
        Path(args[0]).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    code, _, errors = predict(tmp_path / "a.png")
    assert code == 2
    assert "disk is full" in one_line(errors)
    assert list((tmp_path / "out" / "a").iterdir()) == []


def test_result_folders_never_collide():
    def names(*files: str) -> list[str]:
        return [p.name for p in result_folders([Path(f) for f in files], Path("out"))]

    assert names("a.jpg", "b.jpg") == ["a", "b"]
    assert names("a.jpg", "a.png", "x/a.jpg") == ["a_jpg", "a_png", "a_jpg-2"]
    assert len({n.casefold() for n in names("A.jpg", "a.JPG", "a_jpg.png", "a_jpg-2.png")}) == 4
    assert names("..jpg") == ["picture"]


def test_ctrl_c_is_quiet(predict, tmp_path, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("humansense.cli.predict.one_photo", stop)
    code, _, errors = predict(photo(tmp_path / "a.png"))
    assert code == 130
    assert "Traceback" not in errors


def test_a_fault_of_the_program_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        app.guarded(lambda: 1 // 0)
    with pytest.raises(BrokenPipeError):
        app.guarded(lambda: (_ for _ in ()).throw(BrokenPipeError()))


def test_unknown_and_incomplete_commands(capsys):
    for arguments in (["nonsense"], ["data", "nonsense"], ["data", "info"], ["train"], ["eval", "people"]):
        assert main(arguments) == 2, arguments
        one_line(capsys.readouterr().err)
    assert main([]) == 2
    assert main(["data"]) == 2


@pytest.mark.parametrize("command", [*app.COMMANDS, "data", ""])
def test_every_help_has_examples_or_commands(command, capsys):
    assert main([*command.split(), "--help"]) == 0
    said = capsys.readouterr().out
    assert "usage: humansense" in said
    assert "humansense " + command in said.replace("usage:", "")
    assert "examples:" in said or "commands:" in said


def test_data_commands_on_what_is_no_set(tmp_path, capsys):
    for command in ("info", "check", "show"):
        for root in (tmp_path, tmp_path / "absent"):
            assert main(["data", command, str(root)]) == 2
            one_line(capsys.readouterr().err)
    (tmp_path / "set.json").write_text('{"format": "humansense-clips", "version": 99}')
    assert main(["data", "info", str(tmp_path)]) == 2
    one_line(capsys.readouterr().err)
    assert main(["train", "people", "--data", str(tmp_path / "absent"), "--out", str(tmp_path / "run")]) == 2
    assert "does not exist" in one_line(capsys.readouterr().err)
    assert main(["eval", "people", "--data", "lspet:" + str(tmp_path)]) == 2
    one_line(capsys.readouterr().err)
    for size in ("320", "0x0", "axb"):
        assert main(["synth", str(tmp_path / "s"), "--size", size]) == 2
        one_line(capsys.readouterr().err)


def test_help_is_quick_and_pipes_may_close():
    """Fresh processes: `--help` loads no torch; a reader that leaves early is no error."""
    code = (
        "import sys; from humansense.cli import main; c = main(['predict', '--help']); print(c, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 False"
    closed, gone = os.pipe()
    os.close(closed)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "humansense.cli", "--help"],
            stdout=gone,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(gone)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_in_the_middle_of_a_video_leaves_nothing(tmp_path):
    from humansense.core import save_weights

    task = oracle.oracle_task()
    save_weights(tmp_path / "w.safetensors", task.build_net().state_dict(), task.to_json())
    with VideoWriter(tmp_path / "long.mp4") as video:
        for _ in range(1500):
            video.write(np.zeros((64, 64, 3), np.uint8))
    arguments = ["predict", tmp_path / "long.mp4", "--out", tmp_path / "out", "--weights", tmp_path / "w.safetensors"]
    process = subprocess.Popen(
        [sys.executable, "-m", "humansense.cli", *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        # A suite that runs in the background of a shell inherits an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").rglob("*partial*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert not [p for p in (tmp_path / "out").rglob("*") if p.is_file()]


def test_errors_have_one_line(capsys):
    def run() -> int:
        raise HumansenseError("first\n  second")

    assert app.guarded(run) == 2
    assert one_line(capsys.readouterr().err) == "humansense: error: first second"


def test_task_options_are_names_with_values():
    from humansense.cli.train import parse_options

    assert parse_options(["sigma=1.5", "heatmap_loss=mse", "bins=9"]) == {
        "sigma": 1.5,
        "heatmap_loss": "mse",
        "bins": 9,
    }
    for wrong in ("sigma", "=2", "sigma="):
        with pytest.raises(HumansenseError, match="NAME=VALUE"):
            parse_options([wrong])
