"""The image files that the tests of photos read: made here, in memory, from gradients and noise.

Pillow writes what it can; the few bytes it cannot write (fill bytes, odd chunks, interlacing) are
put in by hand.
"""

from __future__ import annotations

import io
import random
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from PIL import Image

Image.MAX_IMAGE_PIXELS = None  # the service has no upper limit, so neither has the oracle


def oracle(data: bytes) -> tuple[str, int, int] | None:
    """Return format, width and height as Pillow reads them; None where it refuses."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
            # An MPO is a JPEG with further JPEGs behind it, as many phones write.
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            # Pillow also opens what ends cleanly between two parts of the header, without pixels.
            if kind not in ("JPEG", "PNG", "WEBP") or (kind != "WEBP" and not image.tile):
                return None
            return kind, *image.size
    except Exception:  # a mutated file makes Pillow raise nearly anything
        return None


def decodes(data: bytes) -> bool:
    """Whether Pillow reads one of the three formats, pixels and all."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
            image.load()
    except Exception:
        return False
    return oracle(data) is not None


def picture(mode: str, size: tuple[int, int]) -> Image.Image:
    """A gradient with noise on it."""
    plain = Image.effect_noise(size, 60)
    slope = Image.linear_gradient("L").resize(size)
    if mode == "I;16":
        return Image.frombytes("I;16", size, random.Random(1).randbytes(2 * size[0] * size[1]))
    bands = {"RGB": 3, "RGBA": 4, "CMYK": 4, "LA": 2}.get(mode, 0)
    if bands:
        return Image.merge(mode, [plain, slope, plain, slope][:bands])
    return plain.convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(size: tuple[int, int] = (300, 256), **options: Any) -> bytes:
    return encoded(picture("RGB", size), "JPEG", **options)


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def interlaced(width: int, height: int) -> bytes:
    """A grey PNG in Adam7 order, which Pillow reads and does not write."""
    pixels = picture("L", (width, height)).tobytes()
    rows = b"".join(
        b"\0" + pixels[y * width + x0 : (y + 1) * width : dx]
        for x0, y0, dx, dy in [
            (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
            (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
        ]
        if x0 < width
        for y in range(y0, height, dy)
    )  # fmt: skip
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND")
    )


def exif() -> bytes:
    block = Image.Exif()
    block[0x0112] = 6  # rotated by 90 degrees
    block[0x010E] = "a made-up description"
    return block.tobytes()


def edited(data: bytes, mark: bytes, offset: int, new: bytes) -> bytes:
    """The data with `new` written over what stands `offset` bytes after the start of `mark`."""
    at = data.index(mark) + offset
    return data[:at] + new + data[at + len(new) :]


def _after_soi(extra: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data[:2] + extra + data[2:]


def _after_ihdr(extra: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data[:33] + extra + data[33:]


def _same(data: bytes) -> bytes:
    return data


_PROFILE = random.Random(2).randbytes(200_000)  # takes four APP2 segments

_JPEG_VARIANTS: dict[str, tuple[dict[str, Any], Callable[[bytes], bytes]]] = {
    "plain": ({}, _same),
    "progressive": ({"progressive": True}, _same),
    "EXIF": ({"exif": exif()}, _same),
    "large ICC": ({"icc_profile": _PROFILE}, _same),
    "restart markers": ({"restart_marker_blocks": 1}, _same),
    "comment": ({"comment": b"\xff\xda\xff\xd9 looks like markers"}, _same),
    "subsampled": ({"subsampling": 2, "quality": 30}, _same),
    "fill bytes": ({}, _after_soi(b"\xff" * 999)),
    "stray restart": ({}, _after_soi(b"\xff\xd0\xff\xd7\xff\x00")),
    "junk between": ({}, lambda data: data[:20] + b"\0\1\2" * 99 + data[20:]),
    "unknown segments": ({}, _after_soi(b"\xff\xef\x00\x04ab\xff\xc8\x00\x02\xff\xdd\x00\x04\0\0")),
    "empty segment": ({}, _after_soi(b"\xff\xe5\x00\x02\xff\xe6\x00\x00")),
    "trailing bytes": ({}, lambda data: data + b"\xff\xd8\xff\xe0 and then some"),
}

_PNG_VARIANTS: dict[str, tuple[dict[str, Any], Callable[[bytes], bytes]]] = {
    "plain": ({}, _same),
    "EXIF": ({"exif": exif()}, _same),
    "large ICC": ({"icc_profile": _PROFILE}, _same),
    "optimised": ({"optimize": True}, _same),
    "odd chunks": ({}, _after_ihdr(chunk(b"haUt", b"x" * 70_000) + chunk(b"mt1_"))),
    "text": ({}, _after_ihdr(chunk(b"tEXt", b"Comment\0IDAT IEND IHDR"))),
    "trailing bytes": ({}, lambda data: data + b"after the end"),
}

_WEBP_VARIANTS: dict[str, dict[str, Any]] = {
    "lossy": {"method": 0},
    "lossless": {"lossless": True, "method": 0},
    "EXIF": {"exif": exif(), "method": 0},
    "large ICC": {"icc_profile": _PROFILE, "method": 0},
    "lossless ICC": {"lossless": True, "icc_profile": _PROFILE[:999], "method": 0},
    "poor": {"quality": 1, "method": 0},
}

_SIZES = [(1, 1), (17, 40), (301, 33), (2, 500)]


def photos() -> Iterator[tuple[str, bytes]]:
    """Yield good files of the three formats, each with a name that says what is special."""
    for size in _SIZES:
        shown = f"{size[0]}x{size[1]}"
        for mode in ("RGB", "L", "CMYK"):
            for name, (options, change) in _JPEG_VARIANTS.items():
                data = change(encoded(picture(mode, size), "JPEG", **options))
                yield f"JPEG {shown} {mode} {name}", data
        for mode in ("1", "L", "P", "LA", "RGB", "RGBA", "I;16"):
            for name, (options, change) in _PNG_VARIANTS.items():
                data = change(encoded(picture(mode, size), "PNG", **options))
                yield f"PNG {shown} {mode} {name}", data
        yield f"PNG {shown} interlaced", interlaced(*size)
        for mode in ("RGB", "RGBA"):
            for name, options in _WEBP_VARIANTS.items():
                yield f"WEBP {shown} {mode} {name}", encoded(picture(mode, size), "WEBP", **options)
        several: dict[str, Any] = {"save_all": True, "append_images": [picture("RGB", size)] * 2}
        first = picture("L", size).convert("RGB")
        yield f"WEBP {shown} animated", encoded(first, "WEBP", duration=40, **several)
        yield f"PNG {shown} animated", encoded(first, "PNG", **several)
        yield f"JPEG {shown} with more behind it (MPO)", encoded(first, "MPO", **several)
    yield "JPEG of 50,000 columns", edited(jpeg((40, 30)), b"\xff\xc0", 7, b"\xc3\x50")
    yield "WEBP of 9,000 rows", encoded(picture("L", (1, 9000)), "WEBP", lossless=True)
    webp = encoded(picture("RGB", (40, 30)), "WEBP")
    yield "WEBP with upscaling hints", edited(webp, b"\x9d\x01\x2a", 3, b"\x28\x40\x1e\x80")


def others() -> Iterator[tuple[str, bytes]]:
    """Yield files that are none of the three, or that end or go wrong before the pixels."""
    image = picture("RGB", (300, 300))
    for kind in ("GIF", "BMP", "TIFF", "PPM", "ICO", "PDF", "AVIF", "JPEG2000", "TGA"):
        yield kind, encoded(image, kind)
    yield "HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400)
    yield "HTML", b"<!doctype html><title>Sign in</title>"
    yield "a text that names the formats", b"JPEG PNG WEBP RIFF IHDR"
    yield "empty", b""
    yield "one byte", b"\xff"
    yield "zeros", bytes(5000)
    yield "a WAV", b"RIFF\x24\0\0\0WAVEfmt " + bytes(30)
    for seed in range(40):
        noise = random.Random(seed).randbytes(300)
        yield f"noise {seed}", noise
        yield f"noise {seed} after JPEG's signature", b"\xff\xd8\xff" + noise
        yield f"noise {seed} after PNG's signature", b"\x89PNG\r\n\x1a\n" + noise
        yield f"noise {seed} after WEBP's", b"RIFF\x30\1\0\0WEBPVP8 " + noise
    good = jpeg((40, 30))
    frame = b"\xff\xc0"
    yield "a JPEG without rows", edited(good, frame, 5, b"\0\0")
    yield "a JPEG without columns", edited(good, frame, 7, b"\0\0")
    yield "a JPEG of 12 bits", edited(good, frame, 4, b"\x0c")
    two = edited(good, frame, 3, b"\x0e\x08\0\x1e\0\x28\x02")
    yield "a JPEG of 2 components", two[: two.index(frame) + 16] + two[two.index(frame) + 19 :]
    yield "a JPEG with a frame header of 3 bytes", edited(good, frame, 2, b"\0\x05")
    yield "a JPEG with a component cut off", edited(good, frame, 2, b"\0\x10")
    yield "a JPEG without a frame", edited(good, frame, 1, b"\xe9")
    yield "a JPEG with no such marker", good[:2] + b"\xff\x02\0\2" + good[2:]
    png = encoded(image, "PNG")
    signature, ihdr, pixels = png[:8], png[8:33], png[33:]
    for name, width, height, depth, colour, filtering in [
        ("without rows", 9, 0, 8, 2, 0),
        ("without columns", 0, 9, 8, 2, 0),
        ("of 3 bits", 9, 9, 3, 0, 0),
        ("of 16-bit palette", 9, 9, 16, 3, 0),
        ("of colour type 5", 9, 9, 8, 5, 0),
        ("with an unknown filter", 9, 9, 8, 2, 1),
    ]:
        body = struct.pack(">IIBBBBB", width, height, depth, colour, 0, filtering, 0)
        yield f"a PNG {name}", signature + chunk(b"IHDR", body) + pixels
    yield "a PNG with a wrong checksum", signature + ihdr[:-1] + bytes([ihdr[-1] ^ 1]) + pixels
    yield (
        "a PNG with a wrong checksum later",
        signature + ihdr + chunk(b"tEXt")[:-1] + b"!" + pixels,
    )
    yield "a PNG with a short header", signature + chunk(b"IHDR", ihdr[8:20]) + pixels
    yield "a PNG without a header", signature + pixels
    yield "a PNG whose header has another name", signature + chunk(b"teSt", ihdr[8:21]) + pixels
    yield "a PNG that ends before its pixels", signature + ihdr + chunk(b"IEND") + pixels
    yield "a PNG with a nameless chunk", signature + ihdr + chunk(b"\0\0\0\0") + pixels
    webp = encoded(image, "WEBP")
    tag = webp[20:23]
    for name, wrong in [
        ("between key frames", bytes([tag[0] | 0x01])),
        ("of version 4", bytes([tag[0] | 0x08])),
        ("that is not shown", bytes([tag[0] & ~0x10])),
        ("whose first part is longer than all", tag[:2] + b"\xff"),
    ]:
        yield f"a WEBP {name}", edited(webp, tag + b"\x9d\x01\x2a", 0, wrong)
    yield "a WEBP without start code", edited(webp, b"\x9d\x01\x2a", 0, b"\0")
    yield "a WEBP without columns", edited(webp, b"\x9d\x01\x2a", 3, b"\0\0")
    yield "a WEBP without rows", edited(webp, b"\x9d\x01\x2a", 5, b"\0\0")
    yield "a WEBP of an unknown kind", edited(webp, b"VP8 ", 0, b"VP9 ")
    yield "a WEBP that calls itself WAVE", edited(webp, b"WEBP", 0, b"WAVE")
    lossless = encoded(image.resize((40, 30)), "WEBP", lossless=True)
    yield "a lossless WEBP without signature", edited(lossless, b"VP8L", 8, b"\0")
    yield (
        "a lossless WEBP of version 1",
        edited(lossless, b"VP8L", 12, bytes([lossless[24] | 0x20])),
    )
    extended = encoded(image.resize((40, 30)), "WEBP", exif=exif())
    yield "an extended WEBP with a short header", edited(extended, b"VP8X", 4, b"\x08")
    longer = edited(extended, b"VP8X", 4, b"\x0c")
    yield (
        "an extended WEBP with a long header",
        edited(
            longer[:30] + b"\0\0" + longer[30:], b"RIFF", 4, (len(longer) - 6).to_bytes(4, "little")
        ),
    )
    yield "an extended WEBP with a wider canvas", edited(extended, b"VP8X", 12, b"\x28")
    yield "an extended WEBP without pixels", b"RIFF\x16\0\0\0WEBP" + extended[12:30]
