/** Seals: each solver's rate, and verification in batches; every solver's solution is checked by the readable definition. */
import { equal } from '../../protocol/bytes.ts'
import { powReference } from '../../native/reference/pow.ts'
import type { BenchContext, Found, Subject } from './measure.ts'
import { demand } from './measure.ts'
import { measureSeals, sealTarget } from './seal-search.ts'
import { sealBatch, stepKinds } from './step-kinds.ts'
import { measureSteps } from './steps.ts'

const CHECKED = 16

/** The solvers and devices whose rates are measured. */
async function chosen({ compute: { pow, tensor }, backend }: BenchContext): Promise<string[]> {
  const solvers = pow.backends()
  const devices = (await tensor.devices()).filter(({ id, usable }) => usable && id !== 'cpu').map(({ id }) => id)
  const known = [...new Set([...solvers, ...devices, ...(devices.length > 0 ? ['all'] : [])])]
  if (backend === undefined) return known
  // `cpu` is what the other subjects call the fastest solver's place.
  if (backend === 'cpu') return solvers.slice(0, 1)
  return [backend]
}

async function checkSolver({ compute: { pow }, seed, threads, signal }: BenchContext, backend: string): Promise<void> {
  const { blockHash, hotkey } = sealTarget(seed, backend)
  const easy = await pow.solve({ blockHash, hotkey, difficulty: 1_000n, backend, threads }, { signal })
  demand(equal(powReference.seal(blockHash, hotkey, easy.nonce), easy.seal), `the seal of solver ${backend}`)
}

function checkVerifier({ compute: { pow } }: BenchContext, batch: ReturnType<typeof sealBatch>): void {
  const { seals } = pow.verify(batch)
  for (let i = 0; i < CHECKED; i++) {
    const part = (bytes: Uint8Array): Uint8Array => bytes.subarray(32 * i, 32 * i + 32)
    const seal = powReference.seal(part(batch.blockHashes), part(batch.hotkeys), batch.nonces[i] ?? 0n)
    demand(equal(seal, part(seals)), `seal ${i} of a batch`)
  }
}

export const pow: Subject = async function* (context): AsyncGenerator<Found> {
  for (const backend of await chosen(context)) {
    context.onBegin('pow.hashrate')
    if (context.round === 0) await checkSolver(context, backend)
    yield await measureSeals(context, backend)
  }
  const step = stepKinds(context.compute, context.seed, context.threads).get('pow.verify')
  if (step === undefined || context.backend?.includes(':') === true) return
  yield await measureSteps(context, step, (link) => checkVerifier(context, sealBatch(link)))
}
