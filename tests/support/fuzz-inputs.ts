import * as dagCbor from '@ipld/dag-cbor'
import fc from 'fast-check'

type Value =
  null | boolean | number | bigint | string | Uint8Array | Value[] | { [key: string]: Value }

/** Names that mean something to an object in JavaScript, beside any text. */
const anyName = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', 'length', 'v', 'type', '')
  }
)

/** Values of CBOR, the extremes more often than the middle. */
const anyValue: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom<Value>(null, true, false, 0, -1, 1, 2 ** 32, 2 ** 53 - 1, -(2 ** 53 - 1), ''),
    fc.integer(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: 'binary', maxLength: 70 }),
    fc.uint8Array({ maxLength: 80 }),
    fc.array(tie('value'), { maxLength: 6 }),
    fc
      .array(fc.tuple(anyName, tie('value')), { maxLength: 6 })
      .map((pairs) => Object.fromEntries(pairs))
  )
})).value

/** One value nested in thousands of lists, maps or tags: what a recursive reader dies of. */
const anyAbyss = fc
  .tuple(
    fc.constantFrom([0x81], [0xa1, 0x61, 0x61], [0x9f], [0xd8, 0x2a], [0x9b, 0xff, 0xff]),
    fc.integer({ min: 1, max: 4_000 })
  )
  .map(([level, depth]) =>
    Uint8Array.from({ length: level.length * depth }, (_, at) => level[at % level.length] ?? 0)
  )

type Edit = (bytes: Uint8Array, other: Uint8Array) => Uint8Array

const anyEdit: fc.Arbitrary<Edit> = fc
  .record({
    kind: fc.constantFrom('flip', 'set', 'cut', 'end', 'insert', 'repeat', 'splice'),
    at: fc.nat(65_535),
    length: fc.integer({ min: 1, max: 64 }),
    byte: fc.oneof(
      fc.nat(255),
      fc.constantFrom(0, 0x1b, 0x3b, 0x5b, 0x7b, 0x80, 0x9f, 0xbf, 0xd8, 0xf6, 0xf7, 0xfb, 0xff)
    )
  })
  .map(({ kind, at, length, byte }): Edit => (bytes, other) => {
    const start = bytes.byteLength === 0 ? 0 : at % bytes.byteLength
    const head = bytes.subarray(0, start)
    const tail = bytes.subarray(start)
    switch (kind) {
      case 'flip':
        return join(head, Uint8Array.of((bytes[start] ?? 0) ^ (1 << (byte % 8))), tail.subarray(1))
      case 'set':
        return join(head, Uint8Array.of(byte), tail.subarray(1))
      case 'cut':
        return join(head, tail.subarray(length))
      case 'end':
        return head
      case 'insert':
        return join(head, new Uint8Array(length).fill(byte), tail)
      case 'repeat':
        return join(head, tail.subarray(0, length), tail)
      case 'splice':
        return join(
          head,
          other.subarray(other.byteLength === 0 ? 0 : (at + length) % other.byteLength)
        )
    }
  })

/** Valid bytes with a few places changed. */
function anyDamaged(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const anySample = fc.constantFrom(...samples)
  return fc
    .tuple(anySample, anySample, fc.array(anyEdit, { minLength: 1, maxLength: 5 }))
    .map(([sample, other, edits]) => edits.reduce((bytes, edit) => edit(bytes, other), sample))
}

type Change = (value: Value) => Value | undefined

const anyChange: fc.Arbitrary<Change> = fc.oneof(
  anyValue.map(
    (value): Change =>
      () =>
        value
  ),
  fc.constant<Change>(() => undefined),
  fc.tuple(anyName, anyValue).map(([name, added]): Change => (value) => {
    if (Array.isArray(value)) return [...value, added]
    if (isMap(value)) return Object.fromEntries([...Object.entries(value), [name, added]])
    return added
  }),
  fc.integer({ min: 1, max: 3_000 }).map((count): Change => (value) => {
    if (Array.isArray(value)) {
      const [first = null] = value
      return Array.from({ length: count }, () => first)
    }
    if (typeof value === 'string') return value.repeat(Math.ceil(count / 100))
    return typeof value === 'number' ? value * count : value
  })
)

/** A valid value with one part changed, and encoded anew: what passes the outermost checks. */
export function anyAltered(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const anyChanges = fc.array(fc.tuple(fc.array(fc.nat(20), { maxLength: 4 }), anyChange), {
    minLength: 1,
    maxLength: 2
  })
  return fc
    .tuple(fc.constantFrom(...samples), anyChanges, anyEdit)
    .map(([sample, changes, edit]) => {
      try {
        let value: Value | undefined = dagCbor.decode<Value>(sample)
        for (const [path, change] of changes) value = alter(value ?? null, path, change)
        return dagCbor.encode(value ?? null)
      } catch {
        // Not CBOR, or what came out cannot be encoded.
        return edit(sample, sample)
      }
    })
}

/** The mixture for a decoder whose valid inputs are `samples`. */
export function anyBytesLike(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    { weight: 8, arbitrary: anyDamaged(samples) },
    { weight: 8, arbitrary: anyAltered(samples) },
    { weight: 2, arbitrary: anyValue.map((value) => dagCbor.encode(value)) },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    { weight: 1, arbitrary: anyAbyss },
    { weight: 1, arbitrary: fc.constantFrom(...samples) }
  )
}

/** The mixture for a reader of text. */
export function anyTextLike(samples: readonly string[]): fc.Arbitrary<string> {
  const encoded = samples.map((sample) => new TextEncoder().encode(sample))
  return fc.oneof(
    { weight: 8, arbitrary: anyDamaged(encoded).map((bytes) => new TextDecoder().decode(bytes)) },
    { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
    { weight: 1, arbitrary: fc.constantFrom(...samples) }
  )
}

/** `bytes` in chunks, cut anywhere. */
export function anyChunksOf(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<readonly Uint8Array[]> {
  return fc.tuple(bytes, fc.array(fc.nat(65_535), { maxLength: 6 })).map(([whole, cuts]) => {
    const places = [0, ...cuts.map((cut) => cut % (whole.byteLength + 1)), whole.byteLength]
    places.sort((a, b) => a - b)
    return places.slice(1).map((end, index) => whole.subarray(places[index], end))
  })
}

/** Walks down lists, maps, and byte strings that are CBOR themselves. */
function alter(value: Value, path: readonly number[], change: Change): Value | undefined {
  const [step, ...rest] = path
  if (step === undefined) return change(value)
  if (Array.isArray(value)) {
    if (value.length === 0) return change(value)
    const at = step % value.length
    return value.flatMap((item, index) => {
      if (index !== at) return [item]
      const altered = alter(item, rest, change)
      return altered === undefined ? [] : [altered]
    })
  }
  if (isMap(value)) {
    const entries = Object.entries(value)
    if (entries.length === 0) return change(value)
    const at = step % entries.length
    return Object.fromEntries(
      entries.flatMap(([name, item], index) => {
        if (index !== at) return [[name, item] as const]
        const altered = alter(item, rest, change)
        return altered === undefined ? [] : [[name, altered] as const]
      })
    )
  }
  if (value instanceof Uint8Array) {
    try {
      return dagCbor.encode(alter(dagCbor.decode<Value>(value), path, change) ?? null)
    } catch {
      return change(value)
    }
  }
  return change(value)
}

function isMap(value: Value): value is { [key: string]: Value } {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.byteLength
  }
  return whole
}
