"""What foreign peers put on the wire, taken from captures of our own node, as inputs of the fuzz targets (tests/fuzz).

Each input is what one peer sent on one connection (yamux), on one stream (gossipsub, identify, algorand), or one record of
it, behind the byte with which the target chooses its role."""

import hashlib

INPUT_SIZE_MAX = 8192
RPC_SIZE_MAX = 3000  # the target takes RPCs of 4 KiB
TYPES = {"data": 0, "window-update": 1, "ping": 2, "go-away": 3}
FLAGS = {"SYN": 1, "ACK": 2, "FIN": 4, "RST": 8}
SIGNED_RECORD_FIELD = 8  # of identify


def varint(data, at):
    """(value, where it ends), or None when it is cut short."""
    value = shift = 0
    while at < len(data) and shift < 64:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at
    return None


def lines(data):
    """The multistream messages at the front: [(text, where it ends)]."""
    found, at = [], 0
    while (size := varint(data, at)) and data[size[1]:size[0] + size[1]].endswith(b"\n"):
        at = size[0] + size[1]
        found.append((data[size[1]:at - 1].decode("ascii", "replace"), at))
    return found


def agreed(received, sent):
    """(protocol, what the peer sent of it), or None where they did not agree."""
    ours = {text for text, _ in lines(sent)}
    for text, end in lines(received):
        if text in ours and text != "/multistream/1.0.0":
            return text, received[end:]
    return None


def yamux(frames, we_dialled):
    """The frames of the peer as they were, up to the first that does not fit."""
    out = bytes([1 if we_dialled else 0])
    for f in frames:
        if f["sent"]:
            continue
        flags = sum(FLAGS[name] for name in f["flags"])
        body = bytes.fromhex(f.get("hex", ""))
        frame = bytes([0, TYPES[f["type"]]]) + flags.to_bytes(2, "big") + f["stream"].to_bytes(4, "big")
        frame += f["length"].to_bytes(4, "big") + body
        if len(out) + len(frame) > INPUT_SIZE_MAX:
            break
        out += frame
    return out


def gossipsub(body, signed):
    """The RPCs that the target is ready to take."""
    out, at = bytes([1 if signed else 2]), 0
    while size := varint(body, at):
        end = size[0] + size[1]
        if size[0] <= RPC_SIZE_MAX and end <= len(body) and len(out) + end - at <= INPUT_SIZE_MAX:
            out += body[at:end]
        at = end
    return out


def record(message):
    """The signed record in an identify message with its length, or None."""
    size = varint(message, 0)
    at = size[1] if size else len(message)
    while (key := varint(message, at)) and key[0] & 7 == 2 and (size := varint(message, key[1])):
        at = size[0] + size[1]
        if key[0] >> 3 == SIGNED_RECORD_FIELD:
            return b"\0" + message[size[1]:at]
    return None


def of_stream(protocol, body, we_dialled, signed):
    """[(target, input)]"""
    if protocol.startswith("/meshsub/"):
        return [("gossipsub", gossipsub(body, signed))]
    if protocol.startswith("/algorand-ws/"):
        choice = 1 | (4 if protocol.endswith("/2.2.0") else 0) | (8 if we_dialled else 0)
        return [("algorand", bytes([choice]) + body[:INPUT_SIZE_MAX])]
    if protocol.startswith("/ipfs/id/"):
        found = record(body)
        return [("identify", body[:INPUT_SIZE_MAX])] + ([("record", found)] if found else [])
    return []


def inputs(frames, we_dialled, signed):
    """[(target, input)] of the frames of one connection, in order."""
    received, sent = {}, {}
    for f in frames:
        if f["type"] == "data":
            side = sent if f["sent"] else received
            side[f["stream"]] = side.get(f["stream"], b"") + bytes.fromhex(f.get("hex", ""))
    found = [("yamux", yamux(frames, we_dialled))]
    for stream, body in received.items():
        choice = agreed(body, sent.get(stream, b""))
        if choice:
            found += of_stream(*choice, we_dialled, signed)
    return [(target, data) for target, data in found if len(data) > 1]


def dump(folder, kind, frames, we_dialled, signed):
    """Writes the inputs of one connection as files, named by what is in them."""
    for target, data in inputs(frames, we_dialled, signed):
        place = folder / target
        place.mkdir(parents=True, exist_ok=True)
        (place / f"wire-{kind}-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)
