/** Longest line that is read, UTF-16 units. */
const MAX_LINE = 1_048_576

/**
 * Splits chunks of text at `\n`. A line over the bound is swallowed whole and comes as `null`, so that memory stays
 * bounded and the next line is read as usual. A last line without a line break counts.
 */
export async function* readLines(chunks: AsyncIterable<string>): AsyncGenerator<string | null> {
  let rest = ''
  let isOverlong = false
  for await (const chunk of chunks) {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) {
      yield isOverlong || part.length > MAX_LINE ? null : part
      isOverlong = false
    }
    if (rest.length > MAX_LINE) {
      isOverlong = true
      rest = ''
    }
  }
  if (isOverlong) yield null
  else if (rest !== '') yield rest
}
