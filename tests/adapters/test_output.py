import pytest

from progress_kit.adapters.output import Heard, Output, Reading

PIP = "   ━━━━━━━━━━━━╸━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1.2/3.4 MB 5.6 MB/s eta 0:00:01"
CONDA = "numpy-1.26.4         | 7.5 MB    | #########   |  45% "
KERAS = "\x1b[1m12/100\x1b[0m \x1b[32m━━━━\x1b[0m\x1b[37m━━━━━━━━━━━━━━━━\x1b[0m \x1b[1m3s\x1b[0m 30ms/step - loss: 0.3"


def heard(text: str) -> Heard:
    """What is read of an output."""
    heard = Heard()
    output = Output(heard)
    output.feed(text.encode())
    output.close()
    return heard


@pytest.mark.parametrize(
    "line, reading",
    [
        (" 45%|####5     | 45/100 [00:01<00:01, 44.9it/s]", Reading("", 45, 100)),
        ("Map:  12%|█▏  | 1200/10000 [00:00<00:03, 2500.00 examples/s]", Reading("Map", 1200, 10_000)),
        (
            "model.safetensors:  45%|████▌     | 450M/1.00G [00:10<00:12, 45.0MB/s]",
            Reading("model.safetensors", 450e6, 1e9, "B"),
        ),
        ("loading: 123it [00:01, 100.00it/s]", Reading("loading", 123, None)),
        (PIP, Reading("", 1.2e6, 3.4e6, "B")),
        ("Working... ━━━━━━━━━━━━━━━╸━━━━━━━━  65% 0:00:02", Reading("Working", 65, 100, "%")),
        ("numpy      -------------------- 1.50 MiB/3.00 MiB", Reading("numpy", 1.5 * 2**20, 3 * 2**20, "B")),
        ("Receiving objects:  45% (450/1000), 1.20 MiB | 2.40 MiB/s", Reading("Receiving objects", 450, 1000)),
        ("remote: Compressing objects: 100% (52/52), done.", Reading("Compressing objects", 52, 52)),
        (
            " 45 1000k   45  450k    0     0   100k      0  0:00:10  0:00:04  0:00:06  100k",
            Reading("", 450e3, 1e6, "B"),
        ),
        ("##############                                             23.4%", Reading("", 23.4, 100, "%")),
        ("file.iso        45%[=======>            ]  12.34M  1.23MB/s    eta 5s", Reading("file.iso", 45, 100, "%")),
        ("  3050K .......... .......... .......... ..........  12% 1.21M 3s", Reading("", 12, 100, "%")),
        (
            "      1,238,099  45%  146.38kB/s    0:00:08 (xfr#5, to-chk=169/396)",
            Reading("", 227, 396, "files", whole=True),
        ),
        ("      1,238,099  45%  146.38kB/s    0:00:08 (xfr#5, ir-chk=169/396)", Reading("", 45, 100, "%")),
        (
            "abc123def456: Downloading [=========>      ]  12.3MB/45.6MB",
            Reading("abc123def456: Downloading", 12.3e6, 45.6e6, "B"),
        ),
        ("Step 3/10 : RUN make", Reading("RUN make", 3, 10, whole=True)),
        ("#7 [3/5] RUN make", Reading("RUN make", 3, 5, whole=True)),
        ("#7 [builder 3/5] RUN make", Reading("RUN make", 3, 5, whole=True)),
        (
            "#5 sha256:aabbccddeeff0011223344 12.58MB / 29.15MB 1.2s",
            Reading("sha256:aabbccddeeff", 12.58e6, 29.15e6, "B"),
        ),
        ("Progress: [ 45%] [##########..............] ", Reading("", 45, 100, "%", whole=True)),
        ("45% [2 libc6 1,234 kB/5,678 kB 21%]", Reading("", 45, 100, "%", whole=True)),
        ("Epoch 3/10", Reading("Epoch", 3, 10, whole=True)),
        (KERAS, Reading("", 12, 100)),
        ("12/100 [==>.......] - ETA: 3s - loss: 0.31", Reading("", 12, 100)),
        ("    Building [=====>             ] 45/100: serde", Reading("Building", 45, 100, whole=True)),
        ("[45/100] Building CXX object foo.o", Reading("Building CXX object foo.o", 45, 100, whole=True)),
        (
            "[ 45%] Building C object foo.dir/a.c.o",
            Reading("Building C object foo.dir/a.c.o", 45, 100, "%", whole=True),
        ),
        ("tests/test_a.py .........              [ 45%]", Reading("tests/test_a.py", 45, 100, "%", whole=True)),
        ("[#####...............] | fetchMetadata: sill resolve", Reading("", 25, 100, "%")),
        ("[3/4] Linking dependencies...", Reading("Linking dependencies", 3, 4, whole=True)),
        (CONDA, Reading("numpy-1.26.4", 45, 100, "%")),
        ("45.5 %", Reading("", 45.5, 100, "%")),
    ],
    ids=str.split(
        "tqdm tqdm-words huggingface tqdm-no-total pip rich uv git git-remote curl curl-bar wget wget-dots rsync "
        "rsync-incomplete docker-pull docker-build buildkit buildkit-stage buildkit-layer apt-get apt epoch keras "
        "keras-2 cargo ninja cmake pytest npm yarn conda percent"
    ),
)
def test_what_programs_write(line: str, reading: Reading) -> None:
    """Of each of them one real line."""
    assert heard(f"{line}\n").newest == reading


