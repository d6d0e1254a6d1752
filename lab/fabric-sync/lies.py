"""Lies on the way to NetBox or Kubernetes: each is told an asked server's honest answer, or keeps the question to itself. Only the sync is lied to; whoever
validates it asks the servers themselves."""

import itertools
import json
import time

from proxy import Answer, Cut, Silence

JSON = {"Content-Type": "application/json"}
LOGIN_PAGE = Answer(200, {"Content-Type": "text/html"}, b"<html><form id=login></form></html>\n")


def is_list(request, *parts):
    return request.method == "GET" and any(f"/{part}/?" in request.path for part in parts)


def login_page(request, forward):
    """Answers instead of NetBox, as a proxy does to whom its cookie is missing."""
    return LOGIN_PAGE if is_list(request, "devices") else None


def kubernetes_login_page(request, forward):
    return LOGIN_PAGE if request.method == "GET" and "/switches?" in request.path else None


def server_error(request, forward):
    return Answer(502, {"Content-Type": "text/html"}, b"<h1>Bad gateway</h1>\n") if is_list(request, "cables") else None


def too_many_requests(request, forward):
    return Answer(429, JSON | {"Retry-After": "1"}, b'{"detail": "Request was throttled."}') if is_list(request, "prefixes") else None


def half_a_body(request, forward):
    if is_list(request, "interfaces"):
        answer = forward(request)
        raise Cut(answer, len(answer.body) // 2)
    return None


def page_cut_short(request, forward):
    """Without its last objects; the count still says how many there were."""
    if not is_list(request, "interfaces"):
        return None
    answer = forward(request)
    document = answer.json()
    document["results"] = document["results"][:-2]
    return answer.saying(document)


def page_cut_and_counted(request, forward):
    """The same, and the count is made to fit."""
    if not is_list(request, "devices"):
        return None
    answer = forward(request)
    document = answer.json()
    document["results"] = document["results"][:-1]
    document["count"] = len(document["results"])
    return answer.saying(document)


def fabric_cut_and_counted(request, forward):
    """A list of Kubernetes without its last object, and nothing tells that there was one."""
    if request.method != "GET" or "/servers?" not in request.path or "watch=" in request.path:
        return None
    answer = forward(request)
    document = answer.json()
    document["items"] = document["items"][:-1]
    return answer.saying(document)


def filter_ignored(request, forward):
    """As NetBox does with a filter that it does not know: everything comes."""
    if is_list(request, "sites", "manufacturers") or "cf_" not in request.path:
        return None
    path, _, query = request.path.partition("?")
    request.path = path + "?" + "&".join(part for part in query.split("&") if not part.startswith("cf_"))
    return forward(request)


def silent_watches(request, forward):
    """A watch is begun and nothing comes of it, as behind a firewall that has forgotten the connection."""
    if "watch=" in request.path:
        raise Silence
    return None


def written(request, number):
    """What NetBox would have answered to a write, as far as its client looks at it."""
    made = request.json()
    several = isinstance(made, list)
    answers = [{**one, "id": number + place, "display": one.get("name", "")} for place, one in enumerate(made if several else [made])]
    return json.dumps(answers if several else answers[0]).encode()


def nothing_is_written(request, forward):
    """Every write is answered as if it had been done."""
    match request.method:
        case "POST":
            return Answer(201, JSON, written(request, 900_000))
        case "PATCH":
            found = forward(type(request)("GET", request.path, request.headers, b""))
            return found.saying({**found.json(), **request.json()})
        case "DELETE":
            return Answer(204, {}, b"")
    return None


def changes_are_not_written(request, forward):
    return nothing_is_written(request, forward) if request.method == "PATCH" else None


def deletions_are_not_written(request, forward):
    return nothing_is_written(request, forward) if request.method == "DELETE" else None


def words_are_cut(request, forward):
    """What is written loses half of its description on the way, and the answers say otherwise."""
    if request.method not in ("POST", "PATCH") or "/devices/" not in request.path:
        return None
    sent = request.json()
    one = sent[0] if isinstance(sent, list) else sent
    if "description" not in one:
        return None
    whole = one["description"]
    one["description"] = whole[: len(whole) // 2]
    request.body = json.dumps(sent).encode()
    answer = forward(request)
    if answer.status >= 300:
        return answer
    said = answer.json()
    (said[0] if isinstance(said, list) else said)["description"] = whole
    return answer.saying(said)


def wipes_comments(request, forward):
    """Every write to a device takes what people wrote on it away."""
    if request.method != "PATCH" or "/devices/" not in request.path:
        return None
    request.body = json.dumps({**request.json(), "comments": ""}).encode()
    return forward(request)


def each_object(path, change):
    """What NetBox tells of the objects below `path`, changed."""

    def lie(request, forward):
        if request.method != "GET" or not request.path.startswith(f"/api/{path}"):
            return None
        answer = forward(request)
        document = answer.json()
        if "results" not in document:
            return answer.saying(change(document))
        document["results"] = [change(one) for one in document["results"]]
        return answer.saying(document)

    return lie


def old_answers(path, objects):
    """A cache: of these objects it gives what they were, whole; `path` is their list."""
    kept = {one["id"]: one for one in objects}
    return each_object(path, lambda one: kept.get(one.get("id"), one))


def never_as_written(path, field, name=None):
    """A field that comes back otherwise than it was written, of all objects or of those of a name: the sync writes it again and again."""
    return each_object(path, lambda one: {**one, field: "normalised"} if name in (None, one.get("name")) else one)


def two_replicas():
    """Every other list of switches comes from a replica that has fallen behind."""
    lists = itertools.count()

    def lie(request, forward):
        if request.method != "GET" or "/switches?" not in request.path or "watch=" in request.path:
            return None
        answer = forward(request)
        document = answer.json()
        if next(lists) % 2:
            for switch in document["items"]:
                if switch["metadata"]["name"] == "leaf-02":
                    switch["spec"]["description"] = "what it was"
        return answer.saying(document)

    return lie


def tags_hidden(request, forward):
    """Nobody's tags are told, neither by lists nor by what answers a write."""
    if request.method == "DELETE" or "/dcim/devices/" not in request.path:
        return None
    answer = forward(request)
    if answer.status >= 300:
        return answer
    document = answer.json()
    for device in document if isinstance(document, list) else document.get("results", [document]):
        device["tags"] = []
    return answer.saying(document)


def without_if_match(request, forward):
    """As a proxy does that passes on the headers it knows."""
    request.headers = {name: value for name, value in request.headers.items() if name.lower() != "if-match"}
    return forward(request) if request.method == "PATCH" else None


def repeats_the_request(request, forward):
    """Refuses what heals a device, and repeats what it was asked with, as a server does that was left in its debugging mode."""
    if request.method != "PATCH" or b'"VS-2"' not in request.body:
        return None
    asked = [f"{name}: {value}" for name, value in request.headers.items() if name.lower() == "authorization"]
    return Answer(400, JSON, json.dumps({"detail": f"cannot handle {request.method} with {asked}"}).encode())


def frozen_metrics():
    """What the metrics were when they were asked for first."""
    kept = []

    def lie(request, forward):
        if request.path != "/metrics":
            return None
        if not kept:
            kept.append(forward(request))
        return kept[0]

    return lie


def always_in_sync(request, forward):
    """Metrics of whatever sync say that all is well."""
    if request.path != "/metrics":
        return None
    answer = forward(request)
    answer.body = answer.body.replace(b'state="in_sync"} 0', b'state="in_sync"} 1').replace(b'state="out_of_sync"} 1', b'state="out_of_sync"} 0')
    return answer


def user_ignored(request, forward):
    """Answers with everybody's changes, whoever's were asked for."""
    if "/object-changes/" not in request.path:
        return None
    path, _, query = request.path.partition("?")
    request.path = path + "?" + "&".join(part for part in query.split("&") if not part.startswith("user="))
    return forward(request)


def no_message(request, forward):
    """Changes are written without the words that name their run."""
    if request.method not in ("POST", "PATCH", "DELETE") or not request.body:
        return None
    sent = request.json()
    for one in sent if isinstance(sent, list) else [sent]:
        one.pop("changelog_message", None)
    request.body = json.dumps(sent).encode()
    return forward(request)


def slow(request, forward):
    """Each write takes as long as people notice."""
    if request.method in ("POST", "PATCH", "DELETE"):
        time.sleep(25)
    return None


def older_version(request, forward):
    """Says that it is a NetBox without If-Match."""
    if not request.path.startswith("/api/status/"):
        return None
    answer = forward(request)
    return answer.saying({**answer.json(), "netbox-version": "4.4.10"})
