"""An agent in Python against the real server: every promise of docs/protocol.md that an agent can see.

agent.py --url https://host:port --ca FILE --admin-token-file FILE [--organization NAME]
Exit code 0: all held. 1: something did not, and what.
"""

import argparse
import base64
import json
import os
import sys
import time

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import wire


class Agent:
    def __init__(self, url, ca, organization):
        self.url = url
        self.organization = organization
        self.session = requests.Session()
        self.session.verify = ca
        self.session.trust_env = False
        self.key = Ed25519PrivateKey.generate()
        self.boot_id = os.urandom(16).hex()
        self.id = None
        self.server_key = None
        self.sequence = 0

    def public_key(self):
        return wire.encode_key(self.key.public_key())

    def facts(self):
        return {
            "hostname": "python-interop",
            "addresses": ["192.0.2.7"],
            "os": "Python",
            "os_family": "linux",
            "arch": "x86_64",
        }

    def register_request(self, key=None, keyid=None, nonce=None, created=None):
        body = {"facts": self.facts(), "agent_version": "0.0.1", "boot_id": self.boot_id}
        keyid = keyid or f"{self.organization}/0/{self.public_key()}"
        return self.signed(wire.REGISTER, body, keyid, nonce or os.urandom(16).hex(), key=key, created=created)

    def checkin_request(self, sequence=None, created=None, **members):
        body = {"agent_version": "0.0.1", "boot_id": self.boot_id, "has_server_key": self.server_key is not None}
        body.update(members)
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        return self.signed(wire.CHECKIN, body, f"{self.organization}/{self.id}", str(sequence), created=created)

    def signed(self, path, body, keyid, nonce, key=None, created=None):
        message = wire.Message("POST", self.url + path)
        body = json.dumps(body).encode()
        wire.sign_request(message, body, key or self.key, keyid, nonce, created)
        return message, body

    def send(self, message, body):
        """Sends exactly these bytes; the reply as the library wants it, its body, and its JSON."""
        response = self.session.post(
            message.url, data=body, headers=message.headers, allow_redirects=False, timeout=20
        )
        reply = wire.Reply(response.status_code, message, dict(response.headers))
        try:
            parsed = response.json()
        except ValueError:
            parsed = None
        return reply, response.content, parsed


class Admin:
    def __init__(self, url, ca, token_file):
        self.url = url
        self.session = requests.Session()
        self.session.verify = ca
        self.session.trust_env = False
        with open(token_file, encoding="utf-8") as file:
            self.session.headers["Authorization"] = "Bearer " + file.read().strip()

    def system(self, system_id):
        response = self.session.get(f"{self.url}/api/v1/systems/{system_id}", timeout=20)
        response.raise_for_status()
        return response.json()

    def change(self, system_id, verb):
        shown = self.system(system_id)
        body = {"fingerprint": shown["fingerprint"], "expected_status": shown["status"]}
        if verb == "delete":
            response = self.session.delete(f"{self.url}/api/v1/systems/{system_id}", json=body, timeout=20)
        else:
            response = self.session.post(f"{self.url}/api/v1/systems/{system_id}/{verb}", json=body, timeout=20)
        response.raise_for_status()


def check(what, held, found=""):
    if not held:
        print(f"FAILED: {what} {found}", file=sys.stderr)
        sys.exit(1)
    print(f"ok: {what}")


def has_signature(reply):
    return any(name.lower() == "signature" for name in reply.headers)


def registers(agent):
    other = Ed25519PrivateKey.generate()
    reply, _, parsed = agent.send(*agent.register_request(key=other))
    check("a registration signed by another key is refused", reply.status_code == 401, parsed)
    check("as bad_signature", parsed["code"] == "bad_signature", parsed)

    message, body = agent.register_request()
    flipped = body.replace(b"python-interop", b"python-interoq")
    reply, _, parsed = agent.send(message, flipped)
    check("a flipped byte of a registration is refused", reply.status_code == 401, parsed)

    reply, _, parsed = agent.send(*agent.register_request(keyid=f"nowhere/0/{agent.public_key()}"))
    check("an unknown organization is refused", reply.status_code == 404, parsed)
    check("as unknown_organization", parsed["code"] == "unknown_organization", parsed)

    message, body = agent.register_request(created=time.time() - 3600)
    reply, _, parsed = agent.send(message, body)
    check("a stale registration is refused", parsed["code"] == "stale_clock", parsed)
    near = abs(parsed["server_time_ms"] / 1000 - time.time()) < 60
    check("with the server's time", near, parsed)

    request = agent.register_request()
    reply, body, parsed = agent.send(*request)
    check("a registration is taken", reply.status_code == 200, parsed)
    check("as Pending", parsed["status"] == "pending" and parsed["system_id"] > 0, parsed)
    check("without a server key", "server_public_key" not in parsed, parsed)
    check("signed", has_signature(reply), reply.headers)
    agent.id = parsed["system_id"]
    registered = (reply, body)

    reply, _, parsed = agent.send(*request)
    check("the same registration again is refused", parsed["code"] == "replayed", parsed)
    reply, _, parsed = agent.send(*agent.register_request())
    check("the same key gets the same id", parsed["system_id"] == agent.id, parsed)
    return registered


def waits(agent):
    telemetry = {"cpu_percent": 12.5, "mem_used_bytes": 1, "mem_total_bytes": 2, "uptime_secs": 3}
    reply, body, parsed = agent.send(*agent.checkin_request(facts=agent.facts(), telemetry=telemetry))
    check("a pending check-in is taken", reply.status_code == 200, parsed)
    check("and says pending", parsed["status"] == "pending", parsed)
    check("without a server key", "server_public_key" not in parsed, parsed)
    check("and names an interval", parsed["next_checkin_secs"] > 0, parsed)
    return reply, body


