/** Which processes live (Linux). */
import { readdirSync, readFileSync } from 'node:fs'

/** Whether a process is there and no zombie (Linux). */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Ids of the processes that `pid` started and has not collected (Linux). */
export function childrenOf(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`)
  return threads.flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  )
}

/** Children of this process that ended and were not collected (Linux). */
export const zombies = (): number => childrenOf(process.pid).filter((pid) => !isAlive(pid)).length
