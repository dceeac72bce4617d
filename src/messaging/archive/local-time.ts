import type { ArchiveComponents } from './archive.ts'
import { validTime } from './json-fields.ts'

const ISO =
  /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?$/

/** Fields of a time of day on a calendar day; the month is 1..12. */
export interface LocalTime {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
}

/** @returns Unix ms, or `undefined` when there is no such day or time. */
export function localTimeMs(components: ArchiveComponents, time: LocalTime): number | undefined {
  const { year, month, day, hour, minute, second } = time
  const isTime = hour <= 23 && minute <= 59 && second <= 59
  const isDay = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)
  return isTime && isDay
    ? validTime(components.localTimeMs(year, month, day, hour, minute, second))
    : undefined
}

/** Reads ISO 8601 as exports write it: in the zone of this device where the text names none. */
export function isoTimeMs(components: ArchiveComponents, text: string): number | undefined {
  const match = ISO.exec(text)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number)
  const zone = match[7]
  if (zone === undefined)
    return localTimeMs(components, {
      year,
      month,
      day,
      hour,
      minute,
      second: Number.isNaN(second) ? 0 : second
    })
  const parsed = Date.parse(text.replace(' ', 'T').replace(/([+-]\d{2})(\d{2})$/, '$1:$2'))
  return Number.isNaN(parsed) ? undefined : validTime(parsed)
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate()
}
