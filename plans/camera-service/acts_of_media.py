"""Acts about what is done: pictures, recordings, events, cameras, retention."""

import hashlib
import json
import os
import re
import shutil
import time

from means import AUDIT, AWAY, FFMPEG, HEALTH_PORT, HOME, OWN, PORT, Session, UNIT, fetched, film, grows, listens, media, metrics, processes, ready, run, seconds_of, shortfalls, state_of, systemctl, token, until


def recording():
    """The newest recording, as ffprobe reads it."""
    files = sorted(HOME.glob("recordings/front_2*.mp4"), key=lambda file: file.stat().st_mtime)
    return film(files[-1]) if files else {"file": None}


def shown_pictures():
    """Whether the newest film shows what a picture of the same camera shows: how like it is to the film's first one (SSIM), and whether the film stands still or is black for a while."""
    file, picture = max(HOME.glob("recordings/front_2*.mp4"), key=lambda file: file.stat().st_mtime), HOME / "snapshots/validation.jpg"
    said = run("ffmpeg", "-hide_banner", "-i", file, "-i", picture, "-lavfi", "[0:v]trim=end_frame=1,format=yuv420p[a];[1:v]format=yuv420p[b];[a][b]ssim", "-f", "null", "-")[2]
    like = re.search(r"All:([0-9.]+)", said)
    moves = run("ffmpeg", "-hide_banner", "-i", file, "-vf", "freezedetect=n=0.0005:d=0.5,blackdetect=d=0.2", "-f", "null", "-")[2]
    return {"like": float(like[1]) if like else None, "still": "freeze_start" in moves, "black": "black_start" in moves}


def files():
    """What lies in the folders of media."""
    return {kind: [file.name for file in media(kind)] for kind in ("recordings", "snapshots")}


def pages():
    """The names in each list of files: as a whole, and one after another by pages of one; those on the disk by their age, the newest first; and those whose size is told otherwise than it is."""
    viewer = Session(token("viewer", "pages"))

    def listed(kind, **page):
        files = viewer.call(f"list_{kind}", **page)
        return files["files"] if isinstance(files, dict) else []

    names = lambda *kind, **page: [file["filename"] for file in listed(*kind, **page)]
    seen = {}
    for kind in ("recordings", "snapshots"):
        every = listed(kind, limit=12)
        whole = [file["filename"] for file in every]
        sizes = {file.name: file.stat().st_size for file in media(kind)}
        by_age = sorted(media(kind), key=lambda file: file.stat().st_mtime, reverse=True)
        seen[kind] = {"whole": whole, "by_age": [file.name for file in by_age][:12], "sizes_off": [file["filename"] for file in every if file["file_size"] != sizes.get(file["filename"])], "paged": [name for at in range(len(whole)) for name in names(kind, limit=1, offset=at)]}
    return seen


def begun(operator, device="front", **wanted):
    """The file of a recording that is begun; one that is not there, where it is not."""
    started = operator.call("start_recording", device=device, **wanted)
    return HOME / "recordings" / (started["filename"] if isinstance(started, dict) else "none")


def formats():
    """Recordings in two forms, as their files are once they ended; one that was kept in another form than was asked for has another ending."""
    operator, seen = Session(token("operator", "formats")), {}
    for name in ("mkv", "mp4"):
        file = begun(operator, duration=1, format=name)
        over = until(lambda: time.sleep(0.3) or state_of_recording(operator) == "stopped", 12)
        known = run("ffprobe", "-v", "error", "-show_entries", "format=format_name", "-of", "csv=p=0", file)[1].strip()
        seen[name] = {"over_s": over, "format": known, "fragmented": file.exists() and b"moof" in file.read_bytes(), "pictures": film(file)["pictures"] if file.exists() else 0}
    return seen


