"""Acts about who may do what: sessions, keys, limits, links, the certificate, the audit log."""

import calendar
import json
import pathlib
import re
import ssl
import time

from means import AUDIT, HEALTH_PORT, HOME, OWN, PORT, Session, UNIT, fetched, run, status_of, token, until, with_key
from rule import claims_of


def session():
    """Somebody is signed in while the token is revoked; somebody else while it expires."""
    credential = token("viewer", "session")
    claims = claims_of(credential)
    somebody, brief = Session(credential), Session(token("viewer", "brief", "--lifetime", "4 s"))
    before, brief_before = somebody.call("get_server_info"), brief.call("get_server_info")
    run("camera-service", "token", "revoke", claims["jti"])
    return {
        "before": isinstance(before, dict),
        "ended_s": until(lambda: somebody.call("get_server_info") in (None, -32001) or time.sleep(0.2), 2),
        "after": somebody.call("get_server_info"),
        "days": (claims["exp"] - claims["iat"]) / 86400,
        "brief_before": isinstance(brief_before, dict),
        "brief_ended_s": until(lambda: brief.call("get_server_info") in (None, -32001) or time.sleep(0.4), 9),
    }


def api_key():
    """A key is made, used, and revoked; another one expires."""
    file = HOME / "security/api-keys.json"
    new = ("camera-service", "api-key", "new", "--name", "validation", "--role", "viewer", "--expires")
    status, out, _ = run(*new, "1 d")
    key, brief = out.strip(), run(*new, "4 s")[1].strip()
    # From an address of its own: wrong credentials of one address are limited.
    url = f"https://{OWN}:{PORT}/files/snapshots/missing.jpg"
    _, identifier, secret = (key.split("_", 2) + ["", ""])[:3]
    kept = file.read_text()
    good, wrong = with_key(url, key), with_key(url, key[:-4] + "AAAA")
    brief_good = with_key(url, brief)
    viewer = Session(key)
    roles = {"looks": isinstance(viewer.call("get_server_info"), dict), "governs": viewer.call("get_config")}
    brief_ended = until(lambda: with_key(url, brief) == 401 or time.sleep(0.5), 9)
    run("camera-service", "api-key", "revoke", identifier)
    gone = until(lambda: with_key(url, key) == 401, 2)
    old = run(*new, "1 d")[1].strip()
    rotated = run("camera-service", "api-key", "rotate", old.split("_")[1])[1].strip()
    turned = {"rotated_good": with_key(url, rotated), "rotated_old_s": until(lambda: with_key(url, old) == 401 or time.sleep(0.3), 2)}
    # Another one, the old of which is good for a while yet.
    old = run(*new, "1 d")[1].strip()
    run("camera-service", "api-key", "rotate", old.split("_")[1], "--grace", "6 s")
    turned |= {"graced_good": with_key(url, old), "graced_ended_s": until(lambda: with_key(url, old) == 401 or time.sleep(0.5), 15)}
    logged = secret in AUDIT.read_text() or secret in run("journalctl", "-q", "-u", UNIT)[1]
    return {"status": status, "good": good, "wrong": wrong, "brief_good": brief_good, "brief_ended_s": brief_ended, **roles, "revoked_s": gone, **turned, "hashed": "$argon2id$" in kept, "in_clear": secret in kept, "logged": logged}


def guessing():
    """Wrong API keys by HTTP, from an address of its own; then a good one from there."""
    key = run("camera-service", "api-key", "new", "--name", "guessing", "--role", "viewer")[1].strip()
    url = f"https://127.0.0.1:{PORT}/files/snapshots/missing.jpg"
    identifier = key.split("_")[1]
    # Each of another identifier, as who guesses does not know one.
    keys = [f"cs_{n:016x}_{'0' * 64}" for n in range(40)]
    asked = [with_key(url, each, "127.0.0.9") for each in keys]
    good = with_key(url, key)
    run("camera-service", "api-key", "revoke", identifier)
    return {"refused": asked.count(401), "limited": asked.count(429), "good": good}


def opened(count, credential, source):
    """Sessions of one credential from one address: of so many, those that could be opened."""
    sessions = []
    for _ in range(count):
        try:
            sessions.append(Session(credential, source))
        except OSError:
            pass
    return sessions


def crowd():
    """Connections of one address over which nobody says who it is: of a hundred, those that stay open."""
    sessions = opened(100, None, "127.0.0.8")
    others = Session(token("viewer", "crowd")).call("get_server_info")
    return {"open": sum(each.call("ping") is not None for each in sessions), "others": isinstance(others, dict)}


