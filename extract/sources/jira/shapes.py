"""What is kept of what Jira gives, as allow-lists; see `extract/privacy.py`."""

from typing import Any

from extract.privacy import DROP, KEEP, person
from extract.sources.jira.tables import NAME

_NOISE = dict.fromkeys(("self", "description", "iconUrl", "untranslatedName"), DROP)

_NAMED = {**_NOISE, "id": KEEP, "name": KEEP, "untranslatedName": KEEP}

_LINKED = {"id": KEEP, "key": KEEP, "self": DROP, "fields": DROP}

_CATEGORY = {"key": KEEP, **dict.fromkeys(("self", "id", "name", "colorName"), DROP)}

ISSUE_TYPE = {
    **_NAMED,
    "subtask": KEEP,
    "hierarchyLevel": KEEP,
    **dict.fromkeys(("avatarId", "entityId", "scope"), DROP),
}

_STATUS = {**_NAMED, "statusCategory": _CATEGORY, "scope": DROP}

STATUS = {**_STATUS, "scope": {"type": KEEP, "project": {"id": KEEP, "self": DROP}}}

_PROJECT_OF_ISSUE = {
    "id": KEEP,
    "key": KEEP,
    **_NOISE,
    **dict.fromkeys(("name", "avatarUrls", "projectCategory", "projectTypeKey"), DROP),
    **dict.fromkeys(("simplified", "style"), DROP),
}

PROJECT = {
    "id": KEEP,
    "key": KEEP,
    "name": KEEP,
    "projectKeys": [KEEP],
    "projectTypeKey": KEEP,
    "style": KEEP,
    "archived": KEEP,
    "deleted": KEEP,
    "insight": {"totalIssueCount": KEEP, "lastIssueUpdateTime": KEEP},
    **_NOISE,
    **dict.fromkeys(("avatarUrls", "projectCategory", "simplified", "isPrivate"), DROP),
    **dict.fromkeys(("properties", "expand", "entityId", "uuid", "lead", "issueTypes"), DROP),
    **dict.fromkeys(("projectTemplateName", "favourite", "url", "email"), DROP),
    **dict.fromkeys(("archivedBy", "archivedDate", "deletedBy", "deletedDate"), DROP),
    **dict.fromkeys(("retentionTillDate", "landingPageInfo", "assigneeType"), DROP),
    **dict.fromkeys(("components", "versions", "roles", "permissions"), DROP),
}

FIELD = {
    "id": KEEP,
    "name": KEEP,
    "untranslatedName": KEEP,
    "custom": KEEP,
    "schema": {"type": KEEP, "items": KEEP, "custom": KEEP, "system": DROP, "customId": DROP},
    **dict.fromkeys(("key", "orderable", "navigable", "searchable", "clauseNames"), DROP),
    **dict.fromkeys(("scope", "configuration"), DROP),
}

NAMED = {
    **_NAMED,
    "inward": KEEP,
    "outward": KEEP,
    **dict.fromkeys(("statusColor", "isDefault", "avatarId", "schemes", "default"), DROP),
}
"""Priorities, resolutions and types of links."""

BOARD = {
    "id": KEEP,
    "name": lambda name: plain(name),
    "type": KEEP,
    "location": {
        "projectId": KEEP,
        "projectKey": KEEP,
        **dict.fromkeys(("displayName", "projectName", "projectTypeKey", "avatarURI"), DROP),
        **dict.fromkeys(("name", "userId", "userAccountId", "self"), DROP),
    },
    "filter_id": KEEP,
    "columns": [{"name": lambda name: plain(name), "statuses": [KEEP], "min": KEEP, "max": KEEP}],
    **dict.fromkeys(("self", "isPrivate", "admins", "canEdit", "favourite"), DROP),
}

