#!/usr/bin/env python3
"""Reads metrics as strictly as promtool's `check metrics` does, and more; and
is an ill-behaved client of the HTTP end.

  metrics.py page PORT            the page on standard output, when it is good
  metrics.py value PORT SAMPLE    value of a sample, as `name{a="b"}`
  metrics.py status PORT REQUEST  the status of the answer to this request
                                  line; "none" when there is none
  metrics.py crowd PORT N         N connections that stay open and say nothing
                                  (or as many as there are descriptors), and
                                  then a good one: its status
  metrics.py slow PORT SECONDS    a byte a second: ended after how many
                                  seconds, or "never"
  metrics.py large PORT BYTES     a request with so long a header: the status
"""
import re
import socket
import sys
import time

NAME = r'[a-z_][a-z0-9_]*'
LABEL = r'(' + NAME + r')="((?:[^"\\\n]|\\\\|\\"|\\n)*)"'
SAMPLE = re.compile(r'(' + NAME + r')(?:\{(' + LABEL + r'(?:,' + LABEL +
                    r')*)\})? (-?[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?)')
BAD_UNITS = ('_milliseconds', '_ms', '_kib', '_kilobytes', '_percent')


def connect(port):
    return socket.create_connection(('127.0.0.1', port), timeout=20)


def hear(s):
    got = b''
    try:
        while True:
            part = s.recv(65536)
            if not part:
                break
            got += part
    except ConnectionResetError:
        pass
    return got


def ask(port, line):
    with connect(port) as s:
        s.sendall(line.encode() + b'\r\nHost: localhost\r\n\r\n')
        return hear(s)


def status_of(answer):
    return answer.split(b' ', 2)[1].decode() if b' ' in answer else 'none'


def page(port):
    head, body = ask(port, 'GET /metrics HTTP/1.1').split(b'\r\n\r\n', 1)
    fields = head.decode().split('\r\n')
    assert fields[0] == 'HTTP/1.1 200 OK', fields[0]
    fields = {k.lower(): v for k, v in (f.split(': ', 1) for f in fields[1:])}
    assert fields['content-type'] == \
        'text/plain; version=0.0.4; charset=utf-8', fields
    assert int(fields['content-length']) == len(body), fields
    return body.decode('utf-8')


def check_name(name, kind):
    assert name.startswith(('xen_vdc_', 'process_')), name
    assert name.endswith('_total') == (kind == 'counter'), name
    assert not name.endswith(BAD_UNITS), name
    assert not name.endswith(('_sum', '_count', '_bucket', '_info_total'))


def parse(text):
    """{sample: value}; an AssertionError says what is wrong."""
    values, seen = {}, set()
    family = kind = helped = None
    assert text.endswith('\n'), 'no end of the last line'
    for line in text[:-1].split('\n'):
        if line.startswith('# HELP '):
            helped, words = line[7:].split(' ', 1)
            assert len(words) > 3 and words.endswith('.'), line
            assert helped not in seen, 'twice: ' + helped
            seen.add(helped)
            family = None
        elif line.startswith('# TYPE '):
            family, kind = line[7:].split(' ')
            assert family == helped, line
            assert kind in ('counter', 'gauge', 'summary'), line
            check_name(family, kind)
        else:
            m = SAMPLE.fullmatch(line)
            assert m, 'not a sample: ' + line
            names = [family + '_sum', family + '_count'] \
                if kind == 'summary' else [family]
            assert family and m[1] in names, 'not of its family: ' + line
            sample = line.rsplit(' ', 1)[0]
            labels = [x[0] for x in re.findall(LABEL, m[2] or '')]
            assert len(labels) == len(set(labels)), 'label twice: ' + line
            assert sample not in values, 'twice: ' + line
            values[sample] = m[m.lastindex]
            assert kind == 'gauge' or float(values[sample]) >= 0, line
    return values


def crowd(port, n):
    kept = []
    for _ in range(n):
        try:
            kept.append(connect(port))
        except OSError:
            break
    print(status_of(ask(port, 'GET /metrics HTTP/1.1')))
    for s in kept:
        s.close()


def slow(port, seconds):
    s = connect(port)
    begun = time.time()
    while time.time() - begun < seconds:
        try:
            s.send(b'G')
            s.settimeout(1)
            if s.recv(1) == b'':
                print(int(time.time() - begun))
                return
        except socket.timeout:
            pass
        except OSError:
            print(int(time.time() - begun))
            return
    print('never')


def large(port, size):
    with connect(port) as s:
        try:
            s.sendall(b'GET /metrics HTTP/1.1\r\nX: ' + b'x' * size)
        except OSError:
            pass
        print(status_of(hear(s)))


def main():
    what, port = sys.argv[1], int(sys.argv[2])
    if what == 'page':
        text = page(port)
        parse(text)
        print(text, end='')
    elif what == 'value':
        print(parse(page(port)).get(sys.argv[3], 'none'))
    elif what == 'status':
        print(status_of(ask(port, sys.argv[3])))
    elif what == 'crowd':
        crowd(port, int(sys.argv[3]))
    elif what == 'slow':
        slow(port, int(sys.argv[3]))
    elif what == 'large':
        large(port, int(sys.argv[3]))


main()
