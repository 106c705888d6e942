import sys
from pathlib import Path

import pytest
from PIL import Image

from hypercolumn.errors import RunError
from hypercolumn.experiments import film
from hypercolumn.experiments.film import Canvas, Frame, signed, write_film


def frames() -> list[Frame]:
    made = []
    for place in range(4):
        canvas = Canvas(61, 40)
        canvas.box(10 * place, 10, 10 * place + 10, 20, fill="#0b66a8")
        made.append(canvas.frame(100 * (place + 1)))
    return made


@pytest.fixture
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film, "encoder", lambda: None)


@pytest.mark.usefixtures("no_encoder")
def test_a_gif_has_every_frame_its_time_and_its_colours(tmp_path: Path) -> None:
    assert write_film(frames(), tmp_path / "sliding") == ("sliding.gif",)
    with Image.open(tmp_path / "sliding.gif") as gif:
        assert gif.n_frames == 4
        assert gif.info["loop"] == 0
        for place in range(4):
            gif.seek(place)
            assert gif.info["duration"] == 100 * (place + 1)
            pixel = gif.convert("RGB").getpixel((10 * place + 5, 15))
            assert max(abs(one - other) for one, other in zip(pixel, (11, 102, 168), strict=True)) <= 4


def test_signed_values_have_colours_of_their_own_and_stay_in_range() -> None:
    below, nought, above = signed(-2, 1), signed(0, 1), signed(7, 1)
    assert below[2] > below[0]
    assert above[0] > above[2]
    assert min(nought) > 240
    assert signed(-1, 1) == below


def encoder_that(tmp_path: Path, body: str) -> str:
    """A program in place of ffmpeg: what it is told and what it gets are written to its last argument."""
    path = tmp_path / "ffmpeg"
    path.write_text(f"#!{sys.executable}\nimport sys\ncontent = sys.stdin.buffer.read()\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_an_encoder_gets_even_frames_at_a_steady_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "open(sys.argv[-1], 'w').write(' '.join(sys.argv[1:-1]) + ' ' + str(len(content)))"
    monkeypatch.setattr(film, "encoder", lambda: encoder_that(tmp_path, body))
    assert write_film(frames(), tmp_path / "sliding") == ("sliding.gif", "sliding.mp4")
    told = (tmp_path / "sliding.mp4").read_text()
    assert "-s 60x40" in told
    assert told.endswith(str(60 * 40 * 3 * (2 + 4 + 6 + 8)))


def test_an_encoder_that_fails_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film, "encoder", lambda: encoder_that(tmp_path, "sys.exit('no such codec')"))
    with pytest.raises(RunError, match="no such codec"):
        write_film(frames(), tmp_path / "sliding")
    assert (tmp_path / "sliding.gif").exists()
