"""Run inside NetBox's shell, once: who may use the lab's NetBox. Prints the tokens as JSON.

`admin` may all; `fabric-sync` may what docs/fabric-sync/security.md says that the sync needs, and no more; `reader` may look; `monitor` may see
what docs/netbox.md asks for.
"""

import json
import os

from core.models import ObjectType
from users.models import ObjectPermission, Token, User


def token(user, **options):
    """The whole value of the header `Authorization`; a token's plain text is there only when it is made."""
    made = Token(user=user, version=2, **options)
    made.save()
    return made.get_auth_header_prefix() + made.token


def permit(user, name, actions, models):
    permission = ObjectPermission.objects.create(name=name, actions=actions)
    permission.users.add(user)
    for label in models:
        app, model = label.split(".")
        permission.object_types.add(ObjectType.objects.get(app_label=app, model=model))


permissions = json.loads(os.environ["PERMISSIONS"])
admin = User.objects.create_superuser("admin", "admin@example.invalid", os.urandom(16).hex())
sync = User.objects.create_user("fabric-sync", "sync@example.invalid", os.urandom(16).hex())
reader = User.objects.create_user("reader", "reader@example.invalid", os.urandom(16).hex())
permit(sync, "fabric-sync owns", ["view", "add", "change", "delete"], permissions["own"])
permit(sync, "fabric-sync shares", ["view", "add"], permissions["share"])
permit(sync, "fabric-sync looks", ["view"], permissions["look"])
monitor = User.objects.create_user("monitor", "monitor@example.invalid", os.urandom(16).hex())
permit(monitor, "monitor", ["view"], ["core.job", "core.datasource", "core.datafile"])
permit(reader, "reader", ["view"], sum(permissions.values(), []))
lookers = {"reader": token(reader, write_enabled=False), "monitor": token(monitor, write_enabled=False)}
print(json.dumps({"admin": token(admin), "fabric-sync": token(sync), **lookers}))
