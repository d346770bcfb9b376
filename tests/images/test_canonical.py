"""Any image becomes one canonical form, or a reject with a reason."""

import io
import pickle

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from pipelines.images.canonical import canonicalise
from pipelines.images.header import _open, _read_jpeg_header
from pipelines.images.policy import Policy
from pipelines.images.reject import Rejected

POLICY = Policy(short_side_px=64)
NOISE = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def reason(content: bytes, policy: Policy = POLICY) -> str:
    with pytest.raises(Rejected) as caught:
        canonicalise(content, policy)
    return caught.value.reason


def test_the_short_side_is_brought_down() -> None:
    result = canonicalise(simplejpeg.encode_jpeg(NOISE), POLICY)
    assert (result.width_px, result.height_px, result.image[:2]) == (85, 64, b"\xff\xd8")


def test_a_canonical_image_keeps_its_bytes() -> None:
    once = canonicalise(simplejpeg.encode_jpeg(NOISE), POLICY)
    twice = canonicalise(once.image, POLICY)
    assert twice.image == once.image and (twice.pixels == once.pixels).all()


def test_a_small_jpeg_keeps_its_bytes() -> None:
    content = simplejpeg.encode_jpeg(NOISE[:40, :50].copy())
    assert canonicalise(content, POLICY).image == content


@pytest.mark.parametrize("size", [(300, 400), (530, 400), (1100, 1400)])
def test_pixels_are_those_of_a_plain_decode_and_resize(size: tuple[int, int]) -> None:
    """Halved in the DCT or not, before encoding: within two grey levels of Pillow, on average."""
    smooth = Image.fromarray(NOISE).resize(size, Image.Resampling.BICUBIC)
    content = encoded(smooth, "JPEG", quality=90)
    result = canonicalise(content, Policy(short_side_px=256))
    with Image.open(io.BytesIO(content)) as image:
        plain = np.asarray(image.resize((result.width_px, result.height_px), Image.Resampling.BILINEAR))
    assert np.abs(plain.astype(int) - result.drawn).mean() < 2


def test_a_header_read_directly_is_the_one_that_pillow_reads() -> None:
    exif = Image.new("RGB", (1, 1)).getexif()
    exif[0x112] = 6
    for mode, options in (("RGB", {}), ("L", {}), ("RGB", {"progressive": True}), ("RGB", {"exif": exif})):
        content = encoded(Image.fromarray(NOISE).convert(mode), "JPEG", **options)
        direct, opened = _read_jpeg_header(content), _open(content)
        assert direct is not None and direct == opened._replace(image=None)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    image = Image.new("RGB", (60, 40), "white")
    image.paste("black", (0, 0, 30, 20))  # the stored top left
    exif = image.getexif()
    exif[0x112] = orientation
    dark = (canonicalise(encoded(image, "JPEG", exif=exif, quality=95), POLICY).pixels.mean(axis=2) < 128).nonzero()
    corner = {1: "tl", 2: "tr", 3: "br", 4: "bl", 5: "tl", 6: "tr", 7: "br", 8: "bl"}[orientation]
    height = 60 if orientation >= 5 else 40
    assert ("t" if dark[0].mean() < height / 2 else "b") == corner[0]
    assert ("l" if dark[1].mean() < (100 - height) / 2 else "r") == corner[1]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_png_of_every_mode_becomes_rgb(mode: str) -> None:
    result = canonicalise(encoded(Image.fromarray(NOISE).convert(mode), "PNG"), POLICY)
    assert result.pixels.shape == (64, 85, 3) and result.image.startswith(b"\x89PNG")


def test_alpha_is_laid_over_white() -> None:
    result = canonicalise(encoded(Image.new("RGBA", (9, 9), (0, 0, 0, 0)), "PNG"), POLICY)
    assert (result.pixels == 255).all()


def test_sixteen_bit_gray_is_scaled_not_clipped() -> None:
    gray = Image.fromarray(np.full((9, 9), 0x8000, dtype=np.uint16))
    assert (canonicalise(encoded(gray, "PNG"), POLICY).pixels == 0x80).all()


def test_cmyk_becomes_rgb() -> None:
    result = canonicalise(encoded(Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "JPEG"), POLICY)
    assert result.pixels[4, 4, 0] > 200 > 60 > result.pixels[4, 4, 1]


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert canonicalise(content, POLICY).pixels[4, 4].tolist() == [255, 0, 0]


def test_content_decides_not_a_name() -> None:
    assert reason(b"plain text, called photo.jpg") == "not_an_image"


def test_an_empty_file_is_a_reject() -> None:
    assert reason(b"") == "empty"


def test_a_truncated_jpeg_is_a_reject() -> None:
    content = simplejpeg.encode_jpeg(NOISE)
    assert reason(content[: len(content) // 2]) == "truncated"


def test_a_jpeg_damaged_in_its_middle_is_a_reject() -> None:
    content = bytearray(simplejpeg.encode_jpeg(NOISE))
    content[2000:2400] = bytes(400)
    assert reason(bytes(content)) in ("corrupt", "truncated")


def test_a_truncated_png_is_a_reject() -> None:
    content = encoded(Image.fromarray(NOISE), "PNG")
    assert reason(content[: len(content) // 2]) == "truncated"


def test_pixels_are_counted_before_decoding() -> None:
    assert reason(simplejpeg.encode_jpeg(NOISE), Policy(max_pixels=100)) == "too_many_pixels"


def test_a_known_format_that_is_not_read_says_so() -> None:
    assert reason(encoded(Image.fromarray(NOISE), "ICO")) == "unsupported_format"


def test_random_bytes_behind_an_image_header_only_ever_reject() -> None:
    random = np.random.default_rng(1)
    for header in (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"RIFF\0\0\0\0WEBP"):
        for _ in range(20):
            reason(header + random.bytes(200))


def test_a_reject_survives_the_way_from_an_executor() -> None:
    copy = pickle.loads(pickle.dumps(Rejected("corrupt", "the message")))
    assert (copy.reason, str(copy)) == ("corrupt", "the message")
