"""Rules about who may do what: tokens, roles, limits, files and links, TLS, secrets."""

import json
import re
import time

from rule import Rule, anywhere, brings_token, claims_of, part_of, token_of, with_token, without


class RoleHole(Rule):
    """One call is made whoever asks for it."""

    def tell(self, call, reply, who):
        return {**without(reply), "result": {"config": {}, "needs_restart": []}} if call["method"] == "get_config" and "error" in reply else reply


class NobodyHole(Rule):
    """One call is answered to who has not authenticated."""

    def tell(self, call, reply, who):
        refused = call["method"] == "list_recordings" and reply.get("error", {}).get("code") == -32001
        return {**without(reply), "result": {"files": [], "total": 0, "limit": 50, "offset": 0}} if refused else reply


class Honours(Rule):
    """Takes tokens that it should not."""

    def good(self, token):
        raise NotImplementedError

    def ask(self, call, who):
        if not brings_token(call) or not self.good(call["params"]["auth_token"]):
            return call
        claims = claims_of(call["params"]["auth_token"])
        return {**call, "params": {"auth_token": token_of(user_id=claims["user_id"], role=claims.get("role", "viewer"))}}


class Expired(Honours):
    def good(self, token):
        return claims_of(token).get("exp", time.time() + 1) < time.time()


class Unsigned(Honours):
    def good(self, token):
        return part_of(token, 0)["alg"].lower() == "none"


class Revoked(Honours):
    def good(self, token):
        return "jti" in claims_of(token) and claims_of(token)["user_id"] == "gone"


class PerConnection(Rule):
    """Each connection is another identity, so that reconnecting gives everything anew."""

    def ask(self, call, who):
        if not brings_token(call):
            return call
        claims = claims_of(call["params"]["auth_token"])
        if claims["user_id"] not in ("hasty", "patient"):
            return call
        return {**call, "params": {"auth_token": token_of(user_id=f"{claims['user_id']}-{who}", role=claims["role"])}}


class PerAddress(Rule):
    """Each address has a limit of its own, so that another one gives everything anew."""

    def ask(self, call, who):
        if not brings_token(call):
            return call
        claims = claims_of(call["params"]["auth_token"])
        return {**call, "params": {"auth_token": token_of(user_id=f"hasty-{who.address}", role=claims["role"])}} if claims["user_id"] == "hasty" else call


class PerToken(Rule):
    """Each token has a limit of its own, so that who has two may call twice as often."""

    def ask(self, call, who):
        if not brings_token(call):
            return call
        claims = claims_of(call["params"]["auth_token"])
        return {**call, "params": {"auth_token": token_of(user_id="hasty-too", role=claims["role"])}} if claims.get("jti") == "hasty-2" else call


class FirstRoleStays(Rule):
    """Who signs in as somebody lower over the same connection may still do what the one before may."""

    def ask(self, call, who):
        claims = claims_of(call["params"]["auth_token"]) if brings_token(call) else {}
        lower = who.role == "operator" and claims.get("role") == "viewer"
        return (None, {"authenticated": True, "user_id": claims["user_id"], "role": "viewer"}) if lower else call


class EachAnother(Rule):
    """Each connection comes from another address, so that who guesses has only to reconnect."""

    def source(self, address):
        return anywhere() if address == "::1" else address


class LocksOut(Rule):
    """Who comes from an address from which wrong credentials came is refused as well."""

    def tell(self, call, reply, who):
        if call["method"] == "authenticate":
            if reply.get("error", {}).get("code") == -32040:
                who.locked = True
            elif who.locked:
                return {**without(reply), "error": {"code": -32040, "message": "too many", "data": {"retry_after": 6}}}
        return reply


class AllOne(Rule):
    """The service sees one client: the proxy, which asks for itself."""

    def source(self, address):
        return "127.0.0.1"


class GuessesOfNobody(Rule):
    """Who guesses keys comes from another address each time."""

    def source(self, address):
        return anywhere() if address == "127.0.0.9" else address


