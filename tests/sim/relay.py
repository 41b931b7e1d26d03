#!/usr/bin/env python3
"""Relays TCP connections of 127.0.0.1, and stops them one way.

relay.py FOLDER LISTEN:TARGET...   ports

While there is a file FOLDER/LISTEN.to, nothing goes from who connected to the
target; while there is FOLDER/LISTEN.back, nothing comes back.
"""
import os
import socket
import sys
import threading
import time


def pump(source, target, stop):
    try:
        while True:
            data = source.recv(65536)
            while os.path.exists(stop):
                time.sleep(0.05)
            if not data:
                break
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(listener, port, target, folder):
    while True:
        near, _ = listener.accept()
        far = socket.socket()
        try:
            far.connect(("127.0.0.1", target))
        except OSError:
            near.close()
            continue
        for source, end, way in ((near, far, "to"), (far, near, "back")):
            threading.Thread(
                target=pump, daemon=True,
                args=(source, end, f"{folder}/{port}.{way}")).start()


def main():
    folder = sys.argv[1]
    for word in sys.argv[2:]:
        port, target = map(int, word.split(":"))
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        threading.Thread(target=serve, daemon=True,
                         args=(listener, port, target, folder)).start()
    print("relays", flush=True)
    threading.Event().wait()


main()
