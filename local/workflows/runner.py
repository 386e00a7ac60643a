"""GitHub Actions of the local system: runs workflows for events with act.

The runner reads the workflow files in the commit of the event. Each run has a thread and a snapshot
of the commit.
"""

import json
import logging
import secrets
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local.github import repositories
from local.github.hub import Access, Hub, number_of, user
from local.parts import end, last_line
from local.workflows import act, snapshots
from local.workflows.act_files import Origin
from local.workflows.files import Event, parse, wants
from local.workflows.job_desk import JobDesk
from local.workflows.run_plan import (
    check_queues,
    concurrency,
    contexts,
    lends_id_token,
    title,
    with_inputs,
)
from local.workflows.runs import COMPLETED, Annotation, Run
from local.workflows.turns import Turns

log = logging.getLogger(__name__)
INVALID, LOST = "Invalid workflow", "The runner was lost"
"""Titles of the annotations with the reason for a failed run that no job reports."""


@dataclass(frozen=True)
class Settings:
    """The folders of repositories and runs, and the environment variables of every job.

    `git_root` contains `<owner>/<name>.git`. `folder` gets one folder for each run.
    """

    git_root: Path
    folder: Path
    environ: Mapping[str, str]


class Runner:
    """Starts and keeps runs.

    `url` is the address of the stand-in for GitHub, which is known once it is served.
    """

    def __init__(self, hub: Hub, settings: Settings) -> None:
        self.hub = hub
        self.url = ""
        self.runs: dict[int, Run] = {}
        self._settings = settings
        self._turns = Turns()
        self.desk = JobDesk(hub, self._turns, self._cancel_job)
        self._processes: dict[int, subprocess.Popen[str]] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.RLock()
        self._changed = threading.Condition()
        hub.receive, hub.head, hub.tagged = self.receive, self.head, self._tag
        hub.file = self._file
        act.remove_places_of_the_dead()

    def knows(self, name: str) -> bool:
        """Return whether the repository exists."""
        return repositories.location(self._settings.git_root, name).exists()

    def head(self, name: str, ref: str) -> str:
        """Return the commit of a branch, tag or commit. Raises LookupError."""
        bare = repositories.location(self._settings.git_root, name)
        try:
            return repositories.git("rev-parse", "--verify", f"{ref}^{{commit}}", cwd=bare)
        except (subprocess.CalledProcessError, OSError) as error:
            raise LookupError(f"No ref found for: {ref}") from error

    def _file(self, name: str, ref: str, path: str) -> str | None:
        bare = repositories.location(self._settings.git_root, name)
        try:
            return repositories.git("show", f"{ref}:{path}", cwd=bare)
        except (subprocess.CalledProcessError, OSError):
            return None

    def _tag(self, name: str, tag: str, commit: str) -> None:
        """Set a tag in a repository's git, so that `uses:` can name it."""
        bare = repositories.location(self._settings.git_root, name)
        repositories.git("update-ref", f"refs/tags/{tag}", commit, cwd=bare)

    def workflows(self, name: str, ref: str) -> dict[str, str]:
        """Return the workflow files of a repository by path."""
        return snapshots.files(self._settings.git_root, name, self.head(name, ref))

    def receive(self, event: Event) -> list[int]:
        """Start the runs of an event. Return their IDs in the order of the names of their files.

        A pull request that conflicts with its base starts no run. Raises ValueError for invalid
        inputs of a manual run.
        """
        try:
            event = self._completed(event)
        except subprocess.CalledProcessError:
            if event.name == "pull_request":
                return []
            raise
        made = []
        for path, text in self.workflows(event.repository, event.sha).items():
            if event.workflow not in ("", path):
                continue
            try:
                workflow = parse(text)
                check_queues(workflow)
            except ValueError as error:
                self._broken(event, path, str(error))
                continue
            if event.name == "workflow_dispatch":
                event = replace(event, payload=with_inputs(event.payload, workflow))
            if wants(workflow, event):
                made.append(self._enqueue(event, path, workflow))
        return [run.id for run in made]

    def cancel(self, number: int) -> None:
        """Begin to cancel a run: its steps get the time that GitHub gives them."""
        if process := self._cancel(number):
            threading.Thread(target=act.cancel, args=(process,), daemon=True).start()

    def _cancel_job(self, number: int, token: str) -> None:
        """Begin to cancel one job of a run."""
        if process := self._processes.get(number):
            threading.Thread(target=act.cancel_job, args=(process, token), daemon=True).start()

    def stop(self) -> None:
        """End all runs at once, and wait for their end."""
        for number in list(self.runs):
            self._cancel(number)
            if process := self._processes.get(number):
                act.stop(process)
        for thread in list(self._threads):
            thread.join()

    def _cancel(self, number: int) -> subprocess.Popen[str] | None:
        """Record that a run is cancelled. Return the process of act if it runs."""
        with self._lock:
            run = self.runs[number]
            if run.status == COMPLETED or run.is_cancelled:
                return None
            run.is_cancelled = True
            process = self._processes.get(number)
        with self._changed:
            self._changed.notify_all()
        return process

    def page(self, run: Run) -> str:
        """Return the address of a run's page."""
        return f"{self.url}/{run.event.repository}/actions/runs/{run.id}"

    def _completed(self, event: Event) -> Event:
        """Return an event with the common fields of payloads, its commit and its changed paths."""
        root, name = self._settings.git_root, event.repository
        common = {
            "repository": self.hub.repository(name).view(self.url),
            "sender": user(event.actor),
        }
        event = replace(event, payload={**common, **event.payload})
        if event.name == "push":
            before, after = event.payload["before"], event.payload["after"]
            bare = repositories.location(root, name)
            message = repositories.git("log", "-1", "--format=%s", after, cwd=bare)
            paths = repositories.changed(root, name, before, after)
            payload = {**event.payload, "head_commit": {"id": after, "message": message}}
            return replace(event, payload=payload, changed=paths)
        if event.name == "pull_request":
            pull = event.payload["pull_request"]
            base, head = pull["base"]["ref"], pull["head"]["ref"]
            source = pull["head"]["repo"]["full_name"]
            number = event.payload["number"]
            sha = repositories.merge(root, name, number, base=base, head=head, head_name=source)
            paths = repositories.changed(root, name, f"{sha}^1", sha)
            return replace(event, sha=sha, changed=paths)
        return event

    def _enqueue(self, event: Event, path: str, workflow: Mapping[str, Any]) -> Run:
        run = self._new(event, path, str(workflow.get("name", path)))
        try:
            group = self._plan(run, workflow)
        except ValueError as error:
            self._finish(run, "startup_failure", str(error))
            return run
        thread = threading.Thread(target=self._carry_out, args=(run, group), daemon=True)
        self._threads.append(thread)
        thread.start()
        return run

    def _plan(self, run: Run, workflow: Mapping[str, Any]) -> str:
        """Decide about a run before its start. Return its concurrency group, or "". Raises
        ValueError."""
        variables = self.hub.repository(run.event.repository).values()
        known = contexts(run, workflow, variables)
        run.title = title(run.event, workflow, known)
        run.lends_id_token = lends_id_token(workflow)
        declared = concurrency(workflow, known)
        if declared is None:
            return ""
        group = f"{run.event.repository}/{declared.name}"
        gone = self._turns.join(
            group, str(run.id), patient=declared.patient, cancel=declared.cancel
        )
        for holder in gone:
            self.cancel(int(holder))
        return group

    def _new(self, event: Event, path: str, name: str) -> Run:
        with self._lock:
            number = len(self.runs) + 1
            run = Run(
                id=number_of(f"{event.repository}/runs") + number,
                number=1 + sum(one.origin.path == path for one in self.runs.values()),
                event=event,
                origin=Origin(event.repository, event.ref, event.sha, path),
                name=name,
                title=name,
                folder=self._settings.folder / f"{number:03}-{Path(path).stem}",
            )
            run.folder.mkdir(parents=True)
            run.log.touch()
            self.runs[run.id] = run
        return run

    def _broken(self, event: Event, path: str, problem: str) -> None:
        """Record the failed run that GitHub shows after the push of an invalid workflow file."""
        if event.name == "push":
            self._finish(self._new(event, path, path), "startup_failure", problem)

    def _carry_out(self, run: Run, group: str) -> None:
        """Take a run from its place in the queue to its end."""
        try:
            with self._changed:
                self._changed.wait_for(
                    lambda: not group or run.is_cancelled or self._turns.has(group, str(run.id))
                )
            if run.is_cancelled:
                self._finish(run, "cancelled", "")
            else:
                self._execute(run)
        except (snapshots.MissingActionError, ValueError, subprocess.CalledProcessError) as error:
            detail = getattr(error, "stderr", "") or ""
            self._finish(run, "startup_failure", f"{error} {detail}".strip())
        except Exception as error:  # an error of the runner itself must also end the run
            log.exception("Run %s failed unexpectedly", run.id)
            self._finish(run, "failure", f"The runner failed: {error}", LOST)
        finally:
            self.desk.close(run, self.page(run))
            self._turns.leave(group, str(run.id))
            with self._changed:
                self._changed.notify_all()

    def _execute(self, run: Run) -> None:
        actions = snapshots.gather(self._settings.git_root, run.origin, run.folder, name=run.name)
        token = f"ghs_{secrets.token_hex(20)}"
        self.hub.tokens[token] = Access("github-actions[bot]", not run.event.from_fork)
        repository = self.hub.repository(run.event.repository)
        with act.places(run.folder) as (scratch, home):
            task = act.Task(
                event=run.event,
                workflow=run.origin.path,
                folder=scratch / "repository",
                scratch=scratch,
                home=home,
                token=token,
                actions=actions,
                environ={**self._settings.environ, **self._environ(run)},
                variables={} if run.event.from_fork else repository.values(),
            )
            self._act(run, task)
        self.hub.tokens.pop(token)

    def _act(self, run: Run, task: act.Task) -> None:
        """Run act for a run, unless it was cancelled."""
        with self._lock:
            if run.is_cancelled:
                self._finish(run, "cancelled", "")
                return
            self._processes[run.id] = process = act.start(task)
        run.move("in_progress")
        with run.log.open("w", encoding="utf-8") as file:

            def note(entry: Mapping[str, Any]) -> None:
                if text := run.note(entry):
                    file.write(text + "\n")
                    file.flush()

            try:
                code = act.follow(process, note)
            except BaseException:
                act.stop(process)
                raise
        ended = run.jobs.values()
        if run.is_cancelled or ("cancelled" in ended and "failure" not in ended):
            self._finish(run, "cancelled", "")
        elif code < 0 or (code and "failure" not in ended):
            lost = f"The runner (act) {end(code)} before its jobs had ended"
            lost += f'; it said last "{last_line(run.log)}"'
            self._finish(run, "failure", lost, LOST)
        else:
            self._finish(run, "failure" if code else "success", "")

    def _environ(self, run: Run) -> dict[str, str]:
        return {
            "GITHUB_API_URL": self.url,
            "GITHUB_SERVER_URL": self.url,
            "GITHUB_RUN_ID": str(run.id),
            "GITHUB_RUN_NUMBER": str(run.number),
            "GITHUB_WORKFLOW_REF": run.origin.workflow_ref,
            "ACT_GIT_ROOT": str(self._settings.git_root),
        }

    def _finish(self, run: Run, conclusion: str, problem: str, title: str = INVALID) -> None:
        if problem:
            run.annotations.append(Annotation("", "error", title, problem))
            with run.log.open("a", encoding="utf-8") as file:
                file.write(problem + "\n")
        record = {"annotations": [vars(note) for note in run.annotations], "jobs": run.jobs}
        (run.folder / "result.json").write_text(json.dumps(record, indent=2), encoding="utf-8")
        run.move(COMPLETED, conclusion)