def flood():
    """As many calls as are granted within eight seconds, to one who hardly waits. However slow the machine is, no more are granted for it."""
    caller, began, granted = Session(token("viewer", "flood")), time.monotonic(), []
    while time.monotonic() - began < 8:
        asked = time.monotonic()
        if isinstance(caller.call("get_server_info"), dict):
            granted.append(time.monotonic() - asked)
        else:
            # Ten refusals in a row end the connection.
            time.sleep(0.25)
    return {"granted": len(granted), "fastest_ms": min(granted) * 1000 if granted else None, "seconds": time.monotonic() - began}


def many():
    """Three hundred connections from five addresses, all of somebody signed in: over how many of them a call is answered."""
    sessions = [each for number in range(5) for each in opened(60, token("viewer", f"many-{number}"), f"127.0.1.{number + 1}")]
    return {"answered": sum(each.call("ping") is not None for each in sessions)}


def batches():
    """Sixty calls in one message: how many of them are answered, and how many are made."""
    replies = Session(token("viewer", "batches")).reply([{"jsonrpc": "2.0", "id": number, "method": "get_server_info"} for number in range(60)])
    replies = replies if isinstance(replies, list) else []
    return {"answered": len(replies), "made": sum("result" in reply for reply in replies)}


def links():
    """What links open: that of a file, the same made to last, the same for another file; and a live view with the pieces that its playlist names."""
    viewer = Session(token("viewer", "links"))
    listed = viewer.call("list_snapshots")["files"][0]
    link = listed["download_url"]
    status, content = fetched(link)
    seen = {"opens": status, "same": content == (HOME / "snapshots" / listed["filename"]).read_bytes()}
    seen["lasting"] = status_of(re.sub(r"expires=\d+", "expires=4102444800", link))
    # Of a part, its bytes.
    seen["part"], part = fetched(link, {"Range": "bytes=10-109"})
    seen["part_same"] = part == content[10:110]
    seen["another"] = status_of(re.sub(r"snapshots/[^?]*", "recordings/doomed.mp4", link))
    modified = calendar.timegm(time.strptime(listed["modified_time"][:19], "%Y-%m-%dT%H:%M:%S"))
    seen["off_s"] = abs((HOME / "snapshots" / listed["filename"]).stat().st_mtime - modified)
    view = viewer.call("get_stream_url", device="front")["stream_url"]
    until(lambda: fetched(view)[0] == 200, 10)
    seen["playlist"] = status_of(view)
    # ffprobe follows its playlists, which of MediaMTX are two.
    said = run("timeout", "20", "ffprobe", "-v", "error", "-tls_verify", "1", "-ca_file", "/validate/secrets/ca.pem", "-show_entries", "stream=codec_name", "-of", "csv=p=0", view)[1]
    seen["codec"] = said.split("\n")[0].strip()
    seen["view_without_link"] = status_of(view.split("?")[0])
    return seen


def renewal():
    """Another certificate of the same authority takes the place of the one in use, while the service runs; then that one is put back."""
    def put(certificate, key):
        (HOME / "security/tls.pem").write_text(certificate)
        (HOME / "security/tls-key.pem").write_text(key)

    def served(host, port):
        return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, int(port))))

    first = [(HOME / f"security/{name}.pem").read_text() for name in ("tls", "tls-key")]
    another = [pathlib.Path(f"/validate/secrets/{name}.pem").read_text() for name in ("short", "short-key")]
    before, new = served(OWN, PORT), ssl.PEM_cert_to_DER_cert(another[0])
    try:
        put(*another)
        renewed, of_health = (until(lambda at=at: served(*at) == new, 15) for at in ((OWN, PORT), ("127.0.0.1", HEALTH_PORT)))
    finally:
        put(*first)
    return {"renewed_s": renewed, "health_renewed_s": of_health, "changed": before != new}


def audit():
    """The audit log: which events it has of whom, and lines that are none."""
    lines = [line for file in sorted(AUDIT.parent.glob("audit.jsonl*")) if not file.name.endswith(".gz") for line in file.read_text().splitlines()]
    events, broken, who, addresses, acts = {}, 0, set(), set(), set()
    # A JSON Web Token, or an API key.
    credentials = sum(re.search(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.|cs_[0-9a-f]{16}_\w{16}", line) is not None for line in lines)
    for line in lines:
        try:
            line = json.loads(line)
            event = line["event"]
            events[event] = events.get(event, 0) + 1
            who.add(line.get("who"))
            addresses.add(line.get("address"))
            acts.add(f"{event} {line['outcome']} by {line.get('who', 'nobody')}: {line['what']}")
        except (ValueError, KeyError):
            broken += 1
    return {"lines": len(lines), "broken": broken, "credentials": credentials, "events": events, "who": sorted(filter(None, who)), "addresses": sorted(filter(None, addresses)), "acts": sorted(acts)}
