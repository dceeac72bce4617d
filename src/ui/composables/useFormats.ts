import { useNow } from '@vueuse/core'
import { computed } from 'vue'
import { useWords } from './useWords.ts'

const DAY_MS = 86_400_000

/** Dates, times and amounts in the reader's language; "today" moves on at midnight. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types
export function useFormats() {
  const { t, locale } = useWords()
  const now = useNow({ interval: 30_000 })

  const formats = computed(() => ({
    time: new Intl.DateTimeFormat(locale.value, { timeStyle: 'short' }),
    weekday: new Intl.DateTimeFormat(locale.value, { weekday: 'short' }),
    shortDay: new Intl.DateTimeFormat(locale.value, { day: 'numeric', month: 'short' }),
    longDay: new Intl.DateTimeFormat(locale.value, {
      weekday: 'long',
      day: 'numeric',
      month: 'long'
    }),
    year: new Intl.DateTimeFormat(locale.value, { day: 'numeric', month: 'long', year: 'numeric' }),
    moment: new Intl.DateTimeFormat(locale.value, { dateStyle: 'medium', timeStyle: 'short' }),
    relative: new Intl.RelativeTimeFormat(locale.value, { numeric: 'auto', style: 'short' })
  }))

  function daysAgo(ms: number): number {
    return Math.round((startOfDay(now.value.getTime()) - startOfDay(ms)) / DAY_MS)
  }

  /** `14:05` */
  function time(ms: number): string {
    return formats.value.time.format(ms)
  }

  /** Time today, then the weekday, then the date: for the list. */
  function brief(ms: number): string {
    const days = daysAgo(ms)
    if (days <= 0) return time(ms)
    if (days === 1) return t('common.yesterday')
    return days < 7 ? formats.value.weekday.format(ms) : formats.value.shortDay.format(ms)
  }

  /** The heading of one day of messages. */
  function day(ms: number): string {
    const days = daysAgo(ms)
    if (days === 0) return t('common.today')
    if (days === 1) return t('common.yesterday')
    const isThisYear = new Date(ms).getFullYear() === now.value.getFullYear()
    return (isThisYear ? formats.value.longDay : formats.value.year).format(ms)
  }

  /** Date and time in full. */
  function moment(ms: number): string {
    return formats.value.moment.format(ms)
  }

  /** `in 5 min`, `2 hr. ago` */
  function relative(ms: number): string {
    const seconds = Math.round((ms - now.value.getTime()) / 1000)
    if (Math.abs(seconds) < 60) return formats.value.relative.format(seconds, 'second')
    if (Math.abs(seconds) < 3600)
      return formats.value.relative.format(Math.round(seconds / 60), 'minute')
    return formats.value.relative.format(Math.round(seconds / 3600), 'hour')
  }

  /** `1.5 MB` */
  function bytes(amount: number): string {
    const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const
    const power = Math.min(units.length - 1, amount < 1 ? 0 : Math.floor(Math.log10(amount) / 3))
    return new Intl.NumberFormat(locale.value, {
      style: 'unit',
      unit: units[power] ?? 'byte',
      unitDisplay: 'short',
      maximumFractionDigits: power < 2 ? 0 : 1
    }).format(amount / 1000 ** power)
  }

  return { time, brief, day, moment, relative, bytes }
}

/** Unix ms of the local midnight before `ms`. */
export function startOfDay(ms: number): number {
  const date = new Date(ms)
  date.setHours(0, 0, 0, 0)
  return date.getTime()
}
