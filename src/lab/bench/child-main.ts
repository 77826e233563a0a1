/** The process that measures for a node: one request over the channel, events and a report back. Ends with its parent. */
import { openCompute } from '../../node/compute.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { BenchRequest } from '../../protocol/ports/bench.ts'
import { runBench } from './run.ts'
import type { ChildMessage } from './service.ts'

const send = (message: ChildMessage): Promise<void> => new Promise((done) => process.send?.(message, () => done()))

async function measure(request: BenchRequest): Promise<void> {
  try {
    // Nobody aborts in here: the parent ends the process.
    const { signal } = new AbortController()
    const report = await runBench(request, openCompute(), { signal, onEvent: (event) => void send(event) })
    await send({ type: 'report', report })
  } catch (error) {
    const known = error instanceof NodeError ? error : new NodeError('LAB_BENCH_CHILD', { detail: String(error) })
    await send({ type: 'error', code: known.code, data: known.data })
  }
  process.disconnect?.()
}

process.on('disconnect', () => process.exit(0))
process.once('message', (request) => void measure(request as BenchRequest))
