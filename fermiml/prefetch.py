"""Work ahead: items are made by a thread while the earlier ones are used."""

import queue
import threading


def ahead(items, count):
    """Yield the items of an iterable, up to `count` of them made before they are requested."""
    waiting, end = queue.Queue(count), object()
    stop = threading.Event()

    def put(item):
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.2)
            except queue.Full:
                continue
            break

    def fill():
        try:
            for item in items:
                put(item)
                if stop.is_set():
                    return
            put(end)
        except BaseException as error:  # handed over: it belongs to who takes the items
            put(error)

    threading.Thread(target=fill, daemon=True).start()
    try:
        while (item := waiting.get()) is not end:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
