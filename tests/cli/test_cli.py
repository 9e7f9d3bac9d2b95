"""The command line beside a real server and a real script: what it prints, and how it exits."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pexpect
import pytest

import progress_kit as pk
from progress_kit.cli import main
from progress_kit.cli.past import write_csv
from progress_kit.model import Snapshot
from tests.cli.conftest import COMMAND, JOB, Job
from tests.integration.processes import DEADLINE_S, Home, Lines, Script, Server

Output = pytest.CaptureFixture[str]


def test_list_says_what_runs(job: Job, capsys: Output) -> None:
    """A line each: state, how far, where, and the id that other commands want."""
    assert main(["list", "--state", "running"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["STATE", "DONE", "TIME", "NAME", "WHERE", "ID"]
    (line,) = [line for line in lines if line.endswith(job.id)]
    assert re.match(r"running +4[34] % .* Train \[red\]model ", line)


def test_a_program_gets_json(job: Job, capsys: Output) -> None:
    """The snapshots as they are on the wire."""
    assert main(["list", "--json", "--state", "running"]) == 0
    (snapshot,) = [each for each in json.loads(capsys.readouterr().out) if each["id"] == job.id]
    assert (snapshot["state"], snapshot["stage"]) == ("running", "train")
    assert main(["show", "--json", job.id]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == job.id


def test_show_says_all(job: Job, capsys: Output) -> None:
    """The beginning of the id is enough."""
    assert main(["show", job.id[:12]]) == 0
    shown = capsys.readouterr().out
    assert re.match(r"Train \[red\]model: 4[34] %", shown)
    assert "  load: succeeded, 1 / 1" in shown
    assert "  train: running, 1 / 4 epochs" in shown
    assert f"  id: {job.id}" in shown


def waits(job: Job, code: list[int]) -> threading.Thread:
    """Start a `wait` for the job."""
    waiting = threading.Thread(target=lambda: code.append(main(["wait", job.id])))
    waiting.start()
    return waiting


@pytest.mark.parametrize("word, code, line", [("finish", 0, "finished in"), ("fail", 1, "failed: OSError: disk full")])
def test_wait_exits_as_the_operation_ends(job: Job, capsys: Output, word: str, code: int, line: str) -> None:
    """So that a shell script can go on, or not."""
    codes: list[int] = []
    waiting = waits(job, codes)
    job.tell(word)
    waiting.join(DEADLINE_S)
    assert codes == [code]
    assert f"Train [red]model: {line}" in capsys.readouterr().out


def test_cancel_stops_it(job: Job, capsys: Output) -> None:
    """The operation ends as cancelled, which has an exit code of its own."""
    assert main(["cancel", job.id, "--reason", "wrong data"]) == 0
    assert f"{job.id} was asked to stop" in capsys.readouterr().err
    job.tell("look")
    assert main(["wait", job.id]) == 6


def test_wait_has_an_end_of_its_own(job: Job, capsys: Output) -> None:
    """As `timeout` does: 124."""
    assert main(["wait", job.id, "--timeout", "0.1"]) == 124
    assert "has not ended within 0.1 s" in capsys.readouterr().err


@pytest.mark.parametrize("columns", [60, 120])
def test_watch_draws_in_a_terminal(job: Job, here: Home, columns: int) -> None:
    """A table that is drawn anew, until Ctrl-C; a name is no markup."""
    shell = pexpect.spawn(
        COMMAND[0], [*COMMAND[1:], "watch"], dimensions=(30, columns), timeout=DEADLINE_S, encoding="utf-8"
    )
    shell.expect_exact("Train [red]")  # in a narrow one not all of it has room
    shell.expect_exact("running")
    job.tell("finish")
    shell.expect_exact("finished")
    shell.sendintr()
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 130


def test_watch_into_a_file_is_a_line_for_each_change(job: Job, here: Home) -> None:
    """No codes for a terminal where none is."""
    with subprocess.Popen([*COMMAND, "watch"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = Lines(process.stdout)
        assert "\x1b" not in lines.until("Train [red]model: 4")
        job.tell("finish")
        lines.until("Train [red]model: finished in")
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 130


@pytest.mark.parametrize(
    "options, line",
    [
        ([], "Train [red]model: failed: OSError: disk full"),
        (["--json"], '"state":"failed"'),
        (["--format", "lsp"], '"value":{"kind":"end","message":"failed: OSError: disk full'),
    ],
    ids=["lines", "json", "lsp"],
)
def test_watch_of_one_ends_with_it(job: Job, here: Home, options: list[str], line: str) -> None:
    """And exits as it ended."""
    with subprocess.Popen([*COMMAND, "watch", job.id, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = Lines(process.stdout)
        lines.until("Train [red]model")
        job.tell("fail")
        lines.until(line)
        assert process.wait(DEADLINE_S) == 1


def test_mcp_gets_its_notifications(job: Job, here: Home, capsys: Output) -> None:
    """With the token that the other program has given; a number stays one."""
    job.tell("finish")
    main(["wait", job.id])
    capsys.readouterr()
    assert main(["watch", job.id, "--format", "mcp", "--token", "7"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    notification = json.loads(line)
    assert notification["method"] == "notifications/progress"
    assert notification["params"].items() >= {"progressToken": 7, "progress": 100, "total": 100}.items()


@pytest.mark.parametrize("options", [["--format", "mcp"], ["x", "--state", "running"], ["--token", "7"]], ids=" ".join)
def test_watch_is_of_one_or_of_all(server: Server, here: Home, capsys: Output, options: list[str]) -> None:
    """What is for one operation, and what selects several, do not go together."""
    assert main(["watch", *options]) == 2
    assert "one operation" in capsys.readouterr().err


def test_a_name_means_the_one_that_runs(server: Server, here: Home, capsys: Output) -> None:
    """Of several; where more than one does, the id has to say which, and there they are."""
    source, at_once = JOB.replace("Train [red]model", "Twice"), {"PROGRESS_KIT_ANNOUNCE_AFTER_S": "0"}
    with Script(here, source, environment=at_once) as script:
        first = Job(script)
        with Script(here, source, environment=at_once) as again:
            second = Job(again)
            assert main(["show", "Twice"]) == 5
            said = capsys.readouterr().err
            assert f"{first.id} (running)" in said
            assert f"{second.id} (running)" in said
            second.tell("finish")
            assert main(["wait", second.id]) == 0
        capsys.readouterr()
        assert main(["show", "Twice"]) == 0
        assert first.id in capsys.readouterr().out


def test_what_has_ended_long_ago_is_still_known(here: Home, capsys: Output) -> None:
    """By the history: `show` says all of it, and `wait` exits as it ended."""
    with Server(here, None, "--ProgressKit.limits={'recent_s': 0.2}"):
        with Script(here, JOB, environment={"PROGRESS_KIT_ANNOUNCE_AFTER_S": "0"}) as script:
            old = Job(script)
            old.tell("fail")
            watch = pk.watch(operations=[old.id])
            next(view for view in watch if not view)
            watch.close()
        assert main(["show", old.id]) == 0
        assert "failed: OSError: disk full" in capsys.readouterr().out
        assert main(["wait", old.id]) == 1


def test_a_reader_that_has_seen_enough_is_no_error(job: Job, here: Home) -> None:
    """`… | head` ends quietly."""
    command = f"{sys.executable} -m progress_kit.cli watch --json | head -c 10"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=DEADLINE_S, check=False)  # noqa: S602 - a pipe of a shell is what is tested
    assert (done.stdout, done.stderr) == ('[{"id":"op', "")


def test_a_token_lets_a_program_in_without_the_file(
    job: Job, capsys: Output, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What `token` prints works as PROGRESS_KIT_TOKEN, and does no more than was asked for."""
    assert main(["token", "--json", "--scope", "subscribe", "--expires", "60"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["scopes"] == ["subscribe"]
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PROGRESS_KIT_HUB_URL", made["url"])
    monkeypatch.setenv("PROGRESS_KIT_TOKEN", made["token"])
    assert main(["show", job.id]) == 0
    assert main(["cancel", job.id]) == 4
    monkeypatch.setenv("PROGRESS_KIT_TOKEN", "forged")
    assert main(["list"]) == 4
    assert "forged" not in capsys.readouterr().err


@pytest.mark.parametrize("command", [["show"], ["wait"], ["cancel"]])
def test_an_unknown_operation_says_so(server: Server, here: Home, capsys: Output, command: list[str]) -> None:
    """With the id that was given."""
    assert main([*command, "op_none"]) == 5
    assert "no operation 'op_none'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [["list"], ["watch"], ["show", "x"], ["wait", "x"], ["cancel", "x"], ["token"]],
    ids=lambda command: command[0],
)
def test_without_a_server_it_says_what_to_do(
    here: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Output, command: list[str]
) -> None:
    """Nothing to ask is no crash."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    assert main(command) == 3
    assert "no running Jupyter server with progress_kit was found" in capsys.readouterr().err


def test_of_two_servers_one_can_be_named(server: Server, here: Home, capsys: Output) -> None:
    """By its port or root directory; which ones there are is said where it matters."""
    other_root = here.path / "other"
    other_root.mkdir()
    with Server(here, other_root) as other:
        port = json.loads(other.file.read_text())["url"].split(":")[2].split("/")[0]
        assert main(["list"]) == 0
        assert "2 servers run" in capsys.readouterr().err
        for which in (port, str(other_root)):
            assert main(["--server", which, "token", "--json"]) == 0
            assert f":{port}/" in json.loads(capsys.readouterr().out)["url"]
        assert main(["--server", "12", "list"]) == 3
        assert "no server is '12'; running are:" in capsys.readouterr().err


def test_history_and_export_have_what_has_ended(job: Job, here: Home, capsys: Output) -> None:
    """A table of the newest, or all as CSV or JSON in a new file."""
    job.tell("fail")
    assert main(["wait", job.id]) == 1
    capsys.readouterr()
    assert main(["history", "--limit", "1"]) == 0
    _, line = capsys.readouterr().out.splitlines()
    assert re.search(rf"failed: OSError: .* Train \[red\]model .* {job.id}$", line)
    assert main(["history", "no such kind"]) == 0
    assert capsys.readouterr().err == "No run of kind 'no such kind' has ended yet.\n"
    assert main(["export", "--output", "runs.csv"]) == 0
    with (here.root_dir / "runs.csv").open(newline="") as file:
        (row,) = [row for row in csv.DictReader(file) if row["id"] == job.id]
    assert (row["name"], row["outcome"], row["error"]) == ("Train [red]model", "failed", "OSError: disk full")
    assert main(["export", "--output", "runs.csv"]) == 2
    assert "runs.csv is there already" in capsys.readouterr().err
    assert main(["export", "--format", "json"]) == 0
    assert job.id in [run["id"] for run in json.loads(capsys.readouterr().out)]


@pytest.mark.parametrize("name", ["=1+1", " +1", '"@SUM(A1)', "-2", "\tx", "＝1"], ids=repr)  # noqa: RUF001 - full width
def test_a_name_in_a_csv_is_never_a_formula(name: str) -> None:
    """Spreadsheets take it for text."""
    file = io.StringIO()
    write_csv([Snapshot(id="op_1", name=name, state="succeeded")], file)
    _, row = csv.reader(io.StringIO(file.getvalue()))
    assert row[1] == f"'{name}"


def test_doctor_finds_nothing_where_all_is_well(server: Server, here: Home, capsys: Output) -> None:
    """It asks the hub, and opens the WebSocket."""
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "its WebSocket opens" in shown
    assert "✗" not in shown


def test_doctor_says_what_is_in_the_way(
    here: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Output
) -> None:
    """Each finding with what to do; a program gets them as JSON."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PROGRESS_KIT", "off")
    monkeypatch.setenv("PROGRESS_KIT_SAMPLE_RATE_HZ", "fast")
    (tmp_path / f"jpserver-{os.getpid()}.json").write_text(
        json.dumps({"url": "http://localhost:1/", "pid": os.getpid(), "root_dir": "/", "token": ""})
    )
    assert main(["doctor", "--json"]) == 1
    bad = [finding for finding in json.loads(capsys.readouterr().out) if finding["status"] == "bad"]
    assert all(finding["do"] for finding in bad)
    found = " ".join(finding["found"] for finding in bad)
    for part in ("switches everything off", "SAMPLE_RATE_HZ='fast'", "localhost:1/ runs without", "no running one has"):
        assert part in found


