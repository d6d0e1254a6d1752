"""What the acts share: programs, requests, and a session of somebody with the service. Every step has a time limit."""

import calendar
import http.client
import json
import pathlib
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse

# As /plan/inside is given them.
PORT, HEALTH_PORT = (sys.argv[1:] + ["", ""])[:2]
HOME = pathlib.Path("/opt/camera-service")
CONFIG = HOME / "config/camera-service.yaml"
ENV = HOME / ".env"
AUDIT = pathlib.Path("/var/log/camera-service/audit.jsonl")
UNIT = "camera-service.service"
NEW_PROGRAM = pathlib.Path("/validate/program/camera-service")
# What cameras are read with, and where it is while there is none.
FFMPEG, AWAY = pathlib.Path("/usr/bin/ffmpeg"), pathlib.Path("/usr/bin/ffmpeg.away")
# From an address of its own: wrong credentials of one address are limited.
OWN = "10.203.8.2"
# Only the authority of this validation is trusted.
TRUST = ssl.create_default_context(cafile="/validate/secrets/ca.pem")


def run(*words, **options):
    """A program; its exit status, and what it said on both outputs."""
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, **options)
    return done.returncode, done.stdout, done.stderr


def fetched(url, headers={}, source=None):
    """The status and the content that an HTTP request is answered with within 5 s; 0 without an answer."""
    asked, source = urllib.parse.urlsplit(url), source and (source, 0)
    if asked.scheme == "https":
        connection = http.client.HTTPSConnection(asked.hostname, asked.port, timeout=5, context=TRUST, source_address=source)
    else:
        connection = http.client.HTTPConnection(asked.hostname, asked.port, timeout=5, source_address=source)
    status, content, end = 0, b"", time.monotonic() + 5
    try:
        connection.request("GET", asked._replace(scheme="", netloc="").geturl(), headers=headers)
        answer = connection.getresponse()
        status = answer.status
        while time.monotonic() < end and (piece := answer.read1(1 << 16)):
            content += piece
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    return status, content


def status_of(url):
    return fetched(url)[0]


def with_key(url, key, source=None):
    """The status that a request with this API key is answered with."""
    return fetched(url, {"X-API-Key": key}, source)[0]


def readiness():
    return status_of(f"https://127.0.0.1:{HEALTH_PORT}/health/ready")


def ready():
    return readiness() == 200


def state_of(component):
    """Of a component, as health tells it; null where it tells nothing."""
    health = json.loads(fetched(f"https://127.0.0.1:{HEALTH_PORT}/health/system")[1] or "{}")
    return next((each["state"] for each in health.get("components", []) if each["name"] == component), None)


def metrics():
    return fetched(f"https://127.0.0.1:{HEALTH_PORT}/metrics")[1].decode()


