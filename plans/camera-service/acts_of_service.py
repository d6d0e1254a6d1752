"""Acts on the service as a whole: starting, refusing, rotating, backing up, another program, an engine that is lost."""

import hashlib
import pathlib
import re
import time

from means import AUDIT, AWAY, CONFIG, ENV, FFMPEG, HOME, NEW_PROGRAM, UNIT, Session, listens, metrics, readiness, ready, run, shown, start, systemctl, token, until


def restart():
    """Ready means ready: it is asked once, as soon as systemd says that it runs."""
    began = time.monotonic()
    status = systemctl("restart")
    return {"status": status, "ready": ready(), "seconds": round(time.monotonic() - began, 3), "listens": listens()}


def refuses():
    """Starts with something that is wrong in each way; nothing of it may run. Then all is as it was."""
    config, secret = CONFIG.read_text(), ENV.read_text()
    mode = ENV.stat().st_mode & 0o777
    key = next(line for line in secret.splitlines() if line.startswith("CAMERA_SERVICE_JWT_SECRET"))

    def tried(change):
        change()
        status = systemctl("start")
        time.sleep(0.2)
        state, runs = shown("ActiveState"), listens()
        ends.append(f"{state} {shown('ExecMainStatus')}")
        systemctl("stop")
        CONFIG.write_text(config)
        ENV.write_text(secret)
        ENV.chmod(mode)
        return status != 0 and state != "active" and not runs

    def checked(wrong):
        """How `camera-service config check` ends with this line at the end, and whether it names the line."""
        CONFIG.write_text(f"{config}{wrong}\n")
        status, out, error = run("camera-service", "config", "check")
        CONFIG.write_text(config)
        return {"status": status, "line": f":{len(config.splitlines()) + 1}:" in out + error}

    credential = token("viewer", "before")

    def signs_in():
        came = Session().call("authenticate", auth_token=credential) if listens() else None
        return isinstance(came, dict) or came

    systemctl("stop")
    ends = []
    seen = {
        "unknown_key": tried(lambda: CONFIG.write_text(config + "colour: red\n")),
        "no_secret": tried(lambda: ENV.write_text(secret.replace(key, ""))),
        "short_secret": tried(lambda: ENV.write_text(secret.replace(key, "CAMERA_SERVICE_JWT_SECRET='short'"))),
        "published_secret": tried(lambda: ENV.write_text(secret.replace(key, "CAMERA_SERVICE_JWT_SECRET='edge-device-secret-key-change-in-production'"))),
        "secret_for_all": tried(lambda: ENV.chmod(0o644)),
        "plain_text": tried(lambda: CONFIG.write_text(re.sub(r"\n  tls:.*", "", config))),
    }
    # With another secret than that of which the token is.
    ENV.write_text(secret.replace(key, f"CAMERA_SERVICE_JWT_SECRET='{hashlib.sha256(key.encode()).hexdigest()}'"))
    start()
    other = signs_in()
    systemctl("stop")
    ENV.write_text(secret)
    checks = [checked(wrong) for wrong in ("colour: red", "log: { colour: red }", "cameras: []")]
    again = start()
    return {**seen, "ends": ends, "checks": checks, "again": again, "other_secret": other, "same_secret": signs_in() is True}


def rotate():
    """Logs are rotated; the service goes on in the new file."""
    before = AUDIT.stat().st_size
    # Three times: what was put aside the first time is still there.
    for _ in range(3):
        status, _, _ = run("logrotate", "--force", "/etc/logrotate.d/camera-service")
        run("camera-service", "token", "new", "--role", "viewer", "--lifetime", "1 min")
    stat = AUDIT.stat()
    old = sorted(file.name for file in AUDIT.parent.iterdir() if file.name != AUDIT.name)
    return {"status": status, "before": before, "mode": oct(stat.st_mode & 0o777)[2:], "old": old, "active": shown("ActiveState")}


def about(file):
    return [hashlib.sha256(file.read_bytes()).hexdigest(), oct(file.stat().st_mode & 0o777)[2:], file.owner()]


def contents(home):
    """What a backup of this folder is to hold: settings, keys, and media with their times."""
    found, changes = {}, home / "state/changes.json"
    for folder in ("config", "security", "recordings", "snapshots"):
        for file in sorted((home / folder).iterdir()):
            if file.is_file() and not file.name.startswith("."):
                found[f"{folder}/{file.name}"] = about(file) + ([int(file.stat().st_mtime)] if folder in ("recordings", "snapshots") else [])
    return {**found, ".env": about(home / ".env"), "state/changes.json": about(changes) if changes.exists() else None}


def digests():
    """Everything that a backup is to hold."""
    return contents(HOME)


