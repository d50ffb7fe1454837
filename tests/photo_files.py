"""Image files for tests, generated in memory from gradients and noise.

Pillow encodes the files. Features that Pillow cannot write, such as fill bytes, unknown chunks and
interlacing, are added to the encoded bytes.
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

Image.MAX_IMAGE_PIXELS = None  # the service does not limit the number of pixels either


def pillow_header(data: bytes) -> tuple[str, int, int] | None:
    """Return format, width and height as read by Pillow, or None if Pillow rejects the file."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
            # Treat MPO as JPEG: an MPO file, which many phones create, consists of several JPEGs.
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            # Pillow opens files that end after a part of the header, before the pixel data. Reject them.
            if kind not in ("JPEG", "PNG", "WEBP") or (kind != "WEBP" and not image.tile):
                return None
            return kind, *image.size
    except Exception:  # Pillow raises many different exceptions for damaged files
        return None


def pillow_decodes(data: bytes) -> bool:
    """Return whether Pillow can decode the file, including its pixels, as JPEG, PNG or WebP."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
            image.load()
    except Exception:
        return False
    return pillow_header(data) is not None


def make_image(mode: str, size: tuple[int, int]) -> Image.Image:
    """Return an image that shows a gradient with noise."""
    plain = Image.effect_noise(size, 60)
    slope = Image.linear_gradient("L").resize(size)
    if mode == "I;16":
        return Image.frombytes("I;16", size, random.Random(1).randbytes(2 * size[0] * size[1]))
    bands = {"RGB": 3, "RGBA": 4, "CMYK": 4, "LA": 2}.get(mode, 0)
    if bands:
        return Image.merge(mode, [plain, slope, plain, slope][:bands])
    return plain.convert(mode)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(size: tuple[int, int] = (300, 256), **options: Any) -> bytes:
    return encode(make_image("RGB", size), "JPEG", **options)


def png_chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def interlaced_png(width: int, height: int) -> bytes:
    """Return a gray PNG with Adam7 interlacing, which Pillow can read but not write."""
    pixels = make_image("L", (width, height)).tobytes()
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
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1))
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND")
    )


def exif() -> bytes:
    block = Image.Exif()
    block[0x0112] = 6  # orientation: rotated by 90 degrees
    block[0x010E] = "an invented description"
    return block.tobytes()


def overwrite(data: bytes, mark: bytes, offset: int, new: bytes) -> bytes:
    """Find `mark` in the data, and return the data with `new` written `offset` bytes after its start."""
    at = data.index(mark) + offset
    return data[:at] + new + data[at + len(new) :]


def _after_soi(extra: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data[:2] + extra + data[2:]


def _after_ihdr(extra: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data[:33] + extra + data[33:]


def _unchanged(data: bytes) -> bytes:
    return data


_PROFILE = random.Random(2).randbytes(200_000)  # a JPEG needs four APP2 segments for this profile

_JPEG_VARIANTS: dict[str, tuple[dict[str, Any], Callable[[bytes], bytes]]] = {
    "plain": ({}, _unchanged),
    "progressive": ({"progressive": True}, _unchanged),
    "EXIF": ({"exif": exif()}, _unchanged),
    "large ICC": ({"icc_profile": _PROFILE}, _unchanged),
    "restart markers": ({"restart_marker_blocks": 1}, _unchanged),
    "comment": ({"comment": b"\xff\xda\xff\xd9 looks like markers"}, _unchanged),
    "subsampled": ({"subsampling": 2, "quality": 30}, _unchanged),
    "fill bytes": ({}, _after_soi(b"\xff" * 999)),
    "restart markers in the header": ({}, _after_soi(b"\xff\xd0\xff\xd7\xff\x00")),
    "bytes between segments": ({}, lambda data: data[:20] + b"\0\1\2" * 99 + data[20:]),
    "unknown segments": ({}, _after_soi(b"\xff\xef\x00\x04ab\xff\xc8\x00\x02\xff\xdd\x00\x04\0\0")),
    "empty segment": ({}, _after_soi(b"\xff\xe5\x00\x02\xff\xe6\x00\x00")),
    "trailing bytes": ({}, lambda data: data + b"\xff\xd8\xff\xe0 trailing bytes"),
}

_PNG_VARIANTS: dict[str, tuple[dict[str, Any], Callable[[bytes], bytes]]] = {
    "plain": ({}, _unchanged),
    "EXIF": ({"exif": exif()}, _unchanged),
    "large ICC": ({"icc_profile": _PROFILE}, _unchanged),
    "optimized": ({"optimize": True}, _unchanged),
    "unknown chunks": ({}, _after_ihdr(png_chunk(b"haUt", b"x" * 70_000) + png_chunk(b"mt1_"))),
    "text": ({}, _after_ihdr(png_chunk(b"tEXt", b"Comment\0IDAT IEND IHDR"))),
    "trailing bytes": ({}, lambda data: data + b"after the end"),
}

_WEBP_VARIANTS: dict[str, dict[str, Any]] = {
    "lossy": {"method": 0},
    "lossless": {"lossless": True, "method": 0},
    "EXIF": {"exif": exif(), "method": 0},
    "large ICC": {"icc_profile": _PROFILE, "method": 0},
    "lossless ICC": {"lossless": True, "icc_profile": _PROFILE[:999], "method": 0},
    "low quality": {"quality": 1, "method": 0},
}

_SIZES = [(1, 1), (17, 40), (301, 33), (2, 500)]


def valid_files() -> Iterator[tuple[str, bytes]]:
    """Yield valid JPEG, PNG and WebP files, each with a description of its features."""
    for size in _SIZES:
        shown = f"{size[0]}x{size[1]}"
        for mode in ("RGB", "L", "CMYK"):
            for name, (options, change) in _JPEG_VARIANTS.items():
                data = change(encode(make_image(mode, size), "JPEG", **options))
                yield f"JPEG {shown} {mode} {name}", data
        for mode in ("1", "L", "P", "LA", "RGB", "RGBA", "I;16"):
            for name, (options, change) in _PNG_VARIANTS.items():
                data = change(encode(make_image(mode, size), "PNG", **options))
                yield f"PNG {shown} {mode} {name}", data
        yield f"PNG {shown} interlaced", interlaced_png(*size)
        for mode in ("RGB", "RGBA"):
            for name, options in _WEBP_VARIANTS.items():
                yield (
                    f"WEBP {shown} {mode} {name}",
                    encode(make_image(mode, size), "WEBP", **options),
                )
        several: dict[str, Any] = {"save_all": True, "append_images": [make_image("RGB", size)] * 2}
        first = make_image("L", size).convert("RGB")
        yield f"WEBP {shown} animated", encode(first, "WEBP", duration=40, **several)
        yield f"PNG {shown} animated", encode(first, "PNG", **several)
        yield f"JPEG {shown} followed by more JPEGs (MPO)", encode(first, "MPO", **several)
    yield "JPEG of 50,000 columns", overwrite(jpeg((40, 30)), b"\xff\xc0", 7, b"\xc3\x50")
    yield "WEBP of 9,000 rows", encode(make_image("L", (1, 9000)), "WEBP", lossless=True)
    webp = encode(make_image("RGB", (40, 30)), "WEBP")
    yield "WEBP with upscaling hints", overwrite(webp, b"\x9d\x01\x2a", 3, b"\x28\x40\x1e\x80")


def invalid_files() -> Iterator[tuple[str, bytes]]:
    """Yield unsupported files, and files that are truncated or invalid before the pixel data."""
    yield from _other_files()
    yield from _invalid_jpegs()
    yield from _invalid_pngs()
    yield from _invalid_webps()


def _other_files() -> Iterator[tuple[str, bytes]]:
    image = make_image("RGB", (300, 300))
    for kind in ("GIF", "BMP", "TIFF", "PPM", "ICO", "PDF", "AVIF", "JPEG2000", "TGA"):
        yield kind, encode(image, kind)
    yield "HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400)
    yield "HTML", b"<!doctype html><title>Sign in</title>"
    yield "text that contains the format names", b"JPEG PNG WEBP RIFF IHDR"
    yield "empty", b""
    yield "one byte", b"\xff"
    yield "zeros", bytes(5000)
    yield "a WAV", b"RIFF\x24\0\0\0WAVEfmt " + bytes(30)
    for seed in range(40):
        noise = random.Random(seed).randbytes(300)
        yield f"noise {seed}", noise
        yield f"noise {seed} after a JPEG signature", b"\xff\xd8\xff" + noise
        yield f"noise {seed} after a PNG signature", b"\x89PNG\r\n\x1a\n" + noise
        yield f"noise {seed} after a WEBP signature", b"RIFF\x30\1\0\0WEBPVP8 " + noise


def _invalid_jpegs() -> Iterator[tuple[str, bytes]]:
    good = jpeg((40, 30))
    frame = b"\xff\xc0"
    yield "a JPEG of 0 rows", overwrite(good, frame, 5, b"\0\0")
    yield "a JPEG of 0 columns", overwrite(good, frame, 7, b"\0\0")
    yield "a JPEG of 12 bits", overwrite(good, frame, 4, b"\x0c")
    two = overwrite(good, frame, 3, b"\x0e\x08\0\x1e\0\x28\x02")
    yield "a JPEG of 2 components", two[: two.index(frame) + 16] + two[two.index(frame) + 19 :]
    yield "a JPEG with a frame header of 3 bytes", overwrite(good, frame, 2, b"\0\x05")
    yield "a JPEG with a truncated component", overwrite(good, frame, 2, b"\0\x10")
    yield "a JPEG without a frame header", overwrite(good, frame, 1, b"\xe9")
    yield "a JPEG with an undefined marker", good[:2] + b"\xff\x02\0\2" + good[2:]


def _invalid_pngs() -> Iterator[tuple[str, bytes]]:
    png = encode(make_image("RGB", (300, 300)), "PNG")
    signature, ihdr, pixels = png[:8], png[8:33], png[33:]
    for name, width, height, depth, color, filtering in [
        ("of 0 rows", 9, 0, 8, 2, 0),
        ("of 0 columns", 0, 9, 8, 2, 0),
        ("of 3 bits", 9, 9, 3, 0, 0),
        ("of 16-bit palette", 9, 9, 16, 3, 0),
        ("of color type 5", 9, 9, 8, 5, 0),
        ("with an unknown filter", 9, 9, 8, 2, 1),
    ]:
        body = struct.pack(">IIBBBBB", width, height, depth, color, 0, filtering, 0)
        yield f"a PNG {name}", signature + png_chunk(b"IHDR", body) + pixels
    yield (
        "a PNG with a wrong header checksum",
        signature + ihdr[:-1] + bytes([ihdr[-1] ^ 1]) + pixels,
    )
    yield (
        "a PNG with a wrong checksum after the header",
        signature + ihdr + png_chunk(b"tEXt")[:-1] + b"!" + pixels,
    )
    yield "a PNG with a short header", signature + png_chunk(b"IHDR", ihdr[8:20]) + pixels
    yield "a PNG without a header", signature + pixels
    yield (
        "a PNG whose first chunk is no header",
        signature + png_chunk(b"teSt", ihdr[8:21]) + pixels,
    )
    yield "a PNG without pixel data", signature + ihdr + png_chunk(b"IEND") + pixels
    yield "a PNG with a chunk type of zeros", signature + ihdr + png_chunk(b"\0\0\0\0") + pixels


def _invalid_webps() -> Iterator[tuple[str, bytes]]:
    image = make_image("RGB", (300, 300))
    webp = encode(image, "WEBP")
    tag = webp[20:23]
    for name, wrong in [
        ("without a key frame", bytes([tag[0] | 0x01])),
        ("of version 4", bytes([tag[0] | 0x08])),
        ("with a hidden frame", bytes([tag[0] & ~0x10])),
        ("whose first partition exceeds the file", tag[:2] + b"\xff"),
    ]:
        yield f"a WEBP {name}", overwrite(webp, tag + b"\x9d\x01\x2a", 0, wrong)
    yield "a WEBP without a start code", overwrite(webp, b"\x9d\x01\x2a", 0, b"\0")
    yield "a WEBP of 0 columns", overwrite(webp, b"\x9d\x01\x2a", 3, b"\0\0")
    yield "a WEBP of 0 rows", overwrite(webp, b"\x9d\x01\x2a", 5, b"\0\0")
    yield "a WEBP with an unknown chunk", overwrite(webp, b"VP8 ", 0, b"VP9 ")
    yield "a WEBP with the form type WAVE", overwrite(webp, b"WEBP", 0, b"WAVE")
    lossless = encode(image.resize((40, 30)), "WEBP", lossless=True)
    yield "a lossless WEBP without a signature", overwrite(lossless, b"VP8L", 8, b"\0")
    yield (
        "a lossless WEBP of version 1",
        overwrite(lossless, b"VP8L", 12, bytes([lossless[24] | 0x20])),
    )
    extended = encode(image.resize((40, 30)), "WEBP", exif=exif())
    yield "an extended WEBP with a short header", overwrite(extended, b"VP8X", 4, b"\x08")
    longer = overwrite(extended, b"VP8X", 4, b"\x0c")
    yield (
        "an extended WEBP with a long header",
        overwrite(
            longer[:30] + b"\0\0" + longer[30:], b"RIFF", 4, (len(longer) - 6).to_bytes(4, "little")
        ),
    )
    yield "an extended WEBP with a wider canvas", overwrite(extended, b"VP8X", 12, b"\x28")
    yield "an extended WEBP without pixel data", b"RIFF\x16\0\0\0WEBP" + extended[12:30]
