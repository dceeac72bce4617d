/** Reading parsed JSON of unknown shape: what is not as expected is `undefined`. */

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value under own keys, one inside the other. */
export function at(value: unknown, ...keys: readonly string[]): unknown {
  let found = value
  for (const key of keys) {
    if (!isMap(found) || !Object.hasOwn(found, key)) return undefined
    found = found[key]
  }
  return found
}

export function textAt(value: unknown, ...keys: readonly string[]): string | undefined {
  const found = at(value, ...keys)
  return typeof found === 'string' ? found : undefined
}

export function listAt(value: unknown, ...keys: readonly string[]): readonly unknown[] {
  const found = at(value, ...keys)
  return Array.isArray(found) ? found : []
}

/** A time as a number or as decimal digits, times `unitMs`; `undefined` when it is no time that a `Date` can hold. */
export function timeAt(
  value: unknown,
  unitMs: number,
  ...keys: readonly string[]
): number | undefined {
  const found = at(value, ...keys)
  const number = typeof found === 'string' && /^\d{1,16}$/.test(found) ? Number(found) : found
  if (typeof number !== 'number') return undefined
  return validTime(number * unitMs)
}

/** @returns whole milliseconds, or `undefined` when a `Date` after 1970 cannot hold it. */
export function validTime(ms: number): number | undefined {
  const whole = Math.trunc(ms)
  return whole >= 0 && whole <= 8.64e15 ? whole : undefined
}

/** A name or number that tells somebody apart: text, or a number as text. */
export function idAt(value: unknown, ...keys: readonly string[]): string | undefined {
  const found = at(value, ...keys)
  return typeof found === 'string' ? found : typeof found === 'number' ? String(found) : undefined
}
