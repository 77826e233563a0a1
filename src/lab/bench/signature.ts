/**
 * Signatures: batches of both schemes; valid ones must pass and a forged one among them must be found. They leave no proof:
 * who makes the signatures knows the verdicts without verifying, and a verifier's own would be 128 bytes for each verification.
 */
import { concat, u64le, utf8 } from '../../protocol/bytes.ts'
import { demand, figure, time, type Found, type Subject } from './measure.ts'
import { seededBytes } from './seeded.ts'

const BATCH = 512
const FORGED = 100

export const signature: Subject = async function* (context): AsyncGenerator<Found> {
  const { signature: signer } = context.compute
  for (const scheme of ['ed25519', 'sr25519'] as const) {
    context.onBegin(`signature.${scheme}.verify`)
    const { publicKey, secret } = signer.keyPair(scheme, seededBytes(context.seed, `key ${scheme}`, 32))
    const items = Array.from({ length: BATCH }, (_, i) => {
      const message = concat(utf8('bench'), u64le(BigInt(i)), seededBytes(context.seed, `message ${i}`, 32))
      return { scheme, publicKey, message, signature: signer.sign(scheme, secret, message) }
    })
    const broken = items.map((item, i) => (i === FORGED ? { ...item, message: utf8('other') } : item))
    demand(
      signer.verifyBatch(items).every((one) => one === 1),
      `valid ${scheme} signatures`,
    )
    demand(
      signer.verifyBatch(broken).every((one, i) => one === (i === FORGED ? 0 : 1)),
      `a forged ${scheme} signature`,
    )
    const times = await time(context, () => signer.verifyBatch(items))
    yield { metric: figure(`signature.${scheme}.verify`, '1/s', times, BATCH, { backend: 'cpu', threads: context.threads }) }
  }
}
