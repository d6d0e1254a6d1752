"""What can be wrong with a fabric sync between a Kubernetes API and a NetBox. scripts/fabric-fault-matrix has each judged by plans/fabric-sync."""

import base64
import dataclasses
import datetime
import itertools
import json
import os
import pathlib
import signal
import struct
import threading
import time
import typing
import urllib.request

import lies
from proxy import Proxy
from world import KINDS, LEASE, NAME, lab

DEVICES, INTERFACES, CABLES, ADDRESSES = "dcim/devices/", "dcim/interfaces/", "dcim/cables/", "ipam/ip-addresses/"
BUNDLE = "server-02--bundled--leaf-01"


def nothing(_world):
    """For what is wrong otherwise."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """`says` what is wrong, as a person would; `claim` is the one of the plan that has to fail and tells the cause."""

    says: str
    claim: str
    seed: typing.Callable = nothing
    """Done once the sync is in sync."""
    before_netbox: typing.Callable | None = None
    """A lie on the way to NetBox, told from then on."""
    before_kubernetes: typing.Callable | None = None
    configuration: dict = dataclasses.field(default_factory=dict)
    """Of the sync's fabric, instead of the lab's."""
    prepare: typing.Callable = nothing
    """Done before the sync starts."""
    from_the_start: bool = False
    """Whether it keeps the sync from being in sync at all."""


# The two ends.


def stop(end, name):
    return lambda world: getattr(world, end).signal(name, signal.SIGSTOP)


def remove_kind(world):
    world.cluster.delete("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vpcpeerings.vpc.githedgehog.com")


def wipe_etcd(world):
    """Everything of every kind, the kinds themselves and who may do what, at once."""
    number = world.kubernetes.told["processes"]["etcd"]
    words = pathlib.Path(f"/proc/{number}/cmdline").read_text().split("\0")
    everything = {"key": base64.b64encode(b"/registry/").decode(), "range_end": base64.b64encode(b"/registry0").decode()}
    url = f"{words[words.index('--listen-client-urls') + 1]}/v3/kv/deleterange"
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(everything).encode()), timeout=30).close()


def empty_fabric(world):
    for kind in KINDS:
        world.cluster.delete(world.cluster.path(kind))


def empty_kind(world):
    for kind in ("VPCAttachment", "Connection", "Server"):
        world.cluster.delete(world.cluster.path(kind))


def take_access(world):
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/fabric-sync"
    role = json.loads(world.cluster.api.request("GET", path)[1])
    for rule in role["rules"]:
        rule["resources"] = [resource for resource in rule["resources"] if resource != "servers"]
    world.cluster.api.request("PUT", path, role)


def delete_account(world):
    world.cluster.delete("/api/v1/namespaces/default/serviceaccounts/fabric-sync")


def expire_token(world):
    """NetBox's token ends now."""
    key = world.netbox.tokens["fabric-sync"].split("nbt_")[-1].split(".")[0]
    tokens = world.netbox.ask("GET", "users/tokens/?limit=100")["results"]
    number = next(token["id"] for token in tokens if token["key"] == key)
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=1)
    world.netbox.ask("PATCH", f"users/tokens/{number}/", {"expires": past.isoformat()})


def take_permission(world):
    """It may look at devices and not change them."""
    permission = world.netbox.named("users/permissions/", "fabric-sync owns")
    kinds = [kind for kind in permission["object_types"] if kind != "dcim.device"]
    world.netbox.ask("PATCH", f"users/permissions/{permission['id']}/", {"object_types": kinds})
    sync = world.netbox.ask("GET", "users/users/?username=fabric-sync")["results"][0]["id"]
    look = {"name": "devices", "actions": ["view"], "object_types": ["dcim.device"], "users": [sync]}
    world.netbox.ask("POST", "users/permissions/", look)


def lock_table(world):
    """Somebody else's session, which reading does not notice."""
    statements = "BEGIN; LOCK TABLE dcim_device IN EXCLUSIVE MODE; SELECT pg_sleep(3600)"
    psql = [lab.debian("psql"), "-h", world.netbox_servers.told["folder"], "-U", "netbox", "-d", "netbox", "-c", statements]
    world.servers.start("session", psql, signal.SIGKILL, env=os.environ | lab.debian_libraries())


