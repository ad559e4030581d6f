"""The whole of ``v2m-bridge train``: chords, steering, dynamics, statistics, curves, and the record of it all."""

from __future__ import annotations

import dataclasses
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from v2m_bridge import __version__
from v2m_bridge.amt.checkpoints import (
    CHORDS_FORMAT,
    DEFAULT_CHORDS,
    DEFAULT_DYNAMICS,
    DYNAMICS_FORMAT,
    load_chord_network,
    save_weights,
)
from v2m_bridge.amt.dynamics import DynamicsShape
from v2m_bridge.amt.network import BridgeNetwork, NetworkShape
from v2m_bridge.devices import torch_device
from v2m_bridge.errors import InputError
from v2m_bridge.progress import Progress, silent
from v2m_bridge.training.fitting.alignment import ALIGNMENT_RECIPE, train_alignment_phase
from v2m_bridge.training.fitting.calibration import fit_calibration
from v2m_bridge.training.fitting.chords import (
    CHORDS_RECIPE,
    STEERING_RECIPE,
    parameter_count,
    train_chords,
    train_steering,
)
from v2m_bridge.training.fitting.curves import write_curves
from v2m_bridge.training.fitting.dynamics import DYNAMICS_RECIPE, train_dynamics
from v2m_bridge.training.fitting.joint import JOINT_RECIPE, train_joint_phase
from v2m_bridge.training.fitting.loop import Epoch, Recipe, TrainingDevice, TrainingRun, keep_freed_memory
from v2m_bridge.training.judging.baselines import gather_statistics
from v2m_bridge.training.judging.scored_songs import song_emotion_targets
from v2m_bridge.training.judging.statistics import STATISTICS_FILE, save_statistics
from v2m_bridge.training.songs.batches import SongTensors
from v2m_bridge.training.songs.dataset import Song, load_dataset

HOLD_OUT_SEED = 5
HOLD_OUT_SONGS = 75
"""Songs that ``hold_out`` splits off from train, at most half of them; the seed says which."""

CALIBRATION_SONGS = 100
"""Training songs that the calibration is fitted on."""

PARTS = ("chords", "joint", "dynamics", "alignment")
"""Networks with a curve and a state to resume from, in the order of the curves."""

RECORDED = ("chords", "dynamics", "joint", "alignment")
"""The same, in the order of ``training.json``."""

Report = Callable[[str, Epoch], None]
"""``report(part, epoch)``, called after every epoch of a part."""


def _unreported(part: str, epoch: Epoch) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class TrainOptions:
    """What to train and how.

    Attributes:
        data: the MuVi-Sync file; only its ``train`` songs are learned from.
        out: folder of the checkpoints, ``training.json`` and ``curves.svg``.
        seed: of everything random.
        epochs: of the chord network, or of the joint phase where it is all there is; None for the recipe's.
        device: ``auto`` takes CUDA where there is one.
        bfloat16: None uses it where the device is fast at it.
        threads: of torch on the CPU, None for its own choice.
        hold_out: draw the curves from 75 songs split off from train instead of ``val``, to choose hyper-parameters by.
        resume: continue from the state in ``out``.
        joint: train the alignment network together with the video encoder (``fitting.joint``), not by itself.
        start: folder or file of a trained chord network for the joint phase; None trains one first.
    """

    data: Path
    out: Path
    seed: int = 0
    epochs: int | None = None
    device: str = "auto"
    bfloat16: bool | None = None
    threads: int | None = None
    hold_out: bool = False
    resume: bool = False
    joint: bool = False
    start: Path | None = None


@dataclass(frozen=True)
class Trained:
    """Result of a training; also written as ``training.json``.

    Attributes:
        out: folder of the checkpoints.
        seconds: that it took.
        parameters: how many each network has.
        chords, dynamics, joint, alignment: curves; empty for a part that was not trained.
    """

    out: Path
    seconds: float
    parameters: dict[str, int]
    chords: tuple[Epoch, ...] = ()
    dynamics: tuple[Epoch, ...] = ()
    joint: tuple[Epoch, ...] = ()
    alignment: tuple[Epoch, ...] = ()


