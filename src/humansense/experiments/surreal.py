"""The experiments of SURREAL (Varol 2019, sections 3.5.2 to 3.5.6) as plans.

Everywhere "synthetic" is the preset `surreal` in built-in clothes: static camera, a picture behind one person. The real
photos of the paper are stood in for by a target domain that no synthetic training picture comes from: the preset
`wild` (any camera, furnished rooms, sun, a sensor's noise) with people in MakeHuman's clothes where these are
installed; or they are real, if the user has a data set with body parts.
"""

from __future__ import annotations

from dataclasses import replace

from humansense.bodies import load_closet
from humansense.core import HumansenseError
from humansense.experiments.plan import Finding, Options, PaperFigure, Plan, Portion, RealSet, RunSpec, Scale, better
from humansense.experiments.scales import find_scale
from humansense.nets import NETS
from humansense.synth import SynthSettings

TUNED = " + fine-tuned"
PART_METRICS = ("part_iou", "part_iou_pascal6")
TRAIN_GROUPS = 1 / 3  # 2 of Freiburg Sitting People's 6 subjects (3.5.3)
EVERYDAY = ("walk", "run", "idle", "wave", "reach", "stretch")
ACROBATICS = ("handstand", "cartwheel", "kick", "lie", "crawl", "lunge")
_ONE_NET = (
    "One net answers both tasks; the paper trains one each. The target domain is rendered, and its training people are "
    "drawn anew for every seed; the paper's are photographed and always the same."
)


def _synthetic(options: Options, scale: Scale, name: str, **changes: object) -> SynthSettings:
    """A training set as SURREAL's; `name` is its folder."""
    settings = SynthSettings(
        out=options.out / "data" / name,
        clips=scale.clips,
        frames=scale.frames,
        size=scale.size,
        fps=scale.fps,
        workers=options.workers,
        backgrounds=options.backgrounds,
        people=1,
        wardrobe="builtin",
    )
    return replace(settings, **changes)  # type: ignore[arg-type]


def _synthetic_test(options: Options, scale: Scale, **changes: object) -> SynthSettings:
    few = {"split": "test", "clips": scale.test_clips, "frames": scale.test_frames}
    return _synthetic(options, scale, "synthetic-test", **few | changes)


def _target(options: Options, scale: Scale, name: str, **changes: object) -> SynthSettings:
    """The target domain: another camera, light, place and, if they are installed, other clothes."""
    few = {"clips": scale.target_clips, "frames": scale.target_frames, "preset": "wild", "wardrobe": "all"}
    return _synthetic(options, scale, name, **few | changes)


def _target_sets(options: Options, scale: Scale) -> dict[str, SynthSettings | RealSet]:
    """`target-test`, and `target-S`, the few training people of seed S."""
    if options.real:
        return _real_sets(options)
    test = _target(options, scale, "target-test", split="test", clips=scale.test_clips, frames=scale.test_frames)
    few = {f"target-{s}": _target(options, scale, f"target-{s}", seed=100 + s) for s in range(options.seeds)}
    return {"target-test": test, **few}


def _real_sets(options: Options) -> dict[str, SynthSettings | RealSet]:
    if len(options.real) > 2:
        raise HumansenseError(f"--real has {len(options.real)} data sets: give one, or one to train on and one to test")
    if len(options.real) == 2:
        train, test = (RealSet(source) for source in options.real)
    else:
        train = RealSet(options.real[0], (0.0, TRAIN_GROUPS))
        test = RealSet(options.real[0], (TRAIN_GROUPS, 1.0))
    return {"target-test": test, **{f"target-{s}": train for s in range(options.seeds)}}


def _domain_notes(options: Options) -> tuple[str, ...]:
    if options.real:
        return ("One net answers both tasks; the paper trains one each.",)
    if load_closet() is None:
        gap = "No MakeHuman clothes are installed (`humansense assets add`): the target domain has the built-in ones."
        return (_ONE_NET, f"{gap} It differs by camera, light, place and sensor alone.")
    return (_ONE_NET,)


def _run(options: Options, row: str, seed: int, data: str | Portion, **changes: object) -> RunSpec:
    """A run from scratch that is tested on the target domain, or what `changes` make of it."""
    scale = find_scale(options.scale)
    portion = Portion(data) if isinstance(data, str) else data
    run = RunSpec(row, seed, (portion,), ("target-test",), scale.samples, scale.lr, scale.net)
    return replace(run, **changes)  # type: ignore[arg-type]


def _tuned(options: Options, row: str, seed: int, init: str, **changes: object) -> RunSpec:
    """The run `init` of the same seed, fine-tuned on the few people of the target domain."""
    scale = find_scale(options.scale)
    less = {"samples": scale.tune_samples, "lr": scale.tune_lr, "init": init}
    return _run(options, row, seed, f"target-{seed}", **less | changes)


