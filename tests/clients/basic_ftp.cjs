// basic-ftp over TLS. Arguments: PORT explicit|implicit 1.2|1.3 CERTIFICATE.
"use strict"

const assert = require("node:assert")
const fs = require("node:fs")
const { Client } = require("basic-ftp")

const [port, mode, version, certificate] = process.argv.slice(2)

async function main() {
    const client = new Client(20_000)
    const secureOptions = { ca: fs.readFileSync(certificate), minVersion: `TLSv${version}`, maxVersion: `TLSv${version}` }
    const secure = mode === "implicit" ? "implicit" : true
    await client.access({ host: "127.0.0.1", port: Number(port), user: "bob", password: "secret", secure, secureOptions })
    assert.strictEqual(client.ftp.socket.getProtocol(), `TLSv${version}`)

    const source = fs.readFileSync("source.bin")
    await client.uploadFrom("source.bin", "stored.bin")
    assert.strictEqual(await client.size("stored.bin"), source.length)
    await client.downloadTo("got.bin", "stored.bin")
    assert.ok(fs.readFileSync("got.bin").equals(source))
    fs.writeFileSync("part.bin", source.subarray(0, 1000))
    await client.downloadTo("part.bin", "stored.bin", 1000)
    assert.ok(fs.readFileSync("part.bin").equals(source))
    await client.appendFrom("source.bin", "stored.bin")
    assert.strictEqual(await client.size("stored.bin"), 2 * source.length)

    await client.uploadFromDir("tree", "folder/deep")
    await client.downloadToDir("back", "/folder/deep")
    await client.cd("/")
    assert.deepStrictEqual((await client.list()).map(entry => entry.name).sort(), ["folder", "stored.bin"])
    await client.removeDir("folder")
    await client.remove("stored.bin")
    assert.deepStrictEqual(await client.list(), [])
    await client.send("QUIT")
    client.close()
}

main().catch(error => {
    console.error(error)
    process.exit(1)
})
