"""Windows of captures, their cheap frame counts, pace, and what is said about files that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from humansense.bodies import load_body
from humansense.core import HumansenseError
from humansense.geometry import axis_angle_to_matrix, matrix_to_axis_angle
from humansense.motion import Motion, read_motion, resample, retarget
from humansense.motion.expmap import COLUMNS
from humansense.motion.windows import Window, cut, frame_count, plan_windows, windows

DATA = Path(os.environ.get("HUMANSENSE_DATA", "/nowhere")) / "mocap"
real = pytest.mark.skipif(not DATA.is_dir(), reason="needs $HUMANSENSE_DATA/mocap")


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.5, 0.7, 0.99])
@pytest.mark.parametrize("count", [2, 31, 99, 100, 101, 130, 131, 170, 171, 1000])
def test_windows_cover_a_sequence(count: int, overlap: float) -> None:
    clips = windows(count, 100, overlap)
    step = round(100 * (1 - overlap))
    assert [c.start for c in clips] == [k * step for k in range(len(clips))]
    assert all(len(c) == 100 for c in clips[:-1])
    covered = set().union(*clips)
    assert covered == set(range(count)) or (overlap == 0 and count % 100 == 1 and len(covered) == count - 1)
    if len(clips) > 1:
        assert 100 - step < len(clips[-1]) <= 100
        assert clips[-2].stop < count  # the last one is needed


def test_windows_as_in_the_paper() -> None:
    """A tail a sequence explains Table 3.1: 6.54 million frames in 67,582 clips of 2,607 sequences filmed thrice."""
    starts = {o: [c.start for c in windows(240, 100, o)] for o in (0.3, 0.5, 0.7)}
    assert starts == {0.3: [0, 70, 140], 0.5: [0, 50, 100, 150], 0.7: [0, 30, 60, 90, 120, 150]}
    # A frame is in 1 / 0.7 + 1 / 0.5 + 1 / 0.3 clips, so those sequences have 371 frames on average.
    clips = [len(c) for o in (0.3, 0.5, 0.7) for n in range(171, 571, 7) for c in windows(n, 100, o)]
    assert np.mean(clips) == pytest.approx(6_536_752 / 67_582, abs=0.7)
    assert windows(1) == []
    with pytest.raises(HumansenseError, match="overlap 1"):
        windows(100, 100, 1.0)
    with pytest.raises(HumansenseError, match="clips of 1 frames"):
        windows(100, 1)


BVH_HEAD = """HIERARCHY
ROOT Hips
{{
OFFSET 0 0 0
CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
{joints}
}}
MOTION
Frames: {frames}
Frame Time: {time}
"""


def bvh(path: Path, frames: int = 20, time: str = "0.008333", calibrated: bool = False, hand: str = "Hand") -> Path:
    """A person with the joints of plain BVH files; every frame turns the root a little."""

    def joint(name: str, offset: str, inside: str) -> str:
        return f"JOINT {name}\n{{\nOFFSET {offset}\nCHANNELS 3 Zrotation Xrotation Yrotation\n{inside}\n}}\n"

    def tip(offset: str) -> str:
        return f"End Site\n{{\nOFFSET {offset}\n}}"

    parts = joint("Spine", "0 10 0", joint("Head", "0 50 0", tip("0 20 0")))
    for side, x in (("Left", 1), ("Right", -1)):
        foot = joint(f"{side}Foot", "0 -42 0", joint(f"{side}ToeBase", "0 -6 14", tip("0 0 5")))
        parts += joint(f"{side}UpLeg", f"{9 * x} -5 0", joint(f"{side}Leg", "0 -42 0", foot))
        wrist = joint(f"{side}{hand}", f"{25 * x} 0 0", tip(f"{16 * x} 0 0"))
        arm = joint(f"{side}Arm", f"{12 * x} 0 0", joint(f"{side}ForeArm", f"{28 * x} 0 0", wrist))
        parts += joint(f"{side}Shoulder", f"{4 * x} 45 0", arm)
    channels = parts.count("CHANNELS")
    text = BVH_HEAD.format(joints=parts, frames=frames, time=time)
    for t in range(frames):
        turn = 0.0 if calibrated and t == 0 else 2.0 * t + 60 * calibrated
        text += f"0 95 {t} 0 {turn} 0 " + " ".join(["0"] * (3 * channels)) + "\n"
    path.write_text(text)
    return path


ASF = """:units
length 0.45
angle deg
:root
order TX TY TZ RX RY RZ
axis XYZ
position 0 0 0
orientation 0 0 0
:bonedata
{bones}:hierarchy
begin
root {children}
{rest}end
"""


def amc(path: Path, frames: int = 9) -> Path:
    """A person of Acclaim's bones beside its skeleton."""
    bones = {
        "lowerback": ("root", "0 1 0", 2), "upperback": ("lowerback", "0 1 0", 2), "thorax": ("upperback", "0 1 0", 2),
        "head": ("thorax", "0 1 0", 2),
    }  # fmt: skip
    for s, x in (("l", 1), ("r", -1)):
        bones |= {
            f"{s}femur": ("root", f"{0.3 * x} -1 0", 7), f"{s}tibia": (f"{s}femur", "0 -1 0", 7),
            f"{s}foot": (f"{s}tibia", "0 -0.3 1", 2), f"{s}toes": (f"{s}foot", "0 0 1", 1),
            f"{s}clavicle": ("thorax", f"{x} 0.5 0", 3), f"{s}humerus": (f"{s}clavicle", f"{x} 0 0", 5),
            f"{s}radius": (f"{s}humerus", f"{x} 0 0", 4), f"{s}hand": (f"{s}radius", f"{x} 0 0", 1),
            f"{s}fingers": (f"{s}hand", f"{x} 0 0", 1),
        }  # fmt: skip
    data = "".join(
        f"begin\nname {n}\ndirection {d}\nlength {length}\naxis 0 0 0 XYZ\ndof rx\nend\n"
        for n, (_, d, length) in bones.items()
    )
    roots = [n for n, row in bones.items() if row[0] == "root"]
    rest = "".join(f"{row[0]} {n}\n" for n, row in bones.items() if row[0] != "root")
    path.with_suffix(".asf").write_text(ASF.format(bones=data, children=" ".join(roots), rest=rest))
    rows = "".join(f"{t + 1}\nroot 0 16 {t} 0 0 0\n" + "".join(f"{n} {t}\n" for n in bones) for t in range(frames))
    path.write_text(":FULLY-SPECIFIED\n:DEGREES\n" + rows)
    return path


