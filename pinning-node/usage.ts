import type { LogAddress } from '#protocol/brand.ts'

/** Bytes of entries that are held, by log. */
export interface Usage {
  /** 0 for a log that is not there. */
  bytesOf(address: LogAddress): number
  totalBytes(): number
  set(address: LogAddress, bytes: number): void
  delete(address: LogAddress): void
}

export function createUsage(): Usage {
  const bytesOfLog = new Map<LogAddress, number>()
  let total = 0
  const bytesOf = (address: LogAddress): number => bytesOfLog.get(address) ?? 0
  return {
    bytesOf,
    totalBytes: () => total,
    set(address, bytes) {
      total += bytes - bytesOf(address)
      bytesOfLog.set(address, bytes)
    },
    delete(address) {
      total -= bytesOf(address)
      bytesOfLog.delete(address)
    }
  }
}
