import type { PlainBytes, SealedBytes } from '#protocol/brand.ts'
import type { SealedLog } from '#replica/sealed-log.ts'

/** Never called: the type checker is the test. It fails on an expected error that does not come. */
export function onlySealedBytesReachALog(log: SealedLog): void {
  const sealed: SealedBytes = anything()
  const plain: PlainBytes = anything()
  const unchecked: Uint8Array = anything()

  void log.append(sealed)
  // @ts-expect-error -- an encoded message is not sealed
  void log.append(plain)
  // @ts-expect-error -- bytes of unknown origin are not sealed
  void log.append(unchecked)

  void log.sendLive(sealed)
  // @ts-expect-error -- presence is sealed like everything else
  void log.sendLive(plain)
}

declare function anything(): never