def fill_page(world):
    """More prefixes of somebody else than a page of NetBox has, past NetBox, which would take long over it."""
    copies = "SELECT (jsonb_populate_record(one, jsonb_build_object('id', 900000 + n, 'custom_field_data', '{}'::jsonb, 'vrf_id', NULL, 'vlan_id', NULL,"
    copies += " 'prefix', '172.16.' || n / 250 || '.' || n % 250 || '/32'))).*"
    statement = f"INSERT INTO ipam_prefix {copies} FROM ipam_prefix AS one, generate_series(1, 1001) AS n WHERE one.id = (SELECT min(id) FROM ipam_prefix)"
    psql = [lab.debian("psql"), "-h", world.netbox_servers.told["folder"], "-U", "netbox", "-d", "netbox", "-c", statement]
    lab.run(psql, env=os.environ | lab.debian_libraries())


def rename_tag(world):
    tag = world.netbox.named("extras/tags/", "fabric-sync-protect")
    world.netbox.ask("PATCH", f"extras/tags/{tag['id']}/", {"name": "keep", "slug": "keep"})


def disable_filter(world):
    field = world.netbox.named("extras/custom-fields/", "fabric_sync_key")
    world.netbox.ask("PATCH", f"extras/custom-fields/{field['id']}/", {"filter_logic": "disabled"})


# What people and other programs do.


def paused(world):
    return [world.netbox.named("extras/tags/", "fabric-sync-pause")["id"]]


def edit_and_pause(world):
    """A person's edit, and the tag that keeps the sync from taking it back."""
    world.netbox.change(DEVICES, "leaf-01", description="a person's words", tags=paused(world))


def edit(world):
    world.netbox.change(DEVICES, "leaf-01", description="a person's words")


def edit_and_hide(world):
    world.before_netbox.lie = lies.old_answers(DEVICES, [world.netbox.named(DEVICES, "leaf-01")])
    edit(world)


def move_cable(world):
    """A person plugs a cable of the fabric into another port, and tags it."""
    leaf, cable = world.netbox.named(DEVICES, "leaf-01"), world.netbox.first(CABLES, label=BUNDLE)
    made = world.netbox.ask("POST", INTERFACES, {"device": leaf["id"], "name": "E1/40", "type": "other"})
    ends = [{"object_type": "dcim.interface", "object_id": made["id"]}]
    world.netbox.ask("PATCH", f"{CABLES}{cable['id']}/", {"a_terminations": ends, "tags": paused(world)})


def move_prefix(world):
    """A person puts a subnet into a VRF of their own, and tags it."""
    theirs = world.netbox.ask("POST", "ipam/vrfs/", {"name": "theirs"})
    prefix = world.netbox.first("ipam/prefixes/", prefix="10.0.1.0/24")
    world.netbox.ask("PATCH", f"ipam/prefixes/{prefix['id']}/", {"vrf": theirs["id"], "tags": paused(world)})


def halve_bundle(world):
    """A connection is paused in the fabric, and a person takes one of its two cables."""
    world.cluster.patch(world.cluster.path("Connection", BUNDLE), {"metadata": {"annotations": {"fabric-sync/pause": "true"}}})
    world.wait_for_comparison()
    world.netbox.ask("DELETE", f"{CABLES}{world.netbox.first(CABLES, label=BUNDLE)['id']}/")


def tear_cable(world):
    """A person deletes a port in which a cable is."""
    port = world.netbox.first(INTERFACES, device="server-02", name="enp2s1")
    world.netbox.ask("DELETE", f"{INTERFACES}{port['id']}/")


def empty_port(world):
    """A person takes the VLANs from a LAG, and a cache gives the sync the interface as it was."""
    port = world.netbox.first(INTERFACES, device="leaf-01", name=BUNDLE)
    world.before_netbox.lie = lies.old_answers(INTERFACES, [port])
    world.netbox.ask("PATCH", f"{INTERFACES}{port['id']}/", {"tagged_vlans": []})


def swap_addresses(world):
    """Two switches' VTEP addresses, each assigned to the other, and a cache gives the sync both as they were."""
    both = [world.netbox.first(ADDRESSES, address=f"172.30.12.{number}/32") for number in (0, 1)]
    world.before_netbox.lie = lies.old_answers(ADDRESSES, both)
    for one, other in (both, both[::-1]):
        world.netbox.ask("PATCH", f"{ADDRESSES}{one['id']}/", {"assigned_object_type": "dcim.interface", "assigned_object_id": other["assigned_object_id"]})


