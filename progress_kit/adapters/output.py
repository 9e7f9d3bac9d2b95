"""What programs write while they work, read as progress: bars, percentages, "3 of 10". Pure: text in, readings out."""

import codecs
import re
import threading
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

LINE_LENGTH: Final = 500
"""What is longer is no line of a bar; only its beginning is read."""
BARS: Final = 8
"""So many of the newest bars are kept."""


class Reading(NamedTuple):
    """What one line says. `whole`: it is about all of the work (step 3 of 10), not about one part (a download)."""

    label: str
    done: float
    total: float | None
    unit: str = ""
    whole: bool = False


_CONTROL: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_DRAWING: Final = "#=█▓━"
_NUMBER: Final = r"\d[\d,]*(?:\.\d+)?"
_SIZE: Final = rf"{_NUMBER}\s?(?:[kKMGTP]i?)?B?(?:ytes)?"
_SCALES: Final = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}


def _amount(text: str) -> float:
    """Return ``1,234`` or ``45.6 MB`` as a number."""
    match = re.fullmatch(rf"({_NUMBER})\s?([kKMGTP]?)(i?)B?(?:ytes)?", text.strip())
    if match is None:
        return 0.0
    scale = _SCALES[match[2]]
    if match[3]:
        scale = 1024.0 ** {"K": 1, "M": 2, "G": 3, "T": 4, "P": 5}.get(match[2].upper(), 0)
    return float(match[1].replace(",", "")) * scale


def _is_size(text: str) -> bool:
    return "B" in text or text.endswith("bytes")


def _clock(text: str) -> float:
    """Return ``00:01:40.5`` in seconds."""
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def _unit(found: dict[str, str]) -> str:
    unit = found.get("unit", "")
    return "" if unit == "it" else unit


Read = Callable[["re.Match[str]"], Reading]


def _of(match: "re.Match[str]", *, whole: bool = False) -> Reading:
    """Read a pattern that names what it finds: `label`, `done` and `total`, or `percent`."""
    found = {name: value.strip() for name, value in match.groupdict().items() if value is not None}
    label = found.get("label", "").strip(f"{_DRAWING}:.[]> ")
    if "total" in found:
        done, total = found["done"], found["total"]
        size = found.get("size", "")
        unit = "B" if _is_size(total + size) else _unit(found)
        if size and not _is_size(done):
            done, total = f"{done}{size}", total if _is_size(total) else f"{total}{size}"
        return Reading(label, _amount(done), _amount(total), unit, whole)
    if "done" in found:
        return Reading(label, _amount(found["done"]), None, _unit(found), whole)
    return Reading(label, float(found["percent"]), 100.0, "%", whole)


def _whole(match: "re.Match[str]") -> Reading:
    return _of(match, whole=True)


def _rsync(match: "re.Match[str]") -> Reading:
    left, total = match["left"], match["of"]
    if left is not None and match["kind"] == "to":
        return Reading("", int(total) - int(left), int(total), "files", whole=True)
    return _of(match)


def _curl(match: "re.Match[str]") -> Reading:
    total, done = _amount(match["total"]), _amount(match["done"])
    return Reading("", done, total or None, "B")


def _hashes(match: "re.Match[str]") -> Reading:
    full, empty = len(match["full"]), len(match["empty"])
    return Reading(match["label"].strip(), 100.0 * full / (full + empty), 100.0, "%")


_BAR: Final = r"[#=>█▉▊▋▌▍▎▏░▒▓━╸╺─\-. ]"
_LINE: Final = "[━╸╺]{3,}[━╸╺ ]*?"
"""rich's bar."""
_ANY: Final = rf"{_NUMBER}[kMGTP]?"
_N_OF_M: Final = rf"(?P<done>{_ANY})/(?P<total>{_ANY})"
_SIZE_OF_SIZE: Final = rf"(?P<done>{_SIZE})\s*/\s*(?P<total>{_SIZE})"
_STEP: Final = r"(?P<done>\d+)/(?P<total>\d+)"
_PERCENT: Final = r"(?P<percent>\d+(?:\.\d+)?)%"
_TQDM: Final = rf"^(?P<label>.*?):?\s*\d+%\|[^|]*\|\s*{_N_OF_M}"
_RSYNC: Final = rf"^\s*{_ANY}\s+{_PERCENT}\s+{_NUMBER}[kKMGT]?B/s\s+\d+:\d\d:\d\d"

