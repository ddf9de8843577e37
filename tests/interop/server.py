"""A server in Python for the real agent: every rule of docs/protocol.md that a server can see an agent keep.

server.py --folder DIR --agent PATH-OF-SCMCLIENT
Makes a certificate authority, serves, runs the agent against itself, plays tricks on it, and looks at its files and at
`scmclient status`. Exit code 0: all held. 1: something did not, and what.
"""

import argparse
import datetime
import hashlib
import http.server
import ipaddress
import json
import os
import queue
import ssl
import stat
import subprocess
import sys
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

import wire

ID = 42
NEW_ID = 43
TOKEN = "oscm_interoperability"
# The server's clock runs two hours ahead of the agent's: the agent has to follow it.
AHEAD_SECS = 7200


def now():
    return time.time() + AHEAD_SECS


class Failure(Exception):
    pass


def check(what, held, found=""):
    if not held:
        raise Failure(f"{what} {found}")
    print(f"ok: {what}", flush=True)


class Server:
    """The state of one organization with one system, and what to do to the next check-in."""

    def __init__(self):
        self.key = Ed25519PrivateKey.generate()
        self.agent_key = None
        self.id = ID
        self.status = "pending"
        self.last_sequence = 0
        self.received = []
        self.tricks = queue.Queue()
        self.seen = queue.Queue()

    def answer(self, message, body):
        """Status, body, sign?, and whether to spoil the signed body."""
        created = self.verify(message, body)
        self.received.append(f"{message.headers} {body}")
        request = json.loads(body)
        path = message.url.split("://", 1)[1].split("/", 1)[1]
        if abs(created - now()) > 300:
            self.seen.put(("stale", "/" + path, request, None))
            return 401, self.refusal(401, "stale_clock"), True, False
        if "/" + path == wire.REGISTER:
            self.seen.put(("register", "/" + path, request, None))
            reply = {
                "system_id": self.id,
                "organization": "default",
                "status": "pending",
                "next_checkin_secs": 1,
                "server_time_ms": int(now() * 1000),
            }
            return 200, reply, True, False
        if "/" + path != wire.CHECKIN:
            # It issues no certificates, and says so as a server does that never heard of them.
            self.last_sequence = int(self.parameters["nonce"])
            return 404, {}, False, False
        return self.checkin(request, int(self.parameters["nonce"]))

    def checkin(self, request, sequence):
        trick = None if self.tricks.empty() else self.tricks.get()
        if sequence <= self.last_sequence:
            raise Failure(f"the sequence number {sequence} was used before")
        self.last_sequence = sequence
        self.seen.put(("checkin", wire.CHECKIN, request, sequence))
        if trick == "replayed":
            self.last_sequence = 5_000_000
            return 409, self.refusal(409, "replayed", next_sequence=5_000_001), True, False
        if trick == "unsigned 404":
            return 404, self.refusal(404, "unknown_system"), False, False
        if trick == "unsigned 200":
            return 200, self.reply(), False, False
        if trick == "another id":
            return 404, dict(self.refusal(404, "unknown_system"), system_id=self.id + 7), True, False
        if trick == "deleted":
            gone, self.id, self.status = self.id, NEW_ID, "pending"
            return 404, dict(self.refusal(404, "unknown_system"), system_id=gone), True, False
        reply = self.reply()
        if self.status == "active" and not request.get("has_server_key"):
            reply["server_public_key"] = wire.encode_key(self.key.public_key())
        return 200, reply, True, trick == "flipped byte"

    def reply(self):
        return {"status": self.status, "next_checkin_secs": 1, "server_time_ms": int(now() * 1000)}

    def refusal(self, status, code, **members):
        refusal = {
            "type": "about:blank",
            "status": status,
            "code": code,
            "detail": "because",
            "server_time_ms": int(now() * 1000),
            "system_id": self.id,
        }
        refusal.update(members)
        return refusal

    def verify(self, message, body):
        self.parameters = wire.verify_request(message, body, self.find_key)
        return self.parameters["created"]

    def find_key(self, keyid):
        organization, rest = keyid.split("/", 1)
        if organization != "default":
            raise Failure(f"keyid {keyid}")
        if rest.startswith("0/"):
            key = wire.decode_key(rest[2:])
            if self.agent_key and wire.encode_key(key) != wire.encode_key(self.agent_key):
                raise Failure("the agent changed its key")
            self.agent_key = key
            return key
        if int(rest) != self.id:
            raise Failure(f"the agent signs as {keyid}")
        return self.agent_key


