"""Acts about who may do what: sessions, keys, limits, links, the certificate, the audit log."""

import calendar
import hashlib
import hmac
import json
import pathlib
import re
import ssl
import time
import urllib.parse

from means import AUDIT, HEALTH_PORT, HOME, OWN, PORT, Session, UNIT, fetched, film, media, run, seconds_of, shown, state_of, status_of, token, until, with_key
from rule import claims_of


def session():
    """Somebody is signed in, and over another connection told of pictures, while the token is revoked; somebody else while it expires. And what may be done with such a token."""
    credential = token("viewer", "session")
    claims = claims_of(credential)
    somebody, listener, brief = Session(credential), Session(credential), Session(token("viewer", "brief", "--lifetime", "4 s"))
    listener.call("subscribe_events", topics=["snapshot.taken"])
    governs = somebody.call("get_config")
    before, brief_before = somebody.call("get_server_info"), brief.call("get_server_info")
    run("camera-service", "token", "revoke", claims["jti"])
    ended = until(lambda: somebody.call("get_server_info") in (None, -32001) or time.sleep(0.2), 2)
    taken = Session(token("operator", "session-later")).call("take_snapshot", device="front", filename="session.jpg")
    return {
        "before": isinstance(before, dict),
        "governs": governs if isinstance(governs, int) else None,
        "ended_s": ended,
        "taken": isinstance(taken, dict),
        "heard": listener.events(["snapshot.taken"], 0.5),
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
    out = until(lambda: viewer.call("get_server_info") in (None, -32001) or time.sleep(0.2), 2)
    old = run(*new, "1 d")[1].strip()
    rotated = run("camera-service", "api-key", "rotate", old.split("_")[1])[1].strip()
    turned = {"rotated_good": with_key(url, rotated), "rotated_old_s": until(lambda: with_key(url, old) == 401 or time.sleep(0.3), 2)}
    # Another one, the old of which is good for a while yet.
    old = run(*new, "1 d")[1].strip()
    run("camera-service", "api-key", "rotate", old.split("_")[1], "--grace", "6 s")
    turned |= {"graced_good": with_key(url, old), "graced_ended_s": until(lambda: with_key(url, old) == 401 or time.sleep(0.5), 15)}
    logged = secret in AUDIT.read_text() or secret in run("journalctl", "-q", "-u", UNIT)[1]
    return {"status": status, "good": good, "wrong": wrong, "brief_good": brief_good, "brief_ended_s": brief_ended, **roles, "revoked_s": gone, "signed_out_s": out, **turned, "hashed": "$argon2id$" in kept, "in_clear": secret in kept, "logged": logged}


def guessing():
    """Wrong API keys by HTTP, from an address of its own; then a good one from there."""
    key = run("camera-service", "api-key", "new", "--name", "guessing", "--role", "viewer")[1].strip()
    url = f"https://127.0.0.1:{PORT}/files/snapshots/missing.jpg"
    identifier = key.split("_")[1]
    # Each of another identifier, as who guesses does not know one.
    keys = [f"cs_{n:016x}_{'0' * 64}" for n in range(40)]
    # The first one is said to come from elsewhere, in both ways of saying so.
    forwarded = fetched(url, {"X-API-Key": f"cs_{40:016x}_{'0' * 64}", "X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.8"}, "127.0.0.9")[0]
    asked = [with_key(url, each, "127.0.0.9") for each in keys]
    good = with_key(url, key)
    run("camera-service", "api-key", "revoke", identifier)
    return {"forwarded": forwarded, "refused": asked.count(401), "limited": asked.count(429), "good": good}


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
    """Sixty calls in one message: how many of them are answered, and how many are made. And how sixty requests for files are answered."""
    replies = Session(token("viewer", "batches")).reply([{"jsonrpc": "2.0", "id": number, "method": "get_server_info"} for number in range(60)])
    replies = replies if isinstance(replies, list) else []
    bearer = {"Authorization": f"Bearer {token('viewer', 'files')}"}
    asked = [fetched(f"https://{OWN}:{PORT}/files/snapshots/missing.jpg", bearer)[0] for _ in range(60)]
    return {"answered": len(replies), "made": sum("result" in reply for reply in replies), "files": asked}


def leaks():
    """What the service has open and how much memory it takes, before pictures, a recording, connections and downloads and after them: how much more."""
    folder = pathlib.Path(f"/proc/{shown('MainPID')}")
    kept = lambda: len(list((folder / "fd").iterdir()))
    memory = lambda: int(re.search(r"VmRSS:\s*(\d+)", (folder / "status").read_text())[1]) * 1024
    operator, credential = Session(token("operator", "leaks")), token("viewer", "leaks-too")
    operator.call("take_snapshot", device="front")
    link = f"https://{OWN}:{PORT}/files/snapshots/validation.jpg"
    # Of what was before, the last is closed.
    until(lambda: kept() < 60 or time.sleep(0.3), 5)
    before, took = kept(), memory()
    pictures = sum(isinstance(operator.call("take_snapshot", device="front"), dict) for _ in range(8))
    operator.call("start_recording", device="front")
    for _ in range(8):
        Session(credential).socket.close()
        fetched(link, {"Authorization": f"Bearer {credential}"})
    operator.call("stop_recording", device="front")
    until(lambda: kept() <= before + 3 or time.sleep(0.3), 8)
    return {"pictures": pictures, "before": before, "more": kept() - before, "memory_more": memory() - took}


def signed(path, until):
    """A link to this path that is good until then, as whoever has the secret can make it."""
    key = hashlib.sha256(pathlib.Path("/validate/secrets/jwt").read_text().strip().encode()).digest()
    key = hmac.digest(key, b"camera-service: links, version 1", "sha256")
    return f"https://{OWN}:{PORT}{path}?expires={until}&signature={hmac.digest(key, until.to_bytes(8, 'big') + path.encode(), 'sha256').hex()}"


def links():
    """What links open, and for how long: that of a file, the same made to last, the same for another file; and a live view with the pieces that its playlist names. And what is told of the newest film."""
    viewer = Session(token("viewer", "links"))
    listed, watched = viewer.call("list_snapshots")["files"][0], viewer.call("get_stream_url", device="front")
    link, view = listed["download_url"], watched["stream_url"]
    until(lambda: fetched(view)[0] == 200, 10)
    first = pieces(view)
    ends = [int(end) for each in (link, view) for end in re.findall(r"expires=(\d+)", each)]
    status, content = fetched(link)
    seen = {"ends_s": [round(end - time.time()) for end in [*ends, seconds_of(watched["expires_at"])]], "opens": status, "same": content == (HOME / "snapshots" / listed["filename"]).read_bytes()}
    seen["lasting"] = status_of(re.sub(r"expires=\d+", "expires=4102444800", link))
    # Of a part, its bytes.
    seen["part"], part = fetched(link, {"Range": "bytes=10-109"})
    seen["part_same"] = part == content[10:110]
    path = f"/files/snapshots/{listed['filename']}"
    seen["fresh"], seen["ended"] = (status_of(signed(path, int(time.time()) + seconds)) for seconds in (60, -1))
    seen["another"] = status_of(re.sub(r"snapshots/[^?]*", "recordings/doomed.mp4", link))
    seen["off_s"] = abs((HOME / "snapshots" / listed["filename"]).stat().st_mtime - seconds_of(listed["modified_time"]))
    told = viewer.call("get_snapshot_info", filename=listed["filename"])
    seen["picture_bytes_off"] = abs(told["file_size"] - len(content)) if isinstance(told, dict) else None
    seen["film"] = film_as_told(viewer)
    seen["playlist"] = status_of(view)
    # ffprobe follows its playlists, which of MediaMTX are two.
    said = run("timeout", "20", "ffprobe", "-v", "error", "-tls_verify", "1", "-ca_file", "/validate/secrets/ca.pem", "-show_entries", "stream=codec_name", "-of", "csv=p=0", view)[1]
    seen["codec"] = said.split("\n")[0].strip()
    seen["view_without_link"] = status_of(view.split("?")[0])
    seen["other_view"] = status_of(view.replace("/live/front/", "/live/other/"))
    seen["file_by_view"] = status_of(f"{link.split('?')[0]}?{view.split('?')[1]}")
    seen["piece_without_link"] = status_of(urllib.parse.urljoin(view, first[-1]).split("?")[0]) if first else None
    seen["moved_s"] = until(lambda: pieces(view)[-1:] not in ([], first[-1:]) or time.sleep(0.5), 8) if first else None
    seen["last_piece"] = status_of(urllib.parse.urljoin(view, pieces(view)[-1])) if seen["moved_s"] is not None else None
    return seen


def pieces(view):
    """The pieces that a live view's playlist names; of MediaMTX it names a playlist that does."""
    lines = [line for line in fetched(view)[1].decode().splitlines() if line and not line.startswith("#")]
    if lines and ".m3u8" in lines[-1]:
        return [urllib.parse.urljoin(lines[-1], piece) for piece in pieces(urllib.parse.urljoin(view, lines[-1]))]
    return lines


def film_as_told(viewer):
    """What is told of the newest film, by how much that is not as it lies on the disk, and what its link opens."""
    file = max((file for file in media("recordings") if file.name.startswith("front_2")), key=lambda file: file.stat().st_mtime)
    told, known = viewer.call("get_recording_info", filename=file.name), film(file)
    if not isinstance(told, dict):
        return {}
    status, content = fetched(told["download_url"])
    begun = file.stat().st_mtime - known["duration"]
    return {"bytes_off": abs(told["file_size"] - known["bytes"]), "duration_off_s": abs((told["duration"] or 0) - known["duration"]), "created_off_s": abs(seconds_of(told["created_time"]) - begun), "named_off_s": abs(calendar.timegm(time.strptime(file.name[6:25], "%Y-%m-%d_%H-%M-%S")) - begun), "opens": status, "same": content == file.read_bytes()}


def renewal():
    """Another certificate of the same authority takes the place of the one in use, while the service runs: first without its key, then with it; then that one is put back."""
    def put(certificate, key):
        (HOME / "security/tls.pem").write_text(certificate)
        (HOME / "security/tls-key.pem").write_text(key)

    def served(host, port):
        return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, int(port))))

    first = [(HOME / f"security/{name}.pem").read_text() for name in ("tls", "tls-key")]
    another = [pathlib.Path(f"/validate/secrets/{name}.pem").read_text() for name in ("short", "short-key")]
    before, new = served(OWN, PORT), ssl.PEM_cert_to_DER_cert(another[0])
    try:
        well = state_of("certificate")
        put(another[0], first[1])
        told = until(lambda: state_of("certificate") not in ("ok", None) or time.sleep(0.2), 12)
        unfit = {"well": well, "told_s": told, "kept": served(OWN, PORT) == before}
        put(*another)
        renewed, of_health = (until(lambda at=at: served(*at) == new, 15) for at in ((OWN, PORT), ("127.0.0.1", HEALTH_PORT)))
    finally:
        put(*first)
    return {"renewed_s": renewed, "health_renewed_s": of_health, "changed": before != new, "unfit": unfit}


