#!/usr/bin/env python3
"""The taker's end of a channel, in Python: an echo.

Written from doc/channel-layout.md and nothing else, to show that the page is
enough.  Python has no barriers; each step here takes microseconds and makes
system calls, and the loop looks again every 20 ms, so none is missed.

Usage: other_end.py MEMORY-FD MY-EVENTFD THEIR-EVENTFD M T
Each message comes back with its bytes reversed and its type one higher; after
a message of type 9 this end finishes, and closes when the maker has.
"""
import mmap
import os
import select
import struct
import sys

MAKER, TAKER = 0x100, 0x300
LIFE, STATE, WANT_MESSAGE, WANT_ROOM, HEAD, TAIL = 0, 1, 4, 8, 0x80, 0x100
MORE, PAD = 1, 2
BITS = 0xFFFFFFFF


class Broken(Exception):
    pass


class End:
    def __init__(self, fd, mine, theirs, m, t):
        self.memory = mmap.mmap(fd, 4096 + m + t)
        # One load and one store each, as the page wants it: struct.pack_into
        # would write a zero first, and then byte by byte.
        self.words = memoryview(self.memory).cast("I")
        self.mine, self.theirs = mine, theirs
        self.in_at, self.in_size = 4096, m
        self.out_at, self.out_size = 4096 + m, t
        if self.u32(0) != 0x72636476 or self.u32(4) != 1:
            raise Broken("identity")
        if self.u32(8) != m or self.u32(12) != t:
            raise Broken("sizes")
        self.head = self.told = self.u32(TAKER + HEAD)
        self.tail = self.given = self.u32(TAKER + TAIL)
        self.memory[TAKER + LIFE] = 1
        self.memory[TAKER + STATE] = 1

    def u32(self, at):
        return self.words[at // 4]

    def put_u32(self, at, value):
        self.words[at // 4] = value & BITS

    def notify(self):
        os.write(self.theirs, struct.pack("<Q", 1))

    def free(self):
        used = (self.head - self.u32(MAKER + TAIL)) & BITS
        if used > self.out_size or used % 8:
            raise Broken("tail")
        return self.out_size - used

    def send(self, message, kind, more):
        """False when there is no room."""
        frame = 8 + (len(message) + 7) // 8 * 8
        rest = self.out_size - self.head % self.out_size
        skip = rest if frame > rest else 0
        if skip + frame > self.free():
            self.put_u32(TAKER + WANT_ROOM,
                         self.head + skip + frame - self.out_size - 1)
            if skip + frame > self.free():
                return False
        if skip:
            at = self.out_at + self.head % self.out_size
            struct.pack_into("<IHH", self.memory, at, skip - 8, 0, PAD)
            self.head = (self.head + skip) & BITS
        at = self.out_at + self.head % self.out_size
        struct.pack_into("<IHH", self.memory, at, len(message), kind,
                         MORE if more else 0)
        self.memory[at + 8:at + 8 + len(message)] = message
        self.head = (self.head + frame) & BITS
        return True

    def publish(self):
        new, old = self.head, self.told
        self.told = new
        self.put_u32(TAKER + HEAD, new)
        want = self.u32(MAKER + WANT_MESSAGE)
        if (new - want - 1) & BITS < (new - old) & BITS:
            self.notify()

    def give_back(self):
        new, old = self.tail, self.given
        self.given = new
        self.put_u32(TAKER + TAIL, new)
        want = self.u32(MAKER + WANT_ROOM)
        if (new - want - 1) & BITS < (new - old) & BITS:
            self.notify()

    def header(self):
        at = self.in_at + self.tail % self.in_size
        return struct.unpack_from("<IHH", self.memory, at)

    def receive(self):
        """(message, type, more), or None when there is none now."""
        ready = (self.u32(MAKER + HEAD) - self.tail) & BITS
        if ready > self.in_size or ready % 8:
            raise Broken("head")
        if not ready:
            return None
        size, kind, flags = self.header()
        if flags == PAD:
            skip = size + 8
            rest = self.in_size - self.tail % self.in_size
            if skip != rest or skip >= self.in_size // 2 or skip >= ready:
                raise Broken("pad")
            self.tail = (self.tail + skip) & BITS
            ready -= skip
            size, kind, flags = self.header()
        frame = 8 + (size + 7) // 8 * 8
        at = self.in_at + self.tail % self.in_size
        if (flags & ~MORE or size > self.in_size // 2 - 8 or frame > ready or
                at + frame > self.in_at + self.in_size):
            raise Broken("frame")
        message = self.memory[at + 8:at + 8 + size]
        self.tail = (self.tail + frame) & BITS
        return message, kind, bool(flags & MORE)

    def other_ended(self):
        state, life = self.memory[MAKER + STATE], self.memory[MAKER + LIFE]
        return state >= 2 or state == 1 and not life

    def sleep(self):
        select.select([self.mine], [], [], 0.02)
        try:
            os.read(self.mine, 8)
        except BlockingIOError:
            pass

    def echo(self):
        while True:
            ended = self.other_ended()
            got = self.receive()
            if got is None:
                self.give_back()
                if ended:
                    return
                self.put_u32(TAKER + WANT_MESSAGE, self.tail)
                if self.u32(MAKER + HEAD) == self.tail:
                    self.sleep()
                continue
            message, kind, more = got
            self.give_back()
            while not self.send(message[::-1], kind + 1, more):
                self.sleep()
            self.publish()
            if kind == 9:
                self.memory[TAKER + STATE] = 2
                self.notify()

    def close(self):
        self.memory[TAKER + STATE] = 3
        self.memory[TAKER + LIFE] = 0
        self.notify()


def main():
    fd, mine, theirs, m, t = map(int, sys.argv[1:])
    end = End(fd, mine, theirs, m, t)
    end.echo()
    end.close()


main()
