"""Pure: the Content-Type of a file, by its name or, without a suffix, by its content.

The table contains the usual types of websites, as registered with IANA. The table of the standard
library differs between versions of Python, so an upgrade could change how the same build is served.
https://www.iana.org/assignments/media-types/media-types.xhtml
"""

import codecs
import re
from typing import Final

UNKNOWN: Final = "application/octet-stream"
HEAD = 1024
"""Bytes of a file's content that are looked at."""

_SUFFIXES: Final = {
    "application/atom+xml": "atom",
    "application/epub+zip": "epub",
    "application/geo+json": "geojson",
    "application/json": "json map",
    "application/ld+json": "jsonld",
    "application/manifest+json": "webmanifest",
    "application/msword": "doc",
    "application/pdf": "pdf",
    "application/rdf+xml": "rdf",
    "application/rss+xml": "rss",
    "application/rtf": "rtf",
    "application/vnd.apple.mpegurl": "m3u8",
    "application/vnd.google-earth.kml+xml": "kml",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-fontobject": "eot",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/wasm": "wasm",
    "application/xhtml+xml": "xhtml xht",
    "application/xml": "xml xsl xsd",
    "application/yaml": "yaml yml",
    "application/zip": "zip",
    "application/zstd": "zst",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/midi": "mid midi",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "oga ogg opus",
    "audio/wav": "wav",
    "audio/webm": "weba",
    "font/collection": "ttc",
    "font/otf": "otf",
    "font/ttf": "ttf",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "image/apng": "apng",
    "image/avif": "avif",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/jpeg": "jpg jpeg jpe jfif",
    "image/jxl": "jxl",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/tiff": "tif tiff",
    "image/vnd.microsoft.icon": "ico cur",
    "image/webp": "webp",
    "model/gltf+json": "gltf",
    "model/gltf-binary": "glb",
    "model/vnd.usdz+zip": "usdz",
    "text/calendar": "ics",
    "text/css": "css",
    "text/csv": "csv",
    "text/html": "html htm",
    "text/javascript": "js mjs cjs",
    "text/markdown": "md markdown",
    "text/plain": "txt text log",
    "text/tab-separated-values": "tsv",
    "text/vcard": "vcf",
    "text/vtt": "vtt",
    "video/mp2t": "ts",
    "video/mp4": "mp4 m4v",
    "video/mpeg": "mpeg mpg",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "video/webm": "webm",
}
_TYPES: Final = {
    suffix: type_ for type_, suffixes in _SUFFIXES.items() for suffix in suffixes.split()
}
_NAMES: Final = {
    "apple-app-site-association": "application/json",  # https://developer.apple.com/documentation/xcode/supporting-associated-domains
    "apple-developer-merchantid-domain-association": "text/plain",
}
"""Files without a suffix whose type their readers demand."""

_BEGINNINGS: Final = (
    (re.compile(r"\s*<(!doctype\s+html|html)\b", re.IGNORECASE), "text/html"),
    (re.compile(r"\s*(\{\s*[\"}]|\[\s*[\[\]{\"])"), "application/json"),
)


def by_name(key: str) -> str:
    """Return the Content-Type for the suffix of a file's name. Text is UTF-8."""
    name = key.rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    return _utf8(_NAMES.get(name) or (_TYPES.get(suffix.lower()) if dot and stem else None))


def has_suffix(key: str) -> bool:
    """Return whether the name of a file has a suffix. A version, as in `v1.2`, is not one."""
    name = key.rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    return name in _NAMES or bool(dot and stem and suffix and not suffix.isdecimal())


def by_content(head: bytes) -> str:
    """Return the Content-Type of a file without a suffix, by its first bytes."""
    try:
        # Incremental, because the last character may be cut.
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        text = decoder.decode(head[:HEAD], final=len(head) < HEAD)
    except UnicodeDecodeError:
        return UNKNOWN
    if not text or any(sign < " " and sign not in "\t\r\n\f" for sign in text):
        return UNKNOWN
    for pattern, type_ in _BEGINNINGS:
        if pattern.match(text):
            return _utf8(type_)
    return _utf8("text/plain")


def _utf8(type_: str | None) -> str:
    if type_ is None:
        return UNKNOWN
    return f"{type_}; charset=utf-8" if type_.startswith("text/") else type_
