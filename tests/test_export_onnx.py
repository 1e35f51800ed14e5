"""ONNX files: they answer as the net does, for any number of pictures, and say what they are."""

from __future__ import annotations

import builtins
import json

import numpy as np
import pytest
import torch

from humansense.cli import main
from humansense.core import HumansenseError, joint_set, part_set, save_weights
from humansense.predict import export
from humansense.predict.export import OnnxSettings, export_onnx, picture_like
from humansense.predict.released import DEFAULT, WEIGHTS, find_weights
from humansense.tasks import load_task, make_task

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(autouse=True)
def _one_thread_and_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def random_weights(path, task_name: str = "parts", net: str = "tiny", **options):
    """A weight file of a net that was never trained, its normalisations as after training."""
    task = make_task(task_name, {"net": net, "image_size": 32, **options})
    built = task.build_net()
    for module in built.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2.0)
    save_weights(path, built.state_dict(), task.to_json())
    return path


def answers(path, images: np.ndarray) -> dict[str, np.ndarray]:
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": images}), strict=True))


def of_the_net(weights, images: np.ndarray) -> dict[str, np.ndarray]:
    """The net's own way: normalised by the task, unfolded."""
    task, net = load_task(weights)
    with torch.inference_mode():
        return {name: value.numpy() for name, value in net(task.inputs(torch.from_numpy(images)))[-1].items()}


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "people.onnx"
    return export_onnx(DEFAULT, path)


@pytest.mark.parametrize("name", list(WEIGHTS))
def test_released_weights_answer_as_the_net(name, released, tmp_path):
    report = released if name == DEFAULT else export_onnx(name, tmp_path / "w.onnx")
    assert max(report.difference.values()) < 1e-3
    assert set(report.difference) == {"random", "picture"}
    rng, size = np.random.default_rng(5), load_task(find_weights(name))[0].settings.image_size
    for count in (1, 4):
        images = np.stack([picture_like(size, rng) for _ in range(count)])
        expected = of_the_net(find_weights(name), images)
        got = answers(report.path, images)
        assert got.keys() == expected.keys()
        for head in expected:
            assert got[head].shape == expected[head].shape
            assert np.abs(got[head] - expected[head]).max() < 1e-3
        assert max(np.abs(value).max() for value in expected.values()) > 1  # logits that are not all nothing


def test_the_file_says_what_it_is(released):
    model = onnx.load(str(released.path))
    said = {p.key: p.value for p in model.metadata_props}
    assert said["licence"] == "Apache-2.0"
    assert said["weights"] == DEFAULT
    assert json.loads(said["joint_names"]) == list(joint_set("human21").names)
    assert json.loads(said["part_names"]) == list(part_set("parts14").names)
    task = json.loads(said["task"])
    assert (task["task"], task["settings"]["image_size"]) == ("people", 128)
    assert model.opset_import[0].version == released.opset == export.OPSET
    assert [i.name for i in model.graph.input] == ["images"]
    assert [o.name for o in model.graph.output] == list(released.outputs) == ["parts", "depth", "pose2d", "presence"]
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("net", ["tiny", "tiny+up", "fcn-unpool", "fcn-transposed"])
def test_random_nets_of_every_decoder(net, tmp_path):
    weights = random_weights(tmp_path / "w.safetensors", net=net)
    report = export_onnx(weights, tmp_path / "new" / "w.onnx")
    for count in (1, 2, 5):
        images = np.random.default_rng(count).random((count, 3, 32, 32), np.float32)
        for name, value in of_the_net(weights, images).items():
            assert np.abs(answers(report.path, images)[name] - value).max() < 1e-3
    said = {p.key: p.value for p in onnx.load(str(report.path)).metadata_props}
    assert said["licence"] == "not stated"
    assert "joint_names" not in said


def test_size_batch_licence_and_photos(tmp_path):
    from PIL import Image

    photo = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 80, 3), np.uint8)).save(photo)
    weights = random_weights(tmp_path / "w.safetensors", "pose2d")
    settings = OnnxSettings(size=44, batch=2, licence="CC0-1.0", pictures=(photo,))
    report = export_onnx(weights, tmp_path / "w.onnx", settings)
    assert report.outputs == {"pose2d": (1, 16, 11, 11), "presence": (1, 17)}
    assert "photo photo.png" in report.difference
    assert answers(report.path, np.zeros((2, 3, 44, 44), np.float32))["pose2d"].shape == (2, 16, 11, 11)
    with pytest.raises(Exception, match=r"(?i)dimension"):
        answers(report.path, np.zeros((3, 3, 44, 44), np.float32))
    said = {p.key: p.value for p in onnx.load(str(report.path)).metadata_props}
    assert said["licence"] == "CC0-1.0"
    assert json.loads(said["task"])["settings"]["image_size"] == 44
    assert "part_names" not in said


def test_a_file_that_differs_is_not_kept(tmp_path, monkeypatch):
    weights = random_weights(tmp_path / "w.safetensors")
    graph = export._graph

    def other(stage, size, batch):
        model = graph(stage, size, batch)
        with torch.no_grad():
            stage.net.heads[-1]["parts"].bias += 0.01  # the net has moved on since
        return model

    monkeypatch.setattr(export, "_graph", other)
    with pytest.raises(HumansenseError, match=r"differs from the net by 0\.01"):
        export_onnx(weights, tmp_path / "w.onnx")
    assert {p.name for p in tmp_path.iterdir()} == {"w.safetensors"}


def test_what_cannot_be_used_is_explained(tmp_path, capsys):
    weights = random_weights(tmp_path / "w.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    for arguments, message in (
        (["nowhere", str(tmp_path / "x.onnx")], "people-small"),
        ([str(tmp_path / "broken.safetensors"), str(tmp_path / "x.onnx")], "not a whole safetensors"),
        ([str(weights), str(tmp_path / "x.pt")], "ends with .onnx"),
        ([str(weights), str(weights / "x.onnx")], "not a folder"),
        ([str(weights), str(tmp_path / "x.onnx"), "--size", "30"], "multiple of 4"),
        ([str(weights), str(tmp_path / "x.onnx"), "--batch", "many"], "dynamic"),
        ([str(weights), str(tmp_path / "x.onnx"), "--batch", "0"], "from 1"),
        ([str(weights), str(tmp_path / "x.onnx"), "--photo", str(tmp_path / "none.jpg")], "none.jpg"),
    ):
        assert main(["export", *arguments]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "x.onnx").exists()


def test_missing_packages_are_named(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "onnxruntime":
            raise ImportError("no", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(HumansenseError, match=r"onnxruntime: pip install 'humansense\[export\]'"):
        export_onnx("people-small", tmp_path / "x.onnx")


def test_the_command(tmp_path, capsys):
    weights = random_weights(tmp_path / "w.safetensors")
    assert main(["export", str(weights), str(tmp_path / "w.onnx"), "--batch", "1"]) == 0
    said = capsys.readouterr().out
    assert "1 x 15 x 8 x 8" in said
    assert "allowed: 0.001" in said


def test_made_up_pictures_are_like_pictures():
    image = picture_like(64, np.random.default_rng(0))
    assert image.shape == (3, 64, 64)
    assert 0 <= image.min() < 0.3 < 0.6 < image.max() <= 1
    flat = np.random.default_rng(0).random((64, 64))
    neighbours = [np.corrcoef(m[:, 1:].ravel(), m[:, :-1].ravel())[0, 1] for m in (image[0], flat)]
    assert neighbours[0] > 0.7 > neighbours[1]  # one pixel tells of the next