def train_all(
    options: TrainOptions,
    progress: Progress = silent,
    report: Report = _unreported,
    shape: NetworkShape = NetworkShape(),
) -> Trained:
    """Train the chord network, its steering, the dynamics and the alignment network; write them to ``options.out``.

    Raises:
        InputError, SetupError, CheckpointError: the data, the device or the state to resume from cannot be used.
    """
    if options.start is not None:
        return train_from(options, options.start, progress, report)
    work = _begin(options, progress, report)
    curves: dict[str, list[Epoch]] = {}
    chords, curves["chords"] = train_chords(work.songs, work.watched, shape, work.run("chords"))
    if options.joint:
        run = work.run("joint")
        chords, curves["joint"] = train_joint_phase(chords, work.songs, work.watched.songs, options.out, run)
    chords = train_steering(chords, work.songs, work.run("steering"))
    dynamics, curves["dynamics"] = train_dynamics(work.songs, work.watched, DynamicsShape(), work.run("dynamics"))
    if not options.joint:
        run = work.run("alignment")
        curves["alignment"] = train_alignment_phase(work.songs.songs, work.watched.songs, options.out, run)
    record = work.record(work.recipes)
    save_weights(options.out / DEFAULT_CHORDS, CHORDS_FORMAT, chords.shape, chords.state_dict(), record)
    save_weights(options.out / DEFAULT_DYNAMICS, DYNAMICS_FORMAT, dynamics.shape, dynamics.state_dict(), record)
    _write_statistics(options.out / STATISTICS_FILE, chords, work.songs.songs)
    return work.finish({"chords": parameter_count([chords]), "dynamics": parameter_count([dynamics])}, curves, record)


def train_from(
    options: TrainOptions, start: Path, progress: Progress = silent, report: Report = _unreported
) -> Trained:
    """Run the joint phase alone, from a chord network that is already trained; its steering stays.

    Raises:
        InputError: without ``options.joint`` there is nothing to do, or the start is a published network.
        SetupError, CheckpointError: the device or the start cannot be used.
    """
    chords = load_chord_network(start)
    if not options.joint or not isinstance(chords, BridgeNetwork):
        raise InputError(f"nothing can be trained from {start}", "give --joint and a network of this program's own")
    work = _begin(dataclasses.replace(options, resume=False), progress, report)
    run = work.run("joint")
    chords, curve = train_joint_phase(chords, work.songs, work.watched.songs, options.out, run)
    record = work.record({"joint": run.recipe})
    save_weights(options.out / DEFAULT_CHORDS, CHORDS_FORMAT, chords.shape, chords.state_dict(), record)
    return work.finish({"chords": parameter_count([chords])}, {"joint": curve}, record)


@dataclass(frozen=True)
class _Work:
    """What all phases of one training share."""

    options: TrainOptions
    device: TrainingDevice
    recipes: dict[str, Recipe]
    songs: SongTensors
    watched: SongTensors
    progress: Progress
    report: Report
    started: float

    def run(self, part: str) -> TrainingRun:
        """The run of one network: ``chords``, ``steering``, ``joint``, ``dynamics`` or ``alignment``."""
        return TrainingRun(
            recipe=self.recipes[part],
            device=self.device,
            state_path=_state_path(self.options.out, part),
            progress=self.progress,
            report=lambda epoch: self.report(part, epoch),
        )

    def record(self, recipes: dict[str, Recipe]) -> str:
        """How the weights came about, as JSON; it is stored with them."""
        options = self.options
        return json.dumps(
            {
                "version": __version__,
                "data": options.data.name,
                "train_songs": len(self.songs),
                "watched_songs": len(self.watched),
                "hold_out": options.hold_out,
                "seed": options.seed,
                "device": self.device.name,
                "bfloat16": self.device.bfloat16,
                "threads": torch.get_num_threads(),
                "torch": str(torch.__version__),
                "system": platform.system(),
                "recipes": {name: dataclasses.asdict(recipe) for name, recipe in recipes.items()},
            }
        )

    def finish(self, parameters: dict[str, int], curves: dict[str, list[Epoch]], record: str) -> Trained:
        """Write ``training.json`` and ``curves.svg``, and delete the states to resume from."""
        result = Trained(
            out=self.options.out,
            seconds=time.monotonic() - self.started,
            parameters=parameters,
            **{part: tuple(curve) for part, curve in curves.items()},
        )
        _write_record(self.options.out, record, result)
        _delete_states(self.options.out)
        return result


