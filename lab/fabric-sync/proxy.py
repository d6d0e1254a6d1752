"""A proxy before a server of the lab, honest until it is given a lie: a function of the request and of `forward`, which asks the server.

    def everything_is_well(request, forward):
        return forward(request) if request.method == "GET" else Answer(200, {}, b"{}")
"""

import dataclasses
import http.client
import http.server
import json
import socketserver
import ssl
import threading
import urllib.parse

CHUNK = 65536
# What belongs to one connection, not to the message.
OWN_HEADERS = {"connection", "content-length", "host", "transfer-encoding", "keep-alive"}


@dataclasses.dataclass
class Request:
    method: str
    path: str
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)

    def saying(self, document):
        """The same with another body."""
        return dataclasses.replace(self, body=json.dumps(document).encode())


class Cut(Exception):
    """Raised by a lie: so much of the answer is sent, then the connection ends."""

    def __init__(self, answer, length):
        super().__init__()
        self.answer, self.length = answer, length


class Silence(Exception):
    """Raised by a lie: an answer begins well, and nothing follows."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (OSError, http.client.HTTPException):
            # Either side has gone.
            self.close_connection = True

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OWN_HEADERS}
        # An answer that a lie alters has to be readable.
        headers = {name: value for name, value in headers.items() if name.lower() != "accept-encoding"}
        request = Request(self.command, self.path, headers, body)
        lie = self.server.lie
        if lie is None:
            return self.pass_on(request)
        try:
            answer = lie(request, self.server.forward)
        except Cut as cut:
            self.send_head(cut.answer, len(cut.answer.body))
            self.wfile.write(cut.answer.body[: cut.length])
            self.close_connection = True
            return None
        except Silence:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            threading.Event().wait()
        if answer is None:
            return self.pass_on(request)
        self.send_head(answer, len(answer.body))
        self.wfile.write(answer.body)
        return None

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def send_head(self, answer, length):
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def pass_on(self, request):
        """As it comes, so that a watch is told what there is at once."""
        connection, response = self.server.ask(request)
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in OWN_HEADERS:
                self.send_header(name, value)
        length = response.getheader("content-length")
        if length is None and response.status not in (204, 304):
            self.send_header("Transfer-Encoding", "chunked")
        elif length is not None:
            self.send_header("Content-Length", length)
        self.end_headers()
        while part := response.read1(CHUNK):
            self.wfile.write(part if length is not None else b"%x\r\n%s\r\n" % (len(part), part))
        if length is None and response.status not in (204, 304):
            self.wfile.write(b"0\r\n\r\n")
        connection.close()


class Proxy(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Listens on `port` of the loopback. `certificate` and `key` are what it shows where the server speaks TLS, `authority` whom it trusts there."""

    daemon_threads = True
    request_queue_size = 64
    lie = None

    def __init__(self, server, port, authority=None, certificate=None, key=None):
        super().__init__(("127.0.0.1", port), Handler)
        parts = urllib.parse.urlsplit(server)
        self.upstream, self.trust = parts.netloc, None
        if parts.scheme == "https":
            self.trust = ssl.create_default_context(cafile=authority)
            own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            own.load_cert_chain(certificate, key)
            self.socket = own.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{parts.scheme}://127.0.0.1:{port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A client that goes away is no matter."""

    def ask(self, request):
        if self.trust:
            connection = http.client.HTTPSConnection(self.upstream, context=self.trust, timeout=600)
        else:
            connection = http.client.HTTPConnection(self.upstream, timeout=600)
        connection.request(request.method, request.path, request.body or None, request.headers)
        return connection, connection.getresponse()

    def forward(self, request):
        """The server's whole answer."""
        connection, response = self.ask(request)
        body = response.read()
        connection.close()
        headers = {name: value for name, value in response.getheaders() if name.lower() not in OWN_HEADERS}
        return Answer(response.status, headers, body)