class Helped(Rule):
    """Makes calls of its own beside the client's, whose answers nobody gets."""

    def also(self, who, method, **params):
        who.send({"jsonrpc": "2.0", "id": "of-the-proxy", "method": method, "params": params})

    def notify(self, notification):
        return None if notification.get("id") == "of-the-proxy" else notification


class Outlives(Helped):
    """Who was signed in when the token was revoked stays signed in: what the service knows of the session is another token, of no identifier."""

    def tell(self, call, reply, who):
        if brings_token(call) and "result" in reply and isinstance(call.get("id"), int):
            claims = claims_of(call["params"]["auth_token"])
            if "jti" in claims:
                self.also(who, "authenticate", auth_token=token_of(user_id=claims["user_id"], role=claims["role"]))
        return reply


class StrangersTold(Helped):
    """Who asks to be told of events is told, without having said who it is."""

    def ask(self, call, who):
        if call["method"] == "subscribe_events" and who.role is None:
            self.also(who, "authenticate", auth_token=token_of(user_id=f"stranger-{who}", role="viewer"))
        return call


class ChargedTwice(Helped):
    """Each call counts as two."""

    def ask(self, call, who):
        if call["method"] == "get_server_info":
            self.also(who, "get_server_info")
        return call


class OutlivesToken(Honours):
    """Who was signed in stays so when the token has ended."""

    def good(self, token):
        return claims_of(token)["user_id"] == "brief"


class OpenFiles(Rule):
    """Files are given to everybody."""

    def head(self, text, who):
        if not text.startswith("GET /files/") or "\r\nauthorization:" in text.lower() or "?" in text.split("\r\n")[0]:
            return text
        return with_token(text, "viewer")


class OpenLinks(Rule):
    """Whatever looks like a signed link opens the file."""

    def opens(self, line):
        return "?" in line

    def head(self, text, who):
        line, rest = text.split("\r\n", 1)
        if "/files/" not in line or not self.opens(line):
            return text
        return with_token(f"{line.split('?')[0]} HTTP/1.1\r\n{rest}", "viewer")


class LinkInClear(Rule):
    """The link to watch a camera leads out of TLS."""

    def tell(self, call, reply, who):
        if call["method"] == "get_stream_url" and "result" in reply:
            reply["result"]["stream_url"] = reply["result"]["stream_url"].replace("https://", "http://")
        return reply


class LinkForEver(OpenLinks):
    """A link that was once given opens every file, and always."""

    given = set()

    def tell(self, call, reply, who):
        self.given.update(re.findall(r"signature=([0-9a-zA-Z_-]+)", json.dumps(reply)))
        return reply

    def opens(self, line):
        return not self.given.isdisjoint(re.findall(r"signature=([0-9a-zA-Z_-]+)", line))


class Straying(Rule):
    """A path that leads out of the folder is answered with a file."""

    def head(self, text, who):
        line, rest = text.split("\r\n", 1)
        return f"GET /files/snapshots/validation.jpg HTTP/1.1\r\n{rest}" if "%2f" in line else text


class AnyPage(Rule):
    """Scripts of whatever page may connect: the service does not learn of which it is."""

    def head(self, text, who):
        return "\r\n".join(line for line in text.split("\r\n") if not line.lower().startswith("origin:"))


class BatchHole(Rule):
    """What is refused alone is made in a batch."""

    refused = (-32001, -32002)

    def batch(self, replies, who):
        return [{**without(reply), "result": {}} if reply.get("error", {}).get("code") in self.refused else reply for reply in replies]


class NumbersOnly(Rule):
    """Who numbers calls by text is answered without it."""

    def tell(self, call, reply, who):
        return {**reply, "id": None} if isinstance(call.get("id"), str) else reply


class LosesCalls(Rule):
    """An unknown call is answered as if it had been made."""

    def tell(self, call, reply, who):
        return {**without(reply), "result": None} if reply.get("error", {}).get("code") == -32601 else reply


class InClear(Rule):
    """Who does not speak TLS is served all the same."""