def _begin(options: TrainOptions, progress: Progress, report: Report) -> _Work:
    started = time.monotonic()
    device = choose_device(options)
    keep_freed_memory()
    songs, watched = _song_choice(options)
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.resume:
        _delete_states(options.out)
    elif not _state_path(options.out, "chords").is_file():
        raise InputError(f"there is nothing to resume in {options.out}", "leave --resume out to start")
    return _Work(
        options, device, _recipes(options), SongTensors(songs), SongTensors(watched), progress, report, started
    )


def choose_device(options: TrainOptions) -> TrainingDevice:
    """Device and precision; sets the number of threads too.

    Raises:
        InputError: the device is unknown.
        SetupError: CUDA is asked for and there is none.
    """
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch_device(device)
    bf16_in_cpu = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    fast = device == "cuda" or bool(bf16_in_cpu())
    return TrainingDevice(device, fast if options.bfloat16 is None else options.bfloat16)


def _song_choice(options: TrainOptions) -> tuple[Sequence[Song], Sequence[Song]]:
    """Songs to learn from, and songs for the curves."""
    data = load_dataset(options.data)
    songs = data.split("train")
    if not options.hold_out:
        return songs, data.split("val")
    order = np.random.default_rng(HOLD_OUT_SEED).permutation(len(songs))
    count = min(HOLD_OUT_SONGS, len(songs) // 2)
    return [songs[index] for index in order[count:]], [songs[index] for index in order[:count]]


def _recipes(options: TrainOptions) -> dict[str, Recipe]:
    chords = dataclasses.replace(CHORDS_RECIPE, seed=options.seed, epochs=options.epochs or CHORDS_RECIPE.epochs)
    joint_epochs = options.epochs if options.start is not None else None
    return {
        "chords": chords,
        "steering": dataclasses.replace(STEERING_RECIPE, seed=options.seed),
        "dynamics": dataclasses.replace(DYNAMICS_RECIPE, seed=options.seed),
        "joint": dataclasses.replace(JOINT_RECIPE, seed=options.seed, epochs=joint_epochs or JOINT_RECIPE.epochs),
        "alignment": dataclasses.replace(ALIGNMENT_RECIPE, seed=options.seed),
    }


def _state_path(out: Path, part: str) -> Path:
    """Where the unfinished training of one network is kept."""
    return out / f"{part}.state"


def _delete_states(out: Path) -> None:
    for part in PARTS:
        _state_path(out, part).unlink(missing_ok=True)


def _write_statistics(path: Path, chords: BridgeNetwork, songs: Sequence[Song]) -> None:
    """Write what the baselines need, with the calibration of the finished chord network."""
    wanted = [song_emotion_targets(song).numpy().astype(np.float64) for song in songs]
    calibration = fit_calibration(chords.cpu().eval(), songs[:CALIBRATION_SONGS])
    save_statistics(path, dataclasses.replace(gather_statistics(songs, wanted), calibration=calibration))


def _write_record(out: Path, record: str, result: Trained) -> None:
    content = {
        "recipe": json.loads(record),
        "seconds": round(result.seconds, 1),
        "parameters": result.parameters,
        **{part: [dataclasses.asdict(epoch) for epoch in getattr(result, part)] for part in RECORDED},
    }
    (out / "training.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")
    write_curves(out / "curves.svg", {part: getattr(result, part) for part in PARTS})
