/** The dashboard in a real Chromium: live table, a streamed and coloured answer, light and dark, keyboard, phone width. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/folders.ts'
import { startNode, type NodeProcess } from '../support/node-process.ts'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path))
const built = existsSync('dist/dashboard/index.html')
const START_MS = 300_000

describe.skipIf(executablePath === undefined || !built)('dashboard (needs Chromium and a built dashboard)', () => {
  const folder = temporaryFolder()
  const faults: string[] = []
  let node: NodeProcess
  let browser: Browser
  let url = ''

  const open = async (options: { colorScheme?: 'light' | 'dark'; width?: number } = {}): Promise<Page> => {
    const page = await browser.newPage({
      colorScheme: options.colorScheme ?? 'light',
      viewport: { width: options.width ?? 1_280, height: 900 },
    })
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text())
    })
    await page.goto(url)
    await page.getByRole('table').first().waitFor()
    return page
  }

  beforeAll(async () => {
    node = startNode(folder)
    url = String((await node.event('ready'))['url'])
    await node.event('first_completion')
    browser = await chromium.launch({ ...(executablePath === undefined ? {} : { executablePath }), args: ['--no-sandbox'] })
  }, START_MS)
  afterAll(async () => {
    await browser.close()
    await node.end('SIGKILL')
  })

  test('the table fills with neurons and stays live', async () => {
    const page = await open()
    await page.getByText('live', { exact: true }).waitFor()
    await page.locator('tbody tr').nth(10).waitFor()
    expect(await page.locator('tbody tr').count()).toBeGreaterThanOrEqual(11)
    const height = page.locator('.facts dd').first()
    const before = Number(await height.textContent())
    await expect.poll(async () => Number(await height.textContent()), { timeout: 30_000 }).toBeGreaterThan(before)
    await page.close()
  })

  test('a prompt needs the token, then streams an answer whose bytes carry the colour of their expert', async () => {
    const page = await open()
    expect(await page.getByRole('button', { name: 'Complete' }).isDisabled()).toBe(true)
    await page.locator('input[type=password]').fill(readFileSync(join(folder, 'api.token'), 'utf8').trim())
    await page.getByRole('button', { name: 'Use token' }).click()
    await page.getByRole('button', { name: 'Complete' }).click()
    await page.locator('.answer[aria-busy=false] span[title]').first().waitFor({ timeout: 60_000 })
    const bytes = await page
      .locator('.answer span[title]')
      .evaluateAll((spans) =>
        (spans as unknown as { style: { color: string }; title: string }[]).map(({ style, title }) => [style.color, title]),
      )
    expect(bytes.length).toBeGreaterThan(50)
    expect(bytes.every(([colour, title]) => colour !== '' && /\d %/.test(title ?? ''))).toBe(true)
    expect(await page.locator('.legend li').count()).toBeGreaterThan(1)
    await page.close()
  }, 120_000)

  test('columns sort and a neuron explains its pay by keyboard alone', async () => {
    const page = await open()
    await page.locator('tbody tr').nth(10).waitFor()
    const uid = page.getByRole('button', { name: /^uid/ })
    await uid.focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('th').first().getAttribute('aria-sort')).not.toBe('none')
    await page.getByRole('button', { name: 'why neuron 0 was paid' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: /^Neuron 0/ }).waitFor()
    await page.getByRole('button', { name: 'close' }).focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => page.getByRole('heading', { name: /^Neuron 0/ }).count()).toBe(0)
    await page.close()
  })

  test('light and dark differ, and on a phone nothing but the table scrolls sideways', async () => {
    const grounds: string[] = []
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open({ colorScheme, width: 390 })
      grounds.push(await page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor'))
      expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390)
      await page.close()
    }
    expect(grounds[0]).not.toBe(grounds[1])
  })

  test('the page met no error in all of this', () => {
    expect(faults).toEqual([])
  })
})