def events():
    """Who is told that a picture was taken and that a recording began and ended: who subscribed, who did for this camera alone, who does not any more, who did for another camera, and who never said who it is."""
    topics = ["recording.start", "recording.stop", "snapshot.taken"]
    subscriber, chosen, former, elsewhere = (Session(token("viewer", user)) for user in ("subscriber", "chosen", "former", "elsewhere"))
    stranger = Session()
    for each in (subscriber, former, stranger):
        each.call("subscribe_events", topics=topics)
    former.call("unsubscribe_events", topics=topics)
    for each, device in ((chosen, "front"), (elsewhere, "yard")):
        each.call("subscribe_events", topics=topics, filters={"devices": [device]})
    operator = Session(token("operator", "events"))
    operator.call("take_snapshot", device="front", filename="event.jpg")
    operator.call("start_recording", device="front")
    operator.call("stop_recording", device="front")
    told = subscriber.events(topics, 5)
    return {"subscriber": told, "often": [subscriber.told.count(topic) for topic in topics], "chosen": chosen.events(topics, 5), "former": former.events(topics, 1), "elsewhere": elsewhere.events(topics, 1), "stranger": stranger.events(topics, 1)}


def size_of_view(view):
    """Width and height of a live view's pictures, as ffprobe reads them."""
    said = run("timeout", "20", "ffprobe", "-v", "error", "-tls_verify", "1", "-ca_file", "/validate/secrets/ca.pem", "-show_entries", "stream=width,height", "-of", "csv=p=0:s=x", view)[1]
    return said.split("\n")[0].strip()


def given_up(session):
    """Of a recording into which no pictures come, nothing more is to be seen: it is stopped."""
    session.call("stop_recording", device="front")
    return {"grown_s": None}


def at_once():
    """A picture of a second camera; and recordings of both at once, the first of which goes on in a new file every two seconds. That of the second is stopped earlier. And what is answered meanwhile to what cannot be done: to record the first one twice, to delete what there is not, to change a setting or to use a camera that there is not, and to list too many."""
    admin = Session(token("admin", "at-once"))
    until(lambda: time.sleep(0.5) or cameras(admin).get("connected") == 2, 15)
    admin.call("take_snapshot", device="kept", filename="second.jpg")
    admin.call("modify_config", patch={"storage": {"rotate": {"every": "2 s"}}})
    first = begun(admin)
    second = begun(admin, "kept")
    grown = grows(first)
    if grown is None:
        given_up(admin)
        admin.call("stop_recording", device="kept")
        admin.call("modify_config", patch={"storage": {"rotate": {"every": "1 h"}}})
        return {"grown_s": [None, None]}
    seen = {"grown_s": [grown, grows(second)]}
    seen["twice"] = admin.call("start_recording", device="front")
    seen["absent"] = admin.call("delete_recording", filename="absent.mp4")
    seen["unknown"] = admin.call("modify_config", patch={"colour": "red"})
    seen["nowhere"] = [admin.call(method, device="nowhere") for method in ("take_snapshot", "start_recording")]
    seen["too_many"] = admin.call("list_recordings", limit=5000)
    began = time.monotonic()
    until(lambda: time.monotonic() - began > 2, 3)
    ended = admin.call("stop_recording", device="kept")
    seen["goes_on"] = state_of_recording(admin)
    watched = admin.call("get_stream_url", device="kept")
    seen["view"] = size_of_view(watched["stream_url"]) if isinstance(watched, dict) else None
    until(lambda: time.monotonic() - began > 6, 7)
    rotated = admin.call("stop_recording", device="front")
    admin.call("modify_config", patch={"storage": {"rotate": {"every": "1 h"}}})
    for name, ending in (("first", rotated), ("second", ended)):
        ending = ending if isinstance(ending, dict) else {}
        films = [film(file) for file in (HOME / "recordings" / file for file in ending.get("filenames", [])) if file.exists()]
        seconds, taken = sum(each["duration"] for each in films), sum(each["bytes"] for each in films)
        seen[name] = {"missing_s": ending.get("seconds_missing"), "seconds": seconds, "films": films, "bytes_off": abs(ending.get("file_size", 0) - taken), "seconds_off": abs(ending.get("duration", 0) - seconds)}
    picture = HOME / "snapshots/second.jpg"
    return {**seen, "picture": film(picture)["size"] if picture.exists() else None}


def disk_fills():
    """A recording during which its disk comes to its blocking level: how it ends, and its film."""
    admin = Session(token("admin", "disk-fills"))
    file = begun(admin, duration=60)
    seen = {"grown_s": grows(file)}
    if seen["grown_s"] is None:
        return given_up(admin)
    admin.call("modify_config", patch={"storage": {"warn": "1 %", "block": "2 %"}})
    seen["ended_s"] = until(lambda: time.sleep(0.5) or state_of_recording(admin) not in ("recording", None), 20)
    state = status_of_front(admin).get("recording_state") or {}
    admin.call("modify_config", patch={"storage": {"warn": "80 %", "block": "90 %"}})
    admin.call("stop_recording", device="front")
    return {**seen, "cause": state.get("cause"), "film": film(file) if file.exists() else None}