def transfer(options: Options) -> Plan:
    """Tables 3.2 to 3.4: training on few real people, on synthetic ones, and on both."""
    scale, up = find_scale(options.scale), f"{find_scale(options.scale).net}+up"
    notes = list(_domain_notes(options))
    runs: list[RunSpec] = []
    for seed in range(options.seeds):
        runs.append(_run(options, "Real", seed, f"target-{seed}"))
        runs.append(_run(options, "Synth", seed, "synthetic"))
        runs.append(_tuned(options, "Synth+Real", seed, "Synth"))
    if up in NETS:
        for seed in range(options.seeds):
            runs.append(_run(options, "Synth+up", seed, "synthetic", net=up))
            runs.append(_tuned(options, "Synth+Real+up", seed, "Synth+up", net=up))
    else:
        notes.append(f"The row Synth+Real+up is left out: this version has no net {up!r}.")
    where, few, alone = "Tables 3.2 and 3.3", "training on few real people", "synthetic people alone"
    findings = [
        better(f"fine-tuning beats {words} ({iou})", where, "target-test", iou, ("Synth+Real", row))
        for iou in PART_METRICS
        for row, words in (("Real", few), ("Synth", alone))
    ]
    if not options.real:
        for rows, words in (
            (("Synth+Real", "Real"), "training on few real people"),
            (("Synth+Real", "Synth"), "Synth"),
        ):
            claim = f"fine-tuning beats {words} (depth_rmse_mm)"
            findings.append(better(claim, "Table 3.4", "target-test", "depth_rmse_mm", rows))
    if up in NETS:
        for iou in PART_METRICS:
            claim = f"an output at full resolution is better still ({iou})"
            findings.append(better(claim, "Table 3.2", "target-test", iou, ("Synth+Real+up", "Synth+Real")))
    return Plan(
        "surreal-transfer",
        "Synthetic people before real ones (Varol 2019, Tables 3.2 to 3.4)",
        {"synthetic": _synthetic(options, scale, "synthetic"), **_target_sets(options, scale)},
        tuple(runs),
        tuple(findings),
        TRANSFER_PAPER,
        notes=tuple(notes),
    )


def _figures(source: str, columns: tuple[str, ...], table: dict[str, tuple[float, ...]]) -> tuple[PaperFigure, ...]:
    return tuple(
        PaperFigure(row, metric, value, source)
        for row, values in table.items()
        for metric, value in zip(columns, values, strict=True)
    )


TRANSFER_PAPER = (
    *_figures(
        "Table 3.2, Freiburg Sitting People",
        ("part_iou", "part_accuracy"),
        {
            "Real": (28.77, 38.02),
            "Synth": (40.10, 51.88),
            "Synth+Real": (59.58, 78.14),
            "Synth+Real+up": (68.84, 83.37),
        },
    ),
    *_figures(
        "Table 3.3 (fg), Human3.6M",
        ("part_iou", "part_accuracy"),
        {"Real": (46.32, 55.69), "Synth": (42.91, 53.55), "Synth+Real": (54.30, 65.53)},
    ),
    *_figures(
        "Table 3.4, Human3.6M",
        ("depth_rmse_mm", "depth_st_rmse_mm"),
        {"Real": (96.3, 75.2), "Synth": (111.6, 98.1), "Synth+Real": (90.0, 67.1)},
    ),
)


def _with_tuned(options: Options, row: str, seed: int, data: str | Portion) -> list[RunSpec]:
    """A point of Figure 3-9: before fine-tuning on both test sets, and after it on the target's."""
    both = ("synthetic-test", "target-test")
    return [
        _run(options, row, seed, data, tests=both),
        _tuned(options, row + TUNED, seed, row, series="fine-tuned"),
    ]


_NO_FIGURES = (
    "The paper plots its figures (Figure 3-9) and prints none of them: there is a trend to compare, no number."
)


