/**
 * Measuring for a node: in a process of its own, so that the node's event loop goes on, the thread count can be chosen, and
 * a cancelled run ends at once whatever it was doing.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { extname, join } from 'node:path'
import { NodeError, type ErrorCode } from '../../protocol/errors.ts'
import type { Bench, BenchEvent, BenchRequest } from '../../protocol/ports/bench.ts'
import type { Signer } from '../../protocol/ports/platform.ts'
import type { BenchReportView } from '../../protocol/views/bench.ts'
import { compareReports } from './compare.ts'
import { history } from './history.ts'
import { signReport, type Verifier } from './report.ts'

export type ChildMessage =
  | BenchEvent
  | { type: 'report'; report: BenchReportView }
  | { type: 'error'; code: ErrorCode; data: NodeError['data'] }

function start(request: BenchRequest): ChildProcess {
  // With the extension of this file: sources run as they are, the built package as JavaScript.
  const child = fork(join(import.meta.dirname, `child-main${extname(import.meta.filename)}`), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    // The pools of the addon are as wide as this says.
    env: { RAYON_NUM_THREADS: String(request.threads ?? availableParallelism()) },
  })
  child.send(request)
  return child
}

/** @throws NodeError of the run; LAB_BENCH_CHILD when the process ended without a report; the signal's reason */
function measure(request: BenchRequest, signal: AbortSignal, onEvent: (event: BenchEvent) => void): Promise<BenchReportView> {
  signal.throwIfAborted()
  const child = start(request)
  const { promise, resolve, reject } = Promise.withResolvers<BenchReportView>()
  child.on('message', (raw) => {
    const message = raw as ChildMessage
    if (message.type === 'report') resolve(message.report)
    else if (message.type === 'error') reject(new NodeError(message.code, message.data))
    else onEvent(message)
  })
  child.on('error', (cause) => reject(new NodeError('LAB_BENCH_CHILD', { detail: cause.message }, { cause })))
  child.on('exit', (code, killed) => reject(new NodeError('LAB_BENCH_CHILD', { detail: killed ?? `exit code ${code}` })))
  const stop = (): void => {
    child.kill('SIGKILL')
    reject(signal.reason as Error)
  }
  signal.addEventListener('abort', stop, { once: true })
  return promise.finally(() => signal.removeEventListener('abort', stop))
}

/** Signs its reports, here, where the key is: the process that measures never sees it. Keeps them in the data folder. */
export function benchService({ dataFolder }: { dataFolder: string }, { signer, verifier }: { signer: Signer; verifier: Verifier }): Bench {
  const kept = history(dataFolder, verifier)
  return {
    async run(request, { signal, onEvent }) {
      const report = await signReport(await measure(request, signal, onEvent), signer)
      return { id: kept.keep(report), report }
    },
    reports: async (limit) => kept.list(limit),
    report: async (id) => kept.find(id),
    async compare(before, after) {
      const second = kept.find(after)
      return compareReports(kept.find(before, second), second)
    },
  }
}
