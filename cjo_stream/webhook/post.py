"""Requests to endpoints, and their answers, in a thread with an event loop of its own.

Each endpoint has connections of its own, so one that does not answer keeps nobody waiting but
itself. Redirects are not followed: a signed command goes to the address that the operator wrote.
"""

from __future__ import annotations

import asyncio
import functools
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver

from cjo_stream import __version__
from cjo_stream.webhook.answer import BODY_BYTES_MAX, Answer
from cjo_stream.webhook.backlog import Command
from cjo_stream.webhook.endpoint import Endpoint, is_public
from cjo_stream.webhook.signature import headers

LOOKUPS: Final = 4
"""Threads for names of hosts, for each endpoint: a name server may hang."""
CLOSE_WITHIN_S: Final = 2.0
_HEADERS: Final = {
    "content-type": "application/json",
    "accept": "application/json",
    # What is not packed cannot grow.
    "accept-encoding": "identity",
    "user-agent": f"cjo-stream/{__version__}",
}


class Answered(NamedTuple):
    """An answer, and whose it is."""

    channel: str
    command: Command
    answer: Answer


class PublicResolver(ThreadedResolver):
    """Looks names up, and keeps public addresses alone; the connection goes to one of those."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the public addresses of a host."""
        found = await super().resolve(host, port, family)
        public = [one for one in found if is_public(one["host"])]
        if not public:
            raise OSError(None, "its host has no public address: allow `addresses: any`")
        return public


class Poster:
    """Posts commands; `post` and `take` are for one thread, the requests run in another."""

    def __init__(self, endpoints: Sequence[Endpoint], wall: Callable[[], float] = time.time):
        self._endpoints = {one.channel: one for one in endpoints}
        self._wall = wall
        self._answers: queue.SimpleQueue[Answered] = queue.SimpleQueue()
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._tasks: dict[asyncio.Task[Answer], Command] = {}
        self._broken_off: set[asyncio.Task[Answer]] = set()
        self._loop = asyncio.new_event_loop()
        lookups = ThreadPoolExecutor(LOOKUPS * len(endpoints), "lookup")
        self._loop.set_default_executor(lookups)
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    @property
    def lives(self) -> bool:
        """Return whether requests are made."""
        return self._thread.is_alive()

    def post(self, channel: str, command: Command) -> None:
        """Post a command; its answer comes out of `take`."""
        self._loop.call_soon_threadsafe(self._begin, channel, command)

    def break_off(self, command: Command) -> None:
        """End the request of a command, if it is on its way; `take` has that, too."""
        if self.lives:
            self._loop.call_soon_threadsafe(self._break_off, command)

    def take(self, wait_s: float = 0.0) -> list[Answered]:
        """Return the answers that came; waits so long for the first."""
        found = []
        try:
            found.append(self._answers.get(timeout=wait_s) if wait_s else self._answers.get(False))
            while True:
                found.append(self._answers.get(False))
        except queue.Empty:
            return found

    def close(self) -> None:
        """Break off what is on its way, and end the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_WITHIN_S)

    # --- in the thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._end())
            self._loop.close()

    async def _end(self) -> None:
        for task in self._tasks:
            self._cancel(task)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for session in self._sessions.values():
            await session.close()

    def _begin(self, channel: str, command: Command) -> None:
        began_s = time.monotonic()
        task = self._loop.create_task(self._ask(self._endpoints[channel], command, began_s))
        self._tasks[task] = command
        # Not at the end of `_ask`: a task that is cancelled before it has begun never comes there.
        task.add_done_callback(functools.partial(self._answer, channel, began_s))

    def _break_off(self, command: Command) -> None:
        for task, one in self._tasks.items():
            if one is command:
                self._cancel(task)

    def _cancel(self, task: asyncio.Task[Answer]) -> None:
        self._broken_off.add(task)
        task.cancel()

    def _answer(self, channel: str, began_s: float, task: asyncio.Task[Answer]) -> None:
        """Hand the answer of a request that has ended over to `take`."""
        command = self._tasks.pop(task)
        if task.cancelled():
            why = "no answer: its request was cancelled"
            answer = Answer(time.monotonic() - began_s, why=why)
        else:
            answer = task.result()
        if task in self._broken_off:
            self._broken_off.discard(task)
            answer = answer._replace(is_broken_off=answer.status is None)
        self._answers.put(Answered(channel, command, answer))

    async def _ask(self, endpoint: Endpoint, command: Command, began_s: float) -> Answer:
        try:
            status, retry_after, body = await self._request(endpoint, command)
        except TimeoutError:
            why = f"no answer within {endpoint.timeout_s:g} s"
            return Answer(time.monotonic() - began_s, why=why)
        except Exception as error:
            # Whatever it is: a command without an answer would hold its customer for good.
            why = f"no answer: {str(error) or type(error).__name__}"
            return Answer(time.monotonic() - began_s, why=why)
        return Answer(time.monotonic() - began_s, status, retry_after, body)

    async def _request(
        self, endpoint: Endpoint, command: Command
    ) -> tuple[int, str | None, bytes]:
        signed = headers(endpoint.secrets, command.action_id, int(self._wall()), command.body)
        session = self._session(endpoint)
        async with session.post(
            endpoint.url,
            data=command.body,
            headers={**command.trace, **signed},
            allow_redirects=False,
        ) as response:
            body = b""
            if 200 <= response.status < 300:
                body = await _read(response)
            return response.status, response.headers.get("retry-after"), body

    def _session(self, endpoint: Endpoint) -> aiohttp.ClientSession:
        session = self._sessions.get(endpoint.channel)
        if session is None:
            resolver = PublicResolver() if endpoint.is_public else ThreadedResolver()
            connector = aiohttp.TCPConnector(
                limit=endpoint.limits.parallel, ssl=endpoint.tls, resolver=resolver
            )
            session = self._sessions[endpoint.channel] = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=endpoint.timeout_s),
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body; nothing if it is too long, and then no more of it is read."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(8_192):
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            response.close()
            return b""
    return bytes(body)