def expmap(path: Path, frames: int = 9) -> Path:
    rows = np.zeros((frames, COLUMNS))
    rows[:, 5] = np.linspace(0, 0.1, frames)
    np.savetxt(path, rows, delimiter=",", fmt="%.5f")
    return path


def amass(path: Path, frames: int = 9) -> Path:
    np.savez(path, poses=np.zeros((frames, 156)), trans=np.zeros((frames, 3)), mocap_framerate=60)
    return path


MAKERS = {"bvh": bvh, "amc": amc, "txt": expmap, "npz": amass}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("frames", [1, 3, 9, 400])
def test_frames_are_counted_as_they_are_read(tmp_path: Path, kind: str, frames: int) -> None:
    path = MAKERS[kind](tmp_path / f"a.{kind}", frames=frames)
    motion = read_motion(path)
    assert frame_count(path) == (len(motion), motion.fps) == (frames, motion.fps)
    if kind == "bvh":
        bvh(path, frames=frames, calibrated=True)
        assert frame_count(path)[0] == len(read_motion(path)) == frames - (frames > 3)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_single_frame_is_a_still_that_can_be_posed_but_makes_no_clip(tmp_path: Path, kind: str) -> None:
    path = MAKERS[kind](tmp_path / f"a.{kind}", frames=1)
    still = retarget(read_motion(path), load_body())
    assert len(still) == 1
    assert still.pose.isfinite().all()
    plan, failed = plan_windows([path], 30.0)
    assert plan == ()
    assert failed == [
        (str(path), f"{path} has 1 frame, 1 at 30 a second: a clip needs at least two; give a longer capture")
    ]


BROKEN = {
    "bvh": [("Frame Time: 0.008333", "Frame Time: 1e-9", "says 1e\\+09 frames a second"),
            ("0 95 2 0 4.0 0 ", "0 nan 2 0 4.0 0 ", "'nan' is not a finite number"),
            ("0 95 2 0 4.0 0 ", "0 95 2 0 4.0 ", "numbers, the hierarchy has"),
            ("Frames: 20", "Frames: 0", "holds no frames"),
            ("JOINT LeftHand\n", "JOINT LeftPaw\n", "no name map fits this skeleton.*lacks LeftHand")],
    "amc": [("lfemur 2\n", "lthigh 2\n", "unknown joint 'lthigh'"), ("lfemur 2\n", "lfemur inf\n", "'inf' is not"),
            ("lfemur 2\n", "lfemur\n", "has 0 numbers")],
    "txt": [("0.00000", "nan", "line 1: 'nan' is not a finite number"), ("0.00000,", "", "116 numbers, expected 117")],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "row"), [(kind, row) for kind, rows in BROKEN.items() for row in rows])
