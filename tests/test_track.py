"""People keep their numbers: crossings, gaps, flickers, and what a video's outputs hold."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from humansense.cli.predict import Predict, VideoOptions, one_video
from humansense.core import FoundPerson, HumansenseError, Prediction
from humansense.predict.tables import CocoWriter, TrackTable, category
from humansense.predict.track import Tracker, TrackSettings, color_histogram, follow
from humansense.video import VideoWriter, read_frames
from humansense.view import draw

FPS = 25.0
SHAPE = np.random.default_rng(5).uniform(-0.45, 0.45, (17, 2))


def person(x: float, y: float = 100, height: float = 80, score: float = 0.9, shape: np.ndarray = SHAPE) -> FoundPerson:
    size = np.array([height * 0.4, height])
    center = np.array([x, y])
    box = np.concatenate([center - size / 2, center + size / 2]).astype(np.float32)
    joints = (center + shape * size).astype(np.float32)
    return FoundPerson(score, box, joints, np.full(17, 0.8, np.float32))


def prediction(*people: FoundPerson, size: tuple[int, int] = (200, 320)) -> Prediction:
    image = np.full((*size, 3), 90, np.uint8)
    blank = np.zeros(size, np.uint8)
    depth = np.full(size, np.nan, np.float32)
    return Prediction(image, people, blank, depth, blank.copy(), max((p.score for p in people), default=0.0))


def ids(frames, settings: TrackSettings | None = None) -> list[list[int | None]]:
    tracker = Tracker(settings)
    return [[p.track_id for p in tracker.update(tuple(f), i / FPS)] for i, f in enumerate(frames)]


def test_two_people_who_cross_keep_their_numbers_in_whatever_order_they_come():
    frames = [[person(60 + 4 * i), person(260 - 4 * i, 104, 90)] for i in range(50)]
    swapped = [f[::-1] if i % 2 else f for i, f in enumerate(frames)]
    found = [row[::-1] if i % 2 else row for i, row in enumerate(ids(swapped))]
    assert found == [[1, 2]] * 50


def test_the_hidden_one_of_a_crossing_gets_the_number_back():
    hidden = range(20, 31)
    frames = [[person(60 + 4 * i)] + ([] if i in hidden else [person(260 - 4 * i, 108, 90)]) for i in range(50)]
    assert [row[0] for row in ids(frames)] == [1] * 50
    assert {row[1] for row in ids(frames) if len(row) > 1} == {2}


@pytest.mark.parametrize(("gap", "expected"), [(25, {1}), (50, {1, 2})])
def test_a_gap_keeps_the_number_up_to_its_limit(gap, expected):
    frames = [[person(100)]] * 10 + [[]] * gap + [[person(104)]] * 10
    seen = {i for row in ids(frames) for i in row if i is not None}
    assert seen == expected


def test_memory_stays_constant():
    tracker = Tracker(TrackSettings(max_gap_s=0.2))
    for i in range(200):
        tracker.update((person(40 + 60 * (i % 4), score=0.9),), i * 0.5)  # nobody stays
        assert len(tracker.tracks) <= 2


def test_a_weak_sight_continues_a_person_but_starts_none():
    frames = [[person(100)]] * 5 + [[person(100, score=0.2)]] * 5 + [[person(100), person(250, score=0.2)]] * 5
    found = ids(frames)
    assert found[:10] == [[1]] * 10
    assert found[10:] == [[1, None]] * 5


def test_a_flicker_gets_no_number_and_numbers_have_no_holes():
    frames = [[person(100)] + ([person(250)] if i in (4, 10, 11, 12) else []) for i in range(14)]
    found = ids(frames)
    assert found[0] == [1]  # the first frames show people at once
    assert (found[4], found[10], found[11]) == ([1, None], [1, None], [1, 2])


def test_colour_decides_where_shape_and_motion_cannot():
    red, blue = np.eye(8)[:2]
    people = (person(100), person(104, shape=SHAPE))
    tracker = Tracker()
    for i in range(5):
        tracker.update(people, i / FPS, np.stack([red, blue]))
    # Out of sight for a second; both come back at a place between the two.
    back = tracker.update((person(103), person(101)), 1.2, np.stack([red, blue]))
    assert [p.track_id for p in back] == [1, 2]
    without = Tracker()
    for i in range(5):
        without.update(people, i / FPS)
    assert [p.track_id for p in without.update((person(103), person(101)), 1.2)] == [2, 1]
    with pytest.raises(HumansenseError, match="appearance"):
        tracker.update(people, 2.0, np.ones((3, 8)))


def test_histogram_of_a_mask():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:2] = 255
    mask = np.zeros((4, 4), bool)
    mask[1:3, :2] = True
    histogram = color_histogram(image, mask)
    assert (histogram[0], histogram[-1], histogram.sum()) == (0.5, 0.5, 1.0)
    assert not color_histogram(image, mask & False).any()


def test_follow_numbers_a_newcomer_from_the_first_frame_and_loses_no_frame():
    frames = [prediction(person(100), *([person(250)] if i >= 6 else [])) for i in range(12)]
    out = list(follow(iter(frames), FPS))
    assert len(out) == 12
    assert [[p.track_id for p in f.people] for f in out] == [[1]] * 6 + [[1, 2]] * 6
    assert all(a.image is b.image for a, b in zip(frames, out, strict=True))
    assert list(follow([], FPS)) == []
    assert [len(f.people) for f in follow([prediction(), frames[0], prediction()], FPS)] == [0, 1, 0]
    with pytest.raises(HumansenseError, match="above 0"):
        next(follow(frames, 0))


def test_follow_calms_joints_and_waits_for_no_more_frames_than_it_says():
    rng = np.random.default_rng(0)
    true = [person(60 + 2 * i) for i in range(60)]
    drawn = 0

    def noisy():
        nonlocal drawn
        for p in true:
            drawn += 1
            yield prediction(FoundPerson(0.9, p.box, p.joints + rng.normal(0, 1.5, (17, 2)), p.joint_scores))

    settings = TrackSettings()
    errors = []
    for i, out in enumerate(follow(noisy(), FPS, settings)):
        assert drawn <= i + 1 + settings.smooth.lag_frames(FPS)
        errors.append(out.people[0].joints - true[i].joints)
    rms = np.sqrt(np.mean(np.square(errors[5:-5])))
    assert 0.2 < rms < 1.0


def test_settings_say_what_is_wrong():
    for wrong in ({"max_gap_s": -1}, {"confirm_hits": 0}, {"least": 2.0}):
        with pytest.raises(HumansenseError, match=next(iter(wrong))):
            TrackSettings(**wrong)


class Stub:
    """Knows where two people are in the frames that it reads; one is not found for a while."""

    def frames(self, path, every=1):
        for i, image in enumerate(read_frames(path, every)):
            i *= every
            people = [person(60 + 2 * i)] + ([] if 6 <= i < 9 else [person(240 - 2 * i, 110)])
            out = prediction(*people, size=image.shape[:2])
            out.image = image
            yield out


@pytest.fixture
def clip(tmp_path):
    with VideoWriter(tmp_path / "clip.mp4", fps=FPS) as video:
        for i in range(20):
            video.write(np.full((200, 320, 3), 40 + 5 * i, np.uint8))
    return tmp_path / "clip.mp4"


@pytest.mark.parametrize("every", [1, 3])
def test_the_files_of_a_video_agree(clip, tmp_path, every, monkeypatch):
    monkeypatch.setattr("humansense.predict.results.result_json", lambda p: {"people": len(p.people)})
    out = tmp_path / "out"
    said = one_video(Stub(), clip, out, None, VideoOptions(every=every))
    frames = list(range(0, 20, every))
    assert f"{len(frames)} of {len(frames)} frames, 2 people followed" in said
    assert sorted(p.name for p in out.iterdir()) == ["coco.json", "overlay.mp4", "results.jsonl", "tracks.csv"]
    rows = list(csv.DictReader((out / "tracks.csv").open()))
    seen = [(i, t) for i in frames for t in (1, 2) if t == 1 or not 6 <= i < 9]
    assert [(int(r["frame"]), int(r["track_id"])) for r in rows] == seen
    assert all(float(r["time_s"]) == pytest.approx(int(r["frame"]) / FPS, abs=1e-3) for r in rows)
    coco = json.loads((out / "coco.json").read_text())
    assert [(a["image_id"] - 1, a["track_id"]) for a in coco["annotations"]] == seen
    assert [i["frame_id"] for i in coco["images"]] == frames
    for row, entry in zip(rows, coco["annotations"], strict=True):
        assert float(row["nose_x"]) - 0.5 == pytest.approx(entry["keypoints"][0], abs=0.01)
        assert float(row["x1"]) - float(row["x0"]) == pytest.approx(entry["bbox"][2], abs=0.02)
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == frames
    pictures = list(read_frames(out / "overlay.mp4"))
    assert len(pictures) == len(frames)
    assert np.abs(pictures[0].astype(int) - 40).max() > 100  # something is drawn


def test_an_interrupted_video_leaves_nothing(clip, tmp_path, monkeypatch):
    monkeypatch.setattr("humansense.predict.results.result_json", lambda p: {})

    class Stopped(Stub):
        def frames(self, path):
            for i, found in enumerate(super().frames(path)):
                if i == 12:
                    raise KeyboardInterrupt
                yield found

    with pytest.raises(KeyboardInterrupt):
        one_video(Stopped(), clip, tmp_path / "out", None)
    assert list((tmp_path / "out").iterdir()) == []


def test_tables_without_people_are_valid(tmp_path):
    with TrackTable(tmp_path / "t.csv") as table, CocoWriter(tmp_path / "c.json", "a.mp4") as coco:
        table.write(prediction(), 0, 0.0)
        coco.write(prediction(), 0, 0.0)
    assert (tmp_path / "t.csv").read_text().count("\n") == 1
    content = json.loads((tmp_path / "c.json").read_text())
    assert (content["annotations"], len(content["images"])) == ([], 1)
    with CocoWriter(tmp_path / "n.json", "a.mp4"):
        pass
    assert json.loads((tmp_path / "n.json").read_text())["images"] == []


def test_unknown_joints_are_empty_and_zero(tmp_path):
    found = person(100)
    found.joints[0], found.track_id = np.nan, 7
    with TrackTable(tmp_path / "t.csv") as table, CocoWriter(tmp_path / "c.json", "a.mp4") as coco:
        table.write(prediction(found), 3, 0.12)
        coco.write(prediction(found), 3, 0.12)
    row = next(csv.DictReader((tmp_path / "t.csv").open()))
    assert (row["nose_x"], row["nose_y"], row["track_id"]) == ("", "", "7")
    entry = json.loads((tmp_path / "c.json").read_text())["annotations"][0]
    assert (entry["keypoints"][:3], entry["num_keypoints"]) == ([0.0, 0.0, 0], 16)


def test_a_category_of_other_joints_counts_from_one():
    kind = category("mpii16")
    names = kind["keypoints"]
    lines = {frozenset((names[a - 1], names[b - 1])) for a, b in kind["skeleton"]}
    assert frozenset(("left_knee", "left_hip")) in lines


def test_numbers_have_colours_apart():
    colors = np.array([draw.track_color(i) for i in range(1, 7)], float)
    apart = np.linalg.norm(colors[:, None] - colors[None], axis=-1) + np.eye(6) * 999
    assert apart.min() > 40
    image = np.full((200, 320, 3), 90, np.uint8)
    found = person(100)
    assert (draw.draw_tracks(image, [found]) == image).all()
    found.track_id = 3
    painted = draw.draw_tracks(image, [found])
    assert (painted == draw.track_color(3)).all(-1).sum() > 50


def test_options_of_the_command_line_reach_the_tracker():
    command = Predict((), smooth=False, every=2, max_gap=0.4, found_score=0.3)
    options = command._video_options()
    assert (options.every, options.track.max_gap_s, options.track.confident, options.track.smooth) == (
        2,
        0.4,
        0.3,
        None,
    )
    for wrong in ({"every": 0}, {"max_gap": -1.0}):
        with pytest.raises(HumansenseError, match=r"every|max_gap"):
            Predict((), **wrong)._video_options()