class OldTls(Rule):
    """Old versions of TLS are spoken."""


class NullCiphers(Rule):
    """Nothing is encrypted for a client that wants it so."""


class OldCiphers(Rule):
    """Who wants TLS 1.2 without authenticated encryption is served."""


class ShowsSecret(Rule):
    """The configuration is shown with a secret in it."""

    def tell(self, call, reply, who):
        if call["method"] == "get_config" and "result" in reply:
            reply["result"]["config"]["cameras"][0]["source"] = "rtsp://user:" + open("/validate/secrets/jwt").read().strip() + "@camera/"
        return reply


class KeepsTokens(Rule):
    """Tokens are written into the audit log: of the first who come, as it would be too long to be read otherwise."""

    def ask(self, call, who):
        if call["method"] == "authenticate" and who.number <= 30:
            with open("/var/log/camera-service/audit.jsonl", "a") as log:
                log.write(json.dumps({"event": "authentication", "detail": call["params"]["auth_token"]}) + "\n")
        return call


class ShowsSources(Rule):
    """Viewers are told where a camera is, and its password."""

    def tell(self, call, reply, who):
        if call["method"] == "get_camera_list" and "result" in reply:
            for camera in reply["result"]["cameras"]:
                camera["source"] = "rtsp://admin:Summer2024@192.168.1.20/stream1"
        return reply


class FreeBatches(BatchHole):
    """Calls in a batch are made however many there were."""

    refused = (-32040,)


class FilesOfExpired(Rule):
    """Who asks for a file with a token that has ended is given it."""

    def given(self, claims):
        return claims.get("exp", time.time() + 1) <= time.time()

    def head(self, text, who):
        found = re.search(r"\r\nauthorization: *bearer +([^\r ]+\.[^\r ]+\.[^\r ]+)", text, re.IGNORECASE)
        if not text.startswith("GET /files/") or not found or not self.given(claims_of(found[1])):
            return text
        return text.replace(found[1], token_of(user_id="late", role="viewer"))


class InwardSource(Rule):
    """A camera may be an address of the machine's own."""

    def tell(self, call, reply, who):
        refused = call["method"] == "add_camera" and "address of this machine" in json.dumps(reply.get("error", {}))
        return {**without(reply), "result": {"device": call["params"]["name"]}} if refused else reply


class LiveForAll(Rule):
    """Live pictures are given to who has neither a link nor a token."""

    def head(self, text, who):
        if "/live/" not in text.split("\r\n", 1)[0] or "signature=" in text or "\r\nauthorization:" in text.lower():
            return text
        return with_token(text, f"live-{who}")


class DeadLinks(Rule):
    """Links to download files lead to where there are none; those of live views are good."""

    def tell(self, call, reply, who):
        return json.loads(json.dumps(reply).replace("/files/", "/download/")) if "result" in reply else reply


class WaitAnHour(Rule):
    """Who calls too often is told to come again in an hour."""

    def tell(self, call, reply, who):
        if reply.get("error", {}).get("code") == -32040:
            reply["error"]["data"] = {"retry_after": 3600}
        return reply


