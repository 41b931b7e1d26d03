#!/usr/bin/env python3
"""Runs a command on a terminal of its own, types keys into it, and says how
it ended and how it left the terminal.

  terminal.py KEYS COMMAND [ARGUMENT]...

KEYS are typed one by one, half a second apart; ^C stands for Ctrl-C, . for
nothing.  Prints what was on the terminal, then a line
"ended STATUS terminal same|other lines BEFORE-LEAVING yes|no".
"""
import os
import pty
import select
import signal
import sys
import termios
import time


def read_all(fd, seconds):
    got, until = b'', time.time() + seconds
    while time.time() < until:
        if select.select([fd], [], [], 0.05)[0]:
            try:
                part = os.read(fd, 65536)
            except OSError:
                break
            if not part:
                break
            got += part
    return got


def main():
    keys = sys.argv[1].replace('^C', '\x03')
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        import fcntl
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for fd in (0, 1, 2):
            os.dup2(slave, fd)
        os.execvp(sys.argv[2], sys.argv[2:])
    out = read_all(master, 1.5)
    for key in keys:
        if key != '.':
            os.write(master, key.encode())
        out += read_all(master, 0.5)
    for _ in range(40):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        out += read_all(master, 0.1)
    else:
        os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
    out += read_all(master, 0.2)
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) \
        else 'signal %d' % os.WTERMSIG(status)
    same = 'same' if termios.tcgetattr(slave) == before else 'other'
    left = 'yes' if out.rstrip().endswith(b'\x1b[?1049l') else 'no'
    print(out.decode(errors='replace').replace('\x1b', 'ESC'))
    print('ended %s terminal %s left %s' % (code, same, left))


main()
