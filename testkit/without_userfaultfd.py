"""Runs a command with `userfaultfd` forbidden, as in Docker's default profile.

    without_userfaultfd.py [--with-device] COMMAND [ARGUMENT...]

The system call and the ioctl of `/dev/userfaultfd` fail with EPERM. With `--with-device`, only the
system call fails, as in a container that may use the device. The seccomp(2) filter needs no
privilege and also applies to child processes.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

# AUDIT_ARCH_* and the numbers of userfaultfd and ioctl (linux/audit.h, asm/unistd.h).
SYSTEMS = {"x86_64": (0xC000003E, 323, 16), "aarch64": (0xC00000B7, 282, 29)}

# USERFAULTFD_IOC_NEW, linux/userfaultfd.h
NEW = 0xAA00

# linux/filter.h
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
# linux/seccomp.h: offsets in struct seccomp_data, actions
NUMBER, ARCHITECTURE, SECOND_ARGUMENT = 0, 4, 24
ALLOW, FAIL = 0x7FFF0000, 0x00050000 | errno.EPERM
# linux/prctl.h
SET_SECCOMP, FILTER, SET_NO_NEW_PRIVILEGES = 22, 2, 38


def program(with_device):
    """Returns the filter's length and code."""
    architecture, userfaultfd, ioctl = SYSTEMS[platform.machine()]
    # Instruction, instructions to skip if equal and if not, operand.
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
            sys.exit(f"cannot install the filter: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    command = sys.argv[1:]
    with_device = command[:1] == ["--with-device"]
    forbid(with_device)
    command = command[with_device:]
    os.execvp(command[0], command)
