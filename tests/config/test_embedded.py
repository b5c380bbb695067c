"""The embedded servers: started, shared, stopped, and up again after every way of dying."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import kombu
import psutil
import psycopg
import pytest
import redis

from config import embedded
from config.embedded import account, places, programs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def django_db_setup() -> None:
    """These tests bring servers of their own: the suite's databases are not made for them."""


@pytest.fixture(autouse=True)
def database_access() -> None:
    """Nor are they opened."""


@pytest.fixture
def var() -> Iterator[Path]:
    # Not tmp_path: its name carries the test's, and only one test is about long paths.
    path = Path(tempfile.mkdtemp(prefix="quintet-"))
    yield path
    embedded.stop(var=path)
    shutil.rmtree(path)


def connect(server: embedded.PostgresServer) -> psycopg.Connection:
    return psycopg.connect(
        host=os.fspath(server.socket_dir),
        port=server.port,
        user=server.superuser,
        dbname="postgres",
        autocommit=True,
    )


def ask(server: embedded.PostgresServer, question: str) -> object:
    with connect(server) as connection:
        row = connection.execute(question).fetchone()
        assert row is not None
        return row[0]


def pid_of(var: Path, server: str) -> int:
    pid = embedded.status(var=var)[server]
    assert pid is not None
    return pid


def kill(pid: int) -> None:
    process = psutil.Process(pid)
    process.send_signal(signal.SIGKILL)
    process.wait(10)


class TestEnsurePostgres:
    def test_starts_version_18_with_utf8(self, var):
        server = embedded.ensure_postgres(var=var)

        assert server.started_here
        assert str(ask(server, "SHOW server_version")).startswith("18.")
        assert ask(server, "SHOW server_encoding") == "UTF8"
        assert ask(server, "SHOW fsync") == "on"
        assert ask(server, "SELECT lower('ÀÉ')") == "àé"

    def test_gives_up_durability_only_when_asked(self, var):
        server = embedded.ensure_postgres(var=var, durable=False)

        assert ask(server, "SHOW fsync") == "off"

    def test_listens_on_no_tcp_port(self, var):
        embedded.ensure_postgres(var=var, durable=False)

        connections = psutil.Process(pid_of(var, "postgres")).net_connections(kind="inet")

        assert [c for c in connections if c.status == psutil.CONN_LISTEN] == []

    def test_is_closed_to_other_users(self, var):
        server = embedded.ensure_postgres(var=var, durable=False)

        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700

    def test_reuses_the_running_server(self, var):
        first = embedded.ensure_postgres(var=var, durable=False)
        pid = pid_of(var, "postgres")

        second = embedded.ensure_postgres(var=var, durable=False)

        assert not second.started_here
        assert second.socket_dir == first.socket_dir
        assert pid_of(var, "postgres") == pid

    def test_is_started_once_by_processes_that_race(self, var):
        command = [sys.executable, "-m", "config.embedded", "start", "--var", os.fspath(var)]

        racers = [
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)
        ]
        printed = {racer.communicate(timeout=60)[0] for racer in racers}

        assert [racer.returncode for racer in racers] == [0, 0, 0]
        assert len(printed) == 1, "they disagree about the process ids"

    def test_comes_back_with_its_data_after_kill_9(self, var):
        server = embedded.ensure_postgres(var=var)
        with connect(server) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        kill(pid_of(var, "postgres"))

        again = embedded.ensure_postgres(var=var)

        assert again.started_here
        assert ask(again, "SELECT answer FROM kept") == 42

    def test_is_not_fooled_by_a_pid_file_that_names_a_stranger(self, var):
        server = embedded.ensure_postgres(var=var, durable=False)
        pid_file = server.data_dir / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        embedded.stop(var=var)
        stranger = subprocess.Popen(["sleep", "60"])
        try:
            pid_file.write_text("\n".join([str(stranger.pid), *lines[1:], ""]))

            assert embedded.status(var=var)["postgres"] is None
            again = embedded.ensure_postgres(var=var, durable=False)

            assert ask(again, "SELECT 1") == 1
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()

    def test_starts_over_after_an_initdb_that_was_killed(self, var):
        home = var / "postgres"
        (home / "data.unfinished").mkdir(parents=True)
        (home / "data.unfinished" / "PG_VERSION").write_text("18\n")

        server = embedded.ensure_postgres(var=var, durable=False)

        assert ask(server, "SELECT 1") == 1

    def test_copes_with_a_path_too_long_for_a_socket(self, var):
        deep = var / ("a" * 60) / ("b c" * 20)

        try:
            with embedded.running(var=deep, durable=False) as (postgres_server, valkey_server):
                assert ask(postgres_server, "SELECT 1") == 1
                assert redis.Redis.from_url(valkey_server.url()).ping()
                directories = (postgres_server.socket_dir, valkey_server.socket_path.parent)
            for directory in directories:
                assert not directory.is_relative_to(deep)
                assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        finally:
            embedded.stop(var=deep)
            for directory in directories:
                shutil.rmtree(directory)

    def test_refuses_data_of_another_major_version(self, var):
        server = embedded.ensure_postgres(var=var, durable=False)
        embedded.stop(var=var)
        (server.data_dir / "PG_VERSION").write_text("15\n")

        with pytest.raises(embedded.EmbeddedServerError, match="made by PostgreSQL 15"):
            embedded.ensure_postgres(var=var, durable=False)

        (server.data_dir / "PG_VERSION").write_text("18\n")


