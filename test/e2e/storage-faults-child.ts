/** A store on a disk that fails or fills: `sync` appends until an error ends it, `full` fills the disk and frees it again and again. */
import { rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { sqliteBlockStore } from '../../src/ledger/store/sqlite-block-store.ts'
import { NodeError } from '../../src/protocol/errors.ts'
import { chainOfBlocks } from '../support/chain-of-blocks.ts'
import { silentLog } from '../support/silent-log.ts'

const [, , mode = '', folder = '', count = '10'] = process.argv
const say = (line: string): void => void writeSync(1, `${line}\n`)
const path = join(folder, 'data')
const codeOf = (work: () => void): string => {
  try {
    work()
    return 'ok'
  } catch (error) {
    return error instanceof NodeError ? error.code : String(error)
  }
}

if (mode === 'sync') {
  try {
    const store = sqliteBlockStore({ path }, { log: silentLog() })
    for (const block of chainOfBlocks(Number(count), 5, 300)) {
      if (block.height <= (store.head()?.height ?? -1)) continue
      const code = codeOf(() => store.append(block))
      if (code !== 'ok') {
        // Nothing may follow a failed write, whatever the caller tries.
        say(`failed ${code} again ${codeOf(() => store.append(block))} ${codeOf(() => void store.row('receipt', 'x'))}`)
        process.exitCode = 74
        break
      }
      say(`ack ${block.height}`)
    }
    store.close()
  } catch (error) {
    say(`failed ${error instanceof NodeError ? error.code : String(error)}`)
    process.exitCode = error instanceof NodeError ? (error.row.exit ?? 1) : 1
  }
} else {
  const store = sqliteBlockStore({ path }, { log: silentLog() })
  const filler = join(folder, 'filler')
  const blocks = chainOfBlocks(2_000, 6, 3_000)
  let next = 0
  for (let cycle = 0; cycle < Number(count); cycle++) {
    for (const until = next + 3; next < until; next++) store.append(blocks[next]!)
    const { bavail, bsize } = statfsSync(folder)
    // A different remainder each time, so that another write of the append is the one without space.
    const code = codeOf(() => writeFileSync(filler, new Uint8Array(Math.max(0, (bavail - 1 - (cycle % 7)) * bsize))))
    let refused = ''
    while (refused === '' || refused === 'ok') {
      refused = codeOf(() => store.append(blocks[next]!))
      if (refused === 'ok') next += 1
    }
    const again = codeOf(() => store.append(blocks[next]!))
    const reads = codeOf(() => void store.load(next - 1)) === 'ok' && store.head()?.height === next - 1
    rmSync(filler)
    const resumed = codeOf(() => store.append(blocks[next]!))
    if (resumed === 'ok') next += 1
    say(`cycle ${code} ${refused} ${again} ${reads} ${resumed}`)
  }
  store.close()
  const found = sqliteBlockStore({ path }, { log: silentLog() })
  const whole = blocks
    .slice(0, next)
    .every(({ height, block }) => Buffer.compare(found.load(height)?.block ?? new Uint8Array(), block) === 0)
  say(`end ${found.head()?.height === next - 1} ${whole}`)
  found.close()
}
