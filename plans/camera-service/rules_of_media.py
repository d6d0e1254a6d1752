"""Rules about what is done: pictures, recordings, deletions, events, times."""

import datetime
import pathlib
import re
import shutil
import subprocess
import time

from rule import MEDIA, Rule, overwrite, taken, without


class NoSnapshot(Rule):
    """Success is answered, and nothing done."""

    def ask(self, call, who):
        if call["method"] != "take_snapshot" or "device" not in call.get("params", {}):
            return call
        return None, taken(call["params"]["filename"], 4711)


class NoRecording(Rule):
    """A recording is said to run and to have ended; there is no file."""

    def ask(self, call, who):
        if call["method"] != "start_recording" or "device" not in call.get("params", {}):
            return call
        return None, {"device": "front", "filename": "front_2026.mp4", "status": "recording", "start_time": "2026-01-01T00:00:00Z", "format": "fmp4"}

    def tell(self, call, reply, who):
        if call["method"] == "get_camera_status" and "result" in reply:
            reply["result"]["recording_state"] = {"status": "stopped", "filename": "front_2026.mp4", "seconds_got": 3.0, "seconds_missing": 0.0}
        return reply


class NoStop(Rule):
    """A recording is said to be stopped that goes on."""

    def ask(self, call, who):
        device = call.get("params", {}).get("device")
        if call["method"] != "stop_recording" or device is None:
            return call
        return None, {
            "device": device, "filename": f"{device}_2026.mp4", "filenames": [f"{device}_2026.mp4"], "status": "stopped", "start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T00:00:03Z",
            "duration": 3.0, "file_size": 4711, "format": "fmp4", "seconds_wanted": 3.0, "seconds_got": 3.0, "seconds_missing": 0.0, "interruptions": 0, "cause": None, "reason": None,
        }  # fmt: skip


class CutShort(Rule):
    """A recording ends before it was to."""

    def ask(self, call, who):
        if call["method"] != "start_recording" or "duration" not in call.get("params", {}):
            return call
        return {**call, "params": {**call["params"], "duration": 1}}


class NoDeletion(Rule):
    method = "delete_recording"

    def ask(self, call, who):
        if call["method"] != self.method or "filename" not in call.get("params", {}):
            return call
        return None, {"filename": call["params"]["filename"], "deleted": True, "message": "gone"}


class PicturesStay(NoDeletion):
    """A picture is said to be deleted, and stays."""

    method = "delete_snapshot"


class NoRetention(Rule):
    def ask(self, call, who):
        if call["method"] != "cleanup_old_files" or who.role != "admin":
            return call
        return None, {"removed": ["front_2020-01-01_00-00-00.mp4"], "bytes_freed": 5000, "failed": []}


class NoEvents(Rule):
    def notify(self, notification):
        return None


class TellsFormer(Rule):
    """Who does not want to be told any more still is."""

    def ask(self, call, who):
        return (None, {"topics": []}) if call["method"] == "unsubscribe_events" and call.get("params") else call


class WrongList(Rule):
    """One recording more is listed than there are."""

    def tell(self, call, reply, who):
        if call["method"] == "list_recordings" and "result" in reply:
            reply["result"]["total"] += 1
        return reply


class Careless(Rule):
    """What is to be refused on a full disk is answered as if it was done."""

    def tell(self, call, reply, who):
        if call["method"] == "start_recording" and reply.get("error", {}).get("code") == -32020:
            return {**without(reply), "result": {"device": "front", "filename": "front_2026.mp4", "status": "recording", "start_time": "2026-01-01T00:00:00Z", "format": "fmp4"}}
        return reply


class AnyName(Rule):
    """Whatever name a page was opened under is taken for the service's own."""

    def head(self, text, who):
        return text.replace("evil.example", "10.203.8.2:8002")


class StraysByName(Rule):
    """A picture is written where its name leads."""

    def tell(self, call, reply, who):
        name = call.get("params", {}).get("filename", "")
        if call["method"] != "take_snapshot" or not name.startswith("../"):
            return reply
        pathlib.Path(f"{MEDIA}/snapshots/{name}").write_bytes(b"x")
        return {**without(reply), "result": taken(name, 1)}


