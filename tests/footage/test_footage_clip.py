"""CLIP on stills: the same numbers as a plain open_clip run, with weights that are found, missing or broken."""

from __future__ import annotations

import hashlib
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from footage_makers import numbered_film

from v2m_bridge.demo.synthesis import DEFAULT_SHOTS, draw_film
from v2m_bridge.errors import CheckpointError, DownloadError, SetupError
from v2m_bridge.footage.clip import encoder as clip_module
from v2m_bridge.footage.clip import pull_clip as pulling
from v2m_bridge.footage.clip.batcher import ClipBatcher, LazyClip
from v2m_bridge.footage.clip.encoder import (
    HUB_FILES,
    PIXEL_DEVIATION,
    PIXEL_MEAN,
    ClipEncoder,
    find_weights,
    import_open_clip,
    load_encoder,
)
from v2m_bridge.footage.measure import MeasureOptions, measure
from v2m_bridge.footage.passes.stills import STILL_SIZE, group_alike, still_of
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.timeline.model import Shot, Timeline

open_clip = import_open_clip()


def small_clip(seed: int = 0) -> Any:
    """CLIP of the real shapes outside (336 pixels in, 768 numbers out) and a thousandth inside, with random weights."""
    torch.manual_seed(seed)
    return open_clip.model.CLIP(
        embed_dim=768,
        vision_cfg={"image_size": 336, "layers": 2, "width": 64, "head_width": 32, "patch_size": 28},
        text_cfg={"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
        quick_gelu=True,
    ).eval()


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    film = list(draw_film(DEFAULT_SHOTS, (480, 270)))
    return [film[n] for n in (0, 60, 110, 170, 205, 260, 310, 350, 420)]


def plain_run(model: Any, pictures: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What open_clip gives by itself, picture by picture."""
    from PIL import Image

    prepare = open_clip.image_transform(
        STILL_SIZE,
        is_train=False,
        mean=PIXEL_MEAN,
        std=PIXEL_DEVIATION,
        interpolation="bicubic",
        resize_mode="shortest",
    )
    tokens = open_clip.get_tokenizer("ViT-L-14-336")(list(EMOTIONS))
    semantic, emotion = [], []
    with torch.no_grad():
        for picture in pictures:
            image = prepare(Image.fromarray(picture)).unsqueeze(0)
            semantic.append(model.encode_image(image)[0].numpy())
            features = model.encode_image(image, normalize=True)
            words = model.encode_text(tokens, normalize=True)
            emotion.append((model.logit_scale.exp() * features @ words.T).softmax(-1)[0].numpy())
    return np.stack(semantic), np.stack(emotion)


def encoder_of(model: Any, precision: str = "float32") -> ClipEncoder:
    tokenizer = open_clip.get_tokenizer("ViT-L-14-336")
    return ClipEncoder(model, tokenizer, device="cpu", precision=precision, identity=f"small-{precision}")


def test_features_are_those_of_a_plain_run(pictures: list[np.ndarray]) -> None:
    semantic, emotion = plain_run(small_clip(), pictures)
    ours = encoder_of(small_clip()).encode([still_of(picture) for picture in pictures])
    assert np.abs(ours[0] - semantic).max() < 1e-4
    assert np.abs(ours[1] - emotion).max() < 1e-4
    assert ours[0].shape == (9, 768) and ours[1].shape == (9, 6)
    assert np.linalg.norm(ours[0], axis=1).min() > 2  # not normalised
    assert ours[1].sum(axis=1) == pytest.approx(np.ones(9), abs=1e-5)
    assert np.ptp(semantic, axis=0).max() > 0.1  # the pictures are told apart


def test_bfloat16_stays_near(pictures: list[np.ndarray]) -> None:
    stills = [still_of(picture) for picture in pictures]
    exact, rough = (encoder_of(small_clip(), precision).encode(stills) for precision in ("float32", "bfloat16"))
    spread = np.abs(exact[0] - exact[0].mean(axis=0)).mean()
    assert np.abs(rough[0] - exact[0]).mean() < 0.2 * spread
    assert np.abs(rough[1] - exact[1]).max() < 0.02


@pytest.mark.parametrize("size", [(480, 270), (270, 480), (336, 336), (1000, 337), (64, 48)])
def test_stills_are_prepared_as_open_clip_does(size: tuple[int, int]) -> None:
    from PIL import Image

    picture = np.random.default_rng(4).integers(0, 256, (size[1], size[0], 3), np.uint8)
    prepare = open_clip.image_transform(
        STILL_SIZE, is_train=False, mean=(0, 0, 0), std=(1, 1, 1), interpolation="bicubic", resize_mode="shortest"
    )
    expected = (prepare(Image.fromarray(picture)).permute(1, 2, 0).numpy() * 255).round()
    assert np.array_equal(still_of(picture), expected)


def test_alike_stills_are_encoded_once(pictures: list[np.ndarray]) -> None:
    stills = [still_of(picture) for picture in pictures[:2]]
    noisy = [np.clip(stills[0].astype(int) + shift, 0, 255).astype(np.uint8) for shift in (0, 0)]
    noisy[1][::7, ::11] ^= 1
    kept, stands_for = group_alike([stills[0], noisy[0], noisy[1], stills[1], stills[1]])
    assert (kept, stands_for) == ([0, 3], [0, 0, 0, 1, 1])


class CountingEncoder:
    identity = "counting"

    def __init__(self) -> None:
        self.count = 0

    def encode(self, stills: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        self.count += len(stills)
        return np.zeros((len(stills), 768), np.float32), np.zeros((len(stills), 6), np.float32)


def test_what_the_cache_remembers_is_not_looked_at_again(pictures: list[np.ndarray], tmp_path: Path) -> None:
    from v2m_bridge.footage.cache import FeatureCache

    stills = [still_of(picture) for picture in pictures]
    encoder, cache = CountingEncoder(), FeatureCache(tmp_path)
    for expected in (9, 9):
        batcher = ClipBatcher(20, LazyClip(encoder.identity, lambda: encoder), cache)  # type: ignore[arg-type, return-value]
        for row, still in enumerate(stills):
            batcher.add(2 * row, still)
        assert batcher.finish().present.tolist() == [row % 2 == 0 and row < 18 for row in range(20)]
        assert encoder.count == expected


# ---------------------------------------------------------------------------------------------------- weights


@pytest.fixture
def film(tmp_path: Path) -> Timeline:
    path = numbered_film(tmp_path / "n.mkv", 80, Fraction(24))
    return Timeline("edit", Fraction(24), 0, 72, (Shot(0, 72, str(path), True),))


@pytest.fixture(autouse=True)
def no_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no-hub"))
    monkeypatch.delenv("V2M_CLIP_WEIGHTS", raising=False)


def test_without_weights_the_modality_is_absent_and_named(film: Timeline) -> None:
    features = measure(film, MeasureOptions(cache=False))
    assert not features.semantic_present.any() and not features.emotion_present.any()
    assert features.semantic.shape == (3, 768) and features.emotion.shape == (3, 6)
    assert any("models pull clip" in warning for warning in features.warnings)
    assert measure(film, MeasureOptions(cache=False, clip=False)).warnings == ()


def test_weights_are_found_in_the_order_given_pulled_hub(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_weights() is None
    hub = tmp_path / "no-hub" / "models--timm--vit_large_patch14_clip_336.openai" / "snapshots" / "abc" / HUB_FILES[0]
    pulled = own_home / "models" / "clip" / HUB_FILES[0]
    given = tmp_path / "mine.safetensors"
    for path in (hub, pulled, given):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        assert find_weights(given if path is given else None) == path
    monkeypatch.setenv("V2M_CLIP_WEIGHTS", str(given))
    assert find_weights() == given
    with pytest.raises(CheckpointError, match=r"nowhere\.pt"):
        find_weights(tmp_path / "nowhere.pt")


def test_broken_weights_leave_the_rest_of_the_measurement(film: Timeline, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no weights at all" * 100)
    with pytest.raises(CheckpointError, match=r"broken\.safetensors"):
        load_encoder(broken)
    features = measure(film, MeasureOptions(cache=False, clip_weights=broken))
    assert features.motion_present.all() and not features.semantic_present.any()
    assert any("broken.safetensors" in warning for warning in features.warnings)


def test_weights_load_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, film: Timeline) -> None:
    from safetensors.torch import save_file

    model = small_clip(seed=5)
    weights = tmp_path / "open_clip_model.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, weights)
    config = {
        "embed_dim": 768,
        "vision_cfg": {"image_size": 336, "layers": 2, "width": 64, "head_width": 32, "patch_size": 28},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
    }
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "small-clip", config)
    monkeypatch.setattr(clip_module, "CLIP_MODEL", "small-clip")
    picture = np.random.default_rng(0).integers(0, 256, (336, 336, 3), np.uint8)
    ours = load_encoder(weights, device="cpu", precision="float32").encode([picture])
    expected = plain_run(model, [picture])
    assert np.abs(ours[0] - expected[0]).max() < 1e-4
    assert np.abs(ours[1] - expected[1]).max() < 1e-4
    features = measure(film, MeasureOptions(cache=False, clip_weights=weights, device="cpu"))
    assert features.semantic_present.all() and features.warnings == ()
    assert features.emotion.sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-3)


class Published(torch.nn.Module):
    """Stands for OpenAI's archive: weights in half precision, and numbers among them."""

    def __init__(self) -> None:
        super().__init__()
        for name, tensor in small_clip(seed=5).state_dict().items():
            if "." not in name:
                self.register_buffer(name, tensor.half())
        self.register_buffer("vocab_size", torch.tensor(49408))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The archive behind the address that is asked, with its hash expected."""
    path = tmp_path / "published.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Published()).save(str(path))
    monkeypatch.setattr(pulling, "URL", path.as_uri())
    monkeypatch.setattr(pulling, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_pulling_keeps_the_tensors_of_the_published_archive(archive: Path, own_home: Path) -> None:
    from safetensors.torch import load_file

    heard: list[float] = []
    path = pulling.pull_clip(lambda stage, share: heard.append(share))
    assert path == own_home / "models" / "clip" / pulling.NAME and find_weights() == path
    expected = {n: t.half() for n, t in small_clip(seed=5).state_dict().items() if "." not in n}
    found = load_file(path)
    assert found.keys() == expected.keys() and len(found) >= 3
    assert all(torch.equal(found[name], expected[name]) for name in found)
    assert heard == sorted(heard) and heard[-1] == 1.0
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    archive.unlink()
    assert pulling.pull_clip() == path  # what is there is kept


@pytest.mark.parametrize(
    ("harm", "words"), [("hash", "not the expected file"), ("gone", "No such file"), ("large", "far too large")]
)
def test_what_is_not_the_published_file_is_not_opened(
    harm: str, words: str, archive: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: Any, **__: Any) -> None:
        raise AssertionError("an archive of unknown content was opened")

    monkeypatch.setattr(torch.jit, "load", opened)
    if harm == "hash":
        archive.write_bytes(archive.read_bytes() + b"x")
    elif harm == "gone":
        archive.unlink()
    else:
        monkeypatch.setattr(pulling, "LARGEST", 1000)
    with pytest.raises(DownloadError, match=words) as caught:
        pulling.pull_clip()
    assert "\n" not in str(caught.value) and caught.value.exit_code == 4
    assert list((own_home / "models" / "clip").iterdir()) == []


def test_a_film_is_decoded_once_for_its_cuts_and_for_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    from v2m_bridge.demo.synthesis import synthesise_film
    from v2m_bridge.footage.bare_video import read_video
    from v2m_bridge.footage.passes import film as film_module

    weights = own_home / "models" / "clip" / HUB_FILES[0]
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"stand-in")
    encoder = CountingEncoder()
    monkeypatch.setattr("v2m_bridge.footage.clip.batcher.load_encoder", lambda *_, **__: encoder)
    passes: list[Path] = []
    run = film_module._FilmPass.run

    def counted(self: Any, progress: Any) -> Any:
        passes.append(self._info.path)
        return run(self, progress)

    monkeypatch.setattr(film_module._FilmPass, "run", counted)
    path = synthesise_film(tmp_path / "film.mp4", size=(160, 90)).path
    features = measure(read_video(path))
    assert passes == [path]
    assert features.semantic_present.all() and encoder.count == 18
    assert measure(read_video(path)).semantic_present.all()
    assert passes == [path] and encoder.count == 18


def test_an_engine_keeps_clip_loaded_while_its_weights_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from v2m_bridge.compose.engine import Engine
    from v2m_bridge.footage.clip import batcher

    loads: list[Path] = []

    def load(weights: Path, *, device: str) -> ClipEncoder:
        loads.append(weights)
        return encoder_of(small_clip())

    monkeypatch.setattr(batcher, "load_encoder", load)
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"one")
    engine = Engine(clip_weights=weights)
    kept = [engine.measure_options().lazy_clip for _ in range(3)]
    assert loads == []  # nothing is loaded before a film needs it
    assert len({id(clip.encoder()) for clip in kept if clip is not None}) == 1
    assert loads == [weights]
    weights.write_bytes(b"others")
    changed = engine.measure_options().lazy_clip
    assert changed is not None
    assert changed.encoder() is not kept[0].encoder()  # type: ignore[union-attr]
    weights.unlink()
    with pytest.raises(CheckpointError):
        engine.measure_options()


def test_the_quick_tower_is_used_and_gives_the_same_in_bfloat16(pictures: list[np.ndarray]) -> None:
    from v2m_bridge.footage.clip.tower import LeanBlock, make_lean

    model = small_clip(3)
    semantic, emotion = plain_run(model, pictures)
    encoder = encoder_of(model, "bfloat16")
    assert all(isinstance(block, LeanBlock) for block in model.visual.transformer.resblocks)
    assert not make_lean(model.visual), "once only"
    quick_semantic, quick_emotion = encoder.encode([still_of(picture) for picture in pictures])
    assert np.abs(quick_semantic - semantic).max() < 0.03 * np.abs(semantic).max()
    assert np.abs(quick_emotion - emotion).max() < 0.01


def test_a_tower_of_another_kind_is_left_as_it_is(pictures: list[np.ndarray]) -> None:
    from v2m_bridge.footage.clip.tower import make_lean

    torch.manual_seed(0)
    other = open_clip.model.CLIP(  # the plain GELU
        embed_dim=768,
        vision_cfg={"image_size": 336, "layers": 1, "width": 64, "head_width": 32, "patch_size": 28},
        text_cfg={"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1},
    ).eval()
    before = plain_run(other, pictures[:2])
    assert not make_lean(other.visual)
    after = encoder_of(other).encode([still_of(picture) for picture in pictures[:2]])
    assert np.abs(after[0] - before[0]).max() < 1e-4


@pytest.mark.parametrize(
    ("there", "device", "precision"),
    [((True, True), "cuda", "float16"), ((False, True), "mps", "float16"), ((False, False), "cpu", "bfloat16")],
)
def test_clip_takes_the_gpu_that_is_there(
    there: tuple[bool, bool], device: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from v2m_bridge.footage.clip.encoder import _chosen_device, _chosen_precision

    monkeypatch.setattr(torch.cuda, "is_available", lambda: there[0])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: there[1])
    assert _chosen_device("auto") == device
    assert _chosen_precision("auto", device) == precision
    for name, is_there in zip(("cuda", "mps"), there, strict=True):
        if not is_there:
            with pytest.raises(SetupError, match=f"no {name.upper()} device"):
                _chosen_device(name)


@pytest.mark.parametrize(("room", "said"), [(4, "4 pictures at once"), (0, "on the processor")])
def test_a_full_gpu_gets_smaller_batches_and_then_gives_way(
    pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, room: int, said: str
) -> None:
    stills = [still_of(picture, 0) for picture in pictures]
    plain, tight = encoder_of(small_clip()), encoder_of(small_clip())
    look = ClipEncoder._look

    def crowded(encoder: ClipEncoder, part: list[np.ndarray]) -> torch.Tensor:
        device = encoder._device
        if device.type == "cuda" and len(part) > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        encoder._device = torch.device("cpu")
        features = look(encoder, part)
        encoder._device = device
        return features

    expected = plain.encode(stills)
    monkeypatch.setattr(ClipEncoder, "_look", crowded)
    tight._device = torch.device("cuda")
    for found, right in zip(tight.encode(stills), expected, strict=True):
        assert np.allclose(found, right, atol=1e-4)
    (note,) = tight.take_notes()
    assert said in note
    assert tight.take_notes() == []


def test_another_error_of_the_gpu_is_not_taken_for_full_memory(
    pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(encoder: ClipEncoder, part: list[np.ndarray]) -> torch.Tensor:
        raise RuntimeError("device-side assert triggered")

    encoder = encoder_of(small_clip())
    encoder._device = torch.device("cuda")
    monkeypatch.setattr(ClipEncoder, "_look", broken)
    with pytest.raises(RuntimeError, match="assert"):
        encoder.encode([still_of(pictures[0], 0)])
