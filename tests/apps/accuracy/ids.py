"""What every Python service of the accuracy benchmark does with the path `/front/KIND/ID`."""

import random


def back_path(identifier, call):
    """The path of a call: FNV-1a, 64 bits, of `ID:CALL`. No byte of it says which request it belongs to."""
    value = 0xCBF29CE484222325
    for byte in f"{identifier}:{call}".encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"/back/{value:016x}"


def parse(path):
    """Kind and id of a request."""
    _, front, kind, identifier = path.split("/")
    if front != "front":
        raise ValueError(path)
    return kind, identifier


def pause():
    """Seconds that a request of kind `wait` or `later` waits before its call."""
    return random.random() * 0.02
