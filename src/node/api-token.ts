/** The admin token of a data folder: made at the first start, in a file of mode 0600. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Tokens } from '../api/tokens.ts'
import type { Hex } from '../protocol/bytes.ts'
import { TOKEN_FILE } from './remote.ts'

/** As long as the folder is likely to live. */
const TOKEN_LIFE_MS = 10 * 365 * 24 * 3_600_000

/** Writes a token unless the one that is there is still known. It stands for the coldkey `user`. */
export async function keepToken(dataFolder: string, user: Hex, tokens: Tokens, nowMs: number): Promise<void> {
  const path = join(dataFolder, TOKEN_FILE)
  if (existsSync(path) && (await tokens.holder(readFileSync(path, 'utf8').trim())) !== null) return
  const token = await tokens.create({ role: 'admin', coldkey: user, expiresAt: nowMs + TOKEN_LIFE_MS })
  rmSync(path, { force: true })
  writeFileSync(path, `${token}\n`, { mode: 0o600, flag: 'wx' })
}
