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
from v2m_bridge.errors import InputError, SetupError
from v2m_bridge.progress import Progress, silent
from v2m_bridge.training.evaluate import fit_calibration, song_emotion_targets
from v2m_bridge.training.fitting.alignment import ALIGNMENT_RECIPE, ALIGNMENT_STATE, train_alignment_phase
from v2m_bridge.training.fitting.chords import (
    CHORDS_RECIPE,
    STEERING_RECIPE,
    Machine,
    parameter_count,
    train_chords,
    train_steering,
)
from v2m_bridge.training.fitting.curves import write_curves
from v2m_bridge.training.fitting.dynamics import DYNAMICS_RECIPE, train_dynamics
from v2m_bridge.training.fitting.joint import JOINT_RECIPE, JOINT_STATE, train_joint_phase
from v2m_bridge.training.fitting.loop import Epoch, Recipe, keep_freed_memory
from v2m_bridge.training.judging.baselines import gather_statistics
from v2m_bridge.training.judging.statistics import STATISTICS_FILE, save_statistics
from v2m_bridge.training.songs.batches import SongTensors
from v2m_bridge.training.songs.dataset import Song, load_dataset

HOLD_OUT_SEED = 5
HOLD_OUT_SONGS = 75


@dataclass(frozen=True)
class TrainOptions:
    """What to train and how.

    Attributes:
        data: the MuVi-Sync file; only its ``train`` songs are learned from.
        out: folder of the checkpoints, ``training.json`` and ``curves.svg``.
        seed: of everything random.
        epochs: of the chord network, or of the joint phase where it is all there is; None for the recipe's.
        device: ``auto`` takes CUDA where there is one.
        bfloat16: None uses it where the machine is fast at it.
        threads: of torch on the CPU, None for its own choice.
        hold_out: watch 75 songs split off from train instead of ``val``: what hyper-parameters are chosen by.
        resume: go on from the state in ``out``.
        joint: train the alignment network together with the video encoder, by both losses (``joint``), not by itself.
        start: folder or file of a chord network (already trained) for the joint phase; None trains one first.
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
    """What came out; also written as ``training.json``."""

    out: Path
    seconds: float
    parameters: dict[str, int]
    chords: tuple[Epoch, ...]
    dynamics: tuple[Epoch, ...]
    joint: tuple[Epoch, ...] = ()
    alignment: tuple[Epoch, ...] = ()


def train_all(
    options: TrainOptions,
    progress: Progress = silent,
    report: Callable[[str, Epoch], None] = lambda part, epoch: None,
    shape: NetworkShape = NetworkShape(),
) -> Trained:
    """Train the chord network, its steering, the dynamics and the alignment network; write them to ``options.out``.

    Raises:
        InputError, SetupError, CheckpointError: the data, the device or the state to resume from cannot be used.
    """
    if options.start is not None:
        return train_from(options, options.start, progress, report)
    started = time.monotonic()
    machine = choose_machine(options)
    keep_freed_memory()
    songs, watched = _song_choice(options)
    options.out.mkdir(parents=True, exist_ok=True)
    train, validation = SongTensors(songs), SongTensors(watched)
    recipes = _recipes(options)
    chords_state, dynamics_state = _states(options)
    chords, chord_curve = train_chords(
        train, validation, shape, recipes["chords"], machine, chords_state, progress, lambda e: report("chords", e)
    )
    joint_curve: list[Epoch] = []
    if options.joint:
        parts = (chords, songs, train, watched, recipes["joint"], machine, options.out)
        chords, joint_curve = train_joint_phase(*parts, progress, lambda e: report("joint", e))
    chords = train_steering(chords, train, recipes["steering"], machine, progress)
    dynamics, dynamics_curve = train_dynamics(
        train,
        validation,
        DynamicsShape(),
        recipes["dynamics"],
        machine,
        dynamics_state,
        progress,
        lambda e: report("dynamics", e),
    )
    alignment_curve: list[Epoch] = []
    if not options.joint:
        aligned = (songs, watched, recipes["alignment"], machine, options.out)
        alignment_curve = train_alignment_phase(*aligned, progress, lambda e: report("alignment", e))
    record = _record(options, machine, recipes, len(songs), len(watched))
    save_weights(options.out / DEFAULT_CHORDS, CHORDS_FORMAT, chords.shape, chords.state_dict(), record)
    save_weights(options.out / DEFAULT_DYNAMICS, DYNAMICS_FORMAT, dynamics.shape, dynamics.state_dict(), record)
    wanted = [song_emotion_targets(song).numpy().astype(np.float64) for song in songs]
    calibration = fit_calibration(chords.cpu().eval(), songs[:100])
    save_statistics(
        options.out / STATISTICS_FILE,
        dataclasses.replace(gather_statistics(songs, wanted), calibration=calibration),
    )
    result = Trained(
        out=options.out,
        seconds=time.monotonic() - started,
        parameters={"chords": parameter_count([chords]), "dynamics": parameter_count([dynamics])},
        chords=tuple(chord_curve),
        dynamics=tuple(dynamics_curve),
        joint=tuple(joint_curve),
        alignment=tuple(alignment_curve),
    )
    _write_record(options.out, record, result)
    for name in ("chords.state", "dynamics.state", JOINT_STATE, ALIGNMENT_STATE):
        (options.out / name).unlink(missing_ok=True)
    return result


def train_from(
    options: TrainOptions,
    start: Path,
    progress: Progress = silent,
    report: Callable[[str, Epoch], None] = lambda part, epoch: None,
) -> Trained:
    """The joint phase alone, from a chord network that is already trained; its steering stays.

    Raises:
        InputError: without ``options.joint`` there is nothing to do, or the start is a published network.
        SetupError, CheckpointError: the device or the start cannot be used.
    """
    chords = load_chord_network(start)
    if not options.joint or not isinstance(chords, BridgeNetwork):
        raise InputError(f"nothing can be trained from {start}", "give --joint and a network of this program's own")
    started = time.monotonic()
    machine = choose_machine(options)
    keep_freed_memory()
    songs, watched = _song_choice(options)
    options.out.mkdir(parents=True, exist_ok=True)
    _states(dataclasses.replace(options, resume=False))
    recipes = _recipes(options)
    parts = (chords, songs, SongTensors(songs), watched, recipes["joint"], machine, options.out)
    chords, curve = train_joint_phase(*parts, progress, lambda e: report("joint", e))
    record = _record(options, machine, {"joint": recipes["joint"]}, len(songs), len(watched))
    save_weights(options.out / DEFAULT_CHORDS, CHORDS_FORMAT, chords.shape, chords.state_dict(), record)
    result = Trained(
        out=options.out,
        seconds=time.monotonic() - started,
        parameters={"chords": parameter_count([chords])},
        chords=(),
        dynamics=(),
        joint=tuple(curve),
    )
    _write_record(options.out, record, result)
    (options.out / JOINT_STATE).unlink(missing_ok=True)
    return result


def choose_machine(options: TrainOptions) -> Machine:
    """Device and precision.

    Raises:
        SetupError: CUDA is asked for and there is none.
    """
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device not in ("cpu", "cuda"):
        raise InputError(f"device {device!r} is unknown", "choose auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise SetupError("there is no CUDA device", "leave --device out to train on the CPU")
    bf16_in_cpu = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    fast = device == "cuda" or bool(bf16_in_cpu())
    return Machine(device, fast if options.bfloat16 is None else options.bfloat16)


def _song_choice(options: TrainOptions) -> tuple[Sequence[Song], Sequence[Song]]:
    """Songs to learn from, and songs the curves are drawn from."""
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


def _states(options: TrainOptions) -> tuple[Path, Path]:
    states = options.out / "chords.state", options.out / "dynamics.state"
    if not options.resume:
        for state in (*states, options.out / JOINT_STATE, options.out / ALIGNMENT_STATE):
            state.unlink(missing_ok=True)
    elif not states[0].is_file():
        raise InputError(f"there is nothing to resume in {options.out}", "leave --resume out to start")
    return states


def _record(options: TrainOptions, machine: Machine, recipes: dict[str, Recipe], n_train: int, n_watched: int) -> str:
    return json.dumps(
        {
            "version": __version__,
            "data": options.data.name,
            "train_songs": n_train,
            "watched_songs": n_watched,
            "hold_out": options.hold_out,
            "seed": options.seed,
            "device": machine.device,
            "bfloat16": machine.bfloat16,
            "threads": torch.get_num_threads(),
            "torch": str(torch.__version__),
            "system": platform.system(),
            "recipes": {name: dataclasses.asdict(recipe) for name, recipe in recipes.items()},
        }
    )


def _write_record(out: Path, record: str, result: Trained) -> None:
    content = {
        "recipe": json.loads(record),
        "seconds": round(result.seconds, 1),
        "parameters": result.parameters,
        "chords": [dataclasses.asdict(epoch) for epoch in result.chords],
        "dynamics": [dataclasses.asdict(epoch) for epoch in result.dynamics],
        "joint": [dataclasses.asdict(epoch) for epoch in result.joint],
        "alignment": [dataclasses.asdict(epoch) for epoch in result.alignment],
    }
    (out / "training.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    curves = {"chords": result.chords, "joint": result.joint, "dynamics": result.dynamics}
    write_curves(out / "curves.svg", {**curves, "alignment": result.alignment})
