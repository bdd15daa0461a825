"""A copy of much by asyncpg. python asyncpg_bulk.py FROM TO: the file FROM into the table bulk, and that into TO."""

import asyncio
import sys

import asyncpg


async def main():
    connection = await asyncpg.connect()
    await connection.copy_to_table("bulk", source=sys.argv[1])
    await connection.copy_from_table("bulk", output=sys.argv[2])
    await connection.close()


asyncio.run(main())