def names():
    """Names of files that lead out of the folders of media, one that a picture has already, a link among them, a picture that is deleted by its name, and two that have none."""
    digest = lambda file: hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else None
    outside, kept, picture = HOME / "out.jpg", HOME / "snapshots/kept.jpg", HOME / "snapshots/gone.jpg"
    operator = Session(token("operator", "names"))
    operator.call("take_snapshot", device="front", filename=kept.name)
    operator.call("take_snapshot", device="front", filename=picture.name)
    seen = {
        "made": kept.exists() and picture.exists(),
        "mode": oct(picture.stat().st_mode & 0o777)[2:] if picture.exists() else "",
        "out": isinstance(operator.call("take_snapshot", device="front", filename=f"../{outside.name}"), dict) or outside.exists(),
        "across": isinstance(operator.call("delete_recording", filename=f"../snapshots/{kept.name}"), dict) or not kept.exists(),
    }
    before = digest(kept)
    seen["over"] = operator.call("take_snapshot", device="front", filename=kept.name)
    seen["same"] = digest(kept) == before
    link, bearer = HOME / "snapshots/link.jpg", {"Authorization": f"Bearer {token('viewer', 'names-too')}"}
    link.symlink_to("/etc/hostname")
    seen["given"], seen["followed"] = (fetched(f"https://{OWN}:{PORT}/files/snapshots/{name}", bearer)[0] for name in (kept.name, link.name))
    link.unlink()
    operator.call("delete_snapshot", filename=picture.name)
    # Without a name of their own, one right after the other.
    two = [taken["filename"] for taken in (operator.call("take_snapshot", device="front") for _ in range(2)) if isinstance(taken, dict)]
    return {**seen, "gone": not picture.exists(), "apart": len(set(two)) == 2 and all((HOME / "snapshots" / name).exists() for name in two)}


def status_of_front(session):
    """What is told of the camera; nothing, where nothing is."""
    status = session.call("get_camera_status", device="front")
    return status if isinstance(status, dict) else {}


def cameras(session):
    """What is told of all cameras; nothing, where nothing is."""
    listed = session.call("get_camera_list")
    return listed if isinstance(listed, dict) else {}


def state_of_recording(session):
    """Of the camera's recording, or of its last one: recording, interrupted, stopped, ..."""
    return (status_of_front(session).get("recording_state") or {}).get("status")


def broken_off():
    """A camera's pictures break off for some seconds while it is recorded: what is told of it meanwhile, and what of the recording once it was stopped. Before that it is to be deleted, and a picture to be taken while there are none."""
    if not ready():
        return {"grown_s": None}
    topics = ["camera.disconnected", "camera.connected", "recording.interrupted", "recording.resumed", "recording.error", "system.health"]
    operator, photographer, subscriber = Session(token("operator", "broken-off")), Session(token("operator", "photographer")), Session(token("viewer", "troubles"))
    subscriber.call("subscribe_events", topics=topics)
    file, before = begun(operator), shortfalls()
    seen = {"grown_s": grows(file)}
    if seen["grown_s"] is None:
        return given_up(operator)
    seen["deletion"], seen["file_there"] = operator.call("delete_recording", filename=file.name), file.exists()
    up = lambda number: f'camera_service_camera_up{{device="front"}} {number}' in metrics()
    FFMPEG.rename(AWAY)
    try:
        run("pkill", "-KILL", "-f", "lavfi")
        began = time.monotonic()
        seen["told_s"] = until(lambda: time.sleep(0.7) or state_of_recording(operator) == "interrupted", 15)
        seen["down_s"] = until(lambda: up(0), 8)
        seen["ill_s"] = until(lambda: state_of("cameras") not in ("ok", None) or time.sleep(0.2), 8)
        # One that is asked for now is waited for.
        photographer.socket.settimeout(2)
        seen["picture"] = isinstance(photographer.call("take_snapshot", device="front", filename="away.jpg"), dict)
        seen["picture_there"] = (HOME / "snapshots/away.jpg").exists()
        subscriber.call("ping")
        until(lambda: time.monotonic() - began > 7, 8)
    finally:
        AWAY.rename(FFMPEG)
    seen["back_s"] = until(lambda: time.sleep(1) or status_of_front(operator).get("recording"), 45)
    seen["up_s"] = until(lambda: up(1), 8)
    ended = operator.call("stop_recording", device="front")
    count = cameras(operator).get("total")
    until(lambda: len(processes()) <= 1 + (count or 0), 5)
    after = shortfalls()
    counted = {name: None if before[name] is None or after[name] is None else round(after[name] - before[name], 1) for name in before}
    return {**seen, "ended": ended if isinstance(ended, dict) else {}, "counted": counted, "cameras": count, "processes": processes(), "events": subscriber.events(topics, 5)}


