"""The bytes of a text table, read in pieces: a bomb, a hole or another encoding is refused before it is large."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..errors import Fault, InputError, shown
from .study import Limits

_PIECE = 1 << 24
"""Bytes read at a time."""

SMALL = 1 << 26
"""Bytes up to which a table may grow by any factor when it is unpacked."""

_MAGIC = (
    (b"PAR1", "a Parquet file", "Rename it to end in .parquet."),
    (b"PK\x03\x04", "a zip archive or an Excel file", "Export the table as CSV."),
    (b"\xd0\xcf\x11\xe0", "an old Excel file", "Export the table as CSV."),
    (b"\x1f\x8b", "a gzip file", "Let its name end in .csv.gz."),
    *((b"BZh%d1AY&SY" % level, "a bzip2 file", "Unpack it first.") for level in range(1, 10)),
    (b"\xfd7zXZ\0", "an xz file", "Unpack it first."),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", "Unpack it first."),
    (b"\x04\x22\x4d\x18", "an LZ4 file", "Unpack it first."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it first."),
    (b"Rar!\x1a", "a RAR archive", "Unpack it first."),
    (b"ARROW1\0", "an Arrow file", "Export the table as Parquet or CSV."),
    (b"Obj\x01", "an Avro file", "Export the table as Parquet or CSV."),
    (b"$FL2", "an SPSS file", "Export the table as CSV."),
    (b"<stata_dta>", "a Stata file", "Export the table as CSV."),
    (b"\x89HDF", "an HDF5 file", "Export the table as CSV."),
    (b"%PDF", "a PDF file", "Export the table as CSV."),
    (b"RDX2\n", "an R data file", "Export the table as CSV."),
    (b"RDX3\n", "an R data file", "Export the table as CSV."),
    (b"SQLite format", "an SQLite database", "Export the table as CSV."),
)


def kind_of_file(head: bytes) -> tuple[str, str] | None:
    """Return what kind of file starts with these bytes and what to do about it, or None for none that is known."""
    return next(((what, remedy) for magic, what, remedy in _MAGIC if head.startswith(magic)), None)


def text_bytes(path: Path, file: str, limits: Limits) -> bytearray:
    """Return the bytes of a text file, unpacked where its name ends in ``.gz``.

    Parameters
    ----------
    path
        The file.
    file
        Its name in messages.
    limits
        Sizes above which it is refused.

    Returns
    -------
    bytearray
        UTF-8 text without NUL.

    Raises
    ------
    InputError
        If it is larger than the limits, another kind of file, or not UTF-8 text.
    """
    size = path.stat().st_size
    compressed = path.suffix.lower() == ".gz"
    if not compressed and size > limits.bytes:
        raise InputError(_too_large(file, limits))
    whole = bytearray()
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    try:
        with path.open("rb") as packed:
            for piece in _pieces(gzip.GzipFile(fileobj=packed) if compressed else packed):
                if not whole:
                    _refuse_kind(piece, file, compressed=compressed)
                _refuse_nul(piece, line, file, last=len(piece) < _PIECE)
                _refuse_encoding(piece, decoder, line, file)
                if len(whole) + len(piece) > limits.bytes:
                    raise InputError(_too_large(file, limits))
                whole += piece
                if compressed and len(whole) > max(SMALL, limits.ratio * packed.tell()):  # of what was unpacked so far
                    raise InputError(grows(file, limits))
                # a pair of CR and LF that falls apart between two pieces counts twice, so look back one byte
                apart = len(whole) > len(piece) and whole[-len(piece) - 1] == 13 and piece[0] == 10
                line += line_ends(piece) - apart
            _refuse_encoding(b"", decoder, line, file, final=True)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        message = f"The compressed file cannot be unpacked: {shown(error)}."
        raise InputError(_fault("compression", message, "Fetch or pack it anew.", file)) from None
    except OSError as error:
        message = f"The file cannot be read: {shown(error)}."
        raise InputError(_fault("unreadable", message, "Check the disk and its permissions.", file)) from None
    return whole


def grows(file: str, limits: Limits) -> Fault:
    """Return the fault of a file that is far larger unpacked than packed."""
    message = f"Unpacked the table is over {limits.ratio:,} times its size on disk, the limit."
    return _fault("bomb", message, "Raise 'ratio' below [table.limits] if that is meant.", file)


def line_ends(data: bytes | bytearray) -> int:
    """Return how many lines end in a text, as an editor counts."""
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def _pieces(stream: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece


def _fault(code: str, message: str, remedy: str, file: str, line: int | None = None, count: int = 1) -> Fault:
    return Fault(code=code, message=message, remedy=remedy, file=file, line=line, count=count)


def _too_large(file: str, limits: Limits) -> Fault:
    remedy = "Raise 'bytes' below [table.limits] if that is meant."
    return _fault("too-large", f"The table is larger than the limit of {limits.bytes:,} bytes.", remedy, file)


def _refuse_kind(head: bytes, file: str, *, compressed: bool) -> None:
    kind = kind_of_file(head)
    if kind is not None:
        what, remedy = kind
        message = f"Packed inside is {what}." if compressed else f"The name says text, but this is {what}."
        raise InputError(_fault("wrong-kind", message, "Pack the text once." if compressed else remedy, file))
    start = head[:1_000]
    wide = "UTF-32" if start.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")) else "UTF-16"
    if start.startswith((b"\xff\xfe", b"\0\0\xfe\xff", b"\xfe\xff")) or 0.3 < start.count(0) / len(start) < 0.9:
        message = f"The file is not UTF-8 text; it looks like {wide}."
        raise InputError(_fault("encoding", message, "Save the file as UTF-8.", file, line=1))


def _refuse_nul(piece: bytes, line: int, file: str, *, last: bool) -> None:
    nul = piece.find(0)
    if nul >= 0:
        line += line_ends(piece[:nul])
        count = piece.count(0) if last else 1  # what follows is not read, and not counted
        remedy = "Remove it, or save the file as text anew."
        raise InputError(_fault("nul-byte", "The line holds a NUL byte.", remedy, file, line, count))


def _refuse_encoding(
    piece: bytes, decoder: codecs.IncrementalDecoder, line: int, file: str, *, final: bool = False
) -> None:
    held = decoder.getstate()[0]
    if piece.isascii() and not held:
        return
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError as error:
        text = held + piece
        guess = "Windows-1252" if re.search(rb"[\x80-\x9f]", text) else "Latin-1"
        bad = text[error.start : error.start + 1]
        message = f"The file is not UTF-8 text; it looks like {guess} (byte 0x{bad.hex()})."
        line += line_ends(text[: error.start])
        raise InputError(_fault("encoding", message, "Save the file as UTF-8.", file, line)) from None
