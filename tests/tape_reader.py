#!/usr/bin/env python3
"""A second reader of tapes, written from docs/TAPE.md alone.

    tape_reader.py TAPE

Prints the header, each event and the verdict as lines of JSON with sorted keys. Ends with 0 when the tape is complete,
1 when it has an unsealed tail, 2 when it was tampered with. Needs the modules blake3 and zstandard.
"""

import json
import sys

import blake3
import zstandard

HEADER_BYTES = 96
HEAD_BYTES = 32
LINK_BYTES = 32
EVENTS_ZSTD, EVENTS_STORED, INDEX, TRAILER, OPTIONAL_FROM = 0x01, 0x02, 0x10, 0x11, 0x80
EVENT_BYTES_MAX = 4 << 20
PLAIN_BYTES_MAX = EVENT_BYTES_MAX + (256 << 10)
PAYLOAD_BYTES_MAX = PLAIN_BYTES_MAX + PLAIN_BYTES_MAX // 128 + 1024
POINTS_MAX = 512
SHOWN_BYTES_MAX = 256
LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


class Wrong(Exception):
    """What no recorder writes."""


class Cut(Exception):
    """The file ends before the chunk does."""


def number(data):
    return int.from_bytes(data, "little")


def derive(context, data):
    return blake3.blake3(data, derive_key_context=context).digest()


# The encoding of events.


class Plain:
    def __init__(self, data):
        self.data, self.place = data, 0

    def take(self, count):
        end = self.place + count
        if end > len(self.data):
            raise Wrong("an event is cut off")
        taken = self.data[self.place : end]
        self.place = end
        return taken

    def byte(self):
        return self.take(1)[0]

    def varint(self, bits=64):
        first = self.byte()
        if first <= 250:
            return first
        widths = {251: 2, 252: 4, 253: 8}
        if first not in widths or widths[first] * 8 > bits:
            raise Wrong("a number is too wide")
        return number(self.take(widths[first]))

    def zigzag(self, bits=64):
        value = self.varint(bits)
        return value >> 1 if value % 2 == 0 else -(value >> 1) - 1

    def bool(self):
        value = self.byte()
        if value > 1:
            raise Wrong("a bool is neither 0 nor 1")
        return value == 1

    def bytes(self):
        return bytes(self.take(self.varint()))

    def text(self):
        try:
            return self.bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise Wrong("a text is not UTF-8") from error

    def choice(self, alternatives):
        chosen = self.varint(32)
        if chosen >= len(alternatives):
            raise Wrong("an alternative is not known")
        return alternatives[chosen]


def shown(data):
    if len(data) > SHOWN_BYTES_MAX:
        return {"bytes": len(data), "blake3": blake3.blake3(data).hexdigest()}
    return "".join(chr(byte) if 32 <= byte <= 126 and byte != 92 else f"\\x{byte:02x}" for byte in data)


def u8(plain):
    return plain.byte()


def u32(plain):
    return plain.varint(32)


def u64(plain):
    return plain.varint()


def u16(plain):
    return plain.varint(16)


def i16(plain):
    return plain.zigzag(16)


def i32(plain):
    return plain.zigzag(32)


def i64(plain):
    return plain.zigzag(64)


def flag(plain):
    return plain.bool()


def text(plain):
    return plain.text()


def run(plain):
    return shown(plain.bytes())


def digest(plain):
    return plain.take(32).hex()


def object_id(plain):
    return plain.take(plain.choice([20, 32])).hex()


def word(*words):
    return lambda plain: plain.choice(words)


def side(plain):
    return plain.choice(["client", "upstream"])


def optional(kind):
    return lambda plain: kind(plain) if plain.bool() else None


def pair(one, other):
    return lambda plain: [one(plain), other(plain)]


def many(kind):
    return lambda plain: [kind(plain) for _ in range(plain.varint())]


def fields(*names):
    def read(plain):
        return {name: kind(plain) for name, kind in names}

    return read


def typed(*alternatives):
    def read(plain):
        name, kinds = plain.choice(alternatives)
        return {"type": name, **fields(*kinds)(plain)}

    return read