def make_twin(world):
    """Two creations were under way at once: a device of another name bears a key that is another's."""
    field, leaf = world.netbox.named("extras/custom-fields/", "fabric_sync_key"), world.netbox.named(DEVICES, "leaf-01")
    twin = {name: leaf[name]["id"] for name in ("device_type", "role", "site")} | {"name": "leaf-01-again", "custom_fields": {field["name"]: leaf["custom_fields"][field["name"]]}}
    for unique in (False, True):
        world.netbox.ask("PATCH", f"extras/custom-fields/{field['id']}/", {"unique": unique})
        if not unique:
            world.netbox.ask("POST", DEVICES, twin)


def leave_canary(world):
    """A run of the plan was killed before it took back what it had made."""
    world.cluster.create("Server", "probity-canary", description="put by a plan")
    lab.wait_until("the server is in NetBox", lambda: world.netbox.ask("GET", f"{DEVICES}?name=probity-canary")["count"], 60)


def show_everybody(world):
    """What stands between the plan and NetBox does not pass the name of the user on, while a person works on something else."""
    proxy = Proxy(world.netbox.url, lab.free_port())
    proxy.lie, world.shown_netbox = lies.user_ignored, proxy.url
    tenant = world.netbox.ask("POST", "tenancy/tenants/", {"name": "theirs", "slug": "theirs"})

    def describe():
        for number in itertools.count():
            world.netbox.ask("PATCH", f"tenancy/tenants/{tenant['id']}/", {"description": f"for the {number}th time"})
            time.sleep(1)

    threading.Thread(target=describe, daemon=True).start()


def make_foreign(world):
    """An object of somebody else, which no filter of the sync is to bring."""
    world.netbox.ask("POST", "ipam/vrfs/", {"name": "theirs"})


def let_go(world):
    """A device that is no longer ours takes the name of one of ours."""
    world.netbox.change(DEVICES, "server-01", custom_fields={"fabric_sync_key": None})


def protect_leftover(world):
    """A person protects a server in NetBox, and it is deleted in the fabric."""
    world.cluster.create("Server", "spare", description="S")
    lab.wait_until("the server is in NetBox", lambda: world.netbox.ask("GET", f"{DEVICES}?name=spare")["count"], 60)
    tag = world.netbox.named("extras/tags/", "fabric-sync-protect")["id"]
    world.netbox.change(DEVICES, "spare", tags=[tag])
    world.cluster.delete(world.cluster.path("Server", "spare"))


def foreign_cable(world):
    """A person has plugged a cable of their own into a port that the fabric then uses."""
    leaf, spare = world.netbox.named(DEVICES, "leaf-01"), world.netbox.named(DEVICES, "leaf-02")
    ends = []
    for device in (leaf, spare):
        body = {"device": device["id"], "name": "E1/40", "type": "other"}
        made = world.netbox.ask("POST", "dcim/interfaces/", body)
        ends.append([{"object_type": "dcim.interface", "object_id": made["id"]}])
    world.netbox.ask("POST", "dcim/cables/", {"a_terminations": ends[0], "b_terminations": ends[1]})
    link = {"server": {"port": "server-02/enp9s1"}, "switch": {"port": "leaf-01/E1/40"}}
    world.cluster.create("Connection", "server-02--unbundled--leaf-01", unbundled={"link": link})


def poison(world):
    """NetBox takes names of at most 64 characters."""
    world.cluster.create("Server", "poison-" * 10 + "x", description="S")


def dangling_reference(world):
    world.cluster.create("VPCAttachment", "nowhere", subnet="vpc-09/default", connection="server-01--none")


def wrong_neighbour(world):
    """A switch reports that another server is plugged into a port than the wiring says."""
    now = datetime.datetime.now(datetime.UTC).isoformat()
    seen = {"E1/2": {"admin": "up", "oper": "up", "lldpNeighbors": [{"name": "server-09", "portID": "enp2s1"}]}}
    path = world.cluster.path("Agent", "leaf-01") + "/status"
    world.cluster.patch(path, {"status": {"lastHeartbeat": now, "state": {"interfaces": seen}}})


def describe_again_and_again(world):
    def describe():
        for number in itertools.count():
            world.netbox.change(DEVICES, "leaf-02", description=f"for the {number}th time")

    threading.Thread(target=describe, daemon=True).start()


