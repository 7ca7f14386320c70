"""A provider to practise with: it takes the keys that the lines of a file are, and answers 401 to all others.

    python3 provider.py PORT FILE

It listens on 127.0.0.1 and reads the file at each request: a line more is a key made, a line less is one revoked.
"""

import base64
import hmac
import http.server
import sys


class Provider(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        try:
            key = base64.b64decode(value).partition(b":")[0] if scheme == "Basic" else value.encode()
        except ValueError:
            key = b""
        with open(sys.argv[2], "rb") as file:
            alive = any(hmac.compare_digest(key, line.strip()) for line in file if line.strip())
        body = b"{}\n"
        self.send_response(200 if alive else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Provider).serve_forever()