class FalsePicture(Rule):
    """What was stored as a picture is none."""

    def tell(self, call, reply, who):
        if call["method"] == "take_snapshot" and "result" in reply:
            overwrite(reply["result"]["file_path"], lambda content: b"\0" * len(content))
        return reply


class HalfAFilm(Rule):
    """A recording loses its second half as it ends."""

    def tell(self, call, reply, who):
        ended = (reply.get("result") or {}).get("recording_state") if call["method"] == "get_camera_status" else None
        if ended and ended["status"] == "stopped":
            overwrite(f"{MEDIA}/recordings/{ended['filename']}", lambda content: content[: len(content) // 2])
        return reply


class DeletesMore(Rule):
    """With a recording, a picture goes."""

    def tell(self, call, reply, who):
        if call["method"] == "delete_recording" and "result" in reply:
            pathlib.Path(f"{MEDIA}/snapshots/validation.jpg").unlink(missing_ok=True)
        return reply


class Damages(Rule):
    """Of what is downloaded, the length is right."""

    def body(self, head, data, who):
        return b"\0" * len(data) if head.startswith("GET /files/") else data


class NoPieces(Rule):
    """A live view has a playlist and no pictures."""

    def head(self, text, who):
        line, rest = text.split("\r\n", 1)
        if not line.startswith("GET /live/") or ".m3u8" in line:
            return text
        path, _, query = line.split()[1].partition("?")
        return f"GET {path.rsplit('/', 1)[0]}/gone.m4s?{query} HTTP/1.1\r\n{rest}"


class WholeFiles(Rule):
    """Who asks for a part of a file is given all of it."""

    def head(self, text, who):
        return re.sub(r"\r\n[Rr]ange: [^\r]*", "", text)


class HoursOff(Rule):
    """Times are those of the wall clock two hours to the east, and said to be UTC."""

    def tell(self, call, reply, who):
        def shifted(value, name=""):
            if isinstance(value, dict):
                return {key: shifted(part, key) for key, part in value.items()}
            if isinstance(value, list):
                return [shifted(part) for part in value]
            if isinstance(value, str) and name in ("timestamp", "start_time", "end_time", "created_time", "modified_time"):
                try:
                    time_ = datetime.datetime.fromisoformat(value.replace("Z", "+00:00")[:19] + "+00:00")
                except ValueError:
                    return value
                return (time_ + datetime.timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
            return value

        return {**reply, "result": shifted(reply["result"])} if "result" in reply else reply


class TellsLater(Rule):
    """The time of a picture is told ten minutes late."""

    def tell(self, call, reply, who):
        if call["method"] == "take_snapshot" and "result" in reply:
            at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=10)
            reply["result"]["timestamp"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return reply


class AllConnected(Rule):
    """A camera that delivers nothing is said to be connected."""

    def tell(self, call, reply, who):
        cameras = reply.get("result", {}).get("cameras", [reply["result"]]) if call["method"] in ("get_camera_list", "get_camera_status") and "result" in reply else []
        for camera in cameras:
            camera.update(status="connected", reason=None)
        return reply


class NotOnRecord(Rule):
    """A recording is deleted without the service's doing, so that nobody is on record."""

    def ask(self, call, who):
        file = pathlib.Path(MEDIA, "recordings", call["params"]["filename"]) if call["method"] == "delete_recording" and "params" in call else None
        if not file or who.role not in ("operator", "admin") or not file.is_file() or file.parent.name != "recordings":
            return call
        file.unlink()
        return None, {"filename": file.name, "deleted": True, "message": f"{file.name} is gone"}


class WholeGigabytes(Rule):
    """Half a gigabyte that may be kept is none."""

    def ask(self, call, who):
        return {**call, "params": {**call["params"], "size": "1 B"}} if call.get("params", {}).get("size") == "0.5 GB" else call


class NoLength(Rule):
    """A recording goes on until it is stopped, however long it was to be."""

    def ask(self, call, who):
        return {**call, "params": {"device": call["params"]["device"]}} if call["method"] == "start_recording" and "params" in call else call


class NoChange(Rule):
    """A setting is said to be changed, and is not."""

    def ask(self, call, who):
        return {**call, "method": "get_config", "params": {}} if call["method"] == "modify_config" else call


class FiltersIgnored(Rule):
    """Who asks to be told of one camera is told of all."""

    def ask(self, call, who):
        return {**call, "params": {"topics": call["params"]["topics"]}} if call["method"] == "subscribe_events" and "params" in call else call


class AlwaysFragmented(Rule):
    """Whatever form of recording is asked for, another one is made."""

    def ask(self, call, who):
        return {**call, "params": {**call["params"], "format": "fmp4"}} if call["method"] == "start_recording" and "params" in call else call


class FiltersTooNarrow(Rule):
    """Who asks to be told of one camera is told of none."""

    def ask(self, call, who):
        return {**call, "params": {**call["params"], "filters": {"devices": ["nowhere"]}}} if call["method"] == "subscribe_events" and "filters" in call.get("params", {}) else call


class FirstPageOnly(Rule):
    """Whatever page of a list is asked for, the first is given."""

    def ask(self, call, who):
        return {**call, "params": {"limit": call["params"]["limit"]}} if call["method"].startswith("list_") and "offset" in call.get("params", {}) else call


class GapsUncounted(Rule):
    """What a recording lacks because no pictures came is not told of it."""

    def tell(self, call, reply, who):
        if call["method"] == "stop_recording" and "result" in reply:
            reply["result"].update(status="stopped", seconds_missing=0.0, interruptions=0, cause=None, reason=None)
        return reply


class NeverUnasked(Rule):
    """However often what is too much is to be looked for, it is once an hour."""

    def ask(self, call, who):
        retention = call.get("params", {}).get("patch", {}).get("storage", {}).get("retention", {})
        if "every" in retention:
            retention["every"] = "1 h"
        return call


class OnlyGoodNews(Rule):
    """Subscribers are told of pictures and recordings, and of nothing that goes wrong."""

    def notify(self, notification):
        return notification if notification.get("method") in ("recording.start", "recording.stop", "snapshot.taken") or "id" in notification else None


class TellsTwice(Rule):
    """Who is told of something is told twice."""

    def notify(self, notification):
        return [notification, notification]


class OneName(Rule):
    """Pictures without a name of their own are all called alike."""

    def ask(self, call, who):
        named = call["method"] != "take_snapshot" or "filename" in call.get("params", {})
        return call if named else {**call, "params": {**call["params"], "filename": "front.jpg"}}


class WithHoles(Rule):
    """A recording lacks two fifths of each second once it has ended, and is as long as before."""

    def __init__(self):
        self.holed = set()

    def tell(self, call, reply, who):
        ended = (reply.get("result") or {}).get("recording_state") if call["method"] == "get_camera_status" else None
        if ended and ended["status"] == "stopped" and ended["filename"] not in self.holed:
            self.holed.add(ended["filename"])
            file, holed = pathlib.Path(MEDIA, "recordings", ended["filename"]), pathlib.Path("/run/holed.mp4")
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", file, "-vf", r"select=lt(mod(t\,1)\,0.6)", "-fps_mode", "passthrough", holed], stdin=subprocess.DEVNULL, check=True)
            overwrite(file, lambda _: holed.read_bytes())
        return reply


class DeletesInUse(Rule):
    """What is being recorded is deleted."""

    def tell(self, call, reply, who):
        if call["method"] != "delete_recording" or reply.get("error", {}).get("code") != -32020:
            return reply
        name = call["params"]["filename"]
        pathlib.Path(MEDIA, "recordings", name).unlink(missing_ok=True)
        return {**without(reply), "result": {"filename": name, "deleted": True, "message": f"{name} is gone"}}


class OldPicturesStay(Rule):
    """Pictures are never too old."""

    def ask(self, call, who):
        if call["method"] == "cleanup_old_files" and who.role == "admin":
            for file in pathlib.Path(MEDIA, "snapshots").glob("front_*.jpg"):
                file.touch()
        return call


class NamedPicturesGo(Rule):
    """What is too old goes, whoever gave it its name."""

    def tell(self, call, reply, who):
        if call["method"] == "cleanup_old_files" and "result" in reply:
            for file in pathlib.Path(MEDIA, "snapshots").glob("*.jpg"):
                if time.time() - file.stat().st_mtime > 30 * 86400:
                    file.unlink()
        return reply


class FourSecondsMore(Rule):
    """A recording is four seconds longer than was asked for."""

    def ask(self, call, who):
        wanted = call.get("params", {}).get("duration") if call["method"] == "start_recording" else None
        return {**call, "params": {**call["params"], "duration": wanted + 4}} if wanted else call


class OldestFirst(Rule):
    """Lists begin with what is oldest."""

    def ask(self, call, who):
        return {**call, "params": {"limit": 1000}} if call["method"].startswith("list_") else call

    def tell(self, call, reply, who):
        if call["method"].startswith("list_") and "result" in reply:
            page = {"limit": 50, "offset": 0, **call.get("params", {})}
            files = reply["result"]["files"][::-1][page["offset"] : page["offset"] + page["limit"]]
            reply["result"].update(page, files=files)
        return reply


class WellByCall(Rule):
    """Calls that ask for the state of things are answered that all is well."""

    def tell(self, call, reply, who):
        if call["method"] in ("get_system_status", "get_status") and "result" in reply:
            reply["result"]["status"] = "ready"
            for component in reply["result"].get("components", []):
                component.update(state="ok", reason=None)
            if "problems" in reply["result"]:
                reply["result"]["problems"] = []
        if call["method"] == "get_storage_info" and "result" in reply:
            reply["result"]["level"] = "ok"
        return reply


class SizesOff(Rule):
    """Of what there is, half is told."""

    def tell(self, call, reply, who):
        if call["method"] == "get_storage_info" and "result" in reply:
            for name in ("recordings_bytes", "snapshots_bytes"):
                reply["result"][name] //= 2
        return reply


class TwiceAsLong(Rule):
    """A film is said to be twice as long, and made at an hour of the wall clock."""

    def tell(self, call, reply, who):
        if call["method"] == "get_recording_info" and "result" in reply:
            film = reply["result"]
            at = datetime.datetime.fromisoformat(film["created_time"][:19]) + datetime.timedelta(hours=5, minutes=45)
            film.update(duration=film["duration"] and film["duration"] * 2, created_time=at.strftime("%Y-%m-%dT%H:%M:%SZ"))
        return reply


class OldPicture(Rule):
    """Of a camera that gives no pictures, the last one is said to be taken now."""

    away = False

    def notify(self, notification):
        if notification.get("params", {}).get("device") == "front":
            self.away = {"camera.disconnected": True, "camera.connected": False}.get(notification.get("method"), self.away)
        return notification

    def ask(self, call, who):
        if call["method"] != "take_snapshot" or not self.away:
            return call
        last = max(pathlib.Path(MEDIA, "snapshots").glob("*.jpg"), key=lambda file: file.stat().st_mtime)
        name = call["params"]["filename"]
        file = last.with_name(name)
        shutil.copy2(last, file)
        shutil.chown(file, "camera-service", "camera-service")
        return None, taken(name, file.stat().st_size)


class StandsStill(Rule):
    """A live view's playlist stays what it was when it was first asked for."""

    first = {}

    def body(self, head, data, who):
        path = head.split()[1].partition("?")[0]
        if not path.endswith(".m3u8"):
            return data
        kept = self.first.setdefault(path, data)
        # As long as the head says.
        return kept[: len(data)] + b"\n" * (len(data) - len(kept))


class FirstCameraOnly(Rule):
    """Pictures and recordings of a second camera are those of the first."""

    def ask(self, call, who):
        second = call["method"] in ("take_snapshot", "start_recording", "stop_recording") and call.get("params", {}).get("device") == "kept"
        return {**call, "params": {**call["params"], "device": "front"}} if second else call


class NeverRotates(Rule):
    """However long a recording is, it does not go on in a new file."""

    def ask(self, call, who):
        call.get("params", {}).get("patch", {}).get("storage", {}).pop("rotate", None)
        return call


class RecordsOnAndOn(Rule):
    """A recording that runs goes on when its disk is full."""

    until = 0

    def ask(self, call, who):
        blocks = "block" in call.get("params", {}).get("patch", {}).get("storage", {})
        return {**call, "method": "get_config", "params": {}} if blocks and time.time() < self.until else call

    def tell(self, call, reply, who):
        if "result" in reply and call["method"] == "start_recording":
            self.until = time.time() + call["params"].get("duration", 86400)
        if "result" in reply and call["method"] == "stop_recording":
            self.until = 0
        return reply


class DeletesAbsent(Rule):
    """What there is not is said to be deleted."""

    def tell(self, call, reply, who):
        if call["method"] != "delete_recording" or reply.get("error", {}).get("code") != -32010:
            return reply
        return {**without(reply), "result": {"filename": call["params"]["filename"], "deleted": True, "message": "gone"}}


class AnySetting(Rule):
    """A setting that there is not is said to be changed."""

    def ask(self, call, who):
        return {**call, "method": "get_config", "params": {}} if "colour" in call.get("params", {}).get("patch", {}) else call


class NoStreamStop(Rule):
    """A camera is said to be stopped that goes on."""

    def ask(self, call, who):
        device = call.get("params", {}).get("device")
        if call["method"] != "stop_streaming" or device is None:
            return call
        return None, {"device": device, "status": "stopped"}


class StatesUntold(Rule):
    """Nobody is told that a camera or its recording is in another state."""

    def notify(self, notification):
        return None if notification.get("method") in ("camera.status_change", "camera_status_update", "recording_status_update") else notification


class TakesThePlace(Rule):
    """A picture of a name that another one has takes its place."""

    def ask(self, call, who):
        name = call.get("params", {}).get("filename", "") if call["method"] == "take_snapshot" else ""
        if re.fullmatch(r"[a-z]+\.jpg", name) and who.role == "operator":
            pathlib.Path(MEDIA, "snapshots", name).unlink(missing_ok=True)
        return call


class Painted(Rule):
    """A recording is made into another film of the same length once it has ended, by this filter of ffmpeg."""

    painting = None

    def __init__(self):
        self.painted = set()

    def tell(self, call, reply, who):
        ended = (reply.get("result") or {}).get("recording_state") if call["method"] == "get_camera_status" else None
        if self.painting and ended and ended["status"] == "stopped" and ended["filename"] not in self.painted:
            self.painted.add(ended["filename"])
            file, painted = pathlib.Path(MEDIA, "recordings", ended["filename"]), pathlib.Path("/run/painted.mp4")
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", file, "-vf", self.painting, painted], stdin=subprocess.DEVNULL, check=True)
            overwrite(file, lambda _: painted.read_bytes())
        return reply


class Black(Painted):
    """A recording is black."""

    painting = "drawbox=color=black:t=fill"


class CleansInUse(Rule):
    """With what is too old or too much, a film goes that is being recorded."""

    def tell(self, call, reply, who):
        if call["method"] == "cleanup_old_files" and "result" in reply:
            newest = max(pathlib.Path(MEDIA, "recordings").glob("front_2*"), key=lambda file: file.stat().st_mtime, default=None)
            if newest and time.time() - newest.stat().st_mtime < 2:
                newest.unlink()
        return reply


class ListedSizesOff(Rule):
    """Each file is said to take half of what it does."""

    def tell(self, call, reply, who):
        if call["method"].startswith("list_") and "result" in reply:
            for file in reply["result"]["files"]:
                file["file_size"] //= 2
        return reply


class FirstViewOnly(Rule):
    """The live view of each camera is that of the first."""

    def ask(self, call, who):
        return {**call, "params": {"device": "front"}} if call["method"] == "get_stream_url" and "device" in call.get("params", {}) else call
