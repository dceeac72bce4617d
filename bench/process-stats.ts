import { readdir, readFile, writeFile } from 'node:fs/promises'

/** What the system says of a process. Linux only. */
export interface ProcessStats {
  /** Resident memory, MB of 1,000,000 bytes. */
  readonly residentMb: number
  /** The most it was since the start, or since {@link forgetPeakMemory}, MB. */
  readonly peakMb: number
  readonly openFiles: number
}

/** @param pid - of a process of the same user. */
export async function readProcessStats(pid: number): Promise<ProcessStats> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return {
    residentMb: readMb(status, 'VmRSS'),
    peakMb: readMb(status, 'VmHWM'),
    openFiles: (await readdir(`/proc/${pid}/fd`)).length
  }
}

/** Lets the peak begin anew at what the process has now. */
export async function forgetPeakMemory(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5')
}

function readMb(status: string, field: string): number {
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
  if (kib === undefined) throw new Error(`the system does not say ${field} of a process`)
  return (Number(kib) * 1_024) / 1_000_000
}