SIZE = fields(("columns", u32), ("rows", u32), ("width_px", u32), ("height_px", u32))
ENDS = [("host", text), ("port", u32), ("originator", text), ("originator_port", u32)]
VERDICT = typed(("allow", []), ("refuse", [("rule", text), ("text", text)]))
SCOPE = typed(("once", []), ("session", []), ("until", [("unix_nanos", u64)]))
PROGRAM = typed(("shell", []), ("exec", [("command", run)]), ("subsystem", [("name", text)]))
STREAM_KIND = typed(
    ("session", []),
    ("direct-tcpip", ENDS),
    ("forwarded-tcpip", ENDS),
    ("direct-streamlocal@openssh.com", [("path", text)]),
    ("forwarded-streamlocal@openssh.com", [("path", text)]),
    ("auth-agent@openssh.com", []),
    ("x11", [("originator", text), ("originator_port", u32)]),
)
OPERATION = typed(
    (
        "open",
        [("path", run)]
        + [(name, flag) for name in ("read", "write", "append", "create", "truncate", "exclusive")],
    ),
    ("list", [("path", run)]),
    ("stat", [("path", run), ("follow", flag)]),
    (
        "set attributes",
        [
            ("path", run),
            ("size", optional(u64)),
            ("permissions", optional(u32)),
            ("owner", optional(pair(u32, u32))),
            ("times", optional(pair(u64, u64))),
        ],
    ),
    ("rename", [("from", run), ("to", run), ("replace", flag)]),
    ("remove", [("path", run)]),
    ("make directory", [("path", run)]),
    ("remove directory", [("path", run)]),
    ("link", [("target", run), ("path", run), ("symbolic", flag)]),
    ("read link", [("path", run)]),
    ("real path", [("path", run)]),
    ("send", [("path", run), ("size", u64), ("permissions", u32)]),
    ("extension", [("name", text), ("path", run)]),
)
OPENED = (
    [("person", text), ("groups", many(text))]
    + [
        (name, text)
        for name in (
            "proof",
            "target",
            "target_kind",
            "login",
            "protocol",
            "client_address",
            "client_program",
            "rule",
            "gateway",
        )
    ]
    + [("opened_unix_nanos", u64)]
)
ADDRESS = [("address", text), ("port", optional(u32))]
RUN = [("path", run), ("offset", u64), ("length", u64)]
PREPARED = [("of", word("statement", "portal")), ("name", run)]
COLUMN = fields(
    ("name", run),
    ("table_id", u32),
    ("attribute", i16),
    ("type_id", u32),
    ("type_size", i16),
    ("type_modifier", i32),
    ("format", u16),
)
MESSAGES = [("count", u32), ("bytes", run)]
VERSION = word("HTTP/1.0", "HTTP/1.1", "HTTP/2")
SIGNATURE = word("openpgp", "ssh", "x509", "other")
OBJECT = word("commit", "tree", "blob", "tag")
ADVERTISED = fields(
    ("name", run), ("id", optional(object_id)), ("peeled", optional(object_id)), ("symref_target", optional(run))
)
UPDATE = [
    ("name", run),
    ("old", object_id),
    ("new", object_id),
    ("change", word("created", "deleted", "fast-forward", "forced", "unknown")),
]
IDENT = fields(("name", run), ("email", run), ("seconds", i64), ("offset_minutes", i16))
TREE_FILE = fields(("mode", u32), ("id", object_id))
CHANGE = fields(
    ("path", run),
    ("status", word("added", "modified", "deleted", "written")),
    ("old", optional(TREE_FILE)),
    ("new", optional(TREE_FILE)),
    ("lines", optional(pair(u32, u32))),
    ("binary", flag),
)
REF_REPORT = fields(("name", run), ("error", optional(run)), ("options", many(run)))
SECTION = many(fields(("name", run), ("value", run), ("concealed_bytes", u32)))
REPORT = [("fields", many(fields(("letter", u8), ("text", run))))]
FAMILIES = [
    [
        ("session.opened", OPENED),
        ("session.decision", [("action", text), ("resource", text), ("rule", text), ("verdict", VERDICT)]),
        ("session.notice", [("text", text)]),
        ("session.gap", [("events", u64), ("bytes", u64), ("reason", text)]),
        ("session.marker", [("label", text)]),
        ("session.fault", [("by", side), ("expected", text), ("got", text)]),
        ("session.closed", [("reason", text)]),
        ("session.labelled", [("label", text)]),
        (
            "session.decision",
            [("action", text), ("resource", text), ("rule", text), ("verdict", VERDICT), ("nanos", u64)],
        ),
        (
            "session.opened",
            OPENED
            + [("kind", word("person", "agent", "service"))]
            + [(name, text) for name in ("issuer", "subject", "on_behalf_of")],
        ),
        (
            "session.asked",
            [(name, text) for name in ("question", "action", "resource", "rule")]
            + [("approvers", many(fields(("group", text), ("count", u32)))), ("expires_unix_nanos", u64)],
        ),
        (
            "session.answered",
            [("question", text), ("verdict", VERDICT), ("by", many(text)), ("scope", SCOPE), ("nanos", u64)],
        ),
    ],
    [
        ("terminal.start", [("term", text), ("size", SIZE), ("modes", many(pair(u8, u32)))]),
        ("terminal.input", [("bytes", run)]),
        ("terminal.concealed", [("count", u32)]),
        ("terminal.echoed", [("skipped", u64), ("bytes", run)]),
        ("terminal.output", [("error", flag), ("bytes", run)]),
        ("terminal.resize", [("size", SIZE)]),
    ],
    [
        ("process.start", [("kind", PROGRAM)]),
        ("process.environment", [("name", text), ("value", run)]),
        ("process.agent", []),
        ("process.answer", [("request", text), ("accepted", flag)]),
        ("process.signal", [("name", text)]),
        ("process.exit", [("status", u32)]),
        ("process.killed", [("signal", text), ("core_dumped", flag), ("message", text)]),
    ],
    [
        ("stream.open", [("kind", STREAM_KIND)]),
        ("stream.accepted", []),
        ("stream.rejected", [("reason", text)]),
        ("stream.data", [("error", flag), ("bytes", run)]),
        ("stream.eof", []),
        ("stream.close", []),
        ("stream.listen", ADDRESS),
        ("stream.listening", ADDRESS + [("accepted", flag)]),
        ("stream.unlisten", ADDRESS),
        ("stream.opaque", [("what", text)]),
    ],
    [
        ("file.asked", [("request", u32), ("operation", OPERATION)]),
        ("file.answered", [("request", u32), ("status", u32), ("message", text)]),
        ("file.read", RUN),
        ("file.written", RUN),
        (
            "file.closed",
            [("path", run), ("read_bytes", u64), ("written_bytes", u64), ("content_sha256", optional(digest))],
        ),
    ],
    [
        ("query.startup", [("version", u32), ("parameters", many(pair(run, run)))]),
        ("query.negotiated", [("version", u32), ("unrecognised", many(run))]),
        ("query.setting", [("name", run), ("value", run)]),
        ("query.key", [("process_id", u32), ("key_bytes", u32)]),
        ("query.cancel", [("address", text)]),
        ("query.simple", [("text", run)]),
        ("query.parse", [("statement", run), ("text", run), ("types", many(u32))]),
        (
            "query.bind",
            [
                ("portal", run),
                ("statement", run),
                ("formats", many(u16)),
                ("parameters", many(fields(("type_id", u32), ("value", optional(run))))),
                ("result_formats", many(u16)),
            ],
        ),
        ("query.describe", PREPARED),
        ("query.execute", [("portal", run), ("statement", optional(run)), ("rows_max", u32)]),
        ("query.close", PREPARED),
        ("query.flush", []),
        ("query.sync", []),
        (
            "query.call",
            [
                ("function_id", u32),
                ("formats", many(u16)),
                ("arguments", many(optional(run))),
                ("result_format", u16),
            ],
        ),
        ("query.returned", [("value", optional(run))]),
        ("query.types", [("types", many(u32))]),
        ("query.columns", [("columns", many(COLUMN))]),
        ("query.rows", MESSAGES),
        (
            "query.copy-start",
            [("direction", word("in", "out", "both")), ("format", u8), ("formats", many(u16))],
        ),
        ("query.copy-data", MESSAGES),
        ("query.copy-done", []),
        ("query.copy-fail", [("message", run)]),
        ("query.complete", [("tag", run), ("rows", optional(u64))]),
        (
            "query.acknowledged",
            [("what", word("parse", "bind", "close", "no data", "empty query", "portal suspended"))],
        ),
        ("query.error", REPORT),
        ("query.notice", REPORT),
        ("query.ready", [("status", word("idle", "in transaction", "failed"))]),
        ("query.notification", [("process_id", u32), ("channel", run), ("payload", run)]),
        ("query.terminate", []),
        ("query.long", [("letter", u8), ("bytes", run), ("last", flag)]),
    ],
    [
        (
            "http.request",
            [
                ("version", VERSION),
                ("method", run),
                ("scheme", run),
                ("authority", run),
                ("path", run),
                ("protocol", optional(run)),
                ("fields", SECTION),
            ],
        ),
        ("http.informational", [("status", u16), ("fields", SECTION)]),
        ("http.response", [("version", VERSION), ("status", u16), ("reason", run), ("fields", SECTION)]),
        ("http.body", [("bytes", run)]),
        ("http.trailers", [("fields", SECTION)]),
        ("http.end", []),
        ("http.upgrade", [("protocol", run)]),
        ("http.reset", [("code", u32), ("reason", text)]),
        (
            "http.message",
            [("kind", word("text", "binary")), ("bytes", run), ("first", flag), ("last", flag)],
        ),
        ("http.control", [("kind", word("ping", "pong", "close")), ("bytes", run)]),
    ],
    [
        ("git.service", [("service", word("upload-pack", "receive-pack", "upload-archive")), ("repository", run)]),
        ("git.data", [("bytes", run)]),
        ("git.omitted", [("bytes", u64)]),
        ("git.advertised", [("version", u8), ("capabilities", many(run))]),
        ("git.refs", [("refs", many(ADVERTISED))]),
        ("git.command", [("name", run), ("capabilities", many(run)), ("arguments", many(run))]),
        (
            "git.wanted",
            [
                ("ids", many(object_id)),
                ("refs", many(run)),
                ("capabilities", many(run)),
                ("shallow", many(object_id)),
                ("deepen", many(run)),
                ("filter", optional(run)),
            ],
        ),
        ("git.haves", [("ids", many(object_id)), ("done", flag)]),
        ("git.acknowledged", [("lines", many(run))]),
        ("git.update", UPDATE),
        ("git.options", [("options", many(run))]),
        ("git.certificate", [("text", run), ("signature", SIGNATURE)]),
        (
            "git.pack",
            [
                ("objects", u32),
                ("bytes", u64),
                ("checksum", object_id),
                ("sha256", digest),
                ("intact", optional(flag)),
            ],
        ),
        (
            "git.contents",
            [(name, u32) for name in ("commits", "trees", "blobs", "tags", "unresolved")] + [("cut", text)],
        ),
        ("git.objects", [("objects", many(fields(("id", object_id), ("kind", OBJECT), ("bytes", u64))))]),
        (
            "git.commit",
            [
                ("id", object_id),
                ("tree", object_id),
                ("parents", many(object_id)),
                ("author", IDENT),
                ("committer", IDENT),
                ("message", run),
                ("signature", optional(SIGNATURE)),
            ],
        ),
        (
            "git.files",
            [
                ("commit", object_id),
                ("parent", optional(object_id)),
                ("files", many(CHANGE)),
                ("complete", flag),
            ],
        ),
        (
            "git.tag",
            [
                ("id", object_id),
                ("target", object_id),
                ("target_kind", OBJECT),
                ("name", run),
                ("tagger", optional(IDENT)),
                ("message", run),
                ("signature", optional(SIGNATURE)),
            ],
        ),
        ("git.report", [("unpack", run), ("refs", many(REF_REPORT))]),
        ("git.progress", [("bytes", run)]),
        ("git.error", [("message", run)]),
        (
            "git.lfs-batch",
            [("operation", run), ("objects", many(pair(run, u64))), ("reference", optional(run))],
        ),
        ("git.lfs-object", [("id", digest), ("bytes", u64)]),
    ],
]
# The fields that are payload: runs of bytes, or lists of values.
COUNTED = {
    "terminal.input": "bytes",
    "terminal.echoed": "bytes",
    "terminal.output": "bytes",
    "stream.data": "bytes",
    "query.simple": "text",
    "query.parse": "text",
    "query.bind": "parameters",
    "query.call": "arguments",
    "query.returned": "value",
    "query.rows": "bytes",
    "query.copy-data": "bytes",
    "query.long": "bytes",
    "http.body": "bytes",
    "http.message": "bytes",
    "git.data": "bytes",
}


