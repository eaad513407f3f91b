"""Brings Superset's own database to what it should be; run by Superset's environment.

python bootstrap.py ARCHIVE    # migrates, makes roles and accounts, imports what ARCHIVE holds

Each of Superset's commands takes half a minute to start; this does the work of four at once. What
is as it should be stays: nothing is imported again that was imported from the same archive.
"""

import hashlib
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

from flask import Flask, g
from flask_migrate import upgrade

VIEWER = "Viewer"
LOOKING = {
    ("can_read", "Dataset"),
    ("can_get_drill_info", "Dataset"),
    ("can_drill", "Dashboard"),
    ("can_view_chart_as_table", "Dashboard"),
    ("can_csv", "Superset"),
    ("can_write", "DashboardPermalinkRestApi"),
    ("can_read", "SecurityRestApi"),
    ("can_get", "MenuApi"),
    ("can_recent_activity", "Log"),
    ("can_log", "Superset"),
    ("can_language_pack", "Superset"),
    ("menu_access", "Home"),
    ("menu_access", "Dashboards"),
}
"""What a viewer has beside the rights that Superset gives to those who look without an account.

The one writing right keeps a link to what somebody has chosen.
"""


def accounts() -> list[tuple[str, str, str]]:
    """Return name, role and password of the accounts that the settings ask for."""
    settings = os.environ
    found = [("admin", "Admin", settings["FLOWHOUSE_SUPERSET_ADMIN_PASSWORD"])]
    if password := settings.get("FLOWHOUSE_SUPERSET_VIEWER_PASSWORD"):
        found.append(("viewer", VIEWER, password))
    return found


def migrate() -> None:
    """Make the tables, or bring them to this version."""
    import superset

    upgrade(directory=str(Path(superset.__file__).parent / "migrations"))


def make_roles() -> None:
    """Make Superset's roles, and one that may look and do nothing else."""
    from superset import appbuilder, security_manager

    if security_manager.find_role("Admin") is None or not security_manager.find_role("Gamma"):
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
    # Accounts come before the import that says what they may see, and without a role see nothing.
    if security_manager.find_role(VIEWER) is None:
        security_manager.add_role(VIEWER)


def make_viewer() -> None:
    """Give viewers what they need to look at the imported datasets, and no more."""
    from superset import db, security_manager
    from superset.connectors.sqla.models import SqlaTable

    role = security_manager.find_role(VIEWER)
    looking = security_manager.PUBLIC_ROLE_PERMISSIONS | LOOKING
    found = (security_manager.find_permission_view_menu(*right) for right in looking)
    wanted = {permission for permission in found if permission}
    for dataset in db.session.query(SqlaTable).all():
        wanted.add(security_manager.add_permission_view_menu("datasource_access", dataset.perm))
    if {*role.permissions} != wanted:
        role.permissions = [*wanted]
        db.session.commit()


def make_accounts() -> None:
    """Make the accounts of the settings; a password that was changed there is changed here."""
    from superset import db, security_manager
    from werkzeug.security import check_password_hash

    for name, role, password in accounts():
        user = security_manager.find_user(name)
        found = security_manager.find_role(role)
        if user is None:
            mail = f"{name}@flowhouse.invalid"
            if not security_manager.add_user(name, name, role, mail, found, password=password):
                raise RuntimeError(f"the account {name} could not be made")
            continue
        if not check_password_hash(user.password, password):
            security_manager.reset_password(user.id, password)
        if found not in user.roles:
            user.roles = [*user.roles, found]
    db.session.commit()


def reasons(error: BaseException | None) -> str:
    """Return what Superset found wrong, which it says deep inside of an error."""
    found = []
    while error:
        if causes := getattr(error, "_exceptions", None):
            found += [str(one.messages) for one in causes if hasattr(one, "messages")]
        error = error.__cause__ or error.__context__
    return "; ".join(found) or "Superset does not say why"


def import_assets(archive: Path) -> bool:
    """Import databases, datasets, charts and dashboards; return whether there was anything new."""
    from superset import security_manager
    from superset.commands.exceptions import ImportFailedError
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.commands.importers.v1.utils import get_contents_from_bundle

    note = archive.with_suffix(".imported")
    word = hashlib.sha256(archive.read_bytes()).hexdigest()
    if note.exists() and note.read_text() == word:
        return False
    g.user = security_manager.find_user("admin")
    with zipfile.ZipFile(archive) as bundle:
        contents: dict[str, Any] = get_contents_from_bundle(bundle)
    command = ImportAssetsCommand(contents)
    try:
        command.run()
    except ImportFailedError as error:
        raise RuntimeError(f"the dashboards were refused: {reasons(error)}") from error
    note.write_text(word)
    return True


def main(archive: Path) -> None:
    """Do all of it."""
    from superset.app import create_app

    app: Flask = create_app()
    with app.app_context():
        migrate()
    with app.app_context():
        make_roles()
        make_accounts()
        is_new = import_assets(archive)
        make_viewer()
    print("dashboards imported" if is_new else "dashboards as they were")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
