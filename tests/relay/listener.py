"""A program that receives webhooks, as a process. The path of a request says how it answers.

`python -m tests.relay.listener FOLDER` prints its port and appends a line of JSON to FOLDER/received for each request.
"""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

BIG = 10_000_000  # bytes


class Listener:
    """`seen`: how often each message came to each path."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.seen = folder, Counter[tuple[str, str]]()
        self.received = (folder / "received").open("a", buffering=1)

    async def serve(self) -> None:
        server = await asyncio.start_server(self.connection, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self.request(head.decode(), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def request(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = (await reader.readexactly(int(headers["content-length"]))).decode()
        path = first.split()[1]
        self.seen[path, headers["webhook-id"]] += 1
        self.received.write(json.dumps({"path": path, "headers": headers, "body": body}) + "\n")
        if path == "/silent":
            await asyncio.sleep(3600)
        if path == "/slow":
            while not (self.folder / "release").exists():
                await asyncio.sleep(0.05)
        writer.write(self.answer(path, headers))
        await writer.drain()

    def answer(self, path: str, headers: dict[str, str]) -> bytes:
        status, body, more = "200 OK", b"thanks", ""
        if path == "/gone":
            status = "410 Gone"
        if path == "/failing" or (path == "/flaky" and self.seen[path, headers["webhook-id"]] == 1):
            status, body = "500 Internal Server Error", b"out of order"
        if path == "/elsewhere":
            status, more = "302 Found", f"Location: http://{headers['host']}/fine\r\n"
        if path == "/big":
            body = b"x" * BIG
        return f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


if __name__ == "__main__":
    asyncio.run(Listener(Path(sys.argv[1])).serve())
