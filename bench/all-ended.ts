/**
 * Waits until every work has ended, even when one fails, so that nothing is left running that nobody disposes of.
 *
 * @throws what the first one that failed threw.
 */
export async function allEnded<T extends readonly Promise<unknown>[] | []>(
  works: T
): Promise<{ -readonly [Index in keyof T]: Awaited<T[Index]> }> {
  await Promise.allSettled(works)
  return Promise.all(works)
}
