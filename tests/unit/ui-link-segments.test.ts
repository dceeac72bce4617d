import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitLinks } from '#ui/link-segments.ts'

const links = (text: string) =>
  splitLinks(text).flatMap((segment) => (segment.kind === 'link' ? [segment.href] : []))

describe('links in messages', () => {
  it('no character of a message is lost, added or moved', () => {
    const pieces = fc.array(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 20 }),
        fc.webUrl(),
        fc.constantFrom('https://', '(', ')', '.', ' ')
      )
    )
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = parts.join('')
        expect(
          splitLinks(text)
            .map((segment) => segment.text)
            .join('')
        ).toBe(text)
      })
    )
  })

  it('every link is http or https without credentials', () => {
    const scheme = fc.constantFrom(
      'javascript:',
      'data:',
      'https://',
      'http://',
      'https://user:pass@',
      'HTTPS://',
      'file:///',
      'vbscript:'
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(scheme, fc.string())), (parts) => {
        for (const href of links(parts.map(([a, b]) => a + b).join(' '))) {
          const url = new URL(href)
          expect(['http:', 'https:']).toContain(url.protocol)
          expect(url.username + url.password).toBe('')
        }
      })
    )
  })

  it('the punctuation of the sentence stays outside', () => {
    expect(
      links('See https://example.org/a. (Or https://example.org/b_(c)), “https://example.org/d”!')
    ).toEqual(['https://example.org/a', 'https://example.org/b_(c)', 'https://example.org/d'])
  })

  it('a link ends at a character that could turn its reading direction', () => {
    expect(links('https://example.org/\u202Egpj.exe')).toEqual(['https://example.org/'])
    expect(links('https://exam\u200Bple.org')).toEqual(['https://exam/'])
  })

  it('what is no address stays text', () => {
    expect(
      links('https:// http://[ xhttps://a.example www.example.org javascript:alert(1)')
    ).toEqual([])
  })
})
