/** Commands that sign and submit: transfer, stake, register. The node only forwards the signed bytes. */
import { join } from 'node:path'
import { Argument, InvalidArgumentError, Option, type Command } from 'commander'
import { openColdkey } from '../keys/coldkey.ts'
import { openHotkey } from '../keys/hotkey.ts'
import type { KeySigner } from '../keys/signer.ts'
import { listWallets } from '../keys/wallets.ts'
import { openCompute } from '../node/compute.ts'
import type { Remote } from '../node/remote.ts'
import { formatTau, parseTau } from '../protocol/amounts.ts'
import { fromHex, toHex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { Action } from '../protocol/ports/ledger.ts'
import { decodeSs58, encodeSs58 } from '../protocol/ss58.ts'
import { signTransaction } from '../protocol/transaction.ts'
import type { HeadView, ReceiptView } from '../protocol/views/chain.ts'
import type { MarketView } from '../protocol/views/market.ts'
import type { StatusView } from '../protocol/views/node.ts'
import { connect, dataOption, jsonOption, netuidOption, nodeOption, type NodeCommandOptions } from './flags.ts'
import { print } from './output.ts'
import { passwordFdOption, readPassword } from './password.ts'
import { progress } from './progress.ts'

/** A signed transaction is void after so many blocks. */
const EXPIRY_BLOCKS = 100n
/** A seal counts over a block at most two blocks old, so a longer search begins anew. */
const SEARCH_BLOCKS = 1

/** A percentage that a take may have, for commander. */
function percent(text: string): number {
  const value = Number(text)
  if (!/^\d{1,2}(\.\d)?$/.test(text) || value > 18)
    throw new InvalidArgumentError(`'${text.slice(0, 10)}' is not a percentage from 0 to 18.`)
  return value
}

export interface SignOptions extends NodeCommandOptions {
  wallet: string
  passwordFd?: number
}

/** Opens the coldkey of a command's wallet; on a local network it needs no password. */
export async function coldkey(options: SignOptions, head: HeadView): Promise<KeySigner> {
  const local = head.kind === 'local'
  const password = local && options.passwordFd === undefined ? null : await readPassword(options, false)
  return await openColdkey(join(options.data, 'wallets'), options.wallet, { password, allowUnencrypted: local }, openCompute())
}

/** Signs one action and waits for its durable receipt. @throws NodeError CLI_REMOTE when it is refused or fails */
async function submit(node: Remote, signer: KeySigner, head: HeadView, action: Action, key: 'accounts' | 'hotkeys'): Promise<ReceiptView> {
  const { nonce } = await node.get<{ nonce: string }>(`/v1/${key}/${encodeSs58(signer.publicKey)}`)
  const { height } = (await node.get<StatusView>('/v1/status')).head
  const bytes = await signTransaction(
    {
      chainId: head.chainId,
      genesis: fromHex(head.genesisHash),
      action,
      scheme: signer.scheme,
      signer: signer.publicKey,
      nonce: BigInt(nonce),
      expiry: BigInt(height) + EXPIRY_BLOCKS,
    },
    signer,
  )
  const receipt = await node.post<ReceiptView>('/v1/transactions', { transaction: toHex(bytes) })
  if (receipt.error !== null) throw new NodeError('CLI_REMOTE', { detail: `${receipt.error.text} [${receipt.error.code}]` })
  return receipt
}

async function act(options: SignOptions, action: Action, done: string): Promise<void> {
  const node = connect(options)
  const { head } = await node.get<StatusView>('/v1/status')
  const signer = await coldkey(options, head)
  try {
    const receipt = await submit(node, signer, head, action, 'accounts')
    print(options.json, receipt, `${done} in block ${receipt.height}, transaction ${receipt.id}`)
  } finally {
    signer.close()
  }
}

/** Searches a seal over the head block, again over a newer one when the search takes longer than a block counts. */
async function registerNeuron(options: SignOptions & { hotkey: string; netuid: number }): Promise<void> {
  const node = connect(options)
  const { head } = await node.get<StatusView>('/v1/status')
  const compute = openCompute()
  const signer = await openHotkey(join(options.data, 'wallets'), options.wallet, options.hotkey, compute)
  const owner = await coldkeyAddress(options)
  const bar = progress('searching a seal', 0)
  try {
    for (;;) {
      const [{ head: now }, market] = await Promise.all([
        node.get<StatusView>('/v1/status'),
        node.get<MarketView>(`/v1/markets/${options.netuid}`),
      ])
      const stop = AbortSignal.timeout(head.blockTimeMs * SEARCH_BLOCKS)
      const solution = await compute.pow
        .solve(
          { blockHash: fromHex(now.hash), hotkey: signer.publicKey, difficulty: BigInt(market.difficulty) },
          { signal: stop, onProgress: (hashes) => bar.update(0, `${(hashes / 1e6).toFixed(1)} M hashes over block ${now.height}`) },
        )
        .catch((error: unknown) => {
          if (stop.aborted) return null
          throw error
        })
      if (solution === null) continue
      const action: Action = { kind: 'register', netuid: options.netuid, coldkey: owner, block: BigInt(now.height), nonce: solution.nonce }
      const receipt = await submit(node, signer, head, action, 'hotkeys')
      bar.stop()
      print(options.json, receipt, `registered in block ${receipt.height}, transaction ${receipt.id}`)
      return
    }
  } finally {
    bar.stop()
    signer.close()
  }
}

/** The owner is only named, so its coldkey stays closed. */
async function coldkeyAddress(options: SignOptions): Promise<Uint8Array> {
  const wallet = (await listWallets(join(options.data, 'wallets'))).find(({ name }) => name === options.wallet)
  if (wallet === undefined) throw new NodeError('KEYS_NOT_FOUND', { path: join(options.data, 'wallets', options.wallet) })
  return decodeSs58(wallet.address)
}

export function transactionCommands(program: Command): void {
  const signing = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .addOption(new Option('--wallet <name>', 'wallet that signs').default('user'))
      .addOption(passwordFdOption())
      .addOption(nodeOption())
      .addOption(dataOption())
      .addOption(jsonOption())
  const amount = (): Argument => new Argument('<tau>', 'amount in τ').argParser(parseTau)
  const address = (name: string, help: string): Argument => new Argument(`<${name}>`, help).argParser(decodeSs58)
  signing('transfer', 'send τ to a coldkey')
    .addArgument(address('to', 'address of the receiver'))
    .addArgument(amount())
    .action((to: Uint8Array, rao: bigint, options: SignOptions) =>
      act(options, { kind: 'transfer', to, amount: rao }, `sent ${formatTau(rao)} τ`),
    )
  signing('stake', 'stake τ behind a hotkey, or take it back')
    .addArgument(address('hotkey', 'address of the hotkey'))
    .addArgument(amount())
    .addOption(new Option('--remove', 'take stake back'))
    .action((hotkey: Uint8Array, rao: bigint, options: SignOptions & { remove?: boolean }) =>
      act(
        options,
        { kind: options.remove === true ? 'remove_stake' : 'add_stake', hotkey, amount: rao },
        `${options.remove === true ? 'took back' : 'staked'} ${formatTau(rao)} τ`,
      ),
    )
  signing('delegate', 'let others stake behind a hotkey of this wallet')
    .addArgument(address('hotkey', 'address of the hotkey'))
    .addOption(new Option('--take <percent>', 'share of the dividends that the owner keeps, 0 to 18').argParser(percent).default(18))
    .action((hotkey: Uint8Array, options: SignOptions & { take: number }) =>
      act(
        options,
        { kind: 'become_delegate', hotkey, take: Math.floor((options.take / 100) * 65_535) },
        `takes delegation at ${options.take} %`,
      ),
    )
  signing('register', 'enter a market by proof of work')
    .addOption(new Option('--hotkey <name>', 'hotkey of the wallet that enters').makeOptionMandatory())
    .addOption(netuidOption())
    .action(registerNeuron)
}
