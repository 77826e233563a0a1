/** The two pages: the network (header, prompt, neurons, charts, blocks), and measuring. The address after # says which. */
import { useEffect, useState } from 'preact/hooks'
import { BenchPage } from './bench.tsx'
import { Charts } from './charts.tsx'
import { Explanation } from './explain.tsx'
import { Feed } from './feed.tsx'
import { Header } from './header.tsx'
import { useLive, type Live } from './live.ts'
import { Neurons } from './neurons.tsx'
import { Prompt } from './prompt.tsx'

const isBench = (): boolean => location.hash === '#bench'

function Network({ live, netuid }: { live: Live; netuid: number }) {
  const [chosen, setChosen] = useState<number | null>(null)
  return (
    <main>
      <Prompt neurons={live.neurons} />
      <Neurons neurons={live.neurons} chosen={chosen} onChoose={setChosen} />
      {chosen === null ? null : (
        <Explanation netuid={netuid} uid={chosen} epoch={live.epochs[0]?.epoch ?? null} onClose={() => setChosen(null)} />
      )}
      <Charts live={live} netuid={netuid} />
      <Feed blocks={live.blocks} />
    </main>
  )
}

export function App() {
  const [netuid, setNetuid] = useState(1)
  const [bench, setBench] = useState(isBench())
  useEffect(() => {
    const changed = (): void => setBench(isBench())
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  const live = useLive(netuid)
  return (
    <>
      {bench ? null : (
        <a class="skip" href="#network">
          Skip to the network table
        </a>
      )}
      <Header live={live} netuid={netuid} onMarket={setNetuid} />
      <nav aria-label="pages">
        <a href="#" aria-current={bench ? undefined : 'page'}>
          Network
        </a>
        <a href="#bench" aria-current={bench ? 'page' : undefined}>
          Bench
        </a>
      </nav>
      {bench ? <BenchPage /> : <Network live={live} netuid={netuid} />}
      <footer>
        <a href="/docs">API documentation</a> · <a href="/openapi.json">OpenAPI</a>
      </footer>
    </>
  )
}