def is_approved(agent, admin, before):
    admin.change(agent.id, "approve")
    reply, body, parsed = agent.send(*agent.checkin_request())
    check("after the approval a check-in says active", parsed.get("status") == "active", parsed)
    delivered = wire.decode_key(parsed["server_public_key"])
    parameters = wire.verify_reply(reply, body, delivered)
    check("the delivered key signed the reply that delivers it", True)
    check("for the organization", parameters["keyid"] == agent.organization, parameters)
    agent.server_key = delivered
    for reply, body in before:
        wire.verify_reply(reply, body, delivered)
    check("and the replies before it", True)


def is_active(agent):
    reply, body, parsed = agent.send(*agent.checkin_request())
    wire.verify_reply(reply, body, agent.server_key)
    check("an active check-in is taken and its reply verifies", parsed["status"] == "active", parsed)
    check("the key is not delivered twice", "server_public_key" not in parsed, parsed)
    try:
        wire.verify_reply(reply, body.replace(b"active", b"actjve"), agent.server_key)
        check("a flipped byte of a reply is found", False)
    except Exception as error:
        check("a flipped byte of a reply is found", True, error)
    other, _ = agent.checkin_request()
    try:
        wire.verify_reply(wire.Reply(200, other, reply.headers), body, agent.server_key)
        check("a reply answers no other request", False)
    except Exception as error:
        check("a reply answers no other request", True, error)


def refused(agent, what, code, status, message, body, signed=True):
    reply, raw, parsed = agent.send(message, body)
    check(what, reply.status_code == status and parsed["code"] == code, f"{reply.status_code} {parsed}")
    if signed:
        wire.verify_reply(reply, raw, agent.server_key)
        check("signed", True)
    return parsed


def is_refused(agent):
    request = agent.checkin_request()
    check("a check-in is taken", agent.send(*request)[0].status_code == 200)
    parsed = refused(agent, "the same one again is `replayed`", "replayed", 409, *request)
    check("naming the own id", parsed["system_id"] == agent.id, parsed)
    check("and where to go on", parsed["next_sequence"] == agent.sequence + 1, parsed)

    message, body = agent.checkin_request()
    flipped = body.replace(b"0.0.1", b"0.0.2")
    refused(agent, "a flipped byte is `bad_signature`", "bad_signature", 401, message, flipped, signed=False)
    message, body = agent.checkin_request()
    message.headers["Signature"] = flip(message.headers["Signature"])
    refused(agent, "a flipped signature is `bad_signature`", "bad_signature", 401, message, body, signed=False)
    message, body = agent.checkin_request()
    del message.headers["Signature"]
    refused(agent, "an unsigned one is `bad_signature`", "bad_signature", 401, message, body, signed=False)

    for created in (time.time() - 3600, time.time() + 3600):
        message, body = agent.checkin_request(created=created)
        parsed = refused(agent, "a wrong clock is `stale_clock`", "stale_clock", 401, message, body)
        check("with the server's time", abs(parsed["server_time_ms"] / 1000 - time.time()) < 60, parsed)

    message, body = agent.checkin_request(telemetry={"cpu_percent": "hot"})
    parsed = refused(agent, "a wrong type is `invalid_request`", "invalid_request", 422, message, body)
    check("naming the member", parsed["field"] == "telemetry.cpu_percent", parsed)

    own, agent.id = agent.id, agent.id + 1_000_000
    message, body = agent.checkin_request()
    parsed = refused(agent, "an unknown id is `unknown_system`", "unknown_system", 404, message, body)
    check("naming the id", parsed["system_id"] == agent.id, parsed)
    agent.id = own
    check("after all that a check-in is still taken", agent.send(*agent.checkin_request())[0].status_code == 200)


def flip(signature):
    label, encoded = signature.split("=:", 1)
    raw = bytearray(base64.b64decode(encoded.rstrip(":")))
    raw[10] ^= 1
    return f"{label}=:{base64.b64encode(bytes(raw)).decode()}:"


def is_cut_off(agent, admin):
    admin.change(agent.id, "revoke")
    message, body = agent.checkin_request()
    refused(agent, "a revoked system is told so", "revoked", 403, message, body)
    admin.change(agent.id, "restore")
    reply, _, parsed = agent.send(*agent.checkin_request())
    check("a restored one checks in", reply.status_code == 200 and parsed["status"] == "active", parsed)
    admin.change(agent.id, "delete")
    message, body = agent.checkin_request()
    parsed = refused(agent, "a deleted one is `unknown_system`", "unknown_system", 404, message, body)
    check("naming the own id", parsed["system_id"] == agent.id, parsed)
    _, _, parsed = agent.send(*agent.register_request())
    check("and gets a new id", parsed["system_id"] > agent.id, parsed)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--admin-token-file", required=True)
    parser.add_argument("--organization", default="default")
    options = parser.parse_args()
    agent = Agent(options.url.rstrip("/"), options.ca, options.organization)
    admin = Admin(options.url.rstrip("/"), options.ca, options.admin_token_file)
    before = [registers(agent), waits(agent)]
    is_approved(agent, admin, before)
    is_active(agent)
    is_refused(agent)
    is_cut_off(agent, admin)
    print("all held")


if __name__ == "__main__":
    main()