# The first that fits counts, so what is special comes first.
_PATTERNS: Final[tuple[tuple[re.Pattern[str], Read], ...]] = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        # tqdm, and all that use it: huggingface-cli, pandas …
        (rf"{_TQDM}\s\[.*?(?:{_ANY}|\?)(?P<size>B)?(?P<unit>\w*)/s", _of),
        (_TQDM, _of),
        (rf"^(?:(?P<label>.+?):\s)?(?P<done>{_ANY})(?P<unit>[A-Za-z]+)\s\[\d\d:\d\d", _of),
        # git
        (rf"^(?:remote: )?(?P<label>[A-Z][\w ]+):\s+\d+% \({_STEP}\)", _of),
        # rsync --info=progress2
        (rf"{_RSYNC}(?:.*\b(?P<kind>to|ir)-chk=(?P<left>\d+)/(?P<of>\d+))?", _rsync),
        # curl
        (rf"^\s*\d+\s+(?P<total>{_ANY})\s+\d+\s+(?P<done>{_ANY})\s+\d+(?:\s+{_ANY}){{3}}\s+[-\d:]+\s", _curl),
        # conda
        (rf"^(?P<label>\S.*?)\s+\|\s+{_SIZE}\s+\|.*\|\s+{_PERCENT}", _of),
        # wget
        (rf"^(?P<label>\S+)\s+{_PERCENT}\[{_BAR}*\]", _of),
        (rf"^\s*\d+[KM]\s[. ]+\s{_PERCENT}\s", _of),
        # docker pull, docker build
        (rf"^(?P<label>[0-9a-f]{{12}}: \w+)\s+\[{_BAR}*\]\s+{_SIZE_OF_SIZE}", _of),
        (rf"^#\d+ (?P<label>sha256:[0-9a-f]{{12}})[0-9a-f]*\s+{_SIZE_OF_SIZE}", _of),
        (rf"^(?:Step|STEP) {_STEP}\s*:\s*(?P<label>.*)", _whole),
        (rf"^#\d+ \[(?:[\w.-]+ )?{_STEP}\] (?P<label>.*)", _whole),
        # apt
        (rf"^Progress: \[\s*{_PERCENT}\]", _whole),
        (rf"^{_PERCENT} \[", _whole),
        # Keras, and all that counts in epochs
        (r"^(?P<label>Epoch|epoch|EPOCH)[ :]+\[?(?P<done>\d+)\s?(?:/|of)\s?(?P<total>\d+)", _whole),
        (rf"^{_STEP}\s+(?:\[[=>.]*\]|━)", _of),
        # cargo
        (rf"^\s*(?P<label>[A-Z]\w+) \[{_BAR}*\]\s+{_STEP}", _whole),
        # pip and all that draw by rich, uv
        (rf"^\s*(?P<label>[^━╸╺]*?)\s*{_LINE}\s*{_N_OF_M}(?:\s(?P<size>[kKMGT]?i?B|bytes))?", _of),
        (rf"^\s*(?P<label>[^━╸╺]*?)\s*{_LINE}\s{_PERCENT}", _of),
        (rf"^\s*(?P<label>\S+)\s+-{{3,}}[- ]*\s{_SIZE_OF_SIZE}\s*$", _of),
        # ninja, yarn; cmake; pytest
        (rf"^\[\s*{_STEP}\]\s*(?P<label>.*)", _whole),
        (rf"^\[\s*{_PERCENT}\]\s*(?P<label>.*)", _whole),
        (rf"^(?P<label>\S+) .*\[\s*{_PERCENT}\]$", _whole),
        # npm, and what draws with # and dots
        (r"^(?P<label>.*?)\s*[\[(](?P<full>#*)(?P<empty>[.\u2591]+)[\])]", _hashes),
    )
)
# Only where the line is written over and over, or a bar stands beside it: "the disk is 90 % full" is no progress.
_ALONE: Final = r"(?<![\d/.\w-])"
_IN_PLACE: Final[tuple[tuple[re.Pattern[str], Read], ...]] = tuple(
    (re.compile(rf"^(?P<label>.*?)[\s:\[(]*{_ALONE}{pattern}"), _of)
    for pattern in (
        rf"(?P<done>{_NUMBER})\s?(?:/|of)\s?(?P<total>{_NUMBER})(?![\d/.\w-])",
        r"(?P<percent>\d{1,3}(?:\.\d+)?)\s?%",
    )
)
_DRAWN: Final = re.compile(r"[#=█▓━]{3,}|[\[(][#=>\- .]{5,}[\])]")
_BY_ITSELF: Final = re.compile(r"^\W*\d{1,3}(?:\.\d+)?\s?%\W*$")
_MAY_END: Final = re.compile(r"[\d%\])a-z]\s*\Z")
_DURATION: Final = re.compile(r"^\s*Duration: (?P<total>\d+:\d\d:\d\d(?:\.\d+)?),")
_TIME: Final = re.compile(r"^(?:frame=|size=).*\btime=(?P<done>\d+:\d\d:\d\d(?:\.\d+)?)")
_SUBJECT: Final = re.compile(r"^\s*(?:Downloading|Installing|Fetching) (?P<label>\S+)")
# What has none of these need not be looked at more closely: most output is no progress, and there may be much of it.
_HINTS: Final = (
    r"\d\s?%",
    r"\d(?:\s?[kKMGT]?i?B)?[kKMGT]?\s?(?:/|of)\s?\d",
    r"[\[(][#.]",
    r"\d\w* \[\d\d:",
    r"time=",
    r"^\s*(?:Duration:|\d+\s+\d\S*\s+\d+\s)",
)
_HINT: Final = re.compile("|".join(_HINTS))