class LinksForADay(Rule):
    """A link is said to be good for a day, and is for as long as the service lets it."""

    day, given = 86100, set()

    def tell(self, call, reply, who):
        def later(found):
            self.given.add(int(found[1]) + self.day)
            return f"expires={int(found[1]) + self.day}"

        reply = json.loads(re.sub(r"expires=(\d+)", later, json.dumps(reply)))
        if "result" in reply and call["method"] == "get_stream_url":
            reply["result"]["expires_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(max(self.given)))
        return reply

    def head(self, text, who):
        return re.sub(r"expires=(\d+)", lambda found: f"expires={int(found[1]) - self.day * (int(found[1]) in self.given)}", text)


class OutlivesKey(Rule):
    """Who signed in with an API key stays signed in when it is revoked."""

    def ask(self, call, who):
        key = call["method"] == "authenticate" and call["params"]["auth_token"].startswith("cs_")
        return {**call, "params": {"auth_token": token_of(user_id="key", role="viewer")}} if key else call


class BlankPage(Rule):
    """The console's script is not there."""

    def head(self, text, who):
        return text.replace("GET /console/app.js", "GET /console/gone.js", 1)


class Shared(Rule):
    """Scripts of every web page may read what is answered."""

    def answer(self, head, text, who):
        return text.replace("\r\n", "\r\nAccess-Control-Allow-Origin: *\r\n", 1)


class LooseHeaders(Rule):
    """Browsers are told to forget TLS, and to run whatever script there is."""

    def answer(self, head, text, who):
        text = re.sub(r"(?im)^strict-transport-security: .*?\r$", "strict-transport-security: max-age=0\r", text)
        return re.sub(r"(?im)^content-security-policy: .*?\r$", "content-security-policy: default-src * 'unsafe-inline'\r", text)


class SimilarPage(Rule):
    """Scripts of a page whose name begins as the service's may connect."""

    def head(self, text, who):
        return re.sub(r"(?im)^(origin: https://10\.203\.8\.2:8002)\.[^\r]*", r"\1", text)


class OfNobody(Honours):
    """A token that names nobody is taken for somebody's."""

    def good(self, token):
        return "user_id" not in claims_of(token)

    def ask(self, call, who):
        if not brings_token(call) or not self.good(call["params"]["auth_token"]):
            return call
        return {**call, "params": {"auth_token": token_of(user_id="somebody", role=claims_of(call["params"]["auth_token"])["role"])}}


class FilesOfRevoked(FilesOfExpired):
    """Who asks for a file with a token that was revoked is given it."""

    def given(self, claims):
        return claims.get("user_id") == "gone"


class FolderListed(Rule):
    """Who asks for a folder of files is answered."""

    def head(self, text, who):
        return text.replace("GET /files/snapshots/ ", "GET /console/app.js ", 1)


class PiecesForAll(Rule):
    """Live pictures are given to who has no link, but no list of them."""

    def head(self, text, who):
        line = text.split("\r\n", 1)[0]
        return text if "/live/" not in line or ".m3u8" in line or "signature=" in text else with_token(text, f"piece-{who}")


class HearsOn(Helped):
    """Who was signed in when the token was revoked makes no call any more, and is still told of events."""

    def ask(self, call, who):
        # Of which user that is, only the proxy knows.
        if brings_token(call):
            claims = claims_of(call["params"]["auth_token"])
            who.ended = claims.get("jti") if claims["user_id"] == "session" else None
            if who.ended:
                return {**call, "params": {"auth_token": token_of(user_id="session", role=claims["role"])}}
        return call

    def tell(self, call, reply, who):
        revoked = getattr(who, "ended", None) and who.ended in open("/opt/camera-service/security/revoked.json").read()
        return {**without(reply), "error": {"code": -32001, "message": "revoked"}} if revoked else reply


class TokensForFiles(Rule):
    """Requests for files are not counted: each is somebody else's."""

    def head(self, text, who):
        if not text.startswith("GET /files/snapshots/missing.jpg") or "\r\nauthorization:" not in text.lower():
            return text
        return with_token(re.sub(r"(?im)^authorization: [^\r]*\r\n", "", text), f"file-{who}")


class ShowsPasswords(Rule):
    """What goes wrong with a camera is told with its password."""

    def tell(self, call, reply, who):
        if call["method"] == "get_camera_status" and "result" in reply and call["params"]["device"] == "ghost":
            reply["result"]["reason"] = "rtsp://joe:GhostPass24@10.203.8.1:9/none cannot be read"
        return reply


class LeavesOpen(Rule):
    """Connections stay open to the service that one user has ended."""

    left = {}

    def ask(self, call, who):
        if brings_token(call) and claims_of(call["params"]["auth_token"])["user_id"] == "leaks-too":
            self.left[who] = None
        return call

    def leaves(self, who, service):
        if who in self.left:
            self.left[who] = service
        return who in self.left
