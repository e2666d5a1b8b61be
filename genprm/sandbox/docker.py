"""Zygotes in Docker containers: level 2 inside what a container isolates (`infra/docker/sandbox.Dockerfile`).

One long-lived container for each zygote, never one for each block: without network, with a read-only root and
nothing writable, no capabilities, no way to gain any, a user of its own, limits of processes and memory. Its zygote
is process 1 and the same as everywhere else; it connects to a socket in a folder that is mounted into the
container, because descriptors can only be passed over a Unix socket on the same kernel.

However the supervisor dies, the zygote notices by the handle it was sent and exits; when process 1 is gone, the
kernel ends all that is in the container, and the engine removes the container.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from genprm.extras import how_to_install
from genprm.sandbox.base import SandboxError
from genprm.sandbox.hosts import ENVIRONMENT, INSIDE, hung_up, zygote_arguments
from genprm.sandbox.local import LIVE_SESSIONS
from genprm.settings import SandboxSettings

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

LABEL = "genprm.sandbox"
"""Set on every container, to the process number of its supervisor."""

_DOCKERFILE = "infra/docker/sandbox.Dockerfile"
_INSIDE_THERE, _CONTROL_THERE = "/inside", "/control"
_UNPRIVILEGED = 61999
"""User id in containers that root starts. Those of another user have that user's id, so that sessions can be
killed."""

_IDLE_MB = 2048
"""Memory for the zygote and the sessions that wait for their next block (13 MB each after a few steps)."""
_OPEN_FILES = 2 * LIVE_SESSIONS + 64

_START_SECONDS = 60.0
_STOP_SECONDS = 20
_LAST_WORDS_SECONDS = 2.0
_STREAM_HEADER = struct.Struct(">BxxxL")


class DockerHost:
    """Zygotes in containers of `image`, on the Docker engine of this machine.

    Raises:
        SandboxError: no engine answers, the engine is another machine's, or it has no such image.
    """

    level = 2

    def __init__(self, image: str) -> None:
        self._client = _connect()
        self._image = image
        _require_image(self._client, image)

    def start(self, settings: SandboxSettings) -> ZygoteContainer:
        """A zygote in a container of its own.

        Raises:
            SandboxError: the engine refuses, or the zygote does not connect; the message says why.
        """
        with _engine_errors():
            return ZygoteContainer(self._client, self._image, settings)


class ZygoteContainer:
    """A container whose process 1 is a zygote."""

    def __init__(self, client: DockerClient, image: str, settings: SandboxSettings) -> None:
        user = (_UNPRIVILEGED, _UNPRIVILEGED) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
        with (
            # Gone as soon as the zygote is connected.
            tempfile.TemporaryDirectory(prefix="genprm-sandbox-") as folder,
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener,
        ):
            listener.bind(f"{folder}/socket")
            listener.listen(1)
            for path in (folder, f"{folder}/socket"):
                os.chown(path, *user)
            self._container = _create(client, image, folder, user, settings)
            try:
                self._output = _Output(self._container)
                self._container.start()
                self.control = self._accept(listener)
            except BaseException:
                _remove(self._container)
                raise

    def _accept(self, listener: socket.socket) -> socket.socket:
        while True:
            readable = _readable(_START_SECONDS, listener, self._output.socket)
            if listener in readable:
                return listener.accept()[0]
            if not readable:
                raise SandboxError(f"the zygote's container did not connect within {_START_SECONDS:g} s")
            if self._output.ended():
                raise SandboxError(f"the zygote did not start: {self._output.obituary()}")

    def problem(self) -> str | None:
        """What the container said last, once its zygote is gone; None while the zygote is there."""
        return self._output.obituary() if hung_up(self.control) else None

    def stop(self) -> None:
        """End the zygote; return when the container is removed. Idempotent."""
        self.control.close()
        self._output.close()
        with _engine_errors():
            _remove(self._container)


class _Output:
    """What a container prints until its end (a healthy zygote prints nothing)."""

    def __init__(self, container: Container) -> None:
        self._stream = container.attach_socket(params={"stdout": 1, "stderr": 1, "stream": 1})
        self.socket: socket.socket = self._stream._sock
        self.socket.setblocking(False)
        self._heard = bytearray()

    def ended(self) -> bool:
        """Whether all processes of the container that could print are gone."""
        while True:
            try:
                part = self.socket.recv(2**16)
            except BlockingIOError:
                return False
            if not part:
                return True
            self._heard += part

    def obituary(self) -> str:
        """Why a container ended: the last line that it prints, for which this waits a short time."""
        while not self.ended() and _readable(_LAST_WORDS_SECONDS, self.socket):
            pass
        lines = self._text().strip().splitlines()
        return "its container ended" + (f": {lines[-1]}" if lines else "")

    def _text(self) -> str:
        """What was heard, without the header (stream, length) that the engine puts before each part."""
        parts, at = [], 0
        while at + _STREAM_HEADER.size <= len(self._heard):
            _, length = _STREAM_HEADER.unpack_from(self._heard, at)
            at += _STREAM_HEADER.size
            parts.append(self._heard[at : at + length])
            at += length
        return b"".join(parts).decode("utf-8", "replace")

    def close(self) -> None:
        self._stream.close()
        self.socket.close()


def _readable(seconds: float, *sockets: socket.socket) -> list[socket.socket]:
    """The sockets that can be read, or end, within the time given. (`select` only knows 1024 descriptors.)"""
    poll = select.poll()
    for one in sockets:
        poll.register(one, select.POLLIN)
    events = dict(poll.poll(1000 * seconds))
    return [one for one in sockets if one.fileno() in events]


def _create(
    client: DockerClient, image: str, folder: str, user: tuple[int, int], settings: SandboxSettings
) -> Container:
    """Create the container without starting it; it removes itself when it ends."""
    from docker.types import LogConfig, Mount, Ulimit

    program, *arguments = zygote_arguments(
        "python3", _INSIDE_THERE, f"{_CONTROL_THERE}/socket", settings, DockerHost.level
    )
    memory = f"{_IDLE_MB + settings.workers * settings.memory_mb}m"
    return client.containers.create(
        image,
        entrypoint=[program],
        command=arguments,
        # The image has a PATH of its own, which leads to its interpreter.
        environment={name: value for name, value in ENVIRONMENT.items() if name != "PATH"},
        hostname="sandbox",
        working_dir="/",
        user=f"{user[0]}:{user[1]}",
        mounts=[
            Mount(_INSIDE_THERE, str(INSIDE), type="bind", read_only=True),
            Mount(_CONTROL_THERE, folder, type="bind", read_only=True),
        ],
        network_mode="none",
        ipc_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        # A session is one process; this is enough that the zygote never runs into the limit.
        pids_limit=2 * LIVE_SESSIONS + 64,
        # Unless told otherwise, a container on a busy machine gets the CPU share of one process.
        cpu_shares=1024 * settings.workers,
        mem_limit=memory,
        memswap_limit=memory,
        ulimits=[Ulimit(name="nofile", soft=_OPEN_FILES, hard=_OPEN_FILES)],
        log_config=LogConfig(type="none"),
        labels={LABEL: str(os.getpid())},
        auto_remove=True,
    )


def _remove(container: Container) -> None:
    """Kill what runs in the container; return when it is removed."""
    from docker.errors import APIError, NotFound

    with contextlib.suppress(NotFound):
        try:
            container.remove(force=True)
        except APIError as error:
            # It ended by itself, and the engine is removing it already.
            if error.status_code != 409:
                raise
        container.wait(condition="removed", timeout=_STOP_SECONDS)


def _connect() -> DockerClient:
    address = os.environ.get("DOCKER_HOST", "")
    if address and not address.startswith("unix://"):
        raise SandboxError(
            f"sandbox.docker needs the engine of this machine, got DOCKER_HOST={address} (allowed: unix://...):"
            " sessions pass descriptors, which no network carries"
        )
    try:
        import docker
    except ModuleNotFoundError:
        raise SandboxError(f"sandbox.docker needs the package docker: {how_to_install('docker')}") from None
    try:
        return docker.from_env()
    except docker.errors.DockerException as error:
        raise SandboxError(f"sandbox.docker: no Docker engine answers ({' '.join(str(error).split())})") from error


def _require_image(client: DockerClient, image: str) -> None:
    from docker.errors import ImageNotFound

    with _engine_errors():
        try:
            client.images.get(image)
        except ImageNotFound:
            raise SandboxError(
                f"sandbox.docker: the engine has no image {image!r} (docker build -f {_DOCKERFILE} -t {image} .)"
            ) from None


@contextlib.contextmanager
def _engine_errors() -> Iterator[None]:
    """Turn errors of the engine, or of the connection to it, into errors of the sandbox."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException) as error:
        raise SandboxError(f"Docker: {' '.join(str(error).split())}") from error