def handler(server, failures):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            message = wire.Message("POST", f"https://{self.headers['Host']}{self.path}", self.headers.items())
            try:
                status, reply, sign, spoil = server.answer(message, body)
            except Exception as error:  # Whatever it is, the run fails with it.
                failures.put(error)
                self.send_error(500)
                return
            raw = json.dumps(reply).encode()
            answer = wire.Reply(status, message)
            if sign:
                wire.sign_reply(answer, raw, server.key, "default", created=now())
            if spoil:
                raw = raw.replace(b'"next_checkin_secs": 1,', b'"next_checkin_secs": 9,')
            self.send_response(status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            try:
                self.wfile.write(raw)
            except OSError:
                # An agent that was stopped in the middle of a request.
                self.close_connection = True

        def log_message(self, *_):
            pass

    return Handler


def certificates(folder):
    """A CA and a certificate for 127.0.0.1; the CA is sent along, so that agents can pin it."""

    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    end = start + datetime.timedelta(days=30)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def builder(subject, public_key):
        empty = x509.CertificateBuilder().serial_number(x509.random_serial_number())
        named = empty.subject_name(name(subject)).issuer_name(name("Interop CA"))
        return named.public_key(public_key).not_valid_before(start).not_valid_after(end)

    ca = builder("Interop CA", ca_key.public_key())
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)
    usage["key_cert_sign"] = True
    ca = ca.add_extension(x509.KeyUsage(**usage), critical=True).sign(ca_key, hashes.SHA256())
    leaf = builder("Interop", key.public_key())
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    leaf = leaf.add_extension(x509.SubjectAlternativeName([address]), critical=False).sign(ca_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    chain, key_file = os.path.join(folder, "chain.pem"), os.path.join(folder, "key.pem")
    with open(chain, "wb") as file:
        file.write(leaf.public_bytes(pem) + ca.public_bytes(pem))
    with open(key_file, "wb") as file:
        plain = serialization.NoEncryption()
        file.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return chain, key_file, ca.fingerprint(hashes.SHA256()).hex()


class Client:
    """The real agent, with its files."""

    def __init__(self, program, folder, url, ca_pin):
        self.program = program
        self.state = os.path.join(folder, "client")
        self.config = os.path.join(folder, "scmclient.config")
        self.log = os.path.join(folder, "scmclient.log")
        self.tag = hashlib.sha256(url.encode()).hexdigest()[:8]
        with open(self.config, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(f'[server]\nurl = "{url}/"\nca_pin = "{ca_pin}"\nenrollment_token = "{TOKEN}"\n')
            file.write(f'[agent]\nstate_folder = "{self.state}"\n')
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.program, "run", "--config", self.config], stderr=log)

    def stop(self):
        started = time.monotonic()
        self.process.terminate()
        code = self.process.wait(timeout=10)
        return code, time.monotonic() - started

    def status(self):
        done = subprocess.run(
            [self.program, "status", "--json", "--config", self.config], capture_output=True, text=True, check=False
        )
        return done.returncode, json.loads(done.stdout)[0]

    def file(self, name):
        return os.path.join(self.state, name.replace("*", self.tag))

    def read(self, name):
        with open(self.file(name), encoding="utf-8") as file:
            return file.read().strip()

    def said(self, text):
        with open(self.log, encoding="utf-8") as file:
            return text in file.read()


def await_seen(server, failures, kind, wanted=lambda request: True, secs=30):
    end = time.monotonic() + secs
    while time.monotonic() < end:
        if not failures.empty():
            raise failures.get()
        try:
            seen = server.seen.get(timeout=0.1)
        except queue.Empty:
            continue
        text = json.dumps(seen[2])
        if seen[0] != "register" and seen[1] != wire.REGISTER and TOKEN in text:
            raise Failure("the token was sent with a check-in")
        if seen[0] == kind and wanted(seen[2]):
            return seen
    raise Failure(f"no {kind} came within {secs} s")