def backup():
    """An archive with media, made while the service runs; and what must be in it."""
    archive = pathlib.Path("/var/backups/validation.tar")
    archive.unlink(missing_ok=True)
    somebody, process = Session(token("viewer", "backup")), shown("MainPID")
    status, _, _ = run("camera-service", "backup", archive, "--media")
    made = archive.exists()
    return {"status": status, "exists": made, "mode": oct(archive.stat().st_mode & 0o777)[2:] if made else "", "bytes": archive.stat().st_size if made else 0, "ready": ready(), "same_process": shown("MainPID") == process, "session_lives": isinstance(somebody.call("get_server_info"), dict)}


def damaged():
    """One byte of the archive is another one: restoring it is refused before anything is touched. So is one that is whole, in the place of the service that runs."""
    archive, bad = pathlib.Path("/var/backups/validation.tar"), pathlib.Path("/var/backups/damaged.tar")
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    bad.write_bytes(content)
    status = run("camera-service", "--home", "/tmp/damaged", "restore", bad)[0]
    whole = run("camera-service", "--home", "/tmp/whole", "restore", archive)[0]
    # Where it is restored, its paths are others, and so is who has its files.
    restored = lambda home: {name: file and [file[0], *file[3:]] for name, file in contents(home).items() if not name.startswith("config/")}
    same = whole == 0 and restored(pathlib.Path("/tmp/whole")) == restored(HOME)
    process = shown("MainPID")
    running = run("camera-service", "restore", archive, "--force")[0]
    undisturbed = shown("MainPID") == process and ready()
    return {"running": running, "undisturbed": undisturbed, "damaged": status, "touched": pathlib.Path("/tmp/damaged/config").exists(), "whole": whole, "same": same}


def upgrade():
    """A program of other bytes takes the place of the one that runs; then the one before comes back. Data and secrets stay, and what an operator set for the unit."""
    before, log, program = digests(), AUDIT.read_text(), HOME / "bin/camera-service"
    runs = lambda: pathlib.Path(f"/proc/{shown('MainPID')}/exe").read_bytes() == program.read_bytes()
    old = hashlib.sha256(program.read_bytes()).hexdigest()
    # As `systemctl edit` writes it.
    own = pathlib.Path(f"/etc/systemd/system/{UNIT}.d/override.conf")
    own.parent.mkdir(exist_ok=True)
    own.write_text("[Service]\nTasksMax=4321\n")
    run("systemctl", "daemon-reload")
    set_before = shown("TasksMax")
    new = pathlib.Path("/tmp/camera-service-new")
    new.write_bytes(NEW_PROGRAM.read_bytes() + b"another build\n")
    new.chmod(0o755)
    status = run(new, "install")[0]
    up = {"status": status, "replaced": hashlib.sha256(program.read_bytes()).hexdigest() != old, "runs": runs(), "ready": ready(), "kept": digests() == before}
    up |= {"logged": AUDIT.read_text().startswith(log), "enabled": shown("UnitFileState") == "enabled"}
    status = run(NEW_PROGRAM, "install")[0]
    down = {"status": status, "replaced": hashlib.sha256(program.read_bytes()).hexdigest() == old, "runs": runs(), "ready": ready(), "kept": digests() == before}
    stays = {"before": set_before, "after": shown("TasksMax"), "there": own.exists()}
    own.unlink(missing_ok=True)
    run("systemctl", "daemon-reload")
    return {"up": up, "down": down, "setting": stays}


def uninstall():
    """Taken off without another word: what is kept, and whether the unit and its process are gone."""
    before, log, unit = digests(), AUDIT.read_text(), pathlib.Path("/etc/systemd/system", UNIT)
    status = run(NEW_PROGRAM, "uninstall")[0]
    return {"status": status, "kept": digests() == before, "logged": AUDIT.exists() and AUDIT.read_text().startswith(log), "left": [name for name, there in (("unit", unit.exists()), ("process", listens())) if there]}


def engine_away():
    """Without its media engine the service is not ready, and says so; with it, it is again."""
    status = lambda: run("camera-service", "status")[0]
    if not ready():
        return {"red_s": None, "green_s": None}
    well = status()
    beside = "engine: mediamtx" in CONFIG.read_text()
    take, give = (lambda: run("systemctl", "stop", "mediamtx"), lambda: run("systemctl", "start", "mediamtx")) if beside else (lambda: FFMPEG.rename(AWAY), lambda: AWAY.rename(FFMPEG))
    take()
    try:
        red = until(lambda: readiness() == 503, 40)
        told = until(lambda: 'camera_service_component_up{component="media_engine"} 0' in metrics(), 5)
        ill = status()
    finally:
        give()
    return {"red_s": red, "told_s": told, "status_well": well, "status_ill": ill, "green_s": until(ready, 20)}
