import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openUiPreview } from '#tests/support/ui-preview-app.ts'
import type { UiPreview } from '#tests/support/ui-preview-app.ts'
import { MATCHING_CODE } from '#tests/support/ui-fake-client.ts'

const OWN_CODE = /^deaddrop-safety:gwFYIAAB/

async function openVerification(page: Page): Promise<void> {
  await page.getByRole('link', { name: /^Bob/ }).first().click()
  await page.getByRole('button', { name: 'Verification: not verified' }).click()
  await page.getByRole('heading', { name: 'Safety number' }).waitFor()
}

async function paste(page: Page, code: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Paste the code of Bob' }).fill(code)
  await page.getByRole('button', { name: 'Check code' }).click()
}

/** Runs in the page: a camera whose picture is a canvas, and a detector that reads `code` on the third look, or never. */
function pretendCamera(code: string): void {
  const canvas = document.createElement('canvas')
  const getUserMedia = async (): Promise<MediaStream> => {
    canvas.getContext('2d')?.fillRect(0, 0, canvas.width, canvas.height)
    const stream = canvas.captureStream(10)
    Object.assign(window, { pretendedTracks: stream.getTracks() })
    return stream
  }
  Object.assign(navigator.mediaDevices, { getUserMedia })
  let looks = 0
  class Detector {
    static getSupportedFormats = async (): Promise<string[]> => ['qr_code']
    detect = async (): Promise<{ rawValue: string }[]> =>
      ++looks < 3 || code === '' ? [] : [{ rawValue: code }]
  }
  Object.assign(window, { BarcodeDetector: Detector })
}

function liveTracks(page: Page): Promise<number> {
  return page.evaluate(() => {
    const tracks = (Reflect.get(window, 'pretendedTracks') ?? []) as MediaStreamTrack[] // set by pretendCamera
    return tracks.filter((track) => track.readyState === 'live').length
  })
}

