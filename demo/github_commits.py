"""The main branch of a repository: every pull request is squashed to one commit of it."""

from datetime import UTC, datetime

from demo.company import Person
from demo.model import DirectCommit, Json, PullRequest
from demo.world import World

Entry = PullRequest | DirectCommit


def sha_of(entry: Entry) -> str:
    """Return the sha of what came to main."""
    return entry.sha if isinstance(entry, DirectCommit) else entry.merge_sha or ""


def came(entry: Entry) -> int:
    """Return when it came to main."""
    return entry.at if isinstance(entry, DirectCommit) else entry.merged or 0


def main_line(world: World, repository: str) -> list[Entry]:
    """Return what comes to main, in order."""
    pulls = [one for one in world.pulls if one.repository == repository and one.merged]
    pushed = [one for one in world.directs if one.repository == repository]
    return sorted([*pulls, *pushed], key=lambda one: (came(one), sha_of(one)))


def branch_commit_json(entry: Entry, parent: Entry | None, user: Json) -> Json:
    """Return a commit of main."""
    sha, at = sha_of(entry), came(entry)
    if isinstance(entry, DirectCommit):
        written, message = entry.written, entry.message
    else:
        written, message = at, f"Merge pull request #{entry.number}\n\n{entry.title}"
    return {
        "sha": sha, "node_id": f"C_kwDO{sha}",
        "commit": {
            "author": signed(entry.author, written), "committer": signed(entry.author, at),
            "message": message,
        },
        "author": user,
        "committer": user,
        "parents": [{"sha": sha_of(parent)}] if parent else [],
    }  # fmt: skip


def signed(person: Person, at: int) -> Json:
    """Return who did it and when, as Git writes it down."""
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"name": person.name, "email": person.email, "date": moment}
