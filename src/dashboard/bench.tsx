/** The page that measures this machine: start, live figures, the course over reports, two reports side by side. */
import { useState } from 'preact/hooks'
import type { BenchJobView, BenchMetricView, BenchSummaryView } from '../protocol/views/bench.ts'
import { BenchCompare } from './bench-compare.tsx'
import { BenchCourse } from './bench-course.tsx'
import { useBench, type BenchLive } from './bench-live.ts'
import { figure } from './format.ts'
import { Token } from './token.tsx'

const SUBJECTS = ['all', 'pow', 'matmul', 'consensus', 'mixture', 'expert', 'signature']
const SECONDS = [1, 2, 5, 10, 20, 30]
const CHALLENGE = '[0-9a-f]{64}'

function Figures({ metrics, caption }: { metrics: BenchMetricView[]; caption: string }) {
  const unchecked = metrics.filter(({ checked }) => !checked).map(({ metric }) => metric)
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
        <table>
          <caption>{caption}</caption>
          <thead>
            <tr>
              <th scope="col">metric</th>
              <th scope="col" class="number">
                median
              </th>
              <th scope="col" class="number">
                spread
              </th>
              <th scope="col" class="number">
                runs
              </th>
              <th scope="col">backend</th>
              <th scope="col" class="number">
                threads
              </th>
              <th scope="col">noise</th>
            </tr>
          </thead>
          <tbody>
            {metrics.map((one) => (
              <tr key={`${one.metric} ${one.backend}`}>
                <td class="mono">{one.metric}</td>
                <td class="number strong">{figure(one.value, one.unit)}</td>
                <td class="number">± {(100 * one.spread).toFixed(1)} %</td>
                <td class="number">{one.repetitions}</td>
                <td>{one.backend}</td>
                <td class="number">{one.threads}</td>
                <td class="noise">{one.warnings.join('; ')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {unchecked.length === 0 ? null : (
        <p class="note">Not checked before they were timed, but left to the verifier: {unchecked.join(', ')}</p>
      )}
    </>
  )
}

function stateOf(job: BenchJobView): string {
  const figures = `${job.metrics.length} ${job.metrics.length === 1 ? 'figure' : 'figures'}`
  if (job.state === 'running')
    return `measuring ${job.now ?? '…'}${job.rounds > 1 ? `, round ${job.round} of ${job.rounds}` : ''}, ${figures} so far`
  if (job.state === 'failed') return `failed: ${job.error?.message ?? ''}`
  return `${job.state}, ${figures}`
}

function Run({ live }: { live: BenchLive }) {
  const [subject, setSubject] = useState('all')
  const [seconds, setSeconds] = useState(1)
  const [challenge, setChallenge] = useState('')
  const { job, hasToken, refusal } = live
  const running = job?.state === 'running'
  const submit = (event: Event): void => {
    event.preventDefault()
    if (running) live.cancel()
    else live.start({ subject, seconds, ...(challenge === '' ? {} : { challenge }) })
  }
  return (
    <section class="card" aria-labelledby="measure">
      <h2 id="measure">Measure this machine</h2>
      <p class="note">
        Every answer is checked before it is timed; under a challenge the largest epoch and game are left to the verifier. The measurement
        runs in a process of its own; the network goes on beside it and takes its share of the cores, which the noise column shows. For
        figures to publish stop the node and run <code>taumesh bench</code>.
      </p>
      {hasToken ? null : <Token why="Measuring takes the whole machine, so it needs the node’s token" onStored={live.tokenStored} />}
      <form class="row" onSubmit={submit}>
        <label>
          subject{' '}
          <select value={subject} onChange={(event) => setSubject(event.currentTarget.value)}>
            {SUBJECTS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <label>
          seconds of each figure{' '}
          <select value={seconds} onChange={(event) => setSeconds(Number(event.currentTarget.value))}>
            {SECONDS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <label>
          verifier’s challenge{' '}
          <input
            class="mono"
            value={challenge}
            pattern={CHALLENGE}
            title="64 hexadecimal digits, as taumesh bench verify --issue gives them; none for a report without proofs"
            placeholder="none"
            onInput={(event) => setChallenge(event.currentTarget.value.trim())}
          />
        </label>
        <button type="submit" disabled={!hasToken}>
          {running ? 'Cancel' : 'Measure'}
        </button>
      </form>
      {refusal === '' ? null : (
        <p class="refusal" role="alert">
          {refusal}
        </p>
      )}
      {job === null ? null : (
        <>
          <p role="status" aria-live="polite" aria-busy={running} class="job">
            {running ? <progress aria-label="measuring" /> : null} {stateOf(job)}
          </p>
          {job.metrics.length === 0 ? null : (
            <Figures metrics={job.metrics} caption={`Figures of the ${job.state === 'running' ? 'running' : 'last'} measurement`} />
          )}
        </>
      )}
    </section>
  )
}

const when = (ms: number): string => new Date(ms).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'short' })

function Reports({ reports, chosen, onChoose }: { reports: BenchSummaryView[]; chosen: string | null; onChoose: (id: string) => void }) {
  const shown = reports.find(({ id }) => id === chosen)
  return (
    <section aria-labelledby="reports">
      <h2 id="reports">Reports of this machine</h2>
      {reports.length === 0 ? (
        <p class="note">None yet.</p>
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">report</th>
                <th scope="col">when</th>
                <th scope="col">subject</th>
                <th scope="col" class="number">
                  figures
                </th>
                <th scope="col">signed by</th>
                <th scope="col">noise</th>
              </tr>
            </thead>
            <tbody>
              {reports.map((one) => (
                <tr key={one.id} class={one.id === chosen ? 'chosen' : ''}>
                  <td>
                    <button class="uid mono" type="button" aria-label={`show report ${one.id}`} onClick={() => onChoose(one.id)}>
                      {one.id.slice(0, 8)}
                    </button>
                  </td>
                  <td>{when(one.createdAt)}</td>
                  <td>{one.settings.subject}</td>
                  <td class="number">{one.metrics.length}</td>
                  <td class="mono">{one.signedBy === null ? '–' : `${one.signedBy.slice(0, 8)}…`}</td>
                  <td class="noise">{one.noise.warnings.join('; ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {shown === undefined ? null : (
        <div class="card">
          <p class="note">
            {shown.machine.cpu}, {shown.machine.cores} cores, {(shown.machine.memoryBytes / 2 ** 30).toFixed(1)} GiB, {shown.machine.system}
            ; taumesh {shown.machine.version}
            {shown.machine.commit === null ? '' : ` at ${shown.machine.commit.slice(0, 10)}`}; clock {shown.noise.clockFirst.toFixed(2)} GHz
          </p>
          <p class="note">
            {shown.signedBy === null ? 'Not signed' : `Signed by ${shown.signedBy}, and the signature is right`};{' '}
            {shown.challenge === null
              ? 'it answers no challenge.'
              : `it answers challenge ${shown.challenge.slice(0, 8)}… with ${shown.proofCount} proofs, which taumesh bench verify checks.`}{' '}
            <a href={`/v1/bench/reports/${shown.id}`} download={`bench-${shown.id}.json`}>
              The whole report
            </a>
          </p>
          <Figures metrics={shown.metrics} caption={`Figures of report ${shown.id.slice(0, 8)}`} />
        </div>
      )}
    </section>
  )
}

export function BenchPage() {
  const live = useBench()
  const [chosen, setChosen] = useState<string | null>(null)
  return (
    <main>
      <Run live={live} />
      <BenchCourse reports={live.reports} />
      <Reports reports={live.reports} chosen={chosen} onChoose={(id) => setChosen(id === chosen ? null : id)} />
      <BenchCompare reports={live.reports} />
    </main>
  )
}
