"""What a rule of the proxy is, and what rules share. A rule falsifies one thing that the service does right."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import random
import time

MEDIA = "/opt/camera-service"
CERTIFICATE = (f"{MEDIA}/security/tls.pem", f"{MEDIA}/security/tls-key.pem")


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part_of(token, number):
    """The header of a token (0) or its claims (1)."""
    part = token.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def claims_of(token):
    return part_of(token, 1)


def brings_token(call):
    """Whether somebody signs in with a token rather than an API key."""
    return call["method"] == "authenticate" and call["params"]["auth_token"].count(".") == 2


def token_of(**claims):
    """A good token with these claims, as whoever has the secret can make it."""
    secret = open("/validate/secrets/jwt").read().strip().encode()
    now = int(time.time())
    text = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, {"iat": now, "exp": now + 3600, **claims}))
    return text + "." + encoded(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def with_token(head, user):
    """The head of a request as a viewer's of that name."""
    return head.replace("\r\n", f"\r\nAuthorization: Bearer {token_of(user_id=user, role='viewer')}\r\n", 1)


def anywhere():
    return f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}"


def taken(name, size):
    """What is answered for a picture of this name."""
    return {"device": "front", "filename": name, "status": "completed", "timestamp": "2026-01-01T00:00:00Z", "file_size": size, "file_path": f"{MEDIA}/snapshots/{name}"}


def overwrite(file, change):
    file = pathlib.Path(file)
    file.write_bytes(change(file.read_bytes()))


def without(reply):
    return {key: value for key, value in reply.items() if key not in ("result", "error")}


class Current:
    """What is made of the service's certificate: another one once its files changed, as connections that are under way use the one before."""

    def __init__(self, make):
        self.make, self.made, self.changed = make, None, None

    def get(self):
        now = [os.stat(file).st_mtime_ns for file in CERTIFICATE]
        if self.changed != now:
            try:
                self.made, self.changed = self.make(), now
            # The key may be that of the other for a moment.
            except OSError:
                pass
        return self.made


class Rule:
    """Passes all on as it is. A rule falsifies one of these."""

    def source(self, address):
        """The address that the service is told."""
        return address

    def head(self, text, who):
        """The head of a request."""
        return text

    def answer(self, head, text, who):
        """The head of the answer to the request of that head."""
        return text

    def ask(self, call, who):
        """A call: the call to be passed on, or `(None, result)` to be answered here."""
        return call

    def tell(self, call, reply, who):
        """The answer to a call."""
        return reply

    def notify(self, notification):
        """A notification, or several; None keeps it back."""
        return notification

    def leaves(self, who, service):
        """Whether the connection to the service stays open when the client's has ended."""
        return False

    def batch(self, replies, who):
        """The answers to a batch."""
        return replies

    def body(self, head, data, who):
        """A part of the body of the answer to the request of that head."""
        return data