def test_serve_is_a_hub(tmp_path: Path) -> None:
    """Without JupyterLab; it ends as it is told, and scripts find it meanwhile."""
    home = Home(tmp_path)
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--", "--allow-root", "--ServerApp.log_level=INFO"],
        env=home.environment(),
        cwd=home.root_dir,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        Lines(process.stderr).until("is ready")
        listed = subprocess.run([*COMMAND, "list"], env=home.environment(), capture_output=True, text=True, check=False)
        assert (listed.returncode, listed.stderr) == (0, "Nothing runs, and nothing ended within the last hour.\n")
        process.terminate()
        process.wait(DEADLINE_S)


@pytest.mark.parametrize(
    "command, message",
    [
        (["wait", "x", "--timeout", "soon"], "'soon' is not a number above 0"),
        (["list", "--state", "done"], "invalid choice: 'done'"),
        (["show"], "the following arguments are required: ID"),
        (["dance"], "invalid choice: 'dance'"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_cannot_be_meant_is_refused(capsys: Output, command: list[str], message: str) -> None:
    """With 2, as usual, before anybody is asked."""
    with pytest.raises(SystemExit) as caught:
        main(command)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_shells_can_complete(capsys: Output) -> None:
    """`completion bash` prints a script that knows the commands."""
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in ("list", "watch", "doctor"))
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_jupyter_finds_the_command() -> None:
    """`jupyter progress` is the same."""
    done = subprocess.run(
        [Path(sys.executable).with_name("jupyter"), "progress", "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("progress-kit 0.")