def event(plain, before):
    at = (before + plain.zigzag()) % (1 << 64)
    who = side(plain)
    lane = u32(plain)
    name, kinds = plain.choice(plain.choice(FAMILIES))
    return {"at": at, "side": who, "lane": lane, "event": name, "fields": fields(*kinds)(plain)}


def carried(read):
    """How many payload bytes an event carries."""
    if read["event"] not in COUNTED:
        return 0
    return length(read["fields"][COUNTED[read["event"]]])


def length(data):
    """How many bytes a field stands for."""
    if data is None:
        return 0
    if isinstance(data, list):
        return sum(length(item["value"] if isinstance(item, dict) and "value" in item else item) for item in data)
    if isinstance(data, dict):
        return data["bytes"]
    return len(data) - 3 * data.count("\\x")


# Chunks.


class Head:
    def __init__(self, data):
        self.payload_bytes = number(data[0:4])
        self.kind = data[4]
        self.frame_start = data[5] == 1
        self.first_event = number(data[8:16])
        self.first_moment = number(data[16:24])
        self.events = number(data[24:28])
        self.plain_bytes = number(data[28:32])
        if data[5] > 1 or data[6] or data[7]:
            raise Wrong("a reserved bit is set")
        if self.kind < OPTIONAL_FROM and self.kind not in (EVENTS_ZSTD, EVENTS_STORED, INDEX, TRAILER):
            raise Wrong("a chunk of an unknown kind")
        if self.payload_bytes > PAYLOAD_BYTES_MAX or self.plain_bytes > PLAIN_BYTES_MAX:
            raise Wrong("a chunk beyond the limits")
        if self.has_events():
            if self.events == 0 or self.events * 4 > self.plain_bytes:
                raise Wrong("the count of events does not fit")
        elif self.events or self.plain_bytes or self.frame_start:
            raise Wrong("a chunk without events says that it has some")
        if self.kind == EVENTS_STORED and (self.payload_bytes != self.plain_bytes or not self.frame_start):
            raise Wrong("a stored chunk does not fit")

    def has_events(self):
        return self.kind in (EVENTS_ZSTD, EVENTS_STORED)


