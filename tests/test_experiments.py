"""Experiments: plans that fit together, work that is resumed, and figures and verdicts that come from the runs."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import fake_set
import numpy as np
import pytest
from PIL import Image

from humansense.cli import main
from humansense.core import HumansenseError
from humansense.data.store import ClipSet, ShardWriter, shard_path, start_set
from humansense.experiments import (
    EXPERIMENTS,
    SCALES,
    Options,
    carry_out,
    make_plan,
    scales,
    stock,
    surreal,
    work,
    write_report,
)
from humansense.experiments.judge import cells, judge
from humansense.experiments.plan import METRICS, Finding, Plan, Portion, RealSet, better
from humansense.experiments.report import words
from humansense.experiments.stats import Interval, interval
from humansense.experiments.stock import frames_missing, open_portion, part_of_real
from humansense.motion import PROCEDURAL
from humansense.synth import Ingredients, Source, SynthSettings, sample_spec
from humansense.synth.write import Pantry, clip_ingredients
from humansense.tasks import load_task
from humansense.train import eval_batches, evaluate_net

# --- means and verdicts


def test_student_interval() -> None:
    found = interval([1.0, 2.0, 3.0, 4.0])
    assert found.mean == 2.5
    assert found.half == pytest.approx(3.182446 * math.sqrt(5 / 3) / 2, rel=1e-6)  # t of 3 degrees of freedom, tables
    assert interval([1.0, math.nan, 3.0]) == interval([1.0, 3.0])
    one = interval([7.0])
    assert (one.mean, one.count) == (7.0, 1)
    assert math.isnan(one.low)
    assert interval([]).count == 0


def test_the_interval_holds_the_truth_19_times_in_20() -> None:
    draws = np.random.default_rng(0).normal(3.0, 2.0, (1500, 3)).tolist()
    inside = sum(found.low < 3.0 < found.high for found in map(interval, draws))
    assert abs(inside / 1500 - 0.95) < 0.02


def results_of(metric: str, **rows: list[float]) -> dict:
    return {(row, seed): {"test": {metric: v}} for row, values in rows.items() for seed, v in enumerate(values)}


@pytest.mark.parametrize(
    ("metric", "a", "b", "answer"),
    [
        ("part_iou", [0.50, 0.60, 0.70], [0.40, 0.51, 0.59], "holds"),  # paired: the seeds differ more than the rows
        ("part_iou", [0.40, 0.51, 0.59], [0.50, 0.60, 0.70], "does not hold"),
        ("part_iou", [0.50, 0.60, 0.70], [0.40, 0.75, 0.59], "undecided"),
        ("part_iou", [0.50], [0.10], "undecided"),
        ("depth_rmse_mm", [90.0, 80.0, 70.0], [99.0, 90.0, 81.0], "holds"),  # an error: less is better
        ("depth_rmse_mm", [math.nan] * 3, [1.0, 2.0, 3.0], "undecided"),
    ],
)
def test_verdicts(metric: str, a: list[float], b: list[float], answer: str) -> None:
    finding = better("a beats b", "somewhere", "test", metric, ("a", "b"))
    verdict = judge(finding, results_of(metric, a=a, b=b))
    assert verdict.answer == answer
    sign, factor = (-1 if metric.startswith("depth") else 1), METRICS[metric][1]
    differences = [sign * factor * (x - y) for x, y in zip(a, b, strict=True)]
    assert verdict.margin.mean == pytest.approx(float(np.mean(differences)), nan_ok=True)


def test_a_bend_is_a_weighted_sum() -> None:
    finding = Finding("bends", "", "test", "part_iou", (("mid", 2.0), ("low", -1.0), ("high", -1.0)))
    made = results_of("part_iou", low=[0.1, 0.1], mid=[0.4, 0.41], high=[0.5, 0.52])
    assert judge(finding, made).margin.mean == pytest.approx(100 * (0.2 + 0.2) / 2)


# --- few outfits, chosen movements


INGREDIENTS = Ingredients(tuple(Source(f"procedural:{kind}") for kind in PROCEDURAL), size=(72, 96), frames=2)


def test_outfits_change_nothing_but_the_outfit() -> None:
    for outfits in (1, 3):
        seeds = []
        for clip in range(7):
            own = sample_spec((5, 0, clip), "surreal", INGREDIENTS)
            few = sample_spec((5, 0, clip), "surreal", replace(INGREDIENTS, outfits=outfits))
            assert few != own
            assert replace(few, actors=own.actors) == own
            assert replace(few.actors[0], outfit_seed=own.actors[0].outfit_seed) == own.actors[0]
            seeds.append(few.actors[0].outfit_seed)
        assert len(set(seeds)) == outfits
        assert seeds == [seeds[clip % outfits] for clip in range(7)]  # in turn: each is worn equally often
    one = replace(INGREDIENTS, outfits=1)
    again = sample_spec((5, 0, 2, 1), "surreal", one).actors[0].outfit_seed
    assert again == sample_spec((5, 0, 0), "surreal", one).actors[0].outfit_seed
    other = {sample_spec(seed, "surreal", one).actors[0].outfit_seed for seed in ((5, 1, 0), (6, 0, 0))}
    assert again not in other  # another split and another set have other clothes


def test_chosen_movements(tmp_path: Path) -> None:
    plain = SynthSettings(tmp_path, preset="wild")
    assert not {"outfits", "kinds"} & plain.description().keys()  # sets made before can be resumed
    few = replace(plain, kinds=("walk", "lie"), outfits=2)
    assert few.description() | {"outfits": 2, "kinds": ["walk", "lie"]} == few.description()
    pantry = Pantry((), (), (), None)
    for number in range(6):
        ingredients = clip_ingredients(few, pantry, number)
        assert ingredients.sources == (Source("procedural:walk"), Source("procedural:lie"))
        assert ingredients.outfits == 2
    with pytest.raises(HumansenseError, match="unknown kind of motion 'fly'"):
        replace(plain, kinds=("fly",))
    with pytest.raises(HumansenseError, match="--outfits is 0"):
        replace(plain, outfits=0)


# --- plans


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_plan_fits_together(name: str, scale: str, tmp_path: Path) -> None:
    plan = make_plan(name, Options(tmp_path / "out", scale=scale, seeds=2))
    assert not list(tmp_path.iterdir())
    before: set[tuple[str, int]] = set()
    for run in plan.runs:
        assert {portion.data for portion in run.data} | set(run.tests) <= plan.sets.keys()
        assert run.init is None or (run.init, run.seed) in before
        before.add((run.row, run.seed))
    assert len({run.key for run in plan.runs}) == len(plan.runs) == len(before) == 2 * len(plan.rows)
    folders = [made.out for made in plan.sets.values() if isinstance(made, SynthSettings)]
    assert len(set(folders)) == len(folders)
    for finding in plan.findings:
        assert {row for row, _ in finding.weights} <= set(plan.rows)
        assert sum(weight for _, weight in finding.weights) == 0  # equal rows bear nothing out
        assert finding.metric in METRICS
        for row, _ in finding.weights:
            assert any(run.row == row and finding.test in run.tests for run in plan.runs)
    assert not plan.axis or set(plan.axis) == set(plan.rows)
    assert plan.paper == EXPERIMENTS[name].paper
    # Nobody who is trained on is tested on.
    tests = {test for run in plan.runs for test in run.tests}
    for name_of, made in plan.sets.items():
        assert made.split == ("test" if name_of in tests else "train")


def test_runs_of_an_axis_get_equal_training(tmp_path: Path) -> None:
    for name in ("surreal-amount", "surreal-clothes", "surreal-motion"):
        plan = make_plan(name, Options(tmp_path, seeds=1))
        assert len({run.samples for run in plan.runs if run.init is None}) == 1
    plan = make_plan("surreal-clothes", Options(tmp_path, seeds=1))
    mine = [made for name, made in plan.sets.items() if name.startswith("outfits")]
    assert [made.outfits for made in mine] == [1, 10, 100]
    assert {replace(made, outfits=None, out=tmp_path) for made in mine} == {
        replace(mine[0], outfits=None, out=tmp_path)
    }


def test_the_row_up_needs_its_net(tmp_path: Path, monkeypatch) -> None:
    from humansense.nets import NETS

    options = Options(tmp_path, seeds=1)
    monkeypatch.setattr(surreal, "NETS", {k: v for k, v in NETS.items() if not k.endswith("+up")})
    plan = make_plan("surreal-transfer", options)
    assert not any("+up" in row for row in plan.rows)
    assert any("'small+up'" in note for note in plan.notes)
    monkeypatch.setattr(surreal, "NETS", dict(NETS) | {"small+up": NETS["small"]})
    plan = make_plan("surreal-transfer", options)
    assert [run.net for run in plan.runs if run.row == "Synth+Real+up"] == ["small+up"]


def test_without_assets_it_is_said(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(surreal, "load_closet", lambda: None)
    plan = make_plan("surreal-clothes", Options(tmp_path))
    assert any("No MakeHuman clothes are installed" in note for note in plan.notes)


def test_options_that_cannot_be_carried_out(tmp_path: Path) -> None:
    for name, changes, said in (
        ("surreal-nothing", {}, "unknown experiment"),
        ("surreal-motion", {"real": ("x",)}, "takes no --real"),
        ("surreal-amount", {"scale": "huge"}, "unknown scale 'huge'"),
        ("surreal-amount", {"seeds": 0}, "--seeds is 0"),
        ("surreal-amount", {"real": ("a", "b", "c")}, "--real has 3"),
    ):
        with pytest.raises(HumansenseError, match=said):
            make_plan(name, Options(tmp_path, **changes))


# --- data


class Subjects:
    """A data set of three subjects with two pictures each."""

    def __init__(self, parts: bool = True) -> None:
        sample = fake_set.clip_frames(0, 1)[1][0]
        self.samples = [
            replace(sample, key=f"subject{s}/{k}", parts=sample.parts if parts else None)
            for k in range(2)
            for s in range(3)
        ]

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, i: int):
        return self.samples[i]


def test_real_subjects_are_parted(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(stock, "open_source", lambda *_: Subjects())
    plan = make_plan("surreal-transfer", Options(tmp_path, seeds=1, real=("mine:x",)))
    keys = {
        name: {part_of_real(plan.sets[name]).read(i).key for i in range(len(part_of_real(plan.sets[name])))}
        for name in ("target-0", "target-test")
    }
    assert keys["target-0"] == {"subject0/0", "subject0/1"}
    assert keys["target-test"] == {f"subject{s}/{k}" for s in (1, 2) for k in (0, 1)}
    with pytest.raises(HumansenseError, match="give two data sets"):
        part_of_real(RealSet("mine:x", (0.0, 0.1)))
    monkeypatch.setattr(stock, "open_source", lambda *_: Subjects(parts=False))
    with pytest.raises(HumansenseError, match="has no body parts"):
        stock.make(plan.sets["target-0"], "target-0")


def film_spheres(settings: SynthSettings, progress=None) -> int:
    """In place of `make_set`: clips of spheres of the same number and length."""
    start_set(settings.out, settings.description())
    assert settings.clips <= settings.clips_per_shard
    if frames_missing(settings):
        first = 1000 * settings.seed + (500 if settings.split == "test" else 0)
        with ShardWriter(shard_path(settings.out, 0)) as writer:
            for k in range(settings.clips):
                writer.add_clip(*fake_set.clip_frames(first + k, settings.frames, settings.size))
    return settings.clips * settings.frames


@pytest.fixture
def quick(monkeypatch) -> None:
    """Spheres for people, and few steps."""
    monkeypatch.setattr(stock, "make_set", film_spheres)
    small = replace(SCALES["tiny"], image_size=32, samples=24, tune_samples=8, batch=8, outfits=(1, 2))
    monkeypatch.setattr(scales, "SCALES", dict(SCALES) | {"tiny": small})


def test_fractions_are_nested_clips(tmp_path: Path, quick) -> None:
    plan = make_plan("surreal-amount", Options(tmp_path, scale="tiny", seeds=1))
    film_spheres(plan.sets["synthetic"])
    whole = ClipSet(tmp_path / "data" / "synthetic")
    for seed in range(4):
        drawn = []
        for fraction in (0.001, 0.5, 1.0):
            part = open_portion(plan, Portion("synthetic", fraction, seed), "human21")
            drawn.append({part.read(i).key for i in range(len(part))})
        assert [len(keys) for keys in drawn] == [2, 4, 8]  # 1, 2 and 4 clips of two frames
        assert drawn[0] < drawn[1] < drawn[2] == {whole.read(i).key for i in range(len(whole))}


# --- work


def test_a_stopped_reproduction_goes_on(tmp_path: Path, quick, monkeypatch) -> None:
    options = Options(tmp_path / "a", scale="tiny", seeds=1)
    plan = make_plan("surreal-clothes", options)
    seen: list[str] = []

    def stop(progress) -> None:
        seen.append(progress.what)
        if progress.what == "run 2 outfits, seed 0":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(plan, options, stop)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "a" / "results").iterdir()}
    assert {path.name for path in kept} == {"1-outfit-s0.json", "1-outfit-plus-fine-tuned-s0.json"}
    again: list[str] = []
    results = carry_out(plan, options, lambda progress: again.append(progress.what))
    assert again[0] == "run 2 outfits, seed 0"  # neither a set nor a run is made twice
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    assert set(results) == {(run.row, 0) for run in plan.runs}
    # It is what an undisturbed one would have been.
    calm = replace(options, out=tmp_path / "b")
    assert carry_out(make_plan("surreal-clothes", calm), calm) == results
    # All is done: nothing is trained or filmed any more.
    monkeypatch.setattr(work, "train", None)
    assert carry_out(plan, options) == results


def test_figures_come_from_the_runs(tmp_path: Path, quick) -> None:
    options = Options(tmp_path, scale="tiny", seeds=2)
    plan = make_plan("surreal-motion", options)
    results = carry_out(plan, options)
    run = plan.runs[1]
    task, net = load_task(tmp_path / "runs" / run.key)
    for test in run.tests:
        figures = evaluate_net(task, net, eval_batches(task, str(plan.sets[test].out)))
        for metric in METRICS:
            assert results[run.row, run.seed][test][metric] == pytest.approx(figures[metric], nan_ok=True)
    path, verdicts = write_report(plan, options, results)
    assert [verdict.finding for verdict in verdicts] == list(plan.findings)
    text = path.read_text()
    for cell in cells(plan, results):
        values = [METRICS[cell.metric][1] * results[cell.row, seed][cell.test][cell.metric] for seed in (0, 1)]
        assert cell.value == interval(values)
        assert words(cell.value) in text
    assert "say nothing" in text
    assert "48.11" in text
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["who"] for row in rows} == {"humansense", "paper"}
    assert sum(row["who"] == "humansense" for row in rows) == len(cells(plan, results))
    with (tmp_path / "runs.csv").open() as file:
        assert len({(row["row"], row["seed"]) for row in csv.DictReader(file)}) == len(plan.runs)
    assert Image.open(tmp_path / "plot.png").width > 500
    # A kept figure that is another makes another table: nothing stands in the report but what the runs gave.
    kept = work.result_path(options, plan.runs[0])
    content = json.loads(kept.read_text())
    content["tests"]["target-test"]["part_iou"] = 0.98765
    kept.write_text(json.dumps(content))
    write_report(plan, options, carry_out(plan, options))
    assert "0.98765" in (tmp_path / "runs.csv").read_text()
    kept.write_text("{")
    with pytest.raises(HumansenseError, match="delete it to measure this run again"):
        carry_out(plan, options)


def test_a_folder_is_of_one_experiment(tmp_path: Path, quick) -> None:
    options = Options(tmp_path, scale="tiny", seeds=1)
    work._claim(make_plan("surreal-motion", options), options)
    work._claim(make_plan("surreal-motion", options), replace(options, seeds=5))  # more seeds are welcome
    with pytest.raises(HumansenseError, match="a reproduction with experiment 'surreal-motion'"):
        carry_out(make_plan("surreal-amount", options), options)
    other = replace(options, scale="small")
    with pytest.raises(HumansenseError, match="a reproduction with scale 'tiny'"):
        carry_out(make_plan("surreal-motion", other), other)


def test_curves_are_drawn(tmp_path: Path, quick) -> None:
    options = Options(tmp_path, scale="tiny", seeds=1)
    plan: Plan = make_plan("surreal-amount", options)
    figures = {test: {"part_iou": 0.3, "depth_rmse_mm": 90.0} for test in plan.tests}
    path, verdicts = write_report(plan, options, {(run.row, run.seed): figures for run in plan.runs})
    assert {verdict.answer for verdict in verdicts} == {"undecided"}
    assert "no interval from one seed" in path.read_text()
    assert Image.open(tmp_path / "plot.png").width > 500


def test_words() -> None:
    assert words(interval([1.0, 2.0])) == "1.5 ± 6.4"
    assert words(interval([1.0])) == "1.0"
    assert words(Interval(math.nan, math.nan, math.nan, 0)) == "-"


# --- the command


def test_command(tmp_path: Path, quick, capsys) -> None:
    out = tmp_path / "out"
    assert main(["reproduce", "surreal-motion", "--scale", "tiny", "--seeds", "1", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "undecided: the target's motion beats other motion" in said.out
    assert "run other motion, seed 0" in said.err
    assert {"report.md", "table.csv", "runs.csv", "plot.png"} <= {path.name for path in out.iterdir()}
    for wrong, words_said in (
        (["surreal-nothing"], "unknown experiment"),
        (["surreal-amount", "--motion", str(tmp_path)], "--motion is for surreal-motion"),
        (["surreal-motion", "--scale", "tiny", "--out", str(out), "--backgrounds", str(tmp_path)], "backgrounds"),
    ):
        assert main(["reproduce", *wrong]) == 2
        assert words_said in capsys.readouterr().err


def test_forecast_multiplies_what_it_measures(tmp_path: Path, monkeypatch) -> None:
    from types import SimpleNamespace

    from humansense.experiments import timing

    options = Options(tmp_path, scale="tiny", seeds=2)
    plan = make_plan("surreal-transfer", options)
    cost = SimpleNamespace(start_s=2.0, seconds=2.0 + 0.5 * 10, frames=10)
    monkeypatch.setattr(timing, "estimate", lambda settings: cost)
    monkeypatch.setattr(timing, "make_set", film_spheres)
    found = timing.forecast(plan, options)
    assert found.frames == sum(made.clips * made.frames for made in plan.sets.values())
    assert found.film_s == pytest.approx(2.0 * len(plan.sets) + 0.5 * found.frames)
    assert found.runs == len(plan.runs)
    assert 0 < found.train_s < math.inf
    assert not list(tmp_path.iterdir())
