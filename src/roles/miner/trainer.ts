/** Trains an expert in slices that stand back while answers are computed. */
import type { Expert } from '../../protocol/ports/expert.ts'
import type { Clock, Log } from '../../protocol/ports/platform.ts'
import type { Workload } from '../workload.ts'

/** Pause after a slice, so that calls which came meanwhile are seen before the next one begins. */
const BREATH_MS = 1
/** Pause after a failed slice. */
const FAILURE_PAUSE_MS = 5_000
const LOG_EVERY_STEPS = 100

export interface TrainingStatus {
  /** Steps so far, over restarts. */
  steps: number
  /** Mean loss of the last slice, bits per byte; null before the first. */
  loss: number | null
  /** True when there is nothing (more) to train. */
  over: boolean
}
export interface TrainerParts {
  expert: Pick<Expert, 'train'>
  workload: Workload
  clock: Pick<Clock, 'sleep'>
  log: Log
}

/** Runs until training is over or the signal aborts; `status` is kept current. Never rejects. */
export async function train(status: TrainingStatus, parts: TrainerParts, signal: AbortSignal): Promise<void> {
  const { expert, workload, clock, log } = parts
  let logged = 0
  while (!signal.aborted) {
    try {
      const report = await workload.train(async () => await expert.train(), signal)
      if (report === null) {
        status.over = true
        return
      }
      Object.assign(status, { steps: report.done, loss: report.loss })
      if (report.done - logged >= LOG_EVERY_STEPS) {
        log.info('training', { steps: report.done, loss: Math.round(report.loss * 1_000) / 1_000 })
        logged = report.done
      }
      await clock.sleep(BREATH_MS, signal)
    } catch (error) {
      if (signal.aborted) return
      log.error('a training slice failed', { reason: error instanceof Error ? error.message : String(error) })
      await clock.sleep(FAILURE_PAUSE_MS, signal).catch(() => undefined)
    }
  }
}
