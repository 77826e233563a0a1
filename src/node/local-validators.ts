/** The validators of a local network: each measures the miners on held-out text with its own key and libp2p network. */
import { toHex } from '../protocol/bytes.ts'
import type { Model } from '../protocol/ports/compute.ts'
import type { QualityPoint } from '../protocol/ports/node-info.ts'
import type { Log, Signer } from '../protocol/ports/platform.ts'
import { ChainWatch } from '../roles/chain-watch.ts'
import { register } from '../roles/miner/registration.ts'
import { submitter, type Submit } from '../roles/submit.ts'
import { localValidatorOptions } from '../roles/validator/options.ts'
import { validator, type Validator } from '../roles/validator/validator.ts'
import type { Closers } from './closers.ts'
import { localNetwork, type Shared } from './neuron-parts.ts'

export interface LocalValidator {
  signer: Signer
  role: Validator
}
interface Options {
  netuid: number
  coldkey: Uint8Array
  texts: readonly { name: string; text: Uint8Array }[]
}

/** Registers a validator by proof of work in the background: the role itself waits for its permit. */
function enter(
  { netuid, coldkey, signer }: { netuid: number; coldkey: Uint8Array; signer: Signer },
  { shared, submit, log }: { shared: Shared; submit: Submit; log: Log },
): { stop: () => Promise<void> } {
  const { ledger, compute } = shared
  const stopping = new AbortController()
  const watch = new ChainWatch({ ledger, log })
  const run = async (): Promise<void> => {
    if ((await ledger.query('neuronOf', netuid, toHex(signer.publicKey))) !== null) return
    await watch.start()
    try {
      await register(
        { netuid, hotkey: signer.publicKey, coldkey, threads: 1 },
        { ledger, pow: compute.pow, submit, watch, log },
        { seals: 0, hashes: 0 },
        stopping.signal,
      )
    } finally {
      await watch.close()
    }
  }
  const running = run().catch((error: unknown) => {
    if (!stopping.signal.aborted) log.error('the validator could not register', { cause: String(error) })
  })
  return {
    stop: async () => {
      stopping.abort()
      await running
    },
  }
}

/** Starts all validators; `onQuality` hears each step's figures. */
export async function startValidators(
  signers: readonly Signer[],
  options: Options,
  parts: { shared: Shared; fallback: Model; onQuality: (point: QualityPoint) => void },
  closers: Closers,
): Promise<LocalValidator[]> {
  const { shared, fallback, onQuality } = parts
  const { ledger, compute, records, clock, random } = shared
  const start = async (signer: Signer, index: number): Promise<LocalValidator> => {
    const network = await localNetwork('validator', signer, shared)
    closers.add(() => network.close())
    const log = shared.log.child(`v${index}`)
    const submit = submitter({ ledger, signer })
    const role = validator(
      { netuid: options.netuid, ...localValidatorOptions },
      {
        ledger,
        network,
        mixture: compute.mixture,
        fallback,
        texts: options.texts,
        signer,
        records,
        clock,
        random,
        log,
        submit,
        onStep: onQuality,
      },
    )
    await role.start()
    closers.add(() => role.close())
    const entering = enter({ netuid: options.netuid, coldkey: options.coldkey, signer }, { shared, submit, log })
    closers.add(entering.stop)
    return { signer, role }
  }
  return await Promise.all(signers.map(start))
}
