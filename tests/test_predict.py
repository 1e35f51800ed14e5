"""Prediction around a net that is known to be right: finding, cropping, mapping back, files."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import oracle
import pytest
from PIL import Image

import humansense
from humansense.core import HumansenseError, save_weights
from humansense.predict import Predictor, PredictSettings, find_weights, read_picture, result_json, write_results
from humansense.predict.released import WEIGHTS, sha256
from humansense.predict.results import maps_arrays
from humansense.predict.windows import Window, box_window, cut, iou, paste, tile_windows, whole_window
from humansense.video import VideoWriter


@pytest.fixture
def weights(tmp_path_factory, monkeypatch):
    """A path that exists; what it loads is the oracle."""
    oracle.install(monkeypatch)
    path = tmp_path_factory.mktemp("w") / "oracle.safetensors"
    path.write_bytes(b"x")
    return str(path)


def predictor(weights: str, **options) -> Predictor:
    return Predictor(PredictSettings(weights=weights, **options))


def test_windows_cut_and_paste_are_inverse():
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (10, 14, 3), np.uint8)
    image = np.kron(small, np.ones((20, 20, 1), np.uint8))
    window = Window(150.0, 95.0, 160.0)
    crop = cut(image, window, 80)
    piece, (top, left) = paste(crop, window, image.shape[:2])
    assert (top, left) == (15, 70)
    assert piece.shape == (160, 160, 3)
    assert np.abs(piece.astype(int) - image[15:175, 70:230]).mean() < 8
    # A point of the picture is at the mapped place of the crop.
    x, y, _ = window.to_picture(80) @ [30.5, 20.5, 1]
    assert np.abs(crop[20, 30].astype(int) - image[int(y), int(x)]).max() < 60
    # Beyond the picture: black in the crop, cut off in the paste.
    outside = Window(0.0, 0.0, 100.0)
    assert (cut(image, outside, 50)[:20, :20] == 0).all()
    assert paste(np.ones((50, 50), np.uint8), outside, image.shape[:2])[0].shape == (50, 50)


@pytest.mark.parametrize("size", [(100, 100), (100, 700), (700, 90)])
def test_tiles_cover_the_picture(size):
    covered = np.zeros(size, bool)
    for window in tile_windows(*size, 0.36):
        x0, y0, x1, y1 = np.clip(np.round(window.box), 0, [size[1], size[0]] * 2).astype(int)
        covered[y0:y1, x0:x1] = True
    assert covered.all()
    assert whole_window(*size).side == max(size)


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((300, 400), (120, 60, 240, 280)),  # a person as large as the picture
        ((300, 400), (0, 0, 150, 300)),  # cut off by the border
        ((900, 1200), (1000, 700, 1064, 830)),  # too small to be seen whole: the search in tiles finds it
        ((200, 1000), (700, 20, 790, 190)),  # a panorama
        ((64, 48), (10, 10, 38, 60)),  # smaller than the crop
    ],
)
def test_finds_the_person_and_maps_back(weights, size, box):
    image = oracle.scene(*size, box)
    prediction = predictor(weights)(image)
    assert prediction.found
    assert prediction.score > 0.6
    assert iou(prediction.box, np.array(box, float)) > 0.75
    truth = np.zeros(size, bool)
    truth[box[1] : box[3], box[0] : box[2]] = True
    mask = prediction.parts > 0
    assert (mask & truth).sum() / (mask | truth).sum() > 0.75  # the cells of the net are coarse
    assert set(np.unique(prediction.parts)) == {0, oracle.TORSO}
    middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    tolerance = 0.06 * max(box[2] - box[0], box[3] - box[1])
    assert np.abs(prediction.joints - middle).max() < max(tolerance, 1.0)
    assert prediction.joints.shape == (17, 2)
    assert (prediction.joint_scores > 0.3).all()
    assert (np.isfinite(prediction.depth) == mask).all()
    assert np.allclose(prediction.depth[mask], (3 - 1 - 9) * 0.045, atol=1e-2)
    assert prediction.image.shape[:2] == size
    assert prediction.parts.shape == size


def test_a_picture_without_anybody_says_so(weights):
    prediction = predictor(weights)(np.full((240, 320, 3), 90, np.uint8))
    assert not prediction.found
    assert prediction.score < 0.5
    assert not prediction.parts.any()
    assert np.isnan(prediction.depth).all()
    assert np.isnan(prediction.joints).all()
    result = result_json(prediction)
    assert result["found"] is False
    assert result["box"] is None
    assert result["joints"] == []
    assert result["parts"] == {}
    json.loads(json.dumps(result, allow_nan=False))


def test_a_given_box_decides_and_bad_ones_are_refused(weights):
    image = oracle.scene(300, 600, (40, 50, 160, 280))
    image[:, 300:] = oracle.scene(300, 300, (100, 40, 260, 290))
    predict = predictor(weights)
    assert predict(image).box[0] >= 300  # the larger one
    prediction = predict(image, box=(35, 45, 165, 285))
    assert np.allclose(prediction.box, (35, 45, 165, 285))
    assert np.abs(prediction.joints - [100, 165]).max() < 4
    for box in ((10, 10, 5, 20), (700, 10, 800, 90), (0, 0, np.nan, 5), (1, 2, 3)):
        with pytest.raises(HumansenseError, match="box"):
            predict(image, box=box)
    assert not predict(image, box=(200, 0, 290, 90)).found


def test_flip_and_scales_agree_with_the_plain_answer(weights):
    image = oracle.scene(300, 400, (120, 60, 240, 280), dot=(150, 100))
    plain = predictor(weights)(image)
    for options in ({"flip": True}, {"scales": (1.0, 1.25)}, {"flip": True, "scales": (0.9, 1.1, 1.3)}):
        other = predictor(weights, **options)(image)
        assert np.abs(other.joints - plain.joints).max() < 5, options
        assert iou(other.box, plain.box) > 0.9
        assert ((other.parts > 0) == (plain.parts > 0)).mean() > 0.97
    with pytest.raises(HumansenseError, match="scales"):
        PredictSettings(scales=(9.0,))
    with pytest.raises(HumansenseError, match="joint set"):
        PredictSettings(joint_set="nonsense")


def test_joint_sets(weights):
    image = oracle.scene(300, 400, (120, 60, 240, 280))
    assert predictor(weights, joint_set="model")(image).joint_set == "human21"
    lsp = predictor(weights, joint_set="lsp14")(image)
    assert lsp.joints.shape == (14, 2)
    spine = predictor(weights, joint_set="h36m17")(image)
    known = np.isfinite(spine.joints).all(1)
    assert not known.all()
    assert (spine.joint_scores[~known] == 0).all()
    json.dumps(result_json(spine), allow_nan=False)


def test_results_are_in_the_pixels_of_the_file(weights, tmp_path):
    Image.fromarray(oracle.scene(600, 800, (240, 120, 480, 560))).save(tmp_path / "a.png")
    small = read_picture(tmp_path / "a.png", max_pixels=130_000)
    assert small.image.shape[:2] == (300, 400)
    prediction = predictor(weights)(small)
    write_results(prediction, tmp_path / "out", small)
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["size"] == {"width": 800, "height": 600}
    assert iou(np.array(result["box"]), np.array([240, 120, 480, 560.0])) > 0.8
    assert abs(result["joints"][0]["x"] - 360) < 8
    assert abs(result["joints"][0]["y"] - 340) < 8
    assert abs(result["parts"]["torso"]["pixels"] / (240 * 440) - 1) < 0.1
    maps = np.load(tmp_path / "out" / "maps.npz")
    assert maps["parts"].shape == (300, 400)
    assert np.allclose(maps["to_picture"], np.diag([2.0, 2.0, 1.0]))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["maps.npz", "result.json"]


def test_stored_maps_are_bounded_and_say_where_their_pixels_are(weights, monkeypatch):
    prediction = predictor(weights)(oracle.scene(100, 330, (100, 20, 160, 90)))
    monkeypatch.setattr("humansense.predict.results.MAX_MAP_SIDE", 120)
    arrays = maps_arrays(prediction)
    assert arrays["parts"].shape == (33, 110)
    for row, column in ((0, 0), (10, 40), (32, 109)):
        x, y, _ = arrays["to_picture"] @ [column + 0.5, row + 0.5, 1]
        assert arrays["parts"][row, column] == prediction.parts[int(y), int(x)]
        assert (x % 1, y % 1) == (0.5, 0.5)


def test_video_follows_loses_and_finds_again(weights, tmp_path):
    boxes = [(20 + 6 * i, 40, 80 + 6 * i, 180) for i in range(10)]
    with VideoWriter(tmp_path / "v.mp4") as video:
        for i, box in enumerate(boxes):
            video.write(np.full((220, 320, 3), 90, np.uint8) if i in (4, 5) else oracle.scene(220, 320, box))
    predictions = list(predictor(weights).video(tmp_path / "v.mp4"))
    assert [p.found for p in predictions] == [i not in (4, 5) for i in range(10)]
    for prediction, box in zip(predictions, boxes, strict=True):
        if prediction.found:
            assert iou(prediction.box, np.array(box, float)) > 0.7


def test_the_module_is_a_function(weights):
    image = oracle.scene(300, 400, (120, 60, 240, 280))
    for _ in range(2):  # before and after the attribute of the package has become the module
        prediction = humansense.predict(image, weights=weights, scales=[1.0])
        assert prediction.found
        assert prediction.weights == weights
    assert box_window(prediction.box).side > 200


def test_weights_that_do_not_exist_or_fit(tmp_path):
    with pytest.raises(HumansenseError, match="people-small"):
        find_weights("no-such-weights")
    (tmp_path / "bad.safetensors").write_bytes(b"no weights")
    with pytest.raises(HumansenseError, match="not a whole safetensors"):
        predictor(str(tmp_path / "bad.safetensors"))
    with pytest.raises(HumansenseError, match="do not exist"):
        predictor(str(tmp_path))
    from humansense.tasks import make_task

    task = make_task("parts", {"net": "tiny"})
    save_weights(tmp_path / "parts.safetensors", task.build_net().state_dict(), task.to_json())
    with pytest.raises(HumansenseError, match="'parts'"):
        predictor(str(tmp_path / "parts.safetensors"))


@pytest.mark.parametrize("name", list(WEIGHTS))
def test_released_weights_are_the_ones_in_the_table(name):
    row = WEIGHTS[name]
    if not row.path.is_file():
        pytest.skip("not trained yet")
    assert sha256(row.path) == row.sha256
    assert row.path.stat().st_size <= 16_000_000


def test_prediction_loads_no_body_model_and_no_renderer(tmp_path):
    """`humansense predict` of a photo with a real net, in a fresh process."""
    from humansense.tasks import make_task

    task = make_task("people", {"net": "tiny", "image_size": 64})
    save_weights(tmp_path / "w.safetensors", task.build_net().state_dict(), task.to_json())
    Image.fromarray(oracle.scene(120, 160, (40, 20, 90, 110))).save(tmp_path / "a.png")
    code = (
        "import sys; from humansense.cli import main; "
        f"code = main(['predict', {str(tmp_path / 'a.png')!r}, '--out', {str(tmp_path / 'o')!r}, "
        f"'--weights', {str(tmp_path / 'w.safetensors')!r}]); "
        "never = ('anny', 'warp', 'lightning_fabric', 'matplotlib', 'ray', 'av', 'skimage', 'scipy', 'requests'); "
        "print(code, [m for m in never if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["0 []"], done.stdout + done.stderr
    assert (tmp_path / "o" / "a" / "overlay.png").is_file()
