import { createServer, connect, type Socket } from 'node:net'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Every form in which a marker could leak: raw, hex, base64 and base64url at all three alignments, CBOR text. */
export function encodingsOf(marker: string): ReadonlyMap<string, Buffer> {
  const bytes = Buffer.from(marker, 'utf8')
  const forms = new Map<string, Buffer>([
    ['utf-8', bytes],
    ['utf-16', Buffer.from(marker, 'utf16le')],
    ['hex', Buffer.from(bytes.toString('hex'))],
    ['HEX', Buffer.from(bytes.toString('hex').toUpperCase())],
    ['cbor', Buffer.concat([cborTextHead(bytes.length), bytes])]
  ])
  for (let shift = 0; shift < 3; shift++) {
    for (const encoding of ['base64', 'base64url'] as const) {
      const text = Buffer.concat([Buffer.alloc(shift), bytes])
        .toString(encoding)
        .replace(/=+$/, '')
      // The first and the last characters depend on what stands around the marker.
      const inner = text.slice(shift === 0 ? 0 : shift + 1, -2)
      forms.set(`${encoding}+${shift}`, Buffer.from(inner))
    }
  }
  return forms
}

/** Names of the encodings of `marker` that occur in `haystack`. */
export function findMarker(haystack: Buffer, marker: string): string[] {
  return [...encodingsOf(marker)]
    .filter(([, form]) => haystack.includes(form))
    .map(([name]) => name)
}

/** All bytes of all files under `folder`, with their names. */
export async function readFolder(folder: string): Promise<Buffer> {
  const parts: Buffer[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    parts.push(Buffer.from(entry.name))
    if (entry.isFile()) parts.push(await readFile(join(entry.parentPath, entry.name)))
  }
  return Buffer.concat(parts)
}

export interface RecordingProxy extends AsyncDisposable {
  readonly port: number
  /** Every byte that passed, of all connections and both directions, each direction in one piece. */
  recorded(): Buffer
}

/** Stands between browsers and a node, and writes down what passes. */
export async function recordTraffic(targetPort: number): Promise<RecordingProxy> {
  const streams: Buffer[][] = []
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const node = connect(targetPort, '127.0.0.1')
    for (const [from, to] of [
      [client, node],
      [node, client]
    ] as const) {
      const chunks: Buffer[] = []
      streams.push(chunks)
      sockets.add(from)
      from.on('data', (chunk: Buffer) => chunks.push(chunk))
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('proxy has no TCP port')
  return {
    port: address.port,
    recorded: () => Buffer.concat(streams.map((chunks) => Buffer.concat(chunks))),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

function cborTextHead(length: number): Buffer {
  return length < 24 ? Buffer.of(0x60 + length) : Buffer.of(0x78, length)
}
