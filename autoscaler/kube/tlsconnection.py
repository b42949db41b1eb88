"""One connection on a non-blocking socket, verified by TLS: it asks one question at a time and takes the answer.

A transport of the event loop keeps buffers for every connection and hands bytes on through five layers; a thousand
kubelets make that most of what scraping costs. Here the loop says only that there is something to read.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable

from autoscaler.errors import ScrapeReason
from autoscaler.kube.httpanswer import AnswerError, AnswerReader

RECORD = 16 << 10
"""A TLS record holds no more, so a read of this size leaves nothing behind in OpenSSL that the loop would not see."""
AT_ONCE = 16
"""Records read before others have their turn."""
_LATER = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError)
"""The socket has nothing, or takes nothing, for now."""


class ClosedError(Exception):
    """The peer had closed the connection before a byte of the answer came: another one may do better."""


class TlsConnection:
    """`open` until either side closes it. Made by `secured`, or of a plain socket where the peer speaks no TLS."""

    def __init__(self, tls: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._tls = tls
        self._answer: AnswerReader | None = None
        self._done: asyncio.Future[None] | None = None
        self.open = True
        self._loop.add_reader(tls, self._readable)

    async def ask(self, request: bytes, answer: AnswerReader) -> None:
        """Have `answer` read whole. ClosedError; AnswerError, after which the connection is closed, as after a
        cancellation.
        """
        self._answer, self._done = answer, self._loop.create_future()
        try:
            await self._send(request, self._done)
            await self._done
        except BaseException:
            self._done = None
            self.close()
            raise
        finally:
            self._answer = self._done = None
            if not answer.kept:
                self.close()

    async def _send(self, request: bytes, done: asyncio.Future[None]) -> None:
        """All of it, or as much as the peer takes before it answers; then the connection is not kept."""
        left = memoryview(request)
        while not done.done():
            try:
                left = left[self._tls.send(left) :]
            except _LATER:
                pass
            except OSError as exc:
                raise ClosedError(str(exc)) from exc
            if not left:
                return
            await self._writable(done)
        self.close()

    async def _writable(self, done: asyncio.Future[None]) -> None:
        """Until the socket takes more, or the answer is there."""
        ready = asyncio.Event()
        self._loop.add_writer(self._tls, ready.set)
        done.add_done_callback(lambda _: ready.set())
        try:
            await ready.wait()
        finally:
            if self.open:
                self._loop.remove_writer(self._tls)

    def close(self) -> None:
        """Close it, without a goodbye; who waits for an answer on it hears of an interruption."""
        if self.open:
            self.open = False
            self._loop.remove_reader(self._tls)
            self._loop.remove_writer(self._tls)
            self._tls.close()
        if self._done is not None and not self._done.done():
            self._done.set_exception(AnswerError(ScrapeReason.INTERRUPTED, "the connection was closed"))

    def _readable(self) -> None:
        """Take what is there."""
        answer, done = self._answer, self._done
        try:
            for _ in range(AT_ONCE):
                data = self._tls.recv(RECORD)
                if answer is None or done is None or done.done():
                    self.close()  # nobody asked: it closes, or talks out of turn
                    return
                if data:
                    answer.feed(data)
                else:
                    self._ended(answer)
                if answer.complete:
                    done.set_result(None)
                    return
        except _LATER:
            pass
        except OSError as exc:
            self._fail(answer, exc)
        except (AnswerError, ClosedError) as exc:
            self._tell(exc)

    def _ended(self, answer: AnswerReader) -> None:
        if not answer.begun:
            raise ClosedError("the connection was closed before the answer began")
        answer.closed()

    def _fail(self, answer: AnswerReader | None, error: OSError) -> None:
        if answer is None:
            self.close()
        elif not answer.begun:
            self._tell(ClosedError(str(error)))
        else:
            self._tell(AnswerError(ScrapeReason.INTERRUPTED, str(error)))

    def _tell(self, error: Exception) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(error)
        self.close()


async def connected(address: tuple[str, int], family: int) -> socket.socket:
    """A socket that is connected to an IP address; OSError.

    Not by the loop's `sock_connect`: uvloop's sends even an IP address through the threads that resolve names, where it
    waits behind every slow answer of DNS.
    """
    plain = socket.socket(family, socket.SOCK_STREAM)
    try:
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop = asyncio.get_running_loop()
        error = plain.connect_ex(address)
        if error == errno.EINPROGRESS:
            await _until(plain, loop.add_writer, loop.remove_writer)
            error = plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
    except BaseException:
        plain.close()
        raise
    return plain


async def secured(plain: socket.socket, context: ssl.SSLContext, name: str) -> TlsConnection:
    """TLS on it, its certificate verified for `name`; OSError, ssl.SSLError among them. `plain` is taken over."""
    try:
        tls = context.wrap_socket(
            plain, server_hostname=name, do_handshake_on_connect=False, suppress_ragged_eofs=False
        )
    except BaseException:
        plain.close()
        raise
    try:
        await _shake_hands(tls)
        return TlsConnection(tls)
    except BaseException:
        tls.close()
        raise


async def _shake_hands(tls: ssl.SSLSocket) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            await _until(tls, loop.add_reader, loop.remove_reader)
        except ssl.SSLWantWriteError:
            await _until(tls, loop.add_writer, loop.remove_writer)
        else:
            return


async def _until(tls: socket.socket, add: Callable[..., None], remove: Callable[..., object]) -> None:
    """Until the socket is ready."""
    ready = asyncio.Event()
    add(tls, ready.set)
    try:
        await ready.wait()
    finally:
        remove(tls)