def interrupted():
    """The film of a recording without a length during which the service is stopped in good order, and of one during which it is killed; and how soon it went on. Then whether the film of one that runs is there once as good as nothing may be kept."""
    seen = {}
    for way, act in (("stopped", "stop"), ("killed", "kill")):
        operator = Session(token("operator", way))
        file = begun(operator)
        grown = grows(file)
        if grown is None:
            seen[way] = {**given_up(operator), "resumed_s": None, "file": None}
            continue
        run("systemctl", *([act, UNIT] if act == "stop" else [act, "--signal=KILL", "--kill-whom=main", UNIT]))
        until(lambda: not listens(), 10)
        systemctl("start")
        ready_s = until(ready, 15)
        again = Session(token("operator", f"{way}-again"))
        resumed = until(lambda: time.sleep(0.4) or status_of_front(again).get("recording"), 15)
        again.call("stop_recording", device="front")
        seen[way] = {"grown_s": grown, "ready_s": ready_s, "resumed_s": resumed, **(film(file) if file.exists() else {"file": None})}
    admin = Session(token("admin", "cleaned"))
    file = begun(admin)
    grown = grows(file)
    admin.call("set_retention_policy", policy="size", size="1 B")
    came = admin.call("cleanup_old_files")
    seen["cleaned"] = {"grown_s": grown, "removed": isinstance(came, dict) and len(came["removed"]) > 0, "there": file.exists()}
    admin.call("set_retention_policy", policy="age", age="30 d")
    admin.call("stop_recording", device="front")
    return seen


def clock():
    """How far what the service says of the time is from the machine's: in its audit log, and in the answer to a call."""
    operator = Session(token("operator", "clock"))
    taken = operator.call("take_snapshot", device="front", filename="clock.jpg")
    lines = [json.loads(line) for line in AUDIT.read_text().splitlines() if '"clock"' in line]
    told = {"audit_off_s": lines[-1]["time"] if lines else None, "answer_off_s": taken.get("timestamp") if isinstance(taken, dict) else None}
    return {name: None if text is None else round(abs(time.time() - seconds_of(text)), 1) for name, text in told.items()}


def planted(name, days):
    """A recording of this name, so many days old, which is none."""
    file = HOME / "recordings" / name
    file.write_bytes(bytes(300_000))
    shutil.chown(file, "camera-service", "camera-service")
    os.utime(file, (time.time() - days * 86400,) * 2)
    return file


def taken_by(kind):
    """How many bytes the files of that folder take."""
    return sum(file.stat().st_size for file in media(kind))


def less_by(number):
    """So many bytes less than the recordings take that the service named: it removes no others, and of each folder by itself."""
    return f"{sum(file.stat().st_size for file in media('recordings') if re.match('[a-z]+_2', file.name)) - number} B"


def kept_by_size():
    """What is said of how much there is; and what is removed where all files may take half a gigabyte, and where they may take a little less than they do: then the oldest are to go."""
    admin = Session(token("admin", "sizes"))

    def removed(**policy):
        admin.call("set_retention_policy", **policy)
        came = admin.call("cleanup_old_files")
        return sorted(came["removed"]) if isinstance(came, dict) else came

    stored = admin.call("get_storage_info")
    there = {name: number for kind in ("recordings", "snapshots") for name, number in ((kind, len(media(kind))), (f"{kind}_bytes", taken_by(kind)))}
    told = {name: stored.get(name) for name in there} if isinstance(stored, dict) else {}
    for age in (40, 39):
        planted(f"front_2020-02-01_00-{age}-00.mp4", age)
    seen = {"of_half_a_gigabyte": removed(policy="size", size="0.5 GB")}
    seen["of_less"] = removed(policy="size", size=less_by(100_000))
    return {"told": told, "there": there, **seen, "by_age": removed(policy="age", age="30 d"), "left": files()["recordings"]}


