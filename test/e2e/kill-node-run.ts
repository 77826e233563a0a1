/**
 * kill -9 of the whole program under load: transfers are signed and submitted over REST as fast as they are acknowledged,
 * the process is killed at a random instant, started again, and asked. The node itself compares every root when it replays.
 */
import { readFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openColdkey } from '../../src/keys/coldkey.ts'
import type { KeySigner } from '../../src/keys/signer.ts'
import { loadAddon } from '../../src/native/addon.ts'
import { fromHex, toHex } from '../../src/protocol/bytes.ts'
import { encodeSs58 } from '../../src/protocol/ss58.ts'
import { decodeTransaction, signTransaction } from '../../src/protocol/transaction.ts'
import type { AccountView, HeadView, ReceiptView } from '../../src/protocol/views/chain.ts'
import { startNode } from '../support/node-process.ts'

/** Each transfer sends this much to one receiver, so that its balance counts how many were applied. */
const AMOUNT = 1_000_000n
/** Signed ahead of the acknowledgements. */
const IN_FLIGHT = 12
/** The instant of the kill, uniform after `ready`. */
const KILL_MS_MAX = 2_500

export interface KillReport {
  rounds: number
  seed: number
  acknowledged: number
  lost: number
  duplicated: number
  /** Seconds from the start of the process to `ready`, sorted. */
  ready: number[]
}

function random(seed: number): () => number {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

class Load {
  readonly acknowledged: string[] = []
  readonly #receiver: Uint8Array
  readonly #signer: KeySigner
  #open = true

  constructor(signer: KeySigner, receiver: Uint8Array) {
    this.#signer = signer
    this.#receiver = receiver
  }

  /** Asks for what signing needs, then submits until the node is gone; only whole answers count as acknowledged. */
  async start(url: string, token: string): Promise<{ ended: Promise<string> }> {
    const { head } = await get<{ head: HeadView }>(url, '/v1/status')
    const { nonce } = await get<AccountView>(url, `/v1/accounts/${encodeSs58(this.#signer.publicKey)}`)
    let next = BigInt(nonce)
    this.#open = true
    const worker = async (): Promise<void> => {
      while (this.#open) {
        const bytes = await signTransaction(
          {
            chainId: head.chainId,
            genesis: fromHex(head.genesisHash),
            action: { kind: 'transfer', to: this.#receiver, amount: AMOUNT },
            scheme: this.#signer.scheme,
            signer: this.#signer.publicKey,
            nonce: next++,
            expiry: BigInt(head.height) + 500n,
          },
          this.#signer,
        )
        const response = await fetch(`${url}/v1/transactions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
          body: JSON.stringify({ transaction: toHex(bytes) }),
        })
        const receipt = (await response.json()) as ReceiptView
        if (!response.ok || receipt.error !== null) throw new Error(`refused: ${JSON.stringify(receipt)}`)
        if (receipt.id !== decodeTransaction(bytes).id) throw new Error('a receipt of another transaction')
        this.acknowledged.push(receipt.id)
      }
    }
    const attempts = Array.from({ length: IN_FLIGHT }, () => worker().then(() => '', String))
    // A connection that broke off is the kill; anything else is a fault of the node.
    return { ended: Promise.all(attempts).then((reasons) => reasons.find((reason) => reason.startsWith('Error: ')) ?? '') }
  }

  stop(): void {
    this.#open = false
  }
}

/** An answer of the node, which must be one: an error is a fault of the run and is shown whole. */
async function get<T>(url: string, path: string): Promise<T> {
  const response = await fetch(`${url}${path}`)
  const text = await response.text()
  if (!response.ok) throw new Error(`${path}: HTTP ${response.status} ${text}`)
  return JSON.parse(text) as T
}

/** What the ledger says after a start: acknowledged transactions that are missing, and transfers beyond one per nonce. */
async function verdict(
  url: string,
  sender: Uint8Array,
  receiver: Uint8Array,
  acknowledged: readonly string[],
): Promise<{ lost: number; duplicated: number }> {
  let lost = 0
  for (const id of acknowledged) {
    const response = await fetch(`${url}/v1/transactions/${id}`)
    if (response.status === 404) lost++
    else if (!response.ok) throw new Error(`${id}: HTTP ${response.status} ${await response.text()}`)
    else if (((await response.json()) as ReceiptView).error !== null) lost++
  }
  const balances = [sender, receiver].map((key) => get<AccountView>(url, `/v1/accounts/${encodeSs58(key)}`))
  const [from, to] = await Promise.all(balances)
  if (from === undefined || to === undefined) throw new Error('two accounts were asked for')
  return { lost, duplicated: Math.abs(Number(BigInt(to.free) / AMOUNT - BigInt(from.nonce))) }
}

export async function killNode(options: {
  rounds: number
  seed: number
  args?: string[]
  onRound?: (round: number, ready: number, acknowledged: number) => void
}): Promise<KillReport> {
  const folder = mkdtempSync(join(tmpdir(), 'taumesh-kill-'))
  const draw = random(options.seed)
  const compute = loadAddon()
  const receiver = compute.signature.keyPair('sr25519', new Uint8Array(32).fill(9)).publicKey
  const report: KillReport = { rounds: 0, seed: options.seed, acknowledged: 0, lost: 0, duplicated: 0, ready: [] }
  let load: Load | null = null
  try {
    for (; report.rounds <= options.rounds; report.rounds++) {
      const node = startNode(folder, ...(options.args ?? []))
      const { url, seconds } = (await node.event('ready')) as unknown as { url: string; seconds: number }
      if (load === null)
        load = new Load(await openColdkey(join(folder, 'wallets'), 'user', { password: null, allowUnencrypted: true }, compute), receiver)
      else {
        report.ready.push(seconds)
        const sender = await publicKeyOf(folder, compute)
        const { lost, duplicated } = await verdict(url, sender, receiver, load.acknowledged).catch((error: unknown) => {
          throw new Error(`round ${report.rounds}: ${String(error)}; the node said: ${node.stderr().slice(-4_000)}`)
        })
        report.lost += lost
        report.duplicated += duplicated
      }
      const before = load.acknowledged.length
      if (report.rounds === options.rounds) {
        await node.end('SIGTERM')
        break
      }
      const { ended } = await load.start(url, readFileSync(join(folder, 'api.token'), 'utf8').trim())
      await new Promise((done) => setTimeout(done, draw() * KILL_MS_MAX))
      await node.end('SIGKILL')
      load.stop()
      const fault = await ended
      if (fault !== '') throw new Error(fault)
      options.onRound?.(report.rounds + 1, seconds, load.acknowledged.length - before)
    }
    report.acknowledged = load?.acknowledged.length ?? 0
    report.ready.sort((a, b) => a - b)
    return report
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function publicKeyOf(folder: string, compute: ReturnType<typeof loadAddon>): Promise<Uint8Array> {
  const signer = await openColdkey(join(folder, 'wallets'), 'user', { password: null, allowUnencrypted: true }, compute)
  signer.close()
  return signer.publicKey
}
