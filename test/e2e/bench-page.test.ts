/** The bench page in a real Chromium over a real measuring process: run, live figures, cancel, history, comparison, dark, phone. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api, type Api } from '../../src/api/server.ts'
import { history } from '../../src/lab/bench/history.ts'
import { benchService } from '../../src/lab/bench/service.ts'
import { apiParts, bob } from '../support/api-parts.ts'
import { benchMetric, benchParts, benchReport } from '../support/bench.ts'
import { temporaryFolder } from '../support/folders.ts'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path))
const dashboard = 'dist/dashboard'
/** Set to look at the page oneself. */
const screenshots = process.env['TAUMESH_SCREENSHOTS']
const RUN_MS = 60_000

describe.skipIf(executablePath === undefined || !existsSync(join(dashboard, 'index.html')))(
  'bench page (needs Chromium and a built dashboard)',
  () => {
    const faults: string[] = []
    const dataFolder = temporaryFolder()
    let server: Api
    let browser: Browser
    let url = ''
    let token = ''

    const open = async (options: { colorScheme?: 'light' | 'dark'; width?: number } = {}): Promise<Page> => {
      const page = await browser.newPage({
        colorScheme: options.colorScheme ?? 'light',
        viewport: { width: options.width ?? 1_280, height: 900 },
      })
      page.on('pageerror', (error) => faults.push(error.message))
      page.on('console', (message) => {
        if (message.type() === 'error') faults.push(message.text())
      })
      await page.goto(`${url}/#bench`)
      await page.getByRole('heading', { name: 'Measure this machine' }).waitFor()
      return page
    }
    const withToken = async (page: Page): Promise<void> => {
      await page.locator('input[type=password]').fill(token)
      await page.getByRole('button', { name: 'Use token' }).click()
    }
    const look = async (page: Page, name: string): Promise<void> => {
      if (screenshots === undefined) return
      mkdirSync(screenshots, { recursive: true })
      await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true })
    }
    const measure = async (page: Page): Promise<void> => {
      await page.getByLabel('subject').selectOption('signature')
      await page.getByRole('button', { name: 'Measure', exact: true }).click()
      await page.getByRole('status').filter({ hasText: 'done, 2 figures' }).waitFor({ timeout: RUN_MS })
    }

    beforeAll(async () => {
      const bench = benchService({ dataFolder }, benchParts)
      server = await api({ host: '127.0.0.1', port: 0, hosts: [], dashboard: join(process.cwd(), dashboard) }, apiParts({ bench }))
      token = await server.tokens.create({ role: 'operator', coldkey: bob, expiresAt: Date.now() + 3_600_000 })
      url = await server.listen()
      browser = await chromium.launch({ ...(executablePath === undefined ? {} : { executablePath }), args: ['--no-sandbox'] })
    }, RUN_MS)
    afterAll(async () => {
      await browser.close()
      await server.close()
    })

    test(
      'measuring needs the token, shows its figures live, and leaves a report',
      async () => {
        const page = await open()
        expect(await page.getByRole('button', { name: 'Measure', exact: true }).isDisabled()).toBe(true)
        await withToken(page)
        await page.getByLabel('subject').selectOption('signature')
        await page.getByRole('button', { name: 'Measure', exact: true }).click()
        await page
          .getByRole('status')
          .filter({ hasText: /measuring signature\.\w+\.verify, round \d of 3, [12] figures? so far/ })
          .waitFor({ timeout: RUN_MS })
        await look(page, 'running')
        await page.getByRole('status').filter({ hasText: 'done, 2 figures' }).waitFor({ timeout: RUN_MS })
        const rows = page.getByRole('region', { name: 'Figures of the last measurement' }).locator('tbody tr')
        expect(await rows.allTextContents()).toEqual([
          expect.stringMatching(/^signature\.ed25519\.verify[\d.]+ k\/s± [\d.]+ %\d+cpu\d+/),
          expect.stringMatching(/^signature\.sr25519\.verify[\d.]+ k\/s± [\d.]+ %\d+cpu\d+/),
        ])
        await page.getByRole('button', { name: /^show report/ }).waitFor()
        await page.close()
      },
      RUN_MS,
    )

    test(
      'a running measurement is seen by another page and cancelled there',
      async () => {
        const [first, second] = [await open(), await open()]
        await withToken(first)
        await first.getByLabel('subject').selectOption('pow')
        await first.getByLabel('seconds of each figure').selectOption('30')
        await first.getByRole('button', { name: 'Measure', exact: true }).click()
        await first.getByRole('button', { name: 'Cancel' }).waitFor()
        await withToken(second)
        await second.getByRole('button', { name: 'Cancel' }).click()
        for (const page of [first, second]) {
          await page.getByRole('status').filter({ hasText: 'cancelled, 0 figures' }).waitFor()
          expect(await page.getByRole('button', { name: 'Measure', exact: true }).isEnabled()).toBe(true)
          await page.close()
        }
      },
      RUN_MS,
    )

    test(
      'the second report is compared with the first, and both are in the chart, by keyboard alone',
      async () => {
        const page = await open()
        await withToken(page)
        await measure(page)
        await expect.poll(() => page.getByRole('button', { name: /^show report/ }).count()).toBe(2)
        const verdicts = page.locator('.verdict')
        await verdicts.nth(1).waitFor()
        expect(await verdicts.allTextContents()).toEqual([expect.stringMatching(/faster|slower|within noise/), expect.any(String)])
        await page.getByLabel('metric').selectOption('signature.sr25519.verify')
        await page.getByRole('img', { name: /^signature\.sr25519\.verify: cpu [\d.]+/ }).waitFor()
        await page
          .getByRole('button', { name: /^show report/ })
          .first()
          .focus()
        await page.keyboard.press('Enter')
        await page.getByRole('region', { name: /^Figures of report/ }).waitFor()
        await page.getByText(/^Signed by 5\w{47}, and the signature is right; it answers no challenge\./).waitFor()
        await look(page, 'light')
        await page.getByRole('link', { name: 'Network' }).focus()
        await page.keyboard.press('Enter')
        await page.getByRole('heading', { name: /^Ask the mixture/ }).waitFor()
        await page.close()
      },
      RUN_MS,
    )

    test(
      'light and dark differ, and on a phone nothing but tables scrolls sideways',
      async () => {
        const grounds: string[] = []
        for (const colorScheme of ['light', 'dark'] as const) {
          const page = await open({ colorScheme, width: 390 })
          await page.locator('.verdict').first().waitFor()
          grounds.push(await page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor'))
          expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390)
          await look(page, `phone-${colorScheme}`)
          await page.close()
        }
        expect(grounds[0]).not.toBe(grounds[1])
      },
      RUN_MS,
    )

    test(
      'the chart has a line for each backend that was measured, no two alike, in light and dark',
      async () => {
        const backends = ['avx512-woven', 'avx512-no-sha', 'avx512', 'avx2-sha', 'avx2', 'neon', 'portable', 'wgpu:0', 'cuda:0']
        const kept = history(dataFolder, benchParts.verifier)
        for (const week of [0, 1, 2])
          kept.keep(
            benchReport(
              1_790_000_000_000 + week * 604_800_000,
              backends.map((backend, i) => benchMetric({ backend, value: (90 - 10 * i + week) * 1e6 })),
            ),
          )
        for (const colorScheme of ['light', 'dark'] as const) {
          const page = await open({ colorScheme })
          await page.getByLabel('metric').selectOption('pow.hashrate')
          const values = backends.map((backend, i) => `${backend} ${92 - 10 * i}`).join(', ')
          await page.getByRole('img', { name: `pow.hashrate: ${values}`, exact: true }).waitFor()
          const looks = await page
            .locator('.u-legend .u-marker')
            .evaluateAll((markers) => markers.map((one) => (one as unknown as { style: { border: string } }).style.border))
          expect(new Set(looks.filter((border) => border !== '')).size).toBe(backends.length)
          await look(page, `backends-${colorScheme}`)
          await page.close()
        }
      },
      RUN_MS,
    )

    test(
      'what was not checked but left to the verifier is named below the figures',
      async () => {
        const [left, checked] = [benchMetric({ metric: 'mixture.shapley.16x2048', checked: false }), benchMetric()]
        const id = history(dataFolder, benchParts.verifier).keep(benchReport(1_780_000_000_000, [left, checked]))
        const page = await open()
        await page.getByRole('button', { name: `show report ${id}` }).click()
        await page.getByRole('region', { name: /^Figures of report/ }).waitFor()
        expect(await page.getByText(/^Not checked/).allTextContents()).toEqual([
          'Not checked before they were timed, but left to the verifier: mixture.shapley.16x2048',
        ])
        await look(page, 'unchecked')
        await page.close()
      },
      RUN_MS,
    )

    test('the page met no error in all of this', () => {
      expect(faults).toEqual([])
    })
  },
)