def test_broken_files_are_reported_and_the_others_planned(tmp_path: Path, kind: str, row: tuple[str, str, str]) -> None:
    path, good = MAKERS[kind](tmp_path / f"broken.{kind}"), bvh(tmp_path / "good.bvh")
    text = path.read_text()
    assert row[0] in text
    path.write_text(text.replace(row[0], row[1], 1))
    for whole in (False, True):
        plan, failed = plan_windows([path, good, tmp_path / "missing.npz"], 60.0, 4, (0.5,), whole=whole)
        assert [file for file, _ in failed] == [str(path), str(tmp_path / "missing.npz")]
        with pytest.raises(HumansenseError, match=row[2]):
            raise HumansenseError(failed[0][1])
        assert "\n" not in failed[0][1]
        assert "broken" in failed[0][1] or "LeftHand" in failed[0][1]
        assert {w.file for w in plan} == {str(good)}


def test_faults_behind_the_head_are_found_by_reading_it_whole(tmp_path: Path) -> None:
    path = expmap(tmp_path / "a.txt", 50)
    lines = path.read_text().splitlines()
    lines[40] = lines[40].replace("0.00000", "inf", 1)
    path.write_text("\n".join(lines))
    assert plan_windows([path], 120.0)[1] == []
    assert "line 41: 'inf'" in plan_windows([path], 120.0, whole=True)[1][0][1]


def test_a_plan_is_in_order_and_counts_at_the_new_rate(tmp_path: Path) -> None:
    files = [amass(tmp_path / "b.npz", 61), amass(tmp_path / "a.npz", 31)]  # 60 a second
    plan, failed = plan_windows(files, 30.0, 10)
    assert failed == []
    expected = []
    for file, count in zip(files, (31, 16), strict=True):
        assert len(resample(read_motion(file), 30.0)) == count
        expected += [Window(str(file), c.start, len(c), o) for o in (0.3, 0.5, 0.7) for c in windows(count, 10, o)]
    assert list(plan) == expected


def turning(frames: int = 61, fps: float = 60.0) -> Motion:
    """One joint that turns by 2 rad/s about z and walks by 1.5 m/s along x."""
    t = torch.arange(frames) / fps
    turn = axis_angle_to_matrix(t[:, None] * torch.tensor([0.0, 0.0, 2.0]))
    return Motion(("a",), (-1,), torch.zeros(1, 3), turn[:, None], t[:, None] * torch.tensor([1.5, 0, 0]), fps, "bvh")


@pytest.mark.parametrize("speed", [0.8, 1.0, 1.25])
def test_pace_scales_velocities(speed: float) -> None:
    motion = resample(turning(), 30.0, speed)
    assert motion.fps == 30
    assert len(motion) == int(1.0 / speed * 30 + 1e-6) + 1
    velocity = motion.root.diff(dim=0).norm(dim=-1) * 30
    torch.testing.assert_close(velocity, torch.full_like(velocity, 1.5 * speed), atol=1e-4, rtol=0)
    steps = matrix_to_axis_angle(motion.rotations[:-1, 0].transpose(-1, -2) @ motion.rotations[1:, 0])[:, 2] * 30
    torch.testing.assert_close(steps, torch.full_like(steps, 2 * speed), atol=1e-3, rtol=0)
    assert torch.equal(motion.root, resample(turning(), 30.0, speed).root)
    for bad in (0.0, float("nan"), float("inf")):
        with pytest.raises(HumansenseError, match="times its pace"):
            resample(turning(), 30.0, bad)


@pytest.mark.parametrize("speed", [0.8, 1.0, 1.25])
def test_a_window_is_cut_at_its_pace(speed: float) -> None:
    motion = turning(601)  # 10 s
    for start in (0, 100, 290):
        clip = cut(motion, Window("a", start, 12, 0.3), 30.0, speed)
        assert (len(clip), clip.fps) == (12, 30)
        at = min(start / 30, 10 - 11 / 30 * speed)
        expected = 1.5 * (at + torch.arange(12) / 30 * speed)
        torch.testing.assert_close(clip.root[:, 0], expected, atol=1.5 / 60, rtol=0)
        torch.testing.assert_close(clip.root[:, 0].diff(), torch.full((11,), 1.5 * speed / 30), atol=1e-4, rtol=0)
    assert len(cut(turning(31), Window("a", 0, 16, 0.3), 30.0, 1.25)) == 13  # half a second is 0.4 s long then


@real
def test_real_captures_are_counted_as_they_are_read() -> None:
    for name in ("cmu_amc/subjects/02/02_01.amc", "cmu_bvh/salsa/01.bvh", "cmu_expmap/train/walking/walking_3.txt"):
        motion = read_motion(DATA / name)
        assert frame_count(DATA / name) == (len(motion), motion.fps)
