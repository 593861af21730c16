import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from kyros_worker.command import leftovers, postgres, redis_server, store_binaries
from kyros_worker.command.home import Home
from kyros_worker.command.store_process import store_user
from kyros_worker.errors import ConfigurationError


def test_without_any_redis_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(redis_server, "_candidates", lambda: iter(()))
    with pytest.raises(ConfigurationError, match="install redis-server or valkey-server"):
        redis_server.program(None)


def test_a_failed_initdb_leaves_no_folder(tmp_path):
    with pytest.raises(ConfigurationError, match="can't be made"):
        postgres.initialise(tmp_path / "data", "x", store_user(), Path("/bin/false"))
    assert list(tmp_path.iterdir()) == []


def test_data_of_another_version_are_left_alone(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(ConfigurationError, match="Postgres 16"):
        postgres.initialise(data, "x", None, Path("/bin/false"))


@pytest.mark.skipif(os.geteuid() != 0, reason="programs are copied for root alone")
def test_programs_out_of_the_users_reach_are_copied_once(tmp_path, monkeypatch):
    closed = tmp_path / "closed"
    (closed / "bin").mkdir(parents=True)
    closed.chmod(0o700)
    program = closed / "bin" / "tool"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    monkeypatch.setattr(store_binaries, "COPIES", tmp_path / "copies")
    tried = []

    def runs(path, user):
        tried.append(path)
        return path != program

    monkeypatch.setattr(store_binaries, "_runs", runs)
    for _ in range(2):
        copy = store_binaries.runnable(program, store_user(), closed, [closed / "bin"])
    assert copy.relative_to(tmp_path / "copies").parts[1:] == ("bin", "tool")
    assert copy.stat().st_mode & 0o777 == 0o755
    assert len(list((tmp_path / "copies").iterdir())) == 1


def test_a_person_in_the_data_folder_is_no_leftover(tmp_path):
    home = Home(tmp_path)
    home.postgres.mkdir()
    with subprocess.Popen([sys.executable, "-c", "input()"], cwd=home.postgres, stdin=-1) as person:
        assert leftovers.find(home) == []
        person.kill()


def test_a_stale_pid_file_is_not_believed(tmp_path):
    home = Home(tmp_path)
    home.postgres.mkdir()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as stranger:
        (home.postgres / "postmaster.pid").write_text(f"{stranger.pid}\n")
        assert leftovers.end(home) is False
        assert psutil.Process(stranger.pid).is_running()
        stranger.kill()
