"""OpenSCM's signed wire, written from docs/protocol.md with the package http-message-signatures.

Shares no code with the Rust programs: what agrees here agrees because the page is right.
"""

import base64
import datetime
import hashlib
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)

REGISTER = "/agent/v1/register"
CHECKIN = "/agent/v1/checkin"
REQUEST_COMPONENTS = ("@method", "@path", "content-digest")
REPLY_COMPONENTS = (
    "@status",
    "content-digest",
    '"@method";req',
    '"@path";req',
    '"content-digest";req',
    '"signature-input";req',
    '"signature";req',
)


def encode_key(key: Ed25519PublicKey) -> str:
    """A public key as it crosses the wire: unpadded base64url of its 32 bytes."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode_key(text: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(text + "="))


def content_digest(body: bytes) -> str:
    return "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"


class Message:
    """A request as the library wants it: method, URL, header fields."""

    def __init__(self, method, url, headers=None):
        self.method = method
        self.url = url
        self.headers = dict(headers or {})


class Reply:
    """A reply as the library wants it: status, header fields, the request that it answers."""

    def __init__(self, status_code, request, headers=None):
        self.status_code = status_code
        self.request = request
        self.headers = dict(headers or {})


class OneKey(HTTPSignatureKeyResolver):
    """Gives the one key, and remembers who was asked for."""

    def __init__(self, key):
        self.key = key
        self.asked_for = None

    def resolve_public_key(self, key_id):
        self.asked_for = key_id
        return self.key

    def resolve_private_key(self, key_id):
        return self.key


class Verifier(HTTPMessageVerifier):
    """Leaves the age of a message to the caller: both sides of this wire have own rules for clocks."""

    max_clock_skew = datetime.timedelta(days=36500)


def sign_request(message: Message, body: bytes, key: Ed25519PrivateKey, keyid: str, nonce: str, created=None):
    message.headers["Content-Type"] = "application/json"
    message.headers["Content-Digest"] = content_digest(body)
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=OneKey(key))
    created = datetime.datetime.fromtimestamp(int(created or time.time()), tz=datetime.timezone.utc)
    signer.sign(
        message,
        key_id=keyid,
        created=created,
        nonce=nonce,
        tag="openscm-agent",
        covered_component_ids=REQUEST_COMPONENTS,
        label="python",
        body=body,
        use_existing_digest=True,
    )


def verify_request(message: Message, body: bytes, find_key):
    """The signature's parameters, if it is by the key that `find_key` gives for the keyid; an exception otherwise."""
    resolver = OneKey(None)
    resolver.resolve_public_key = find_key
    verifier = Verifier(signature_algorithm=algorithms.ED25519, key_resolver=resolver)
    results = verifier.verify(
        message, expect_tag="openscm-agent", require_components=REQUEST_COMPONENTS, body=body, max_age=None
    )
    return exactly(results, REQUEST_COMPONENTS)


def sign_reply(reply: Reply, body: bytes, key: Ed25519PrivateKey, organization: str, created=None):
    reply.headers["Content-Digest"] = content_digest(body)
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=OneKey(key))
    created = datetime.datetime.fromtimestamp(int(created or time.time()), tz=datetime.timezone.utc)
    signer.sign(
        reply,
        key_id=organization,
        created=created,
        tag="openscm-server",
        covered_component_ids=REPLY_COMPONENTS,
        label="python",
        body=body,
        use_existing_digest=True,
    )


def verify_reply(reply: Reply, body: bytes, key: Ed25519PublicKey):
    """The signature's parameters, if it is by the key; an exception otherwise."""
    verifier = Verifier(signature_algorithm=algorithms.ED25519, key_resolver=OneKey(key))
    results = verifier.verify(
        reply, expect_tag="openscm-server", require_components=REPLY_COMPONENTS, body=body, max_age=None
    )
    return exactly(results, REPLY_COMPONENTS)


def exactly(results, components):
    assert len(results) == 1, "one signature per message"
    covered = [name for name in results[0].covered_components if name != '"@signature-params"']
    assert len(covered) == len(components), f"covers {covered}"
    assert results[0].body is not None, "the digest was not verified"
    return results[0].parameters
