/** Two reports side by side; the node says which differences are more than noise. */
import { useEffect, useState } from 'preact/hooks'
import type { BenchComparisonView, BenchSummaryView } from '../protocol/views/bench.ts'
import { get } from './client.ts'
import { figure, time } from './format.ts'

const words = { faster: 'faster', slower: 'slower', same: 'within noise' }

function Choice({
  label,
  value,
  reports,
  onChange,
}: {
  label: string
  value: string
  reports: BenchSummaryView[]
  onChange: (id: string) => void
}) {
  return (
    <label>
      {label}{' '}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {reports.map((one) => (
          <option key={one.id} value={one.id}>
            {one.id.slice(0, 8)} {new Date(one.createdAt).toLocaleDateString()} {time(one.createdAt)} {one.settings.subject}
          </option>
        ))}
      </select>
    </label>
  )
}

/** The newest before `after` of the same machine that has a figure in common with it, as `taumesh bench compare` takes it. */
function previous(reports: BenchSummaryView[], after: BenchSummaryView | undefined): BenchSummaryView | undefined {
  const names = new Set(after?.metrics.map(({ metric, backend }) => `${metric} ${backend}`))
  return reports.find(
    ({ createdAt, machine, metrics }) =>
      after !== undefined &&
      createdAt < after.createdAt &&
      machine.id === after.machine.id &&
      metrics.some(({ metric, backend }) => names.has(`${metric} ${backend}`)),
  )
}

export function BenchCompare({ reports }: { reports: BenchSummaryView[] }) {
  const [[before, after], choose] = useState<[string, string]>(['', ''])
  const [found, setFound] = useState<BenchComparisonView | null>(null)
  const chosen = (id: string): BenchSummaryView | undefined => reports.find((one) => one.id === id)
  const second = chosen(after) ?? reports[0]
  const first = chosen(before) ?? previous(reports, second) ?? reports[1]
  const [older, newer] = [first?.id ?? '', second?.id ?? '']
  useEffect(() => {
    if (older === '' || newer === '') return
    let open = true
    get<BenchComparisonView>(`/v1/bench/comparisons?before=${older}&after=${newer}`).then(
      (view) => open && setFound(view),
      () => open && setFound(null),
    )
    return () => {
      open = false
    }
  }, [older, newer])
  if (reports.length < 2) return null
  return (
    <section aria-labelledby="compare">
      <h2 id="compare">Compare</h2>
      <p class="row">
        <Choice label="before" value={older} reports={reports} onChange={(id) => choose([id, newer])} />
        <Choice label="after" value={newer} reports={reports} onChange={(id) => choose([older, id])} />
      </p>
      {found === null ? null : (
        <>
          {found.differences.map((one) => (
            <p class="note" key={one}>
              Not alike: {one}.
            </p>
          ))}
          {found.rows.length === 0 ? <p class="note">They have no figure in common.</p> : <Rows rows={found.rows} />}
        </>
      )}
    </section>
  )
}

function Rows({ rows }: { rows: BenchComparisonView['rows'] }) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">metric</th>
            <th scope="col">backend</th>
            <th scope="col" class="number">
              before
            </th>
            <th scope="col" class="number">
              after
            </th>
            <th scope="col" class="number">
              times as fast
            </th>
            <th scope="col" class="number">
              noise
            </th>
            <th scope="col">verdict</th>
            <th scope="col">disturbed</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((one) => (
            <tr key={`${one.metric} ${one.backend}`}>
              <td class="mono">{one.metric}</td>
              <td>{one.backend}</td>
              <td class="number">{figure(one.before, one.unit)}</td>
              <td class="number">{figure(one.after, one.unit)}</td>
              <td class="number strong">{one.ratio.toFixed(2)}</td>
              <td class="number">± {(100 * one.noise).toFixed(0)} %</td>
              <td class={`verdict ${one.verdict}`}>{words[one.verdict]}</td>
              <td class="noise">{one.warnings.join('; ')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