class TestEnsureValkey:
    def test_answers_redis_clients(self, var):
        server = embedded.ensure_valkey(var=var)

        client = redis.Redis.from_url(server.url(database=3))
        client.set("greeting", "hello")

        assert client.get("greeting") == b"hello"
        assert stat.S_IMODE(server.socket_path.parent.stat().st_mode) == 0o700

    def test_carries_a_message_of_celery(self, var):
        server = embedded.ensure_valkey(var=var)

        with kombu.Connection(server.celery_url(database=1)) as connection:
            queue = connection.SimpleQueue("letters")
            queue.put({"to": "buyer"})
            assert queue.get(timeout=5).payload == {"to": "buyer"}

    def test_reuses_the_running_server(self, var):
        embedded.ensure_valkey(var=var)
        pid = pid_of(var, "valkey")

        assert not embedded.ensure_valkey(var=var).started_here
        assert pid_of(var, "valkey") == pid

    def test_comes_back_after_kill_9(self, var):
        embedded.ensure_valkey(var=var)
        kill(pid_of(var, "valkey"))
        assert embedded.status(var=var)["valkey"] is None

        server = embedded.ensure_valkey(var=var)

        assert server.started_here
        assert redis.Redis.from_url(server.url()).ping()

    def test_keeps_what_it_holds_over_a_stop(self, var):
        server = embedded.ensure_valkey(var=var)
        redis.Redis.from_url(server.url()).set("kept", "yes")
        embedded.stop(var=var)

        again = embedded.ensure_valkey(var=var)

        assert redis.Redis.from_url(again.url()).get("kept") == b"yes"


class TestRunning:
    def test_stops_what_it_started(self, var):
        with embedded.running(var=var, durable=False):
            assert all(embedded.status(var=var).values())

        assert embedded.status(var=var) == {"postgres": None, "valkey": None}

    def test_leaves_alone_what_ran_before(self, var):
        embedded.ensure_postgres(var=var, durable=False)

        with embedded.running(var=var, durable=False):
            pass

        assert embedded.status(var=var)["postgres"] is not None
        assert embedded.status(var=var)["valkey"] is None


class TestStop:
    def test_does_nothing_where_nothing_runs(self, var):
        embedded.stop(var=var)

        assert list(var.iterdir()) == []

    def test_breaks_off_what_clients_are_doing(self, var):
        server = embedded.ensure_postgres(var=var, durable=False)
        with connect(server) as connection:
            connection.autocommit = False
            connection.execute("SELECT 1")
            started = time.monotonic()

            embedded.stop(var=var)

            # A stop that waited for them would give up after half a minute.
            assert time.monotonic() - started < 25
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")


class TestPrivateDirectory:
    def test_refuses_a_link_that_somebody_planted(self, var):
        (var / "elsewhere").mkdir()
        (var / "planted").symlink_to(var / "elsewhere")

        with pytest.raises(embedded.EmbeddedServerError, match="planted"):
            places.private_directory(var / "planted", uid=os.geteuid())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root borrows an account")
class TestAsRoot:
    def test_borrows_an_account_and_opens_closed_directories_to_it_alone(self, var):
        closed = var / "closed"
        closed.mkdir(mode=0o700)

        server = embedded.ensure_postgres(var=closed / "var", durable=False)

        owner = server.data_dir.stat().st_uid
        assert owner != 0
        assert psutil.Process(pid_of(closed / "var", "postgres")).uids().real == owner
        assert stat.S_IMODE(closed.stat().st_mode) & 0o007 == 0
        embedded.stop(var=closed / "var")

    def test_runs_a_copy_of_programs_that_the_account_cannot_reach(self, var, monkeypatch):
        borrowed = account.choose(data_directory=var / "none")
        places.private_directory(var / "postgres", uid=borrowed.uid)
        account.let_through(var / "postgres", account=borrowed)
        runs = programs._runs
        monkeypatch.setattr(
            programs, "_runs", lambda path, who: path.is_relative_to(var) and runs(path, who)
        )

        server = embedded.ensure_postgres(var=var, durable=False)

        executable = Path(psutil.Process(pid_of(var, "postgres")).exe())
        assert executable.is_relative_to(var / "postgres" / "programs")
        assert ask(server, "SELECT 1") == 1
        with connect(server) as connection:
            connection.execute("CREATE EXTENSION pg_trgm")
        embedded.stop(var=var)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
class TestAsOrdinaryUser:
    NOBODY = 65534
    CLOSED = 77

    def test_needs_no_privilege(self, var):
        os.chown(var, self.NOBODY, self.NOBODY)

        # A fork and not a program, as root's Python may be closed to others.
        child = os.fork()
        if child == 0:
            os._exit(self.start_as_nobody(var))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

        if code == self.CLOSED:
            pytest.skip("this checkout is closed to other users")
        assert code == 0
        assert psutil.Process(pid_of(var, "postgres")).uids().real == self.NOBODY
        assert psutil.Process(pid_of(var, "valkey")).uids().real == self.NOBODY

    def start_as_nobody(self, var: Path) -> int:
        os.setgroups([])
        os.setgid(self.NOBODY)
        os.setuid(self.NOBODY)
        try:
            mine = account.choose(data_directory=var)
            if not os.access(programs.find_programs(home=var, account=mine), os.X_OK):
                return self.CLOSED
            embedded.ensure_postgres(var=var, durable=False)
            embedded.ensure_valkey(var=var)
        except Exception:
            traceback.print_exc()
            return 1
        return 0
