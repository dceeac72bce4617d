import type { Namesake } from './client.ts'

/** A contact as a list shows them. */
export interface NamedContact extends Namesake {
  readonly userId: string
  readonly name: string
}

type ByName = ReadonlyMap<string, readonly NamedContact[]>

/**
 * What a name is to a hasty reader: without case, accents, width, spaces and punctuation. Letters of another script that
 * look alike are not found.
 */
export function nameKey(name: string): string {
  const folded = name.normalize('NFKD').toLowerCase()
  const bare = folded.replace(/[^\p{L}\p{N}\p{S}]/gu, '')
  return bare === '' ? folded : bare
}

/** Contacts by {@link nameKey}, in the order given. */
export function groupByName(contacts: Iterable<NamedContact>): ByName {
  return Map.groupBy(contacts, ({ name }) => nameKey(name))
}

/** The others with such a name: those under another root key. */
export function namesakesIn(
  byName: ByName,
  { userId, name }: Pick<NamedContact, 'userId' | 'name'>
): readonly Namesake[] {
  return (byName.get(nameKey(name)) ?? [])
    .filter((other) => other.userId !== userId)
    .map(({ conversation, isVerified }) => ({ conversation, isVerified }))
}
