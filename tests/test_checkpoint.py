"""Keys of content, finished pieces, folders that belong to one run at a time, and what killed runs
leave behind."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner

from fermiml import SourceCatalog, checkpoint, files, owner
from fermiml.cli.main import main
from fermiml.errors import InputError

LOCK, MARK = ".fermiml-lock", ".fermiml-owner"
CLAIM = "from fermiml import checkpoint; held = checkpoint.claim({!r}, 'a'); held.__enter__()"
SCRATCH = (
    "from fermiml import files; held = files.scratch({!r}, 'a.txt', ['a.txt']); held.__enter__()"
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def other():
    """Start another process that runs some code, and then waits to be killed."""
    started = []

    def start(code):
        code += "; print('ready', flush=True); import time; time.sleep(60)"
        process = subprocess.Popen([sys.executable, "-P", "-c", code], stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        kill(process)


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def of_another_host(path, **changes):
    """Make a mark look like that of a process elsewhere."""
    path.write_text(json.dumps({**owner.read(path), "host": "elsewhere", **changes}))


def long_ago(path):
    os.utime(path, (time.time() - 2e4,) * 2)


def test_a_second_run_is_refused_while_the_first_goes_on(tmp_path, other):
    """One line with who and where; the first is not disturbed."""
    process = other(CLAIM.format(str(tmp_path / "out")))
    with pytest.raises(InputError, match=f"run is using this folder .process {process.pid} of"):
        checkpoint.claim(tmp_path / "out", "a").__enter__()
    assert owner.read(tmp_path / "out" / LOCK)["pid"] == process.pid
    with checkpoint.claim(tmp_path / "mine", "a"), pytest.raises(InputError, match="another run"):
        checkpoint.claim(tmp_path / "mine", "a").__enter__()


def test_a_lock_that_a_killed_run_had_set_aside_is_removed(tmp_path):
    """Not that of a run which is still about to take over."""
    alive = owner.tag()
    killed = f"{alive.rpartition('-')[0]}-1"  # another process had this number
    for tag in (alive, killed):
        owner.write(tmp_path / f"{LOCK}.{tag}.aside")
    with checkpoint.claim(tmp_path, "run", results=()):
        assert (tmp_path / f"{LOCK}.{alive}.aside").exists()
        assert not (tmp_path / f"{LOCK}.{killed}.aside").exists()


def test_the_lock_of_a_killed_run_is_taken_over_with_a_word(tmp_path, other, caplog):
    kill(other(CLAIM.format(str(tmp_path))))
    assert (tmp_path / LOCK).exists()
    with caplog.at_level("INFO"), checkpoint.claim(tmp_path, "a"):
        assert owner.is_mine(owner.read(tmp_path / LOCK))
    assert "taken over from a run that was killed" in caplog.text
    assert names(tmp_path) == ["input.json"]


def test_a_number_of_a_process_that_was_given_again_is_no_live_run(tmp_path):
    with checkpoint.claim(tmp_path, "a"):
        lock = owner.read(tmp_path / LOCK)
    (tmp_path / LOCK).write_text(json.dumps({**lock, "started": 1}))
    with checkpoint.claim(tmp_path, "a"):
        pass


def test_a_run_on_another_host_is_given_up_when_it_gives_no_sign_of_life(tmp_path):
    owner.write(tmp_path / LOCK)
    of_another_host(tmp_path / LOCK)
    with pytest.raises(InputError, match="on elsewhere"):
        checkpoint.claim(tmp_path, "a").__enter__()
    long_ago(tmp_path / LOCK)
    with checkpoint.claim(tmp_path, "a"):
        pass


def test_a_run_that_was_killed_before_it_wrote_its_name_does_not_block_the_folder(tmp_path):
    """Its lock is empty. One that was made just now may be about to get its name."""
    (tmp_path / LOCK).touch()
    with pytest.raises(InputError, match="unknown owner"):
        checkpoint.claim(tmp_path, "a").__enter__()
    os.utime(tmp_path / LOCK, (time.time() - 20,) * 2)
    with checkpoint.claim(tmp_path, "a"):
        assert owner.is_mine(owner.read(tmp_path / LOCK))
    assert names(tmp_path) == ["input.json"]


def test_a_run_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "_PULSE", 0.01)
    with checkpoint.claim(tmp_path, "a"):
        long_ago(tmp_path / LOCK)
        deadline = time.monotonic() + 10
        while owner.silence(tmp_path / LOCK) > 1000 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert owner.silence(tmp_path / LOCK) < 1000


def test_a_lock_that_was_taken_away_is_not_removed(tmp_path):
    with checkpoint.claim(tmp_path, "a"):
        of_another_host(tmp_path / LOCK)
    assert (tmp_path / LOCK).exists()


def test_a_folder_belongs_to_one_content(tmp_path):
    """The same again goes on; anything else is refused, with or without a record."""
    with checkpoint.claim(tmp_path / "out", "a") as folder:
        (folder / "piece").touch()
    with checkpoint.claim(tmp_path / "out", "a"):
        pass
    with pytest.raises(InputError, match="contains something other than the start of this run"):
        checkpoint.claim(tmp_path / "out", "b").__enter__()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "cat.jpg").touch()
    for replace in (None, lambda folder, found: None):
        with pytest.raises(InputError, match=r"contains something other|will not be replaced"):
            checkpoint.claim(foreign, "a", replace=replace).__enter__()
    assert names(foreign) == ["cat.jpg"]


def test_pieces_are_forgotten_and_nothing_else(tmp_path):
    def write(path, value):
        files.write_text(path, value, overwrite=True)

    def held():
        return checkpoint.Pieces.held(tmp_path / "parts", write, lambda path: path.read_text())

    task = {"region": np.arange(3), "first": True}
    with held() as pieces:
        pieces.save(task, "done")
        assert pieces.load(task) == "done" and pieces.load({**task, "first": False}) is None
    (tmp_path / "parts" / "notes.json").write_text("mine")
    with held() as pieces:
        assert pieces.load(task) == "done"
        pieces.forget()
    assert "notes.json" in names(tmp_path / "parts")
    (tmp_path / "parts" / "notes.json").unlink()
    with held() as pieces:
        assert pieces.load(task) is None
        pieces.forget()
    assert not (tmp_path / "parts").exists()


def test_what_a_killed_write_leaves_is_swept_by_the_next(tmp_path, other):
    """Not while it goes on, and nothing that others have put in there."""
    process = other(SCRATCH.format(str(tmp_path)))
    (left,) = tmp_path.iterdir()
    (left / "a.txt").write_text("half")
    files.write_text(tmp_path / "b.txt", "b")
    assert names(left) == [MARK, "a.txt"]
    kill(process)
    (left / "keep.txt").write_text("foreign")
    files.write_text(tmp_path / "c.txt", "c")
    assert names(left) == [MARK, "keep.txt"]
    (left / "keep.txt").unlink()
    files.write_text(tmp_path / "d.txt", "d")
    assert names(tmp_path) == ["b.txt", "c.txt", "d.txt"]


def test_hidden_folders_without_our_mark_are_never_swept(tmp_path):
    for name in (".git", ".a.txt.abc", ".fermiml-a.txt.abc"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("foreign")
        long_ago(tmp_path / name)
    (tmp_path / ".fermiml-link").symlink_to(tmp_path / ".git")
    before = names(tmp_path)
    files.sweep(tmp_path)
    assert names(tmp_path) == before
    assert all((tmp_path / name / "a.txt").exists() for name in before)


def test_data_reach_the_disk_before_the_name(tmp_path, monkeypatch):
    """The file, then its name, then the folder that has the name."""
    done = []
    replace, fsync = os.replace, os.fsync

    def note_sync(descriptor):
        done.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", lambda *a: (done.append("rename"), replace(*a)))
    files.write_text(tmp_path / "a.txt", "a")
    assert done == ["a.txt", "rename", tmp_path.name]


@dataclasses.dataclass
class Setting:
    depth: float
    names: np.ndarray


def setting(depth=1.0, *names):
    return Setting(depth, np.array(names, object))


def test_keys_follow_the_content():
    """The same for the same, whatever the byte order and the last bit; else others."""
    values = np.linspace(0, 1, 6).reshape(2, 3)
    same = [
        (values, 1, "a", setting(1.0, "x"), None),
        (values * (1 + 1e-14), 1, "a", setting(1.0, "x"), None),
        (values.astype(">f8"), np.int64(1), "a", setting(1.0, "x"), None),
        (np.asfortranarray(values), 1, "a", setting(1.0, "x"), None),
    ]
    others = [
        (values.T, 1, "a", setting(1.0, "x"), None),
        (values.ravel(), 1, "a", setting(1.0, "x"), None),
        (values, 2, "a", setting(1.0, "x"), None),
        (values, "1", "a", setting(1.0, "x"), None),
        (values, 1, "a", setting(2.0, "x"), None),
        (values, 1, "a", setting(1.0, "y"), None),
        (values, 1, "a", setting(1.0, "x"), 0),
        (values, (1, "a"), setting(1.0, "x"), None),
    ]
    assert len({checkpoint.content_key(*items) for items in same}) == 1
    assert len({checkpoint.content_key(*items) for items in (same[0], *others)}) == 9
    assert checkpoint.content_key({"a": 1}) != checkpoint.content_key({"a": 2})
    same = checkpoint.content_key({"a": 1, "b": 2}), checkpoint.content_key({"b": 2, "a": 1})
    assert same[0] == same[1]
    with pytest.raises(TypeError, match="content of this type cannot"):
        checkpoint.content_key(object())


def test_a_damaged_piece_is_set_aside_with_a_word_and_made_anew(tmp_path, caplog):
    path, made = tmp_path / "cache" / "a.json", []

    def make():
        made.append(1)
        return {"value": len(made)}

    def get():
        return checkpoint.kept(path, make, files.write_json, files.read_json)

    assert get() == get() == {"value": 1}
    path.write_text(path.read_text()[:-3])
    assert get() == {"value": 2}
    assert "a.json: is damaged" in caplog.text and "a.json.damaged" in caplog.text
    assert names(path.parent) == ["a.json", "a.json.damaged"]


def test_what_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "store" / "real.txt")
    with pytest.raises(InputError, match="exists already"):
        files.write_text(tmp_path / "link.txt", "new")
    files.write_text(tmp_path / "link.txt", "new", overwrite=True)
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "store" / "real.txt").read_text() == "new"
    assert names(tmp_path) == ["link.txt", "store"] and names(tmp_path / "store") == ["real.txt"]


def test_an_export_does_not_replace_its_input(tmp_path):
    """By any of its names."""
    SourceCatalog.from_table({"RAJ2000": [1.0], "DEJ2000": [2.0]}).write(tmp_path / "x.fits")
    before = (tmp_path / "x.fits").read_bytes()
    (tmp_path / "link.fits").symlink_to(tmp_path / "x.fits")
    for name in ("x.fits", "link.fits"):
        arguments = ["export", str(tmp_path / "x.fits"), "--to", "csv", "--overwrite"]
        result = CliRunner().invoke(main, [*arguments, "-o", str(tmp_path / name)])
        assert result.exit_code == 2 and "the name must end in .csv" in result.output
    assert (tmp_path / "x.fits").read_bytes() == before
