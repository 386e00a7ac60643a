"""Tags, GitHub releases with their assets, and attestations."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, request

from local.github.hub import BRANCH, Access, Hub, Repository, now, user
from local.github.openapi import RefusedError
from local.github.routes import Routes, base, page

TAGS = "refs/tags/"


class Releases:
    """The operations on tags, releases and attestations of a hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def register(self, routes: Routes) -> None:
        """Add the operations to the API."""
        routes.add("GET", "/git/matching-refs/{ref}", self.matching)
        routes.add("POST", "/git/refs", self.create_tag, status=201)
        routes.add("PATCH", "/git/refs/{ref}", self.move_tag)
        routes.add("GET", "/releases", self.search)
        routes.add("POST", "/releases", self.create, status=201)
        routes.add("GET", "/releases/{release_id}", self.get)
        routes.add("PATCH", "/releases/{release_id}", self.update)
        routes.add("GET", "/releases/{release_id}/assets", self.assets)
        routes.add("POST", "/releases/{release_id}/assets", self.upload, status=201)
        routes.add("DELETE", "/releases/assets/{asset_id}", self.delete, status=204)
        routes.add("POST", "/attestations", self.attest, status=201)
        routes.add("GET", "/attestations/{subject_digest}", self.attested)

    def matching(self, repository: Repository, _access: Access, _body: Any, ref: str) -> Response:
        """The tags whose names begin with `ref`, which has no `refs/`."""
        found = [
            self._tag_view(repository, name)
            for name in sorted(repository.tags)
            if f"{TAGS}{name}".startswith(f"refs/{ref}")
        ]
        return page(found)

    def create_tag(
        self, repository: Repository, _access: Access, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Make a tag."""
        name = body["ref"].removeprefix(TAGS)
        if name in repository.tags:
            raise RefusedError(422, "Reference already exists")
        return self._point(repository, name, body["sha"])

    def move_tag(
        self, repository: Repository, _access: Access, body: Mapping[str, Any], ref: str
    ) -> dict[str, Any]:
        """Move a tag, by force only: whether a move goes forward is not looked at here."""
        name = ref.removeprefix("tags/")
        if name not in repository.tags:
            raise RefusedError(422, "Reference does not exist")
        if not body.get("force") and repository.tags[name] != body["sha"]:
            raise RefusedError(422, "Update is not a fast forward")
        return self._point(repository, name, body["sha"])

    def search(self, repository: Repository, access: Access, _body: Any) -> Response:
        """Releases, newest first; drafts only for those who may write."""
        shown = [one for one in repository.releases.values() if access.write or not one["draft"]]
        return page([self._view(repository, one) for one in reversed(shown)])

    def create(
        self, repository: Repository, access: Access, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Make a release. Several drafts may have one tag."""
        number = self._hub.number()
        made = {
            "id": number,
            "node_id": f"RE_{number}",
            "target_commitish": BRANCH,
            "name": body["tag_name"],
            "body": "",
            "draft": True,
            "prerelease": False,
            "author": user(access.actor),
            "created_at": now(),
            "published_at": None,
        }
        self._set(repository, made, {"draft": False, **body})
        repository.releases[number] = made
        return self._view(repository, made)

    def get(
        self, repository: Repository, _access: Access, _body: Any, release_id: int
    ) -> dict[str, Any]:
        """One release."""
        return self._view(repository, _found(repository, release_id))

    def update(
        self, repository: Repository, _access: Access, body: Mapping[str, Any], release_id: int
    ) -> dict[str, Any]:
        """Change a release; with `draft: false`, publish it."""
        kept = _found(repository, release_id)
        self._set(repository, kept, body)
        return self._view(repository, kept)

    def assets(
        self, repository: Repository, _access: Access, _body: Any, release_id: int
    ) -> Response:
        """The files of a release."""
        _found(repository, release_id)
        return page(self._assets(repository, release_id))

    def upload(
        self, repository: Repository, access: Access, body: bytes, release_id: int
    ) -> dict[str, Any]:
        """Add a file to a release, whose name no other file of it may have."""
        _found(repository, release_id)
        name = request.args["name"]
        if any(one["name"] == name for one in self._assets(repository, release_id)):
            raise RefusedError(422, "Validation Failed: already_exists")
        number = self._hub.number()
        repository.assets[number] = {
            "id": number,
            "node_id": f"RA_{number}",
            "release": release_id,
            "name": name,
            "label": request.args.get("label", ""),
            "state": "uploaded",
            "content_type": request.content_type,
            "size": len(body),
            "digest": f"sha256:{hashlib.sha256(body).hexdigest()}",
            "uploader": user(access.actor),
            "created_at": now(),
            "updated_at": now(),
        }
        return self._asset_view(repository, number)

    def delete(self, repository: Repository, _access: Access, _body: Any, asset_id: int) -> None:
        """Remove a file of a release."""
        if repository.assets.pop(asset_id, None) is None:
            raise RefusedError(404, "Not Found")

    def attest(
        self, repository: Repository, _access: Access, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Keep an attestation, under the digest of each subject of its statement."""
        payload = body["bundle"]["dsseEnvelope"]["payload"]
        for subject in json.loads(base64.b64decode(payload))["subject"]:
            digest = f"sha256:{subject['digest']['sha256']}"
            repository.attestations.setdefault(digest, []).append(body["bundle"])
        return {"id": self._hub.number()}

    def attested(
        self, repository: Repository, _access: Access, _body: Any, subject_digest: str
    ) -> Response:
        """The attestations of a subject."""
        if subject_digest not in repository.attestations:
            raise RefusedError(404, "Not Found")
        bundles = repository.attestations[subject_digest]
        return jsonify({"attestations": [{"bundle": bundle} for bundle in bundles]})

    def _point(self, repository: Repository, name: str, commit: str) -> dict[str, Any]:
        try:
            sha = self._hub.head(repository.name, commit)
        except LookupError as error:
            raise RefusedError(422, "Object does not exist") from error
        with self._hub.lock:
            repository.tags[name] = sha
            self._hub.tagged(repository.name, name, sha)
        return self._tag_view(repository, name)

    def _set(
        self, repository: Repository, release: dict[str, Any], body: Mapping[str, Any]
    ) -> None:
        """Change a release; publishing it makes its tag, unless the tag is there."""
        tag = body.get("tag_name", release.get("tag_name"))
        draft = body.get("draft", release["draft"])
        others = (one for one in repository.releases.values() if one is not release)
        if not draft and any(one["tag_name"] == tag and not one["draft"] for one in others):
            raise RefusedError(422, "Validation Failed: tag_name already_exists")
        if not draft and tag not in repository.tags:
            self._point(repository, tag, body.get("target_commitish", release["target_commitish"]))
        if not draft and release["published_at"] is None:
            release["published_at"] = now()
        known = ("tag_name", "target_commitish", "name", "body", "draft", "prerelease")
        release.update({name: body[name] for name in known if name in body})

    def _tag_view(self, repository: Repository, name: str) -> dict[str, Any]:
        url = f"{base()}/repos/{repository.name}/git"
        sha = repository.tags[name]
        return {
            "ref": f"{TAGS}{name}",
            "node_id": f"REF_{name}",
            "url": f"{url}/{TAGS}{name}",
            "object": {"type": "commit", "sha": sha, "url": f"{url}/commits/{sha}"},
        }

    def _view(self, repository: Repository, release: Mapping[str, Any]) -> dict[str, Any]:
        url = f"{base()}/repos/{repository.name}/releases"
        own = f"{url}/{release['id']}"
        page_ = f"{base()}/{repository.name}/releases/tag/{release['tag_name']}"
        return {
            **release,
            "assets": self._assets(repository, release["id"]),
            "url": own,
            "assets_url": f"{own}/assets",
            "upload_url": f"{own}/assets{{?name,label}}",
            "html_url": page_,
        }

    def _assets(self, repository: Repository, release: int) -> list[dict[str, Any]]:
        kept = [number for number, one in repository.assets.items() if one["release"] == release]
        return [self._asset_view(repository, number) for number in kept]

    def _asset_view(self, repository: Repository, number: int) -> dict[str, Any]:
        view = {key: value for key, value in repository.assets[number].items() if key != "release"}
        return view | {"url": f"{base()}/repos/{repository.name}/releases/assets/{number}"}


def _found(repository: Repository, number: int) -> dict[str, Any]:
    if number not in repository.releases:
        raise RefusedError(404, "Not Found")
    return repository.releases[number]
