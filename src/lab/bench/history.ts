/** The reports of this machine: one compressed file each in the data folder, the oldest dropped beyond a limit. */
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { NodeError } from '../../protocol/errors.ts'
import { fileError } from '../../protocol/file-error.ts'
import type { BenchReportView, BenchSummaryView } from '../../protocol/views/bench.ts'
import { commonFigures } from './compare.ts'
import { reportId, summaryOf, type Verifier } from './report.ts'
import { readReport } from './verify.ts'

const KEPT_MAX = 200
/** Reports with proofs take some megabytes; together they stay below this. */
const BYTES_MAX = 512 * 2 ** 20
const REPORT_BYTES_MAX = 256 * 2 ** 20
/** Time first, so that names sort by age. */
const NAME = /^(\d{15})-([0-9a-f]{16})\.json\.gz$/

export interface History {
  /** Durable when it returns; gives the report's id. */
  keep(report: BenchReportView): string
  /** Newest first; damaged files are passed over. */
  list(limit: number): BenchSummaryView[]
  /**
   * By id or its beginning. `latest` is the newest; `previous` the newest before `after` (or before the newest) that measured something of
   * the same on the same machine. @throws NodeError LAB_BENCH_UNKNOWN, LAB_BENCH_NO_PREVIOUS
   */
  find(name: string, after?: BenchReportView): BenchReportView
}

/** Reads a report's file, plain or compressed. @throws NodeError CLI_FILE, LAB_BENCH_REPORT */
export function readReportFile(path: string): BenchReportView {
  let value: unknown
  try {
    const raw = readFileSync(path)
    const bytes = raw[0] === 0x1f && raw[1] === 0x8b ? gunzipSync(raw, { maxOutputLength: REPORT_BYTES_MAX }) : raw
    value = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw fileError(path, cause)
  }
  return readReport(value)
}

/** `verifier` tells whose signature a report in the list carries. */
export function history(dataFolder: string, verifier: Verifier): History {
  const folder = join(dataFolder, 'bench')
  const names = (): string[] =>
    existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => NAME.test(name))
          .sort()
          .reverse()
      : []
  const readable = function* (): Generator<BenchReportView> {
    for (const name of names())
      try {
        yield readReportFile(join(folder, name))
      } catch (error) {
        if (!(error instanceof NodeError)) throw error // damaged, or of another version: not ours to show
      }
  }
  const previous = (after: BenchReportView): BenchReportView => {
    const alike = (report: BenchReportView): boolean =>
      report.createdAt < after.createdAt && report.machine.id === after.machine.id && commonFigures(report, after).length > 0
    const found = readable().find(alike)
    if (found === undefined) throw new NodeError('LAB_BENCH_NO_PREVIOUS', { report: reportId(after) })
    return found
  }
  const kept: History = {
    keep(report) {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const id = reportId(report)
      const path = join(folder, `${String(report.createdAt).padStart(15, '0')}-${id}.json.gz`)
      writeFileSync(`${path}.new`, gzipSync(JSON.stringify(report)), { flush: true })
      renameSync(`${path}.new`, path)
      let bytes = 0
      for (const [i, name] of names().entries()) {
        bytes += statSync(join(folder, name)).size
        if (i >= KEPT_MAX || (i > 0 && bytes > BYTES_MAX)) rmSync(join(folder, name))
      }
      return id
    },
    list: (limit) =>
      readable()
        .take(limit)
        .map((report) => summaryOf(report, verifier))
        .toArray(),
    find(name, after) {
      if (name === 'previous') return previous(after ?? kept.find('latest'))
      const found =
        name === 'latest' ? readable().next().value : readable().find((report) => name.length >= 4 && reportId(report).startsWith(name))
      if (found === undefined) throw new NodeError('LAB_BENCH_UNKNOWN', { report: name.slice(0, 40) })
      return found
    },
  }
  return kept
}