def hold_lease(world):
    """Somebody else has the lease for an hour, and writes nothing."""
    world.cluster.patch(LEASE, {"spec": {"holderIdentity": "another", "leaseDurationSeconds": 3600}})
    lab.wait_until("the sync has noticed", lambda: world.says(lambda fabric: fabric["standstill"]), 30)


def close_window(world):
    """It may write for one minute a day, twelve hours from now."""
    begins = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=12)
    ends = begins + datetime.timedelta(minutes=1)
    world.fabric["windows"] = [{"from": f"{begins:%H:%M}", "to": f"{ends:%H:%M}"}]


# The sync itself.


def end_sync(world):
    world.servers.end("fabric-sync")


def end_and_impersonate(world):
    """The sync has ended, and what it said last is served in its place for ever."""
    said = lab.run(["curl", "--silent", "--fail", f"{world.status_url}/status.json"])
    world.servers.end("fabric-sync")
    folder = world.folder / "said"
    folder.mkdir()
    (folder / "status.json").write_text(said)
    port = world.status_url.rsplit(":", 1)[-1]
    world.servers.start("impersonator", ["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", folder, port])
    lab.wait_until("it is served", lambda: world.says(lambda _: True), 30)


def hang_sync(world):
    world.signal_sync(signal.SIGSTOP)


def second_instance(world):
    world.second_sync()


def alter_history(world):
    """A person takes a line out of the record of what was done."""
    path = world.home / f"state/{NAME}.history.jsonl"
    lab.wait_until("there are three lines", lambda: len(path.read_text().splitlines()) > 2, 60)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:1] + lines[2:]))


def restore_history(world):
    """The machine's files come back from a backup that is older than the last change of NetBox."""
    path = world.home / f"state/{NAME}.history.jsonl"

    def follow(name):
        world.cluster.create("Server", name, description="S")
        lab.wait_until("the server is in NetBox", lambda: world.netbox.ask("GET", f"{DEVICES}?name={name}")["count"], 60)
        lab.wait_until("the history has all of it", lambda: '"ended"' in path.read_text().splitlines()[-1] or world.says(lambda fabric: not fabric["writing"]), 60)

    follow("backed-up")
    backup = path.read_bytes()
    follow("lost")
    world.servers.end("fabric-sync")
    path.write_bytes(backup)
    world.start_sync()


def show_metrics(lie):
    """Something stands before the sync's page."""

    def seed(world):
        proxy = Proxy(world.status_url, lab.free_port())
        proxy.lie, world.shown_status = lie, proxy.url

    return seed


def hide_problem(world):
    """Something of the fabric has no place in NetBox, and the metrics know nothing of it."""
    dangling_reference(world)
    lab.wait_until("the sync is out of sync", lambda: world.says(lambda fabric: fabric["summary"] != "in-sync"), 60)
    show_metrics(lies.always_in_sync)(world)


def log_token(world):
    """A library of the sync has printed what it sent."""
    with world.log.open("a") as log:
        log.write(f"sent GET /api/status/ with Authorization: {world.netbox.tokens['fabric-sync']}\n")


def block_history(world):
    """There is no place for the record: its name belongs to a folder."""
    (world.home / f"state/{NAME}.history.jsonl").mkdir()


def set_clock(world, seconds):
    """The sync's clock, and no other, is so much ahead."""
    source = lab.ROOT / "systems/camera-service/tests/support/clock.c"
    library, ahead = world.folder / "clock.so", world.folder / "clock"
    lab.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source])
    ahead.write_bytes(struct.pack("=qq", seconds, 1))
    world.environment = os.environ | {"LD_PRELOAD": str(library), "CLOCK": str(ahead)}


def set_clock_ahead(world):
    set_clock(world, 2 * 86400)


def set_clock_behind(world):
    set_clock(world, -120)


def wait_for_watches(world):
    """Those that were begun before the lie still tell the truth: the sync starts again."""
    world.servers.end("fabric-sync")
    world.start_sync()


