"""Prediction around a net that is known to be right: finding, cropping, mapping back, files."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import oracle
import pytest
import skimage.data
from PIL import Image

import humansense
from humansense.core import HumansenseError, joint_set, save_weights
from humansense.predict import Predictor, PredictSettings, find_weights, read_picture, result_json, write_results
from humansense.predict.calibration import Calibration, Evidence, logit
from humansense.predict.compose import limb_distance
from humansense.predict.find import SHARES, WIDEST, Candidate, Finder, merge, views
from humansense.predict.model import Glance
from humansense.predict.predictor import same_person
from humansense.predict.released import WEIGHTS, sha256
from humansense.predict.results import maps_arrays
from humansense.predict.windows import Pyramid, Window, box_window, cut, iou, paste
from humansense.video import VideoWriter


@pytest.fixture
def weights(tmp_path_factory, monkeypatch):
    """A path that exists; what it loads is the oracle."""
    oracle.install(monkeypatch)
    path = tmp_path_factory.mktemp("w") / "oracle.safetensors"
    path.write_bytes(b"x")
    return str(path)


def predictor(weights: str, **options) -> Predictor:
    return Predictor(PredictSettings(weights=weights, finder=weights, **options))


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
@pytest.mark.parametrize("share", SHARES)
def test_views_cover_the_picture(size, share):
    covered = np.zeros(size, bool)
    for view in views(*size, share):
        x0, y0 = round(view.x), round(view.y)
        covered[y0 : round(view.y + view.height), x0 : round(view.x + view.width)] = True
        assert view.side <= WIDEST * min(size) + 1e-6
        assert min(view.x, view.y) >= 0
    assert covered.all()
    assert len(views(90, 160)) == 1


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
    assert result["people"] == []
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


def test_flip_scales_and_turns_agree_with_the_plain_answer(weights):
    image = oracle.scene(300, 400, (120, 60, 240, 280), dot=(150, 100))
    plain = predictor(weights)(image)
    for options in (
        {"flip": True},
        {"scales": (1.0, 1.25)},
        {"flip": True, "scales": (0.9, 1.1, 1.3)},
        {"turn": True},
        {"turn": True, "flip": True, "scales": (1.0, 1.25)},
    ):
        other = predictor(weights, **options)(image)
        assert np.abs(other.joints - plain.joints).max() < 5, options
        assert iou(other.box, plain.box) > 0.9
        assert ((other.parts > 0) == (plain.parts > 0)).mean() > 0.95
    with pytest.raises(HumansenseError, match="scales"):
        PredictSettings(scales=(9.0,))
    with pytest.raises(HumansenseError, match="joint set"):
        PredictSettings(joint_set="nonsense")


def test_somebody_upside_down_is_read_by_turning():
    upright = np.ascontiguousarray(skimage.data.astronaut())
    height, width = upright.shape[:2]
    box = (0.0, 0.0, width, height)
    overturned = np.ascontiguousarray(upright[::-1, ::-1])
    off, parted = {}, {}
    for turn in (False, True):
        predict = Predictor(PredictSettings(turn=turn))
        expected, answer = predict(upright, box), predict(overturned, box)
        sure = expected.people[0].joint_scores > 0.5
        assert sure.sum() >= 4
        off[turn] = np.abs([width, height] - answer.joints - expected.joints)[sure].max()
        parted[turn] = (answer.parts[::-1, ::-1] == expected.parts).mean()
    assert off[True] < 10 < off[False]
    assert parted[True] > 0.99 > 0.9 > parted[False]


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
    (person,) = result["people"]
    assert iou(np.array(person["box"]), np.array([240, 120, 480, 560.0])) > 0.8
    assert abs(person["joints"][0]["x"] - 360) < 8
    assert abs(person["joints"][0]["y"] - 340) < 8
    assert abs(person["parts"]["torso"]["pixels"] / (240 * 440) - 1) < 0.1
    assert "track_id" not in person
    maps = np.load(tmp_path / "out" / "maps.npz")
    assert maps["parts"].shape == (300, 400)
    assert np.array_equal(maps["instance"], maps["parts"] > 0)
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


@pytest.mark.parametrize("size", [(480, 640), (2160, 3840)])
def test_a_crowd_is_told_apart(weights, size):
    height, width = size
    step, rng = height / 6, np.random.default_rng(1)
    boxes = []
    for row in range(5):
        for column in range(10):
            x, y = (np.array([column, row]) + rng.uniform(0.2, 0.5, 2)) * (width / 11, height / 5.6)
            boxes.append((int(x), int(y), int(x + 0.25 * step), int(y + 0.6 * step)))
    prediction = predictor(weights)(oracle.scene(*size, *boxes))
    assert len(prediction.people) == len(boxes) == 50
    for i, person in enumerate(prediction.people):
        overlaps = [iou(person.box, np.array(box, float)) for box in boxes]
        x0, y0, x1, y1 = boxes.pop(int(np.argmax(overlaps)))
        assert max(overlaps) > 0.5
        own = prediction.instance == i + 1
        assert own[y0:y1, x0:x1].mean() > 0.8
        assert own[y0:y1, x0:x1].sum() > 0.7 * own.sum()
        assert np.abs(person.joints - [(x0 + x1) / 2, (y0 + y1) / 2]).max() < 0.15 * (y1 - y0)
    assert np.array_equal(prediction.instance > 0, prediction.parts > 0)
    assert len(predictor(weights, max_people=7)(oracle.scene(*size, (10, 10, 90, 200))).people) == 1


def test_who_stands_side_by_side_gets_the_nearer_pixels(weights):
    left, right = (60, 60, 140, 260), (146, 60, 226, 260)
    prediction = predictor(weights)(oracle.scene(320, 300, left, right))
    assert len(prediction.people) == 2
    first = int(prediction.people[0].box[0] > 100)
    masks = [prediction.instance == 1, prediction.instance == 2]
    for mask, (x0, y0, x1, y1) in zip(masks, (left, right) if not first else (right, left), strict=True):
        assert mask[y0:y1, x0:x1].mean() > 0.85
        assert mask[y0:y1, x0:x1].sum() > 0.85 * mask.sum()
    result = result_json(prediction)
    assert [p["parts"]["torso"]["pixels"] for p in result["people"]] == [int(m.sum()) for m in masks]


def test_limb_distance_is_in_lengths_of_the_person(weights):
    from humansense.predict.compose import Seen

    names = joint_set("coco17").names
    joints = np.full((17, 2), np.nan)
    joints[names.index("left_hip")], joints[names.index("left_knee")] = (50, 20), (50, 60)
    scores = np.isfinite(joints[:, 0]).astype(float)
    seen = Seen(None, joints, scores, "coco17", np.array([30, 10, 70, 90.0]))
    distance = limb_distance(seen, (100, 120), (0, 0))
    assert distance[40, 50] < 0.02
    assert abs(distance[40, 66] - 16 / 80) < 0.02
    assert abs(distance[40, 110] - 60 / 80 - 0.15) < 0.05  # outside of the box
    # Somebody without a sure joint: the middle of the box.
    seen = Seen(None, joints, 0 * scores, "coco17", np.array([30, 10, 70, 90.0]))
    assert np.unravel_index(limb_distance(seen, (100, 120), (0, 0)).argmin(), (100, 120)) == pytest.approx(
        (50, 50), abs=2
    )


def test_pieces_and_repetitions_of_a_person_are_merged():
    whole = Candidate(np.array([0, 0, 40, 100.0]), 0.9)
    again = Candidate(np.array([2, 1, 41, 98.0]), 0.8)
    hand = Candidate(np.array([2, 40, 12, 52.0]), 0.5)
    child = Candidate(np.array([5, 40, 35, 100.0]), 0.85)  # as sure as the one behind: somebody else
    other = Candidate(np.array([60, 0, 100, 100.0]), 0.4)
    assert merge([hand, again, other, whole, child]) == [whole, child, other]
    assert merge([]) == []


def test_a_piece_of_a_person_has_that_persons_joints():
    rng = np.random.default_rng(0)
    joints, scores = rng.uniform(20, 80, (21, 2)), np.full(21, 0.9)
    window, mask = Window(50, 50, 100), np.zeros((8, 8), np.float32)
    whole = Glance(window, joints, scores, 5.0, mask)
    upper = np.where(np.arange(21) < 8, 0.9, 0.05)
    piece = Glance(window, joints + rng.normal(0, 2, (21, 2)), upper, 3.0, mask)
    neighbour = Glance(window, joints + np.array([20, 0]), scores, 5.0, mask)
    box, small = np.array([10, 10, 90, 90.0]), np.array([15, 12, 70, 60.0])
    assert same_person(small, piece, box, whole)
    assert not same_person(box + np.array([20, 0, 20, 0]), neighbour, box, whole)
    unsure = Glance(window, joints, 0.1 * scores, 3.0, mask)
    assert not same_person(small, unsure, box, whole)
    assert same_person(box + 1, unsure, box, whole)


def test_evidence_and_calibration_are_probabilities():
    evidence = Evidence(finder=2.0, look=0.5, bias=1.0)
    assert evidence.probability(0.5, 0.0) == pytest.approx(0.5)
    assert evidence.probability(0.5, 4.0) == pytest.approx(1 / (1 + np.exp(-2)))
    assert evidence.probability(0.5, 4.0, doubt=2.0) == pytest.approx(0.5)
    assert evidence.probability(-1e9, 1e3) == pytest.approx(0, abs=1e-9)
    calibration = Calibration(bias=1.0, scale=2.0)
    assert calibration.probability(np.array([1.0, 3.0])) == pytest.approx([0.5, 1 / (1 + np.exp(-1))])
    assert calibration.probability(logit(0.5)) < 0.5
    assert Calibration().probability(logit(np.array([0.1, 0.7]))) == pytest.approx([0.1, 0.7])


def test_a_box_that_is_wrong_is_looked_at_again(weights):
    image = oracle.scene(300, 400, (120, 60, 240, 280))
    predict = predictor(weights)
    pyramid = Pyramid(image)
    half = Candidate(np.array([170, 170, 240, 300.0]), 0.9)
    (once,) = predictor(weights, refine=1)._closer(pyramid, [half], True, {})
    (twice,) = predict._closer(pyramid, [half], True, {})
    assert iou(once.box, half.box) == pytest.approx(1, abs=1e-6)
    assert iou(twice.box, np.array([120, 60, 240, 280.0])) > iou(half.box, np.array([120, 60, 240, 280.0])) + 0.2


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
            assert [person.track_id for person in prediction.people] == [1]
    plain = list(predictor(weights).frames(tmp_path / "v.mp4", every=3))
    assert len(plain) == 4
    assert plain[0].people[0].track_id is None


def test_a_box_in_a_video_chooses_whom_to_follow(weights, tmp_path):
    with VideoWriter(tmp_path / "v.mp4") as video:
        for i in range(6):
            video.write(oracle.scene(220, 320, (20 + 5 * i, 40, 80 + 5 * i, 180), (240 - 5 * i, 30, 290 - 5 * i, 200)))
    frames = list(predictor(weights).frames(tmp_path / "v.mp4", box=(20, 40, 80, 180)))
    assert all(len(p.people) == 1 for p in frames)
    for i, prediction in enumerate(frames):
        assert iou(prediction.box, np.array([20 + 5 * i, 40, 80 + 5 * i, 180.0])) > 0.6


def test_the_module_is_a_function(weights):
    image = oracle.scene(300, 400, (120, 60, 240, 280))
    for _ in range(2):  # before and after the attribute of the package has become the module
        prediction = humansense.predict(image, weights=weights, finder=weights, scales=[1.0])
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
    with pytest.raises(HumansenseError, match="'finder'"):
        Finder(str(tmp_path / "parts.safetensors"))


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