def audit():
    """The audit log: which events it has of whom, and lines that are none. And what the journal has."""
    lines = [line for file in sorted(AUDIT.parent.glob("audit.jsonl*")) if not file.name.endswith(".gz") for line in file.read_text().splitlines()]
    events, refused, broken, who, addresses, acts = {}, 0, 0, set(), set(), set()
    # A JSON Web Token, or an API key.
    credentials = sum(re.search(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.|cs_[0-9a-f]{16}_\w{16}", line) is not None for line in lines)
    for line in lines:
        try:
            line = json.loads(line)
            event = line["event"]
            events[event] = events.get(event, 0) + 1
            who.add(line.get("who"))
            addresses.add(line.get("address"))
            refused += (event, line["outcome"]) == ("authentication", "denied")
            acts.add(f"{event} {line['outcome']} by {line.get('who', 'nobody')}: {line['what']}")
        except (ValueError, KeyError):
            broken += 1
    # What the service says of itself, and not systemd of it.
    said = run("journalctl", "-q", f"_SYSTEMD_UNIT={UNIT}", "-o", "cat")[1]
    journal = [words for words in ("ready", "pictures come", "a recording began") if words in said]
    return {"journal": journal, "lines": len(lines), "broken": broken, "credentials": credentials, "events": events, "refused": refused, "who": sorted(filter(None, who)), "addresses": sorted(filter(None, addresses)), "acts": sorted(acts)}