FAULTS = {
    # The two ends.
    "kubernetes-stopped": Fault("kube-apiserver hangs (SIGSTOP)", "kubernetes_answers", stop("kubernetes", "kube-apiserver")),
    "etcd-stopped": Fault("etcd hangs (SIGSTOP)", "kubernetes_answers", stop("kubernetes", "etcd")),
    "netbox-stopped": Fault("NetBox hangs (SIGSTOP)", "netbox_answers", stop("netbox_servers", "netbox")),
    "table-locked": Fault("somebody's transaction keeps NetBox from writing devices", "arrives", lock_table),
    "etcd-wiped": Fault("etcd lost its data", "kinds_served", wipe_etcd),
    "kind-removed": Fault("a CustomResourceDefinition was removed", "kinds_served", remove_kind),
    "fabric-emptied": Fault("every object of the fabric is gone, as from a cluster that was set up anew", "nothing_held", empty_fabric),
    "kind-emptied": Fault("every server is gone, with its connections", "nothing_held", empty_kind),
    "access-taken": Fault("the sync may no longer list servers in Kubernetes", "allowed", take_access),
    "account-deleted": Fault("the sync's account in Kubernetes was made anew, its token is of the old one", "let_in", delete_account),
    "token-expired": Fault("the sync's token in NetBox has expired", "let_in", expire_token),
    "permission-taken": Fault("the sync may no longer write devices in NetBox", "nothing_refused", take_permission),
    "tag-renamed": Fault("the tag that protects from deletion was renamed in NetBox", "marks", rename_tag),
    "prefixes-many": Fault("NetBox has more prefixes than one page of it holds", "lists_whole", fill_page),
    "filter-disabled": Fault("the custom field of the key can no longer be filtered by", "prepared", disable_filter),
    # What people and other programs do.
    "edited-and-paused": Fault("a person edited a device and tagged it to be left alone", "switches_there", edit_and_pause),
    "edit-hidden": Fault("a person edited a device, and a cache gives the sync the device as it was", "switches_there", edit_and_hide),
    "port-emptied-and-hidden": Fault("a person took the VLANs from a LAG, and a cache gives the sync the interface as it was", "attached", empty_port),
    "addresses-swapped-and-hidden": Fault("two switches' VTEP addresses are swapped, and a cache gives the sync both as they were", "addressed", swap_addresses),
    "cable-moved-and-paused": Fault("a person plugged a cable of the fabric into another port and tagged it to be left alone", "ends", move_cable),
    "prefix-moved-and-paused": Fault("a person put a subnet into a VRF of their own and tagged it to be left alone", "subnets_there", move_prefix),
    "bundle-halved": Fault("a connection is paused in the fabric, and a person took one of its two cables", "cabled", halve_bundle),
    "cable-torn": Fault("a person deleted a port in which a cable was, and the sync tells differences only", "not_dangling", tear_cable, configuration={"mode": "detect"}),
    "twins": Fault("two devices bear the same key, as after two creations at once", "unique", make_twin),
    "canary-left": Fault("an earlier run of the plan was killed and left its canary", "clean", leave_canary),
    "everybody-shown": Fault("a proxy before the plan drops the name of the user by whom changes are asked for", "asked_changes", show_everybody),
    "key-taken": Fault("a person took our key from a device, which keeps its name", "servers_there", let_go),
    "leftover-protected": Fault("a device that its fabric no longer has is protected in NetBox", "servers_left", protect_leftover),
    "foreign-cable": Fault("a person's cable is plugged into a port that the fabric uses", "cabled", foreign_cable),
    "name-too-long": Fault("a server has a name that NetBox does not take", "nothing_refused", poison),
    "dangling-reference": Fault("an attachment names a VPC and a connection that do not exist", "no_problems", dangling_reference),
    "wrong-neighbour": Fault("a switch sees another neighbour on a port than the wiring says", "as_cabled", wrong_neighbour),
    "another-writer": Fault("another program writes a field that the sync declares, again and again", "settles", describe_again_and_again),
    "lease-held": Fault("another program holds the lease and does nothing", "writes", hold_lease),
    # The sync itself.
    "sync-ended": Fault("the sync has ended", "runs", end_sync),
    "sync-hangs": Fault("the sync hangs (SIGSTOP)", "awake", hang_sync),
    "status-kept": Fault("the sync has ended, and its last status is still served", "looks", end_and_impersonate),
    "two-instances": Fault("a second instance runs beside it, without a lease", "alone", second_instance),
    "clock-ahead": Fault("the sync's clock is two days ahead", "not_ahead", prepare=set_clock_ahead),
    "clock-behind": Fault("the sync's clock is two minutes behind", "not_behind", prepare=set_clock_behind),
    "metrics-frozen": Fault("the metrics are from a cache that never asks again", "metrics_move", show_metrics(lies.frozen_metrics())),
    "metrics-lie": Fault("the metrics say in sync, and the sync does not", "metrics_agree", hide_problem),
    "token-logged": Fault("the sync's token is in its log", "unspoken", log_token),
    "token-repeated": Fault("NetBox refuses what heals a device, and repeats the sync's token in it", "nothing_refused", edit, before_netbox=lies.repeats_the_request),
    "history-restored": Fault("the history comes from a backup that lacks the last changes", "reaches_back", restore_history),
    "history-altered": Fault("a line was taken out of the history", "history_whole", alter_history),
    "history-blocked": Fault("the history cannot be written", "writes", prepare=block_history),
    "detect-only": Fault("the sync is configured to tell differences only", "writes", configuration={"mode": "detect"}),
    "paused": Fault("the sync is paused by its configuration", "writes", configuration={"paused": True}),
    "window-closed": Fault("the sync may write at another time of day only", "writes", prepare=close_window),
    "kind-excluded": Fault("a kind is left out by the configuration", "arrives", configuration={"exclude": ["Server"]}, from_the_start=True),
    "never-deletes": Fault("deletion is turned off", "goes", configuration={"deletion": {"enabled": False}}),
    "other-namespace": Fault("the sync reads another namespace", "nothing_held", configuration={"namespaces": ["kube-system"]}, from_the_start=True),
    # What stands between.
    "login-page": Fault("a proxy answers for NetBox with a login page and status 200", "understood", before_netbox=lies.login_page),
    "login-page-of-kubernetes": Fault("a proxy answers for Kubernetes with a login page and status 200", "understood", before_kubernetes=lies.kubernetes_login_page),
    "bad-gateway": Fault("a list of NetBox is answered with 502", "reached", before_netbox=lies.server_error),
    "throttled": Fault("a list of NetBox is answered with 429 for ever", "reached", before_netbox=lies.too_many_requests),
    "half-a-body": Fault("the connection breaks in the middle of a list", "whole", before_netbox=lies.half_a_body),
    "page-cut": Fault("a list of NetBox lacks its last objects, its count has them", "whole", before_netbox=lies.page_cut_short),
    "page-cut-and-counted": Fault("the same, and the count was made to fit", "nothing_refused", before_netbox=lies.page_cut_and_counted),
    "fabric-cut": Fault("a list of Kubernetes lacks its last object, and nothing tells", "no_problems", before_kubernetes=lies.fabric_cut_and_counted),
    "filter-ignored": Fault("NetBox ignores the filter and answers with everything", "prepared", make_foreign, before_netbox=lies.filter_ignored),
    "older-version": Fault("NetBox is a version without If-Match", "prepared", before_netbox=lies.older_version),
    "watches-silent": Fault(
        "watches are begun and never tell anything", "arrives", wait_for_watches, before_kubernetes=lies.silent_watches, configuration={"interval": "1 h"}
    ),
    "nothing-written": Fault("every write is answered as done, and none is", "arrives", before_netbox=lies.nothing_is_written),
    "changes-not-written": Fault("changes are answered as done, and none is", "follows", before_netbox=lies.changes_are_not_written),
    "deletions-not-written": Fault("deletions are answered as done, and none is", "goes", before_netbox=lies.deletions_are_not_written),
    "words-cut": Fault("half of a description is written, and the answer has it whole", "arrives", before_netbox=lies.words_are_cut),
    "tags-hidden": Fault(
        "a cache gives the sync devices without their tags",
        "protects",
        before_netbox=lies.tags_hidden,
        configuration={"deletion": {"grace": "0 s", "max_percent": 50}},
    ),
    "condition-dropped": Fault(
        "a proxy drops the condition of a write, which then overrides what a person did since", "pauses", before_netbox=lies.without_if_match, configuration={"interval": "20 s"}
    ),
    "comments-wiped": Fault("each write takes away what people wrote beside it", "keeps", before_netbox=lies.wipes_comments),
    "never-as-written": Fault("a field never reads as it was written", "settles", before_netbox=lies.never_as_written(DEVICES, "serial", "leaf-01")),
    "name-never-as-written": Fault("a VLAN's name never reads as it was written", "settles", before_netbox=lies.never_as_written("ipam/vlans/", "name")),
    "replicas-differ": Fault("every other list of Kubernetes comes from a replica that has fallen behind", "quiet", before_kubernetes=lies.two_replicas()),
    "runs-unnamed": Fault("changes in NetBox do not name their run", "named", before_netbox=lies.no_message),
    "slow": Fault("each write takes longer than one may wait for it", "arrives", before_netbox=lies.slow),
}
