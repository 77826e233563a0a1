/** A genesis for engine tests, its keys, and signed transfers. */
import { genesisHash, genesisTemplate, type Genesis } from '../../src/protocol/genesis.ts'
import type { Signer } from '../../src/protocol/ports/platform.ts'
import { signTransaction } from '../../src/protocol/transaction.ts'
import { ed25519Signer } from './ed25519-signer.ts'

export interface ToyNetwork {
  genesis: Genesis
  orderer: Signer
  users: Signer[]
  /** Canonical bytes of a signed transfer. */
  transfer(from: number, nonce: number | bigint, more?: { amount?: bigint; to?: Uint8Array; expiry?: bigint }): Promise<Uint8Array>
}

export const USER_FREE = 10n ** 12n

export function toyNetwork(name = 'toy', users = 4): ToyNetwork {
  const orderer = ed25519Signer(`${name} orderer`)
  const signers = Array.from({ length: users }, (_, i) => ed25519Signer(`${name} user ${i}`))
  const validator = ed25519Signer(`${name} validator`)
  const genesis: Genesis = {
    ...genesisTemplate('local'),
    engine: { kind: 'orderer', key: orderer.publicKey },
    time: 1_700_000_000_000n,
    accounts: signers.map(({ publicKey }) => ({ coldkey: publicKey, free: USER_FREE })),
    stakes: [{ hotkey: validator.publicKey, owner: signers[0]!.publicKey, amount: 10n ** 14n }],
  }
  const hash = genesisHash(genesis)
  return {
    genesis,
    orderer,
    users: signers,
    transfer: (from, nonce, { amount = 1_000n, to = signers[(from + 1) % users]!.publicKey, expiry = 900n } = {}) => {
      const signer = signers[from]!
      const action = { kind: 'transfer' as const, to, amount }
      const { chainId } = genesis
      return signTransaction(
        { chainId, genesis: hash, action, scheme: 'ed25519', signer: signer.publicKey, nonce: BigInt(nonce), expiry },
        signer,
      )
    },
  }
}
