"""Where databases are: what the environment says becomes Django's DATABASES."""

import pytest

from apps.tenancy.router import Router, UnplacedApp, alias_of
from config.databases import APP, PLAN, Server, build_databases, context_of, role_password

HERE = Server(host="db.internal", port="5433", user="admin", password="secret")
THERE = Server(host="far.internal", options={"sslmode": "require"})


def databases(**replicas: Server) -> dict:
    servers = {alias: THERE if alias == "commerce" else HERE for alias in PLAN}
    return build_databases(
        servers=servers, replicas=replicas, prefix="q", app_password="pw", conn_max_age=60
    )


class TestServerFromUrl:
    def test_reads_every_part(self) -> None:
        server = Server.from_url(
            "postgresql://ad%40min:s%2Fecret@db.internal:5433/?sslmode=require"
        )

        assert server == Server(
            host="db.internal",
            port="5433",
            user="ad@min",
            password="s/ecret",
            options={"sslmode": "require"},
        )

    def test_reads_a_socket_directory_in_its_own_case(self) -> None:
        assert Server.from_url("postgres://%2FVar%2Frun").host == "/Var/run"

    @pytest.mark.parametrize(
        ("url", "reason"),
        [("mysql://x", "not a PostgreSQL URL"), ("postgresql://x/shop", "leave it out")],
    )
    def test_refuses_what_it_cant_use(self, url: str, reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            Server.from_url(url)


class TestBuildDatabases:
    def test_serves_every_database_as_the_run_time_role(self) -> None:
        built = databases()

        assert set(built) == set(PLAN)
        assert {entry["USER"] for entry in built.values()} == {APP}
        assert {entry["PASSWORD"] for entry in built.values()} == {"pw"}

    def test_derives_the_names(self) -> None:
        names = {alias: entry["NAME"] for alias, entry in databases().items()}

        assert names["default"] == "q_control"
        assert names["users"] == "q_users"

    def test_moves_one_database_to_its_own_server(self) -> None:
        built = databases()

        assert built["commerce"]["HOST"] == "far.internal"
        assert built["commerce"]["OPTIONS"]["sslmode"] == "require"
        assert built["users"]["HOST"] == "db.internal"

    def test_adds_replicas_beside_their_primaries(self) -> None:
        built = databases(users=THERE)

        assert built["users_replica"]["HOST"] == "far.internal"
        assert built["users_replica"]["NAME"] == "q_users"
        assert context_of("users_replica") == "users"


class TestRouter:
    def test_knows_no_app_that_nobody_placed(self) -> None:
        with pytest.raises(UnplacedApp, match="name it in PLAN"):
            alias_of("sorcery")

    def test_migrates_an_app_in_its_own_database_only(self) -> None:
        allowed = [alias for alias in PLAN if Router().allow_migrate(alias, "users")]

        assert allowed == ["users"]


class TestRolePassword:
    def test_is_the_configured_one_or_one_of_its_own(self) -> None:
        derived = {role: role_password(role=role, explicit="", secret_key="k") for role in "ab"}

        assert role_password(role="a", explicit="chosen", secret_key="k") == "chosen"
        assert derived["a"] != derived["b"]
        assert len(derived["a"]) == 64
