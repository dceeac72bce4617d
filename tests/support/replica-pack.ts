import { hashOfBlock } from '#protocol/log-manifest.ts'
import { EntryPacker } from '#replica/orbitdb/packed-entries.ts'

/** The `entries` message of the sync protocol with these entries. */
export function entriesMessage(entries: readonly Uint8Array[]): {
  readonly type: 'entries'
  readonly packed: Uint8Array
} {
  const packer = new EntryPacker()
  for (const bytes of entries) packer.add({ hash: hashOfBlock(bytes), bytes })
  return { type: 'entries', packed: packer.bytes() }
}