def amount(options: Options) -> Plan:
    """Figure 3-9, left: more and more of the synthetic clips, the same number of training steps."""
    scale = find_scale(options.scale)
    names = {fraction: f"{100 * fraction:g} %" for fraction in scale.fractions}
    runs = [
        run
        for seed in range(options.seeds)
        for fraction, name in names.items()
        for run in _with_tuned(options, name, seed, Portion("synthetic", fraction, seed))
    ]
    least, most = names[scale.fractions[0]], names[scale.fractions[-1]]
    middle = names[scale.fractions[len(scale.fractions) // 2]]
    where = "Figure 3-9, left; section 3.5.6"
    findings = [
        better(f"{most} of the clips beat {least} ({metric})", where, test, metric, (most, least))
        for test in ("synthetic-test", "target-test")
        for metric in (*PART_METRICS, "depth_rmse_mm")
    ]
    bend = ((middle, 2.0), (least, -1.0), (most, -1.0))
    claim = f"the gain is higher at the beginning: {least} to {middle} against {middle} to {most} (part_iou)"
    findings.append(Finding(claim, where, "synthetic-test", "part_iou", bend))
    clips = scale.clips
    return Plan(
        "surreal-amount",
        "How much synthetic data? (Varol 2019, Figure 3-9, left)",
        {
            "synthetic": _synthetic(options, scale, "synthetic"),
            "synthetic-test": _synthetic_test(options, scale),
            **_target_sets(options, scale),
        },
        tuple(runs),
        tuple(findings),
        (),
        {row: 100 * f for f, name in names.items() for row in (name, name + TUNED)},
        f"% of {clips:,} training clips",
        (*_domain_notes(options), _NO_FIGURES, f"100 % are {clips:,} clips of {scale.frames} frames."),
    )


def clothes(options: Options) -> Plan:
    """Figure 3-9, right: as many clips each time, in 1, 10 or 100 different outfits.

    The clips of a seed have the same bodies, movements, views and backgrounds however many outfits they wear.
    """
    scale = find_scale(options.scale)
    clips = max(scale.outfits)
    names = {count: f"{count} outfit{'s' * (count > 1)}" for count in scale.outfits}
    sets: dict[str, SynthSettings | RealSet] = {
        f"outfits-{count}-{seed}": _synthetic(
            options, scale, f"outfits-{count}-{seed}", clips=clips, outfits=count, seed=seed
        )
        for seed in range(options.seeds)
        for count in scale.outfits
    }
    runs = [
        run
        for seed in range(options.seeds)
        for count, name in names.items()
        for run in _with_tuned(options, name, seed, f"outfits-{count}-{seed}")
    ]
    least, most = names[scale.outfits[0]], names[scale.outfits[-1]]
    findings = [
        better(f"{most} beat {least} ({metric})", "Figure 3-9, right; section 3.5.6", test, metric, (most, least))
        for test in ("synthetic-test", "target-test")
        for metric in (*PART_METRICS, "depth_rmse_mm")
    ]
    one = (
        "An outfit is one draw of garments, fabrics, hair and painted skin; a beard or a bare chest depends on who "
        "wears it, too."
    )
    return Plan(
        "surreal-clothes",
        "How many clothes? (Varol 2019, Figure 3-9, right)",
        {**sets, "synthetic-test": _synthetic_test(options, scale), **_target_sets(options, scale)},
        tuple(runs),
        tuple(findings),
        (),
        {row: float(count) for count, name in names.items() for row in (name, name + TUNED)},
        f"different outfits in {clips} clips",
        (*_domain_notes(options), _NO_FIGURES, one),
    )


def motion(options: Options) -> Plan:
    """Section 3.5.6, MoCap variation: synthetic people with the target's movements, or with other ones."""
    if options.real:
        raise HumansenseError(
            "surreal-motion takes no --real: the movements of its target domain must be known; give them by --motion"
        )
    scale = find_scale(options.scale)
    if options.motion is None:
        mine: dict[str, object] = {"kinds": ACROBATICS}
        words = f"built-in acrobatics ({', '.join(ACROBATICS)})"
    else:
        mine = {"motion": options.motion, "procedural": 0.0}
        words = f"the captures in {options.motion.name}"
    target = _target(
        options, scale, "target-test", split="test", clips=scale.test_clips, frames=scale.test_frames, **mine
    )
    rows = {"target's motion": "synthetic-target-motion", "other motion": "synthetic-other-motion"}
    runs = [
        _run(options, row, seed, data, tests=("synthetic-test", "target-test"))
        for seed in range(options.seeds)
        for row, data in rows.items()
    ]
    where = "section 3.5.6, MoCap variation"
    findings = [
        better(f"the target's motion beats other motion ({metric})", where, test, metric, tuple(rows))  # type: ignore[arg-type]
        for test in ("target-test", "synthetic-test")
        for metric in (*PART_METRICS, "depth_rmse_mm")
    ]
    notes = (
        f"The target's movements are {words}, the other ones everyday movements ({', '.join(EVERYDAY)}). Both "
        "test sets show the target's.",
        "The paper prints RMSE 2.44 and 2.57 without a unit, here taken as depth classes of 45 mm.",
        *_domain_notes(options),
    )
    return Plan(
        "surreal-motion",
        "Whose movements? (Varol 2019, section 3.5.6)",
        {
            "synthetic-target-motion": _synthetic(options, scale, "synthetic-target-motion", **mine),
            "synthetic-other-motion": _synthetic(options, scale, "synthetic-other-motion", kinds=EVERYDAY),
            "synthetic-test": _synthetic_test(options, scale, **mine),
            "target-test": target,
        },
        tuple(runs),
        tuple(findings),
        MOTION_PAPER,
        notes=notes,
    )


BIN_MM = 45.0  # section 3.4
MOTION_PAPER = _figures(
    "section 3.5.6, Human3.6M; poses of Human3.6M against CMU's",
    ("part_iou", "depth_rmse_mm"),
    {"target's motion": (48.11, round(2.44 * BIN_MM, 1)), "other motion": (42.82, round(2.57 * BIN_MM, 1))},
)
