import { appendFile, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** @see https://github.com/google/leveldb/blob/main/doc/log_format.md */
const BLOCK_BYTES = 32_768
const HEADER_BYTES = 7
const [FULL, FIRST, MIDDLE] = [1, 2, 3]
/** The header of a whole record of 500 bytes, of which nothing follows: LevelDB writes the two one after the other. */
const HALF_RECORD = Uint8Array.of(1, 2, 3, 4, 500 & 0xff, 500 >> 8, FULL)

/** The end of the newest write-ahead log in a LevelDB folder: `half` when a writer died in the middle of a record. */
export async function readLogEnd(folder: string): Promise<'whole' | 'half'> {
  return endOf(await readFile(await newestLog(folder)))
}

/** Leaves what a kill in the middle of a write leaves. The log must end whole, and nobody may have it open. */
export async function leaveHalfRecord(folder: string): Promise<void> {
  const path = await newestLog(folder)
  const left = BLOCK_BYTES - ((await stat(path)).size % BLOCK_BYTES)
  if (left < HEADER_BYTES) await appendFile(path, new Uint8Array(left))
  await appendFile(path, HALF_RECORD)
}

/** @param log - its records are good, except perhaps the last. */
export function endOf(log: Uint8Array): 'whole' | 'half' {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength)
  let at = 0
  let isInside = false
  while (at < log.byteLength) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES)
    if (left < HEADER_BYTES) {
      at += left // too small for a header, filled up with zeros
      continue
    }
    if (at + HEADER_BYTES > log.byteLength) return 'half'
    const type = view.getUint8(at + 6)
    isInside = type === FIRST || type === MIDDLE
    at += HEADER_BYTES + view.getUint16(at + 4, true)
    if (at > log.byteLength) return 'half'
  }
  return isInside ? 'half' : 'whole'
}

async function newestLog(folder: string): Promise<string> {
  const logs = (await readdir(folder)).filter((name) => name.endsWith('.log')).sort()
  const newest = logs.at(-1)
  if (newest === undefined) throw new Error('the folder has no write-ahead log')
  return join(folder, newest)
}