def metric(name):
    """The sum of what metrics say by that name, with these labels if it has any in braces; null where they say nothing."""
    found = [float(line.split()[-1]) for line in metrics().splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
    return sum(found) if found else None


def shortfalls():
    """What metrics say of recordings that fell short: how many, for which reasons in all, and how many seconds."""
    return {name: metric(f"camera_service_{text}_total") for name, text in (("recordings", "recordings_failed"), ("causes", "recording_shortfalls"), ("seconds", "recording_missing_seconds"))}


def processes():
    """The names of all processes of the unit."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if f"/{UNIT}" in (folder / "cgroup").read_text():
                found.append((folder / "comm").read_text().strip())
        except OSError:
            pass
    return sorted(found)


def seconds_of(text):
    """Seconds since 1970 of a time in UTC (RFC 3339), in whole ones."""
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


def shown(name):
    return run("systemctl", "show", "-P", name, UNIT)[1].strip()


def grows(file):
    """Seconds until a recording's file has some content; null if it has none in time."""
    return until(lambda: file.exists() and file.stat().st_size > 50_000, 15)


def until(condition, seconds):
    """Seconds until the condition was true; null if it was not in time."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if condition():
            return round(time.monotonic() - began, 3)
        time.sleep(0.05)
    return None


def systemctl(act):
    """Without the limit on how often somebody may do that."""
    run("systemctl", "reset-failed", UNIT)
    return run("systemctl", act, UNIT)[0]


def listens():
    return run("ss", "-Hltn", f"sport = :{PORT}")[1] != ""


def start():
    return {"status": systemctl("start"), "ready": until(ready, 10)}


def token(role, user, *options):
    # Of a name of its own: calls of one identity are limited.
    return run("camera-service", "token", "new", "--role", role, "--user", user, *options)[1].strip()


def film(file):
    """A film as ffprobe reads it."""
    status, out, error = run("ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width,height:format=duration:packet=pts_time", "-select_streams", "v", "-of", "json", file)
    known = json.loads(out or "{}")
    stream = (known.get("streams") or [{}])[0]
    times = sorted(float(packet["pts_time"]) for packet in known.get("packets", []) if "pts_time" in packet)
    return {
        "file": file.name,
        "status": status,
        "errors": error,
        "codec": stream.get("codec_name"),
        "size": f"{stream.get('width')}x{stream.get('height')}",
        "pictures": len(times),
        # The longest time from one picture to the next.
        "gap_s": max((round(later - time, 3) for time, later in zip(times, times[1:])), default=None),
        "duration": float(known.get("format", {}).get("duration", 0)),
        "bytes": file.stat().st_size,
        "mode": oct(file.stat().st_mode & 0o777)[2:],
        "age_s": time.time() - file.stat().st_mtime,
    }


def media(kind):
    """The files of that folder; hidden ones are notes of the service."""
    return sorted(file for file in (HOME / kind).iterdir() if not file.name.startswith("."))


class Session:
    """A WebSocket to the service (RFC 6455), of whoever the credential is; without one, of nobody."""

    def __init__(self, credential=None, source=None):
        plain = socket.create_connection((OWN, int(PORT)), 10, source and (source, 0))
        self.socket = TRUST.wrap_socket(plain, server_hostname=OWN)
        self.stream = self.socket.makefile("rwb")
        self.send(f"GET /ws HTTP/1.1\r\nHost: {OWN}:{PORT}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode())
        while self.stream.readline() not in (b"\r\n", b""):
            pass
        self.told = []
        if credential:
            self.call("authenticate", auth_token=credential)

    def send(self, data):
        self.stream.write(data)
        self.stream.flush()

    def message(self):
        """The next one; null where the connection was ended."""
        first, length = self.stream.read(2)
        length = int.from_bytes(self.stream.read({126: 2, 127: 8}[length]), "big") if length > 125 else length
        content = self.stream.read(length)
        return None if first & 15 == 8 else json.loads(content)

    def reply(self, asked):
        """What is answered to a call, or to a list of them; null where the connection was ended."""
        text = json.dumps(asked).encode()
        try:
            # Masked with zeros.
            self.send(b"\x81" + bytes([0x80 | 126]) + len(text).to_bytes(2, "big") + b"\0\0\0\0" + text)
            while reply := self.message():
                if "method" not in reply:
                    return reply
                self.told.append(reply["method"])
        except (OSError, ValueError):
            pass
        return None

    def call(self, method, **params):
        """The result; the error's code where it is none; null where the connection was ended."""
        reply = self.reply({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return reply and reply.get("result", reply.get("error", {}).get("code"))

    def events(self, wanted, patience):
        """The topics of all notifications so far: once those that are wanted came, or none for so many seconds. Nothing can be called afterwards."""
        self.socket.settimeout(patience)
        try:
            while not set(wanted) <= set(self.told) and (notification := self.message()):
                self.told.append(notification["method"])
        except (OSError, ValueError, KeyError):
            pass
        return sorted(set(self.told))