@pytest.mark.parametrize(
    "line",
    [
        "the disk is 90% full",
        "2026/11/24 12:00:00 started",
        "[2026-11-24 10:00:00] hello",
        "version 1.2/3",
        "Downloading numpy-2.1.0-cp311-manylinux.whl (16.3 MB)",
        "3 passed, 1 failed in 0.3s",
        "GET /a/b/1/2 HTTP/1.1 200",
        "[12/3] more than all",
        "",
    ],
)
def test_what_is_no_progress(line: str) -> None:
    """It is the text that is shown beside it."""
    found = heard(f"{line}\n")
    assert found.newest is None
    assert found.text in {line, ""}


@pytest.mark.parametrize(
    "text, reading",
    [
        ("\rprocessed 45/100", Reading("processed", 45, 100)),
        ("part 3 of 10 done\r", Reading("part", 3, 10)),
        ("\rcopying: 45%", Reading("copying", 45, 100, "%")),
    ],
    ids=["slash", "of", "percent"],
)
def test_lines_that_are_written_over(text: str, reading: Reading) -> None:
    """There any numbers of these forms are progress, whether the return to their beginning comes first or last."""
    output = Output(found := Heard())
    output.feed(text.encode())
    assert found.newest == reading


def test_ffmpeg() -> None:
    """It says how long the film is once, and where it is ever after."""
    found = heard(
        "  Duration: 00:01:40.00, start: 0.000000, bitrate: 205 kb/s\n"
        "frame=  100 fps= 25 q=28.0 size=     256kB time=00:00:10.50 bitrate= 209.7kbits/s speed=2.5x    \r"
    )
    assert found.newest == Reading("", 10.5, 100, "s", whole=True)


def test_pip_names_what_it_downloads_a_line_before() -> None:
    """The bar itself does not."""
    found = heard(f"Downloading numpy-2.1.0-cp311.whl (3.4 MB)\n{PIP}\r")
    assert found.newest == Reading("numpy-2.1.0-cp311.whl", 1.2e6, 3.4e6, "B")


def test_steps_of_the_whole_go_before_bars_of_its_parts() -> None:
    """Several bars are kept, the newest last; a step says how far all of it is."""
    found = heard("a: 10%|#  | 1/10 [00:00<00:00, 1it/s]\rb: 20%|# | 2/10 [00:00<00:00, 1it/s]\n")
    assert [reading.label for reading in found.bars] == ["a", "b"]
    assert found.newest == Reading("b", 2, 10)
    found = heard("[1/3] fetch\nx: 10%|#  | 1/10 [00:00<00:00, 1it/s]\n")
    assert found.newest == Reading("fetch", 1, 3, whole=True)


def test_many_bars() -> None:
    """Only the newest are kept, however many there are."""
    found = heard("".join(f"{number:012x}: Downloading [=>  ]  1MB/2MB\n" for number in range(100)))
    assert len(found.bars) == 8
    assert found.bars[-1].label.startswith("000000000063")


def test_in_pieces() -> None:
    """Lines and letters may be cut anywhere."""
    output = Output(found := Heard())
    for byte in f"größe: 45%|████▌     | 450M/1.00G [00:10<00:12, 45.0MB/s]\r{PIP}\n".encode():
        output.feed(bytes([byte]))
    output.close()
    assert found.bars[0] == Reading("größe", 450e6, 1e9, "B")


def test_nothing_harms_it() -> None:
    """Binary output, endless lines and strange numbers are no progress."""
    found = heard(
        "\x00\x1b[999;999H\x1b]0;title\x07" + "x" * 100_000 + "\n%|/|[--]\n[0/0]\n[1/" + "9" * 400 + "] big\n"
    )
    assert found.newest is None or found.newest.done >= 0
    output = Output(Heard())
    output.feed(bytes(range(256)) * 100)
    output.close()
