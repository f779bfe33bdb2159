"""Runs a command as in a container where `userfaultfd` is forbidden, as by the default profile of Docker.

    without_userfaultfd.py [--with-device] COMMAND [ARGUMENT...]

The system call fails with EPERM, and so does the device's. With `--with-device` only the system call is forbidden: a container that was
given `/dev/userfaultfd`. A filter of system calls does it (seccomp(2)), which needs no privilege and holds for the command and its children.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

# Architecture in the kernel's words, numbers of userfaultfd and ioctl (asm/unistd.h).
SYSTEMS = {"x86_64": (0xC000003E, 323, 16), "aarch64": (0xC00000B7, 282, 29)}

# USERFAULTFD_IOC_NEW, linux/userfaultfd.h
NEW = 0xAA00

# linux/filter.h
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
# linux/seccomp.h: places in struct seccomp_data, actions
NUMBER, ARCHITECTURE, SECOND_ARGUMENT = 0, 4, 24
ALLOW, FAIL = 0x7FFF0000, 0x00050000 | errno.EPERM
# linux/prctl.h
SET_SECCOMP, FILTER, SET_NO_NEW_PRIVILEGES = 22, 2, 38


def program(with_device):
    """The filter: instruction, what to pass over if equal and if not, operand."""
    architecture, userfaultfd, ioctl = SYSTEMS[platform.machine()]
    lines = [
        (LOAD, 0, 0, ARCHITECTURE),
        (JUMP_IF_EQUAL, 0, 5, architecture),
        (LOAD, 0, 0, NUMBER),
        (JUMP_IF_EQUAL, 4, 0, userfaultfd),
        (JUMP_IF_EQUAL, 0, 2, -1 & 0xFFFFFFFF if with_device else ioctl),
        (LOAD, 0, 0, SECOND_ARGUMENT),
        (JUMP_IF_EQUAL, 1, 0, NEW),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, FAIL),
    ]
    return len(lines), b"".join(struct.pack("=HBBI", *line) for line in lines)


def forbid(with_device):
    length, code = program(with_device)
    place = ctypes.create_string_buffer(code, len(code))
    description = ctypes.create_string_buffer(struct.pack("@HP", length, ctypes.addressof(place)))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in [(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0), (SET_SECCOMP, FILTER, ctypes.addressof(description), 0, 0)]:
        if libc.prctl(call[0], *map(ctypes.c_ulong, call[1:])) != 0:
            sys.exit(f"the kernel takes no filter: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    command = sys.argv[1:]
    with_device = command[:1] == ["--with-device"]
    forbid(with_device)
    command = command[with_device:]
    os.execvp(command[0], command)