def await_true(what, condition, secs=20):
    end = time.monotonic() + secs
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {secs} s")
        time.sleep(0.05)
    check(what, True)


def play(server, failures, client):
    def seen(kind, **options):
        return await_seen(server, failures, kind, **options)

    client.start()
    seen("stale")
    request = seen("register")[2]
    check("a wrong clock is corrected by the server's word, and the agent registers", True)
    check("the registration carries the token", request["enrollment_token"] == TOKEN, request)
    check("and a boot id", len(request["boot_id"]) == 32, request)
    check("and the host's name", request["facts"]["hostname"] != "", request)
    first = seen("checkin")[2]
    check("the first check-in carries facts", "facts" in first, first)
    check("and telemetry", first["telemetry"]["mem_total_bytes"] > 0, first)
    check("and knows no server key", not first["has_server_key"], first)
    second = seen("checkin")[2]
    check("facts are sent once", "facts" not in second, second)
    await_true("status says pending", lambda: client.status()[0] == 3)
    check("with the id", client.status()[1]["system_id"] == ID)
    check("no key is pinned while pending", not os.path.exists(client.file("server_*.pub")))
    key_file = client.file("client_*.key")
    check("the private key is 0600", stat.S_IMODE(os.stat(key_file).st_mode) == 0o600)
    check("in a 0700 folder", stat.S_IMODE(os.stat(client.state).st_mode) == 0o700)
    private = client.read("client_*.key")

    server.status = "active"
    seen("checkin", wanted=lambda request: request["has_server_key"])
    check("the delivered key is taken", client.read("server_*.pub") == wire.encode_key(server.key.public_key()))
    await_true("status says active", lambda: client.status()[0] == 0)

    for trick in ("flipped byte", "unsigned 404", "unsigned 200", "another id", "replayed"):
        server.tricks.put(trick)
        sequence = seen("checkin")[3]
        after = seen("checkin")[3]
        check(f"the agent goes on after: {trick}", after > sequence)
        check("with its id and keys", client.read("client_*.id") == f"default/{ID}"
              and client.read("client_*.key") == private
              and client.read("server_*.pub") == wire.encode_key(server.key.public_key()))
    check("and behind the sequence that it was told", after >= 5_000_001, after)
    check("a flipped byte is a security event", client.said("reply_signature_wrong"))
    check("and so is an unsigned reply", client.said("reply_unsigned"))

    code, took = client.stop()
    check("the agent stops on SIGTERM within a second", code == 0 and took < 1.0, f"{code} {took}")
    client.start()
    seen("stale")
    after_restart = seen("checkin")
    check("after a restart it is the same system, with new numbers", after_restart[3] > after)
    check("and tells its facts again", "facts" in after_restart[2])

    server.tricks.put("deleted")
    seen("register")
    seen("checkin", wanted=lambda request: request["has_server_key"])
    await_true("given up only by the signed word of the server: pending again", lambda: client.status()[0] == 3)
    check("with a new id, the same key and the same server",
          client.read("client_*.id") == f"default/{NEW_ID}" and client.read("client_*.key") == private
          and client.read("server_*.pub") == wire.encode_key(server.key.public_key()))
    secret = private.splitlines()[1]
    check("the private key never left", len(server.received) > 10 and secret not in str(server.received))
    check("and no secret is in the log", not client.said(TOKEN) and not client.said(secret))
    client.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--agent", required=True)
    options = parser.parse_args()
    chain, key, ca_pin = certificates(options.folder)
    server, failures = Server(), queue.Queue()
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(server, failures))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    url = f"https://127.0.0.1:{listener.server_address[1]}"
    client = Client(options.agent, options.folder, url, ca_pin)
    try:
        play(server, failures, client)
    except Exception as error:
        print(f"FAILED: {error!r}", file=sys.stderr)
        with open(client.log, encoding="utf-8") as log:
            sys.stderr.write(log.read())
        sys.exit(1)
    finally:
        if client.process and client.process.poll() is None:
            client.process.kill()
    print("all held")


if __name__ == "__main__":
    main()
