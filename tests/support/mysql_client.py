"""A MySQL client of a few lines, for what drivers never send."""

from __future__ import annotations

import socket
import struct
from types import TracebackType

QUERY, PREPARE, EXECUTE, CLOSE, PING, RESET = b"\x03", b"\x16", b"\x17", b"\x19", b"\x0e", b"\x1f"
_LONG_PASSWORD, _PROTOCOL_41, _TRANSACTIONS, _SECURE, _PLUGIN_AUTH = 0x1, 0x200, 0x2000, 0x8000, 0x80000
_OK, _EOF, _ERROR, _NULL = 0x00, 0xFE, 0xFF, 0xFB


class Error(Exception):
    """code: MySQL's number."""

    def __init__(self, payload: bytes) -> None:
        self.code = struct.unpack_from("<H", payload, 1)[0]
        self.message = payload[3:].decode("utf-8", "replace")
        super().__init__(self.code, self.message)


class MySQLClient:
    """Logs in as an account without a password, whatever its plugin is.

    capabilities: those that it has besides.
    """

    def __init__(self, port: int, user: str = "root", database: str = "", capabilities: int = 0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.socket.settimeout(20)
        try:
            self.greeting = self.read()
            if self.greeting[0] == _ERROR:
                raise Error(self.greeting)
            asked = _LONG_PASSWORD | _PROTOCOL_41 | _TRANSACTIONS | _SECURE | _PLUGIN_AUTH | capabilities
            asked |= 0x8 if database else 0
            names = user.encode() + b"\0\0" + (database.encode() + b"\0" if database else b"")
            self.send(struct.pack("<IIB23x", asked, 2**24, 45) + names + b"mysql_native_password\0", 1)
            while True:
                answer = self.read()
                if answer[0] == _ERROR:
                    raise Error(answer)
                if answer[0] == _OK:
                    break
                if answer[0] == _EOF:  # another plugin: no password is none for each of them
                    self.send(b"" if answer.startswith(b"\xfemysql_native") else b"\0", self.sequence + 1)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> MySQLClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, payload: bytes, sequence: int = 0) -> None:
        self.socket.sendall(packet(payload, sequence))

    def read(self) -> bytes:
        """The next packet's payload. Raises EOFError if the server has closed."""
        header = self._exactly(4)
        self.sequence = header[3]
        return self._exactly(int.from_bytes(header[:3], "little"))

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def query(self, text: str | bytes) -> list[tuple[str | None, ...]] | str:
        """Rows, or what an OK says."""
        self.send(QUERY + (text.encode() if isinstance(text, str) else text))
        return self.answer()

    def answer(self) -> list[tuple[str | None, ...]] | str:
        first = self.read()
        if first[0] == _ERROR:
            raise Error(first)
        if first[0] == _OK:
            return first[7:].decode("utf-8", "replace")
        columns = [self.read() for _ in range(first[0])]
        assert self.read()[0] == _EOF
        rows = []
        while (row := self.read())[0] != _EOF or len(row) > 8:
            if row[0] == _ERROR:
                raise Error(row)
            rows.append(_texts(row, len(columns)))
        return rows

    def prepare(self, text: str) -> int:
        """The id."""
        self.send(PREPARE + text.encode())
        answer = self.read()
        if answer[0] == _ERROR:
            raise Error(answer)
        number, columns, parameters = struct.unpack_from("<IHH", answer, 1)
        for count in (parameters, columns):
            if count:
                assert [self.read() for _ in range(count + 1)]
        return int(number)

    def execute(self, number: int) -> list[bytes]:
        """Rows as they come: binary."""
        self.send(EXECUTE + struct.pack("<IBI", number, 0, 1))
        first = self.read()
        if first[0] == _ERROR:
            raise Error(first)
        if first[0] == _OK:
            return [first]
        for _ in range(first[0] + 1):
            self.read()
        rows = []
        while (row := self.read())[0] != _EOF:
            if row[0] == _ERROR:
                raise Error(row)
            rows.append(row)
        return rows


def packet(payload: bytes, sequence: int = 0) -> bytes:
    return struct.pack("<I", len(payload) | (sequence & 0xFF) << 24) + payload


def _texts(row: bytes, count: int) -> tuple[str | None, ...]:
    values: list[str | None] = []
    position = 0
    for _ in range(count):
        length = row[position]
        position += 1
        if length == _NULL:
            values.append(None)
            continue
        if length > 250:
            size = {0xFC: 2, 0xFD: 3, 0xFE: 8}[length]
            length = int.from_bytes(row[position : position + size], "little")
            position += size
        values.append(row[position : position + length].decode("utf-8", "replace"))
        position += length
    return tuple(values)
