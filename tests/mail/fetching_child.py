"""A contactd's mailbox alone in a process, so that it can die. Arguments: DSN, port, user, folder for large mails."""

import asyncio
import os
import sys
from pathlib import Path

from contactd.engine import fault
from contactd.store.journal import open_pool
from tests.mail import boxes


async def main(dsn: str, port: str, name: str, folder: str) -> None:
    class Server:
        pass

    server = Server()
    server.port = int(port)  # type: ignore[attr-defined]
    pool = await open_pool(dsn)
    reached = fault.points(os.environ.get("CONTACTD_FAULT", ""))
    one = boxes.section(server, name)  # type: ignore[arg-type]
    await boxes.fetcher(pool, name, one, Path(folder), reached=reached).run()


asyncio.run(main(*sys.argv[1:]))
