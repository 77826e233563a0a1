/** The prompt box: the completion streams in, every byte in the colour of the expert that carried it. */
import { useRef, useState } from 'preact/hooks'
import type { NeuronView } from '../protocol/views/market.ts'
import { ApiError, complete, storedToken, storeToken, type Share } from './client.ts'
import { colourOf } from './colours.ts'
import { Token } from './token.tsx'

interface Run {
  text: string
  uid: number
  title: string
}
const biggest = (shares: Share[]): Share | undefined => shares.toSorted((a, b) => b.share - a.share)[0]
const name = ({ uid, kind }: Share): string => (uid < 0 ? 'public fallback' : `${uid} ${kind}`)
const percent = (value: number): string => `${(100 * value).toFixed(0)} %`

export function Prompt({ neurons }: { neurons: NeuronView[] }) {
  const [prompt, setPrompt] = useState('Call me Ishmael. Some years ago')
  const [asked, setAsked] = useState('')
  const [runs, setRuns] = useState<Run[]>([])
  const [experts, setExperts] = useState<Share[]>([])
  const [refusal, setRefusal] = useState('')
  const [hasToken, setHasToken] = useState(storedToken() !== '')
  const running = useRef<AbortController | null>(null)
  const [busy, setBusy] = useState(false)

  const ask = async (): Promise<void> => {
    const stop = new AbortController()
    running.current = stop
    setBusy(true)
    setAsked(prompt)
    setRuns([])
    setExperts([])
    setRefusal('')
    try {
      for await (const piece of complete({ prompt, max_tokens: 200 }, stop.signal)) {
        if (piece.experts !== null) setExperts(piece.experts)
        const top = biggest(piece.shares ?? [])
        if (piece.text === '' || top === undefined) continue
        const title = (piece.shares ?? [])
          .filter((one) => one.share >= 0.01)
          .map((one) => `${name(one)} ${percent(one.share)}`)
          .join(', ')
        setRuns((old) => [...old, { text: piece.text, uid: top.uid, title }])
      }
    } catch (error) {
      if (error instanceof ApiError && error.code === 'API_UNAUTHENTICATED') {
        storeToken('')
        setHasToken(false)
      }
      if (!stop.signal.aborted) setRefusal(error instanceof Error ? error.message : String(error))
    } finally {
      setBusy(false)
    }
  }
  const submit = (event: Event): void => {
    event.preventDefault()
    if (busy) running.current?.abort()
    else void ask()
  }
  const miners = neurons.filter(({ role }) => role === 'miner').length
  return (
    <section class="card" aria-labelledby="ask">
      <h2 id="ask">
        Ask the mixture <small>{miners} miners</small>
      </h2>
      {hasToken ? null : (
        <Token why="Prompts act for a stake holder, so they need the node’s token" onStored={() => setHasToken(storedToken() !== '')} />
      )}
      <form onSubmit={submit}>
        <label class="hidden" for="prompt">
          The beginning of a text
        </label>
        <textarea
          id="prompt"
          rows={3}
          value={prompt}
          onInput={(event) => setPrompt(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit(event)
          }}
        />
        <button type="submit" disabled={!hasToken || prompt === ''}>
          {busy ? 'Stop' : 'Complete'}
        </button>{' '}
        <small>Ctrl + Enter</small>
      </form>
      {refusal === '' ? null : (
        <p class="refusal" role="alert">
          {refusal}
        </p>
      )}
      {asked === '' ? null : (
        <p class="answer" aria-live="polite" aria-busy={busy}>
          <span class="asked">{asked}</span>
          {runs.map((run, i) => (
            <span key={i} title={run.title} style={{ color: colourOf(run.uid) }}>
              {run.text}
            </span>
          ))}
        </p>
      )}
      {experts.length === 0 ? null : (
        <ul class="legend" aria-label="experts of this answer">
          {experts
            .toSorted((a, b) => b.share - a.share)
            .map((one) => (
              <li key={one.uid}>
                <span class="dot" style={{ background: colourOf(one.uid) }} />
                {name(one)} <small>{percent(one.share)}</small>
              </li>
            ))}
        </ul>
      )}
    </section>
  )
}
