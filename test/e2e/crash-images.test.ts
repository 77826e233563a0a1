/** Power loss at any point (reliability.md S2b). `TAUMESH_IMAGES` sets how many images are tried. */
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folders.ts'
import { testSeed } from '../support/random.ts'
import { canRecord, crashImages } from './crash-images-run.ts'

const images = Number(process.env['TAUMESH_IMAGES'] ?? 200)
const recording = canRecord()

test.skipIf(!recording)(
  `whatever of the unsynced writes reaches the disk, acknowledged blocks are there (${images} images; needs strace)`,
  { timeout: 600_000 },
  () => {
    const report = crashImages({ folder: temporaryFolder(), images, seed: testSeed() })
    console.log(JSON.stringify(report))
    expect(report.failures.slice(0, 5)).toEqual([])
    expect(report.cases).toBeGreaterThan(images * 0.9)
  },
)

test.skipIf(!recording)('the images see a log that is not synced, and a database that is not (needs strace)', { timeout: 600_000 }, () => {
  for (const ignoreSyncOf of ['blocks.db-wal', 'blocks.db']) {
    const report = crashImages({ folder: temporaryFolder(), images: 100, seed: testSeed(), ignoreSyncOf })
    expect(report.lost, ignoreSyncOf).toBeGreaterThan(0)
  }
})
