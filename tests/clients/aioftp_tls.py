"""aioftp over TLS: it shakes hands on a data connection before it sends the command.

Arguments: PORT explicit|implicit 1.2|1.3 CERTIFICATE.
"""

import asyncio
import pathlib
import ssl
import sys

import aioftp

PORT, MODE, VERSION, CERTIFICATE = sys.argv[1:]


async def connect():
    context = ssl.create_default_context(cafile=CERTIFICATE)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[f"TLSv{VERSION.replace('.', '_')}"]
    client = aioftp.Client(ssl=context if MODE == "implicit" else None, socket_timeout=20)
    await client.connect("127.0.0.1", int(PORT))
    if MODE == "explicit":
        await client.upgrade_to_tls(context)
    await client.login("bob", "secret")
    return client


async def main():
    client = await connect()
    source = pathlib.Path("source.bin").read_bytes()
    await client.upload("source.bin", "stored.bin", write_into=True)
    await client.download("stored.bin", "got.bin", write_into=True)
    assert pathlib.Path("got.bin").read_bytes() == source
    async with client.upload_stream("empty") as stream:
        await stream.write(b"")
    async with client.download_stream("stored.bin", offset=1000) as stream:
        assert await stream.read() == source[1000:]
    facts = await client.stat("stored.bin")
    assert (facts["type"], int(facts["size"])) == ("file", len(source)), facts
    await client.make_directory("folder/deep")
    await client.upload("tree")
    names = sorted(str(path) for path, _ in await client.list(recursive=True))
    expected = ["empty", "folder", "folder/deep", "stored.bin", "tree"]
    expected += [f"tree/{path.name}" for path in pathlib.Path("tree").iterdir()]
    assert names == sorted(expected), names
    await client.download("tree", "back", write_into=True)
    await client.remove("folder")
    await client.remove("tree")
    await client.remove_file("stored.bin")
    await client.remove_file("empty")
    assert await client.list() == []
    await client.quit()


asyncio.run(main())
