"""The commands for people, as a person types them, against the local system."""

from pathlib import Path

from local.system import System, website
from tests.system.conftest import executions, settle
from tests.system.scripts import Ran, Scripts, bring, hanging_build
from tests.system.scripts import good_build as good_build  # a fixture
from tests.system.scripts import scripts as scripts  # a fixture
from tests.waiting import eventually

WHY = ("--reason", "asked for")


def asked(scripts: Scripts, verb: str, *arguments: str, run: str = "1") -> Ran:
    """Run a verb, which must succeed."""
    ran = scripts.run(verb, *arguments, *WHY, "--json", run=run)
    assert ran.code == 0, ran.err
    return ran


def test_version_is_promoted_rolled_back_cleared_and_promoted_again(
    system: System, scripts: Scripts
) -> None:
    bring(system, "verbs", "1.0.0", "1.1.0")
    asked(scripts, "promote", "opt/verbs", "1.0.0")
    assert website.versions(system, "opt")["verbs"] == "1.0.0"
    asked(scripts, "promote", "opt/verbs", "1.1.0", run="2")
    rolled = asked(scripts, "rollback", "opt/verbs")
    assert rolled.json["subjects"][0]["moves"][0]["after"] == "1.0.0"
    assert website.versions(system, "opt")["verbs"] == "1.0.0"
    asked(scripts, "clear", "opt/verbs", "1.1.0")
    asked(scripts, "resume", "opt/verbs")
    asked(scripts, "promote", "opt/verbs", "1.1.0", run="3")
    assert website.versions(system, "opt")["verbs"] == "1.1.0"
    watched = scripts.run("watch", "opt/verbs", "--json")
    assert (watched.code, watched.json["release"]["state"]) == (0, "verified")


def test_hold_ends_when_the_document_has_it(system: System, scripts: Scripts) -> None:
    """It changes no version, so nobody waits for a build."""
    bring(system, "held-by-verb", "1.0.0")
    ran = asked(scripts, "hold", "opt/held-by-verb")
    assert (ran.json["outcome"], ran.json["execution"]) == ("recorded", None)
    assert "[1/2] Metadata" in ran.err
    again = asked(scripts, "hold", "opt/held-by-verb", run="2")
    assert again.json["outcome"] == "already-done"
    asked(scripts, "resume", "opt/held-by-verb")


def test_unknown_names_are_errors_before_any_write(system: System, scripts: Scripts) -> None:
    bring(system, "known-name", "1.0.0")
    before = scripts.document()
    for arguments, meant in (
        (("promote", "opt/known-nam", "1.0.0"), "Did you mean opt/known-name?"),
        (("promote", "opt/known-name", "1.0.1"), "Did you mean 1.0.0?"),
        (("rollback", "out/known-name"), "Did you mean opt/known-name?"),
    ):
        ran = scripts.run(*arguments, *WHY)
        assert ran.code == 2
        assert meant in ran.err
    assert scripts.document() == before


def test_hung_build_is_stopped_and_its_release_is_brought_by_another(
    system: System, scripts: Scripts, good_build: str, tmp_path: Path
) -> None:
    bring(system, "hung", "1.0.0", "1.1.0")
    with hanging_build(system, good_build, tmp_path / "held"):
        ran = scripts.run("promote", "opt/hung", "1.0.0", "--timeout", "1", *WHY)
        assert ran.code == 6
        id_ = ran.outputs["execution-id"]
        foreseen = scripts.run("stop", id_[:8], "--abandon", "--dry-run", *WHY)
        assert f"execution {id_} would stop at once" in foreseen.out
        stopped = scripts.run("stop", id_[:8], "--abandon", *WHY)
        assert stopped.code == 0, stopped.err
        eventually(lambda: executions(system)[0]["status"] == "Stopped")
        refused = scripts.run("stop", id_[:8], *WHY)
        assert (refused.code, "not in progress, but Stopped" in refused.err) == (7, True)
    asked(scripts, "promote", "opt/hung", "1.0.0")
    assert website.versions(system, "opt")["hung"] == "1.0.0"
    settle(system)


def test_hold_is_safe(system: System, scripts: Scripts) -> None:
    """One of an unknown algorithm is a typing error, and one of another person is talked about."""
    bring(system, "safe", "1.0.0")
    unknown = scripts.run("hold", "opt/saffe", *WHY)
    assert (unknown.code, "Did you mean opt/safe?" in unknown.err) == (2, True)
    asked(scripts, "hold", "opt/to-come", "--force")
    asked(scripts, "hold", "opt/safe", "--until", "2999-01-01T00:00:00Z")
    other = scripts.run("hold", "opt/safe", *WHY, run="2", GITHUB_ACTOR="ben")
    assert other.code == 7
    assert "ana holds it since" in other.err
    assert "--replace" in other.err
    replaced = scripts.run("hold", "opt/safe", "--replace", *WHY, run="3", GITHUB_ACTOR="ben")
    assert replaced.code == 0, replaced.err
    listed = scripts.run("history", "opt/safe", "--json").json["requests"]
    assert [(one["action"], one["who"]) for one in listed] == [("hold", "ben"), ("hold", "ana")]
    asked(scripts, "resume", "opt/to-come", "--dry-run")
    for name in ("safe", "to-come"):
        asked(scripts, "resume", f"opt/{name}", run=f"4-{name}")