describe('verifying a contact', () => {
  let ui: UiPreview

  beforeAll(async () => {
    ui = await openUiPreview()
  })
  afterAll(() => ui[Symbol.asyncDispose]())

  it('shows 12 groups of five digits, 16 words and a code', async () => {
    const page = await ui.open('full')
    await openVerification(page)
    const number = page.getByRole('list', { name: 'Safety number' }).getByRole('listitem')
    expect(await number.allInnerTexts()).toHaveLength(12)
    expect((await number.allInnerTexts()).every((group) => /^\d{5}$/.test(group))).toBe(true)
    const words = page.getByRole('list', { name: 'Safety words' }).getByRole('listitem')
    expect(await words.count()).toBe(16)
    await page.getByRole('img', { name: 'Verification QR code' }).waitFor()
    await page.close()
  })

  it('a pasted code of the contact verifies; the sign is in the list and the header', async () => {
    const page = await ui.open('full')
    await openVerification(page)
    await paste(page, MATCHING_CODE)
    await page.getByText('The keys match. Bob is verified.').waitFor()
    await page.getByRole('button', { name: 'Verification: verified' }).waitFor()
    await page.getByRole('link', { name: /^Bob Verified/ }).waitFor()
    expect(await page.getByRole('button', { name: 'Mark as verified' }).count()).toBe(0)
    await page.close()
  })

  it('a code of somebody else warns, the own code is told apart, and neither verifies', async () => {
    const page = await ui.open('full')
    await openVerification(page)
    await paste(page, 'deaddrop-safety:of-eve')
    await page.getByText('The keys do not match').waitFor()
    const own = await page.evaluate(async () => {
      const [bob] = window.preview?.snapshot().conversations ?? []
      return (await window.preview?.safetyNumber(bob?.id ?? ''))?.code ?? ''
    })
    expect(own).toMatch(OWN_CODE)
    await paste(page, own)
    await page.getByText('This is your own code').waitFor()
    expect(await page.getByText('The keys do not match').count()).toBe(0)
    await paste(page, 'https://example.org/')
    await page.getByText('This is not a whole verification code').waitFor()
    await page.getByRole('button', { name: 'Verification: not verified' }).waitFor()
    await page.close()
  })

  it('who compared by eye marks it and can take it back; a refusal is said', async () => {
    const page = await ui.open('full')
    await openVerification(page)
    await page.evaluate(() => window.preview?.levers.failNext('setVerified', 'storage-full'))
    await page.getByRole('button', { name: 'Mark as verified' }).click()
    await page.getByText('This device has no room left').waitFor()
    await page.getByRole('button', { name: 'Mark as verified' }).click()
    await page.getByText('you compared the safety number with Bob').waitFor()
    await page.getByRole('button', { name: 'Remove verification' }).click()
    await page.getByRole('button', { name: 'Verification: not verified' }).waitFor()
    await page.close()
  })

  it('the camera reads a code where the browser can, and is off afterwards', async () => {
    const page = await ui.open('full')
    await page.evaluate(pretendCamera, MATCHING_CODE)
    await openVerification(page)
    await page.getByRole('button', { name: 'Scan code' }).click()
    await page.getByText('The keys match. Bob is verified.').waitFor()
    expect(await liveTracks(page)).toBe(0)
    await page.close()
  })

  it('the camera is off when the panel is left', async () => {
    const page = await ui.open('full')
    await page.evaluate(pretendCamera, '')
    await openVerification(page)
    await page.getByRole('button', { name: 'Scan code' }).click()
    await page.getByRole('img', { name: 'Camera picture' }).waitFor()
    expect(await liveTracks(page)).toBe(1)
    await page.getByRole('button', { name: 'Close verification' }).click()
    await page.getByRole('complementary').waitFor({ state: 'detached' })
    expect(await liveTracks(page)).toBe(0)
    await page.close()
  })

  it('says so where the browser cannot scan, and where the camera is not allowed', async () => {
    const without = await ui.open('full')
    await without.evaluate(() => Object.assign(window, { BarcodeDetector: undefined }))
    await openVerification(without)
    await without.getByText('This browser cannot scan codes').waitFor()
    await without.close()

    const refused = await ui.open('full')
    await refused.evaluate(pretendCamera, '')
    await refused.evaluate(() =>
      Object.assign(navigator.mediaDevices, {
        getUserMedia: () => Promise.reject(new DOMException('no', 'NotAllowedError'))
      })
    )
    await openVerification(refused)
    await refused.getByRole('button', { name: 'Scan code' }).click()
    await refused.getByText('The camera cannot be used').waitFor()
    await refused.close()
  })

  it('a name known under another key is said in list, header, conversation and panel', async () => {
    const page = await ui.open('namesakes')
    const [newPhone] = await page.getByRole('link', { name: /^Bob/ }).all()
    expect(await newPhone?.innerText()).toContain('Same name, another key')
    expect(await page.getByRole('link', { name: /^Bob Verified/ }).count()).toBe(1)
    await newPhone?.click()
    await page
      .getByRole('button', { name: 'Verification: not verified, name known under another key' })
      .waitFor()
    await page.getByRole('link', { name: 'Verify contact' }).click()
    await page.getByText('You have verified a Bob before, under another key.').waitFor()
    await page.getByRole('link', { name: 'Open the verified conversation' }).click()
    await page.getByRole('button', { name: 'Verification: verified' }).waitFor()
    await page.close()
  })

  it('works by keyboard: the sign opens, Escape closes and the browser goes back', async () => {
    const page = await ui.open('full')
    await page.getByRole('link', { name: /^Bob/ }).click()
    await page.getByRole('button', { name: 'Verification: not verified' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('complementary', { name: 'Verification' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('complementary').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Conversation details', exact: true }).click()
    await page.getByRole('link', { name: 'Verify contact' }).click()
    await page.getByRole('complementary', { name: 'Verification' }).waitFor()
    await page.goBack()
    await page.getByRole('complementary').waitFor({ state: 'detached' })
    await page.close()
  })

  it('the content security policy refuses nothing, and nothing is thrown or warned of', () => {
    expect(ui.complaints()).toEqual([])
  })
})
