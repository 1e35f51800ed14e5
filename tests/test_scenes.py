"""Whole pictures with boxes, and the detector that learns from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from humansense.core import HumansenseError, Person, Sample
from humansense.data import augment
from humansense.data.augment import AugmentSettings
from humansense.data.crops import collate
from humansense.data.loaders import crop_loader
from humansense.data.scenes import EvalScenes, TrainScenes, moved_boxes
from humansense.data.transforms import crop_matrix
from humansense.losses import box_heatmaps, focal_center_loss, giou, giou_loss
from humansense.tasks import make_task, suppress
from humansense.tasks.finder import boxes_of, mean_in_boxes

PLAIN = AugmentSettings(
    grey=0, colour=0, shade=0, low_resolution=0, blur=0, noise=0, jpeg=0, no_person=0, aspect=0, texture_background=0
)
RED = np.array([230, 20, 20])


class Pictures:
    """Red people on grey, one in the first picture, three in the second, nobody in the third."""

    def __init__(self) -> None:
        boxes = [[(30, 20, 60, 100)], [(10, 10, 30, 60), (70, 30, 110, 110), (130, 50, 150, 90)], []]
        self.samples = []
        for i, rows in enumerate(boxes):
            image = np.full((120, 160, 3), 90, np.uint8)
            for x0, y0, x1, y1 in rows:
                image[y0:y1, x0:x1] = RED
            joints = np.full((21, 2), np.nan, np.float32)
            people = tuple(Person("human21", joints, box=np.array(box, np.float32)) for box in rows)
            self.samples.append(Sample(image, f"p{i}", people=people))

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, i: int) -> Sample:
        return self.samples[i]


@pytest.fixture(autouse=True)
def _grey_borders_and_covers(monkeypatch):
    """Colours that come by chance may be that of the people."""
    monkeypatch.setattr(augment, "sample_border", lambda rng: (0, (0, 0, 0)))
    monkeypatch.setattr(augment, "texture", lambda size, rng: np.full((*size, 3), 60, np.uint8))


def red(image: np.ndarray) -> np.ndarray:
    return np.abs(image.astype(int) - RED).max(-1) < 60


@pytest.mark.parametrize("turn", [0.0, np.pi / 2, np.pi, 1.5 * np.pi])
@pytest.mark.parametrize("mirror", [False, True])
def test_boxes_move_with_the_picture(turn, mirror):
    sample = Pictures().read(1)
    matrix = crop_matrix(np.array([80.0, 60.0]), 170.0, (256, 256), turn, mirror)
    boxes, unsure = moved_boxes(np.stack([p.box for p in sample.people]), matrix, (256, 256))
    from humansense.data.transforms import warp_image

    seen = red(warp_image(sample.image, matrix, (256, 256)))
    covered = np.zeros_like(seen)
    for x0, y0, x1, y1 in boxes.round().astype(int):
        covered[y0:y1, x0:x1] = True
        assert seen[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].all()
    assert not (seen & ~covered)[2:-2, 2:-2].sum() > 0.02 * seen.sum()
    assert not unsure.any()


def test_who_is_cut_off_or_tiny_is_unsure():
    boxes = np.array([[-40, 10, 10, 60], [5, 5, 9, 10], [20, 20, 60, 90], [300, 0, 320, 40.0]])
    moved, unsure = moved_boxes(boxes, np.eye(3), (100, 100))
    assert moved.tolist() == [[0, 10, 10, 60], [5, 5, 9, 10], [20, 20, 60, 90]]
    assert unsure.tolist() == [True, True, False]


def test_training_scenes_show_people_where_their_boxes_are():
    scenes = TrainScenes([Pictures()], 128, seed=3, settings=PLAIN)
    sizes, crowds, empties = [], 0, 0
    for n in range(60):
        crop = scenes.crop(n)
        assert crop.image.shape == (128, 128, 3)
        assert crop.has_person == (len(crop.boxes) > 0)
        seen = red(crop.image)
        inside = np.zeros_like(seen)
        for box, unsure in zip(crop.boxes, crop.unsure, strict=True):
            x0, y0, x1, y1 = np.round(box).astype(int)
            inside[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1] = True
            if not unsure:
                assert seen[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1].mean() > 0.85
                sizes.append(max(x1 - x0, y1 - y0) / 128)
        assert (seen & ~inside).sum() < 30
        crowds += len(crop.boxes) > 3
        empties += len(crop.boxes) == 0
    assert min(sizes) < 0.2
    assert max(sizes) > 0.9
    assert crowds > 3
    assert empties > 3
    again = TrainScenes([Pictures()], 128, seed=3, settings=PLAIN)
    assert all(np.array_equal(scenes.crop(n).image, again.crop(n).image) for n in (0, 7))


def test_nobody_is_left_in_a_scene_that_has_no_boxes():
    settings = AugmentSettings(**{**vars(PLAIN), "no_person": 1.0})
    scenes = TrainScenes([Pictures()], 96, seed=1, settings=settings)
    for n in range(30):
        crop = scenes.crop(n)
        assert not len(crop.boxes)
        assert red(crop.image).mean() < 0.02


def test_whole_pictures_are_measured():
    scenes = EvalScenes(Pictures(), 80)
    (batch,) = crop_loader(scenes, 8)
    assert batch.boxes.shape == (3, 3, 4)
    assert batch.boxes[0, 0].tolist() == [15, 20, 30, 60]  # half the size, 10 pixels of border above
    assert torch.isfinite(batch.boxes).all(-1).sum(1).tolist() == [1, 3, 0]
    assert batch.has_person.tolist() == [True, True, False]
    task = make_task("finder", {"image_size": 80})
    metrics = task.metrics()
    perfect = torch.nan_to_num(batch.boxes)
    scores = torch.isfinite(batch.boxes).all(-1).float()
    metrics.update({"boxes": perfect, "scores": scores}, batch)
    assert metrics.compute() == {"box_ap": pytest.approx(1.0), "box_ap50": pytest.approx(1.0), "false_alarms": 0.0}
    metrics.update({"boxes": perfect.flip(0), "scores": torch.ones(3, 3)}, batch)
    figures = metrics.compute()
    assert figures["box_ap50"] < 0.9
    assert figures["false_alarms"] == 0.5


def test_gaussians_have_the_shape_of_their_boxes():
    boxes = torch.tensor([[[8.0, 16, 40, 80], [torch.nan] * 4]])
    maps = box_heatmaps(boxes, (96, 64), 4)
    assert maps.shape == (1, 2, 24, 16)
    assert not maps[0, 1].any()
    assert maps[0, 0].max() == 1
    row, column = divmod(int(maps[0, 0].argmax()), 16)
    assert (row, column) == (12, 6)  # the cell of (24, 48)
    # One standard deviation away from the centre of the cell: 0.54 / 6 of the side.
    assert float(maps[0, 0, 12, 7]) == pytest.approx(np.exp(-0.5 * (1 / (8 * 0.09)) ** 2), rel=1e-4)
    assert float(maps[0, 0, 13, 6]) == pytest.approx(np.exp(-0.5 * (1 / (16 * 0.09)) ** 2), rel=1e-4)


def test_focal_loss_by_hand():
    logits, heat = torch.tensor([[[[2.0, -1.0, 0.5]]]]), torch.tensor([[[[1.0, 0.5, 0.0]]]])
    p = torch.sigmoid(logits)[0, 0, 0]
    wanted = -((1 - p[0]) ** 2 * p[0].log() + 0.5**4 * p[1] ** 2 * (1 - p[1]).log() + p[2] ** 2 * (1 - p[2]).log())
    mask = torch.ones(1, 1, 1, 3, dtype=torch.bool)
    assert focal_center_loss(logits, heat, mask).item() == pytest.approx(wanted.item(), rel=1e-5)
    mask[..., 2] = False
    less = wanted + p[2] ** 2 * (1 - p[2]).log()
    assert focal_center_loss(logits, heat, mask).item() == pytest.approx(less.item(), rel=1e-5)
    assert focal_center_loss(logits, 0 * heat, 0 * mask > 0).item() == 0


def test_giou_by_hand():
    one = torch.tensor([0.0, 0, 10, 10])
    assert giou(one, one).item() == pytest.approx(1)
    assert giou(one, torch.tensor([5.0, 0, 15, 10])).item() == pytest.approx(50 / 150)  # the hull is the union
    assert giou(one, torch.tensor([20.0, 0, 30, 10])).item() == pytest.approx(-100 / 300)
    weights = torch.tensor([1.0, 0.0])
    loss = giou_loss(torch.stack([one, one]), torch.stack([one + 0, one + 100]), weights)
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_decoding_reads_what_was_encoded():
    task = make_task("finder", {"image_size": 128})
    crop = EvalScenes(Pictures(), 128).crop(1)
    batch = collate([crop])
    targets = task.targets(batch)
    h = 32
    ys, xs = np.mgrid[:h, :h] + 0.5
    at = np.stack([xs, ys, xs, ys], -1) * 4
    sides = torch.log(torch.from_numpy(np.abs(targets["boxes"][0].numpy() - at)).clamp(min=0.02) / 4)
    center = torch.logit(targets["center"].clamp(1e-6, 1 - 1e-6))
    full = torch.full((1, 1, h, h), 9.0)
    output = {"center": center, "sides": sides.permute(2, 0, 1)[None].float(), "mask": full}
    results = task.decode([output])
    found = results["boxes"][0][results["scores"][0] > 0.9].numpy()
    truth = crop.boxes
    assert len(found) == 3
    # A centre is believed as far as the mask does.
    assert task.decode([output | {"mask": -full}])["scores"].max() < 0.1
    for box in found:
        assert np.abs(truth - box).max(1).min() < 1e-2
    # The picture is as red as its mask is full; where nobody drew parts, no mask is asked for.
    assert not targets["drawn"].any()
    batch.parts[:] = 0
    batch.parts[0, 24:80, 40:72] = 5
    drawn = task.targets(batch)
    assert drawn["drawn"].all()
    assert drawn["mask"][0, 0, 6:20, 10:18].all()
    assert drawn["mask"].sum() == 14 * 8
    # Where somebody unsure is, nothing is asked.
    batch.boxes_unsure[0, 0] = True
    again = task.targets(batch)
    row, column = (int(v) // 4 for v in ((truth[0, 1] + truth[0, 3]) / 2, (truth[0, 0] + truth[0, 2]) / 2))
    assert not again["counts"][0, 0, row, column]
    assert again["weights"][0, row, column] == 0
    assert (again["center"] == 1).sum() == 2


def test_the_mean_in_a_box_is_that_of_its_middle():
    maps = torch.rand(2, 20, 30)
    boxes = torch.tensor([[[4.0, 4, 20, 16], [-5, -5, 6, 6]], [[10, 2, 10.5, 2.5], [25, 10, 60, 40]]])
    means = mean_in_boxes(maps, boxes)
    assert means[0, 0] == pytest.approx(min(1.0, maps[0, 7:13, 8:16].mean().item() / 0.7), rel=1e-5)
    assert means[0, 1] == pytest.approx(min(1.0, maps[0, 0:4, 0:4].mean().item() / 0.7), rel=1e-5)
    assert means[1, 0] == pytest.approx(min(1.0, maps[1, 2, 10].item() / 0.7), rel=1e-5)
    assert ((means >= 0) & (means <= 1)).all()


def test_the_finder_takes_any_size_but_not_any_shape():
    task = make_task("finder")
    net = task.build_net().eval()
    with torch.inference_mode():
        (output,) = net(task.inputs(torch.rand(1, 3, 96, 160)))
    assert output["center"].shape == (1, 1, 24, 40)
    assert boxes_of(output["sides"]).shape == (1, 24, 40, 4)
    assert output["center"].sigmoid().mean() < 0.3  # it begins by seeing few people
    with pytest.raises(HumansenseError, match="multiples"):
        task.inputs(torch.rand(1, 3, 95, 160))


def test_suppression_keeps_the_best_of_those_that_overlap():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30], [0, 0, 10, 10.0]])
    assert suppress(boxes, np.array([0.5, 0.9, 0.1, 0.6])).tolist() == [1, 2]
    assert suppress(boxes, np.array([0.5, 0.9, 0.1, 0.6]), overlap=0.9).tolist() == [1, 3, 2]
    assert suppress(np.zeros((0, 4)), np.zeros(0)).tolist() == []