def kept_unasked():
    """Whether what is too much is removed though nobody asks for it, where that is looked for every two seconds; and whether anything else is."""
    admin = Session(token("admin", "unasked"))
    admin.call("modify_config", patch={"storage": {"retention": {"every": "2 s", "policy": "manual"}}})
    systemctl("restart")
    until(ready, 15)
    admin, files = Session(token("admin", "unasked-again")), [planted(f"front_2020-03-01_00-{minute}-00.mp4", age) for minute, age in ((10, 50), (20, 49))]
    admin.call("set_retention_policy", policy="size", size=less_by(100_000))
    seen = {"removed_s": until(lambda: not files[0].exists(), 20), "other_left": files[1].exists()}
    admin.call("modify_config", patch={"storage": {"retention": {"every": "1 h"}}})
    admin.call("set_retention_policy", policy="age", age="30 d")
    for file in files:
        file.unlink(missing_ok=True)
    return seen


def lost_camera():
    """What is told of a camera at whose address nobody is: in its own state and in the list, looked at for some seconds; and where its password is then, and whether a viewer learns its address. And which are taken whose address is the machine's own, or a file."""
    admin, viewer, states = Session(token("admin", "cameras")), Session(token("viewer", "cameras-too")), set()
    password, address = "GhostPass24", "10.203.8.1"
    added = isinstance(admin.call("add_camera", name="ghost", source=f"rtsp://joe:{password}@{address}:9/none"), dict)
    own = [*(f"rtsp://{host}:9/none" for host in ("127.0.0.1", "[::1]", "localhost", OWN, "169.254.169.254")), "file:///etc/passwd"]
    inward = [source for source in own if isinstance(admin.call("add_camera", name="inward", source=source), dict)]
    for _ in range(6):
        time.sleep(0.5)
        status, listed = admin.call("get_camera_status", device="ghost"), admin.call("get_camera_list")
        for camera in [status, *listed["cameras"]] if isinstance(status, dict) and isinstance(listed, dict) else []:
            if camera["device"] == "ghost":
                states.add(camera["status"])
    read = json.dumps([viewer.call("get_camera_status", device="ghost"), viewer.call("get_camera_list"), viewer.call("get_stream_status", device="ghost")])
    places = {
        "calls": read + json.dumps([status, listed, admin.call("get_config"), admin.call("get_status")]),
        "audit": AUDIT.read_text(),
        "journal": run("journalctl", "-q", "-u", UNIT)[1],
        "health": metrics() + fetched(f"https://127.0.0.1:{HEALTH_PORT}/health/system")[1].decode(),
    }
    admin.call("delete_camera", device="ghost")
    return {"added": added, "states": sorted(states), "inward": inward, "leaks": [place for place, text in places.items() if password in text], "viewer_reads": address in read}


def streaming():
    """A camera is stopped and started: what is told of it each time, whether anything reads it, and who is told of it. While it is recorded it is not to be stopped."""
    topics = ["camera.status_change", "camera_status_update", "recording_status_update"]
    operator, subscriber = Session(token("operator", "streaming")), Session(token("viewer", "streams"))
    subscriber.call("subscribe_events", topics=topics)
    count = lambda: processes().count("ffmpeg")
    before, seen = count(), {}
    status = lambda came: came.get("status") if isinstance(came, dict) else came
    seen["stopped"] = status(operator.call("stop_streaming", device="front"))
    seen["gone_s"] = until(lambda: count() == before - 1, 5)
    told = operator.call("get_stream_status", device="front")
    seen["told"] = [told.get(name) for name in ("status", "ready", "process")] if isinstance(told, dict) else told
    seen["listed"] = status_of_front(operator).get("status")
    seen["started"] = status(operator.call("start_streaming", device="front"))
    again = status_of_front(operator)
    seen["again"] = [*(again.get(name) for name in ("status", "resolution", "fps")), count() == before]
    seen["recording"] = grows(begun(operator)) is not None
    seen["in_use"] = status(operator.call("stop_streaming", device="front"))
    operator.call("stop_recording", device="front")
    return {**seen, "events": subscriber.events(topics, 5)}