SPRINT = {
    "id": KEEP,
    "name": lambda name: plain(name),
    "state": KEEP,
    "startDate": KEEP,
    "endDate": KEEP,
    "completeDate": KEEP,
    "activatedDate": KEEP,
    "createdDate": KEEP,
    "originBoardId": KEEP,
    **dict.fromkeys(("self", "goal", "synced", "autoStartStop", "incompleteIssues"), DROP),
    **dict.fromkeys(("rapidViewId", "sequence"), DROP),
}

VERSION = {
    "id": KEEP,
    "name": lambda name: plain(name),
    "archived": KEEP,
    "released": KEEP,
    "startDate": KEEP,
    "releaseDate": KEEP,
    "projectId": KEEP,
    "project_key": KEEP,
    **_NOISE,
    **dict.fromkeys(("userReleaseDate", "userStartDate", "overdue", "driver"), DROP),
    **dict.fromkeys(("approvers", "operations", "issuesStatusForFixVersion"), DROP),
    **dict.fromkeys(("moveUnfixedIssuesTo", "expand", "project"), DROP),
}

COMPONENT = {
    "id": KEEP,
    "project_key": KEEP,
    "name": lambda name: plain(name),
    "archived": KEEP,
    **_NOISE,
    **dict.fromkeys(("lead", "leadUserName", "leadAccountId", "assignee", "assigneeType"), DROP),
    **dict.fromkeys(("realAssignee", "realAssigneeType", "isAssigneeTypeValid"), DROP),
    **dict.fromkeys(("project", "projectId", "deleted", "ari", "metadata"), DROP),
}


def person_of(user: Any) -> dict[str, str] | None:
    """Return a user as a keyed hash; Cloud has account ids, Data Center keys and names."""
    if not isinstance(user, dict):
        return None
    account = user.get("accountId") or user.get("key") or user.get("name")
    return person(NAME, account, is_bot=user.get("accountType") == "app")


def tags(labels: Any) -> list[str]:
    """Return labels without those that are mail addresses."""
    labels = labels if isinstance(labels, list) else []
    return [label for label in labels if isinstance(label, str) and "@" not in label]


def plain(name: Any) -> Any:
    """Return a name that anybody may have typed, or None where it may carry a mail address."""
    return None if isinstance(name, (dict, list)) or "@" in str(name) else name


def value_of(value: Any) -> Any:
    """Return what is loaded of a custom field that the settings allow, whatever its type.

    Scalars, the values of options, people as keyed hashes, and lists of these.
    """
    if isinstance(value, list):
        return [value_of(part) for part in value]
    if isinstance(value, dict):
        if value.keys() & {"accountId", "emailAddress", "displayName"}:
            return person_of(value)
        return value_of(value.get("value", value.get("name")))
    return plain(value)


_VERSION_OF_ISSUE = {
    **_NOISE,
    "id": KEEP,
    "name": plain,
    **dict.fromkeys(("archived", "released", "releaseDate", "startDate", "projectId"), DROP),
}

_COMPONENT_OF_ISSUE = {
    **_NOISE,
    "id": KEEP,
    "name": plain,
    **dict.fromkeys(("lead", "assignee", "assigneeType", "project", "projectId", "ari"), DROP),
}

ISSUE_FIELDS = {
    "issuetype": ISSUE_TYPE,
    "project": _PROJECT_OF_ISSUE,
    "status": _STATUS,
    "priority": _NAMED,
    "resolution": _NAMED,
    "created": KEEP,
    "updated": KEEP,
    "resolutiondate": KEEP,
    "duedate": KEEP,
    "parent": _LINKED,
    "labels": tags,
    "components": [_COMPONENT_OF_ISSUE],
    "fixVersions": [_VERSION_OF_ISSUE],
    "versions": [_VERSION_OF_ISSUE],
    "issuelinks": [
        {
            "id": KEEP,
            "self": DROP,
            "type": {**_NAMED, "inward": KEEP, "outward": KEEP},
            "inwardIssue": _LINKED,
            "outwardIssue": _LINKED,
        }
    ],
    "assignee": person_of,
    "reporter": person_of,
    "creator": person_of,
}
"""Fields of an issue that are requested and loaded, beside the custom fields with a role."""