class Heard:
    """What was read so far of all that a program writes; may be told and asked in different threads."""

    def __init__(self) -> None:
        self.whole: Reading | None = None
        self.text = ""
        """The last line that is no progress."""
        self._bars: dict[str, Reading] = {}
        self._lock = threading.Lock()

    @property
    def bars(self) -> list[Reading]:
        """The newest reading of each label, the newest last."""
        with self._lock:
            return list(self._bars.values())

    @property
    def newest(self) -> Reading | None:
        """What the program says of all of its work or, if it says nothing of that, of what it does now."""
        return self.whole or next(reversed(self.bars), None)

    def take(self, reading: Reading) -> None:
        """Take in a reading; one that cannot be is dropped."""
        if reading.total is not None and reading.done > reading.total:
            return
        if reading.whole:
            self.whole = reading
            return
        with self._lock:
            self._bars.pop(reading.label, None)
            self._bars[reading.label] = reading
            while len(self._bars) > BARS:
                del self._bars[next(iter(self._bars))]


class Output:
    """One stream of a program's output, as it comes."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""
        self._duration: float | None = None
        self._subject = ""

    def feed(self, data: bytes) -> None:
        """Take in more of it."""
        for line, in_place in self._lines(self._decoder.decode(data)):
            self._take(line, in_place=in_place)

    def close(self) -> None:
        """Take in a last line without an end."""
        self._take(self._begun, in_place=False)
        self._begun = ""

    def _lines(self, text: str) -> Iterator[tuple[str, bool]]:
        """Yield whole lines, and whether the next one is written over it."""
        *lines, self._begun = re.split(r"(\r\n|\n|\r)", self._begun + text)
        for line, end in zip(lines[::2], lines[1::2], strict=True):
            yield line, end == "\r"
        if _MAY_END.search(self._begun):
            yield self._begun, True  # a bar that begins with `\r` instead of ending with it
        self._begun = self._begun[: 4 * LINE_LENGTH]

    def _take(self, line: str, *, in_place: bool) -> None:
        line = _CONTROL.sub("", line[: 4 * LINE_LENGTH])[:LINE_LENGTH].rstrip()
        if not line:
            return
        reading = self._read(line, in_place=in_place)
        if reading is not None:
            self._heard.take(reading)
        elif not in_place:
            self._heard.text = line.strip()

    def _read(self, line: str, *, in_place: bool) -> Reading | None:
        subject = _SUBJECT.match(line)
        if subject is not None:
            self._subject = subject["label"]
        if not _HINT.search(line):
            return None
        duration = _DURATION.match(line)
        if duration is not None:
            self._duration = max(self._duration or 0.0, _clock(duration["total"]))
            return None
        time = _TIME.match(line)
        if time is not None:
            return Reading("", _clock(time["done"]), self._duration, "s", whole=True)
        for pattern, read in _PATTERNS:
            match = pattern.search(line)
            if match is not None:
                return self._named(read(match))
        if in_place or _DRAWN.search(line) or _BY_ITSELF.match(line):
            for pattern, read in _IN_PLACE:
                match = pattern.search(line)
                if match is not None:
                    return self._named(read(match))
        return None

    def _named(self, reading: Reading) -> Reading:
        return reading if reading.label else reading._replace(label=self._subject)