def chunk(data, place, link):
    """The chunk at a place: its head, its payload, its link and where it ends."""
    if place + HEAD_BYTES > len(data):
        raise Cut
    raw = data[place : place + HEAD_BYTES]
    head = Head(raw)
    end = place + HEAD_BYTES + head.payload_bytes + LINK_BYTES
    if end > len(data):
        raise Cut
    payload = data[place + HEAD_BYTES : end - LINK_BYTES]
    if derive("wiretape tape v1 chunk", link + raw + payload) != data[end - LINK_BYTES : end]:
        raise Wrong("a link does not agree")
    return head, payload, data[end - LINK_BYTES : end], end


def goes_on(data, start, first_event):
    """Whether whole chunks start behind a place and go on to the end of the file."""
    for place in range(start + 1, len(data) - HEAD_BYTES - LINK_BYTES + 1):
        whole = False
        at, link, expected = place, data[place - LINK_BYTES : place], None
        while at < len(data):
            try:
                head, _, link, at = chunk(data, at, link)
            except Cut:
                break
            except Wrong:
                whole = False
                break
            if head.first_event < first_event or (expected is not None and head.first_event != expected):
                whole = False
                break
            expected = head.first_event + head.events
            whole = True
        if whole:
            return True
    return False


class Tape:
    def __init__(self, data):
        self.data = data
        self.link = bytes(LINK_BYTES)
        self.events = self.chunks = self.gaps = self.last = 0
        self.bytes = {"client": 0, "upstream": 0}
        self.starts, self.stride, self.seen = [], 1, 0
        self.index_place = None
        self.sealed = False
        self.frame = None

    def read(self, say):
        """Says the header and the events, and returns the verdict."""
        data = self.data
        magic = b"\x89WTAPE\r\n"
        if data[:8] != magic[: len(data[:8])]:
            return {"verdict": "tampered", "offset": 0}
        if len(data) < HEADER_BYTES:
            return {"verdict": "unsealed tail", "cut_bytes": len(data)}
        if derive("wiretape tape v1 header", data[:64]) != data[64:HEADER_BYTES]:
            return {"verdict": "tampered", "offset": 0}
        if number(data[8:10]) != 1:
            sys.exit("a tape of a later version")
        if any(data[10:16]) or any(data[40:64]):
            return {"verdict": "tampered", "offset": 0}
        self.link = data[64:HEADER_BYTES]
        value = int.from_bytes(data[16:32], "big")
        name = "".join(LETTERS[value >> (5 * place) & 31] for place in range(25, -1, -1))
        say({"tape": {"version": 1, "id": name, "opened_unix_nanos": number(data[32:40])}})
        place = HEADER_BYTES
        while place < len(data):
            try:
                if self.sealed:
                    raise Wrong("something follows the trailer")
                head, payload, link, end = chunk(data, place, self.link)
                if head.first_event != self.events:
                    raise Wrong("events do not follow one another")
                self.take(head, payload, link, place, say)
            except (Wrong, Cut) as stop:
                zeros = not any(data[max(place, len(data) - LINK_BYTES) :])
                torn = not self.sealed and (isinstance(stop, Cut) or (zeros and not isinstance(stop, Content)))
                if torn and not goes_on(data, place, self.events):
                    return {"verdict": "unsealed tail", "cut_bytes": len(data) - place}
                return {"verdict": "tampered", "offset": place}
            self.link, place = link, end
            self.chunks += 1
        return {"verdict": "complete"} if self.sealed else {"verdict": "unsealed tail", "cut_bytes": 0}

    def take(self, head, payload, link, place, say):
        """Takes in a chunk whose link agrees."""
        try:
            if self.index_place is not None and head.kind != TRAILER:
                raise Wrong("something stands between index and trailer")
            if head.has_events():
                self.note_start(head, place)
                self.take_events(head, self.unpack(head, payload), say)
            elif head.kind < OPTIONAL_FROM and head.first_moment != self.last:
                raise Wrong("another last moment")
            elif head.kind == INDEX:
                if payload != self.index():
                    raise Wrong("the index does not list the frames")
                self.index_place = place
            elif head.kind == TRAILER:
                self.check_trailer(payload)
        except Wrong as wrong:
            raise Content(str(wrong)) from wrong

    def unpack(self, head, payload):
        if head.kind == EVENTS_STORED:
            self.frame = None
            return payload
        if head.frame_start:
            self.frame = zstandard.ZstdDecompressor(max_window_size=1 << 20).decompressobj()
        if self.frame is None:
            raise Wrong("a frame that did not start")
        try:
            plain = self.frame.decompress(payload)
        except zstandard.ZstdError as error:
            raise Wrong(str(error)) from error
        if self.frame.eof:
            if self.frame.unused_data:
                raise Wrong("something follows the end of a frame")
            self.frame = None
        if len(plain) != head.plain_bytes:
            raise Wrong("another length than the head says")
        return plain

    def take_events(self, head, data, say):
        plain, before, read = Plain(data), head.first_moment, []
        for _ in range(head.events):
            start = plain.place
            read.append(event(plain, before))
            if plain.place - start > EVENT_BYTES_MAX:
                raise Wrong("an event beyond the limits")
            before = read[-1]["at"]
        if plain.place != len(data):
            raise Wrong("something follows the last event")
        if read[0]["at"] != head.first_moment:
            raise Wrong("another first moment")
        for one in read:
            say({"number": self.events, **one})
            self.events += 1
            self.bytes[one["side"]] += carried(one)
            self.gaps += one["event"] == "session.gap"
            self.last = one["at"]

    def note_start(self, head, place):
        if not head.frame_start:
            return
        if self.seen % self.stride == 0:
            if len(self.starts) == POINTS_MAX:
                self.starts = self.starts[::2]
                self.stride *= 2
            self.starts.append((place, head.first_event, head.first_moment))
        self.seen += 1

    def index(self):
        entries = b"".join(field.to_bytes(8, "little") for entry in self.starts for field in entry)
        return len(self.starts).to_bytes(4, "little") + bytes(4) + entries

    def check_trailer(self, payload):
        held = [
            self.index_place,
            self.events,
            self.chunks + 1,
            self.bytes["client"],
            self.bytes["upstream"],
            self.last,
            self.gaps,
        ]
        if len(payload) != 64 or payload[56:] != b"WTAPEEND":
            raise Wrong("no trailer")
        if [number(payload[place : place + 8]) for place in range(0, 56, 8)] != held:
            raise Wrong("the trailer does not sum up the tape")
        self.sealed = True


class Content(Wrong):
    """A chunk whose link agrees and whose content does not."""


def main(path):
    with open(path, "rb") as file:
        tape = Tape(file.read())

    def say(line):
        print(json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False))

    verdict = tape.read(say)
    held = {"events": tape.events, "chunks": tape.chunks, "gaps": tape.gaps, "root": tape.link.hex()}
    say({**verdict, **held})
    return {"complete": 0, "unsealed tail": 1}.get(verdict["verdict"], 2)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    sys.exit(main(sys.argv[1]))
