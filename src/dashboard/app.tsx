/** The page: header, prompt, network, charts, blocks. */
import { useState } from 'preact/hooks'
import { Charts } from './charts.tsx'
import { Explanation } from './explain.tsx'
import { Feed } from './feed.tsx'
import { Header } from './header.tsx'
import { useLive } from './live.ts'
import { Neurons } from './neurons.tsx'
import { Prompt } from './prompt.tsx'

export function App() {
  const [netuid, setNetuid] = useState(1)
  const [chosen, setChosen] = useState<number | null>(null)
  const live = useLive(netuid)
  return (
    <>
      <a class="skip" href="#network">
        Skip to the network table
      </a>
      <Header live={live} netuid={netuid} onMarket={setNetuid} />
      <main>
        <Prompt neurons={live.neurons} />
        <Neurons neurons={live.neurons} chosen={chosen} onChoose={setChosen} />
        {chosen === null ? null : (
          <Explanation netuid={netuid} uid={chosen} epoch={live.epochs[0]?.epoch ?? null} onClose={() => setChosen(null)} />
        )}
        <Charts live={live} netuid={netuid} />
        <Feed blocks={live.blocks} />
      </main>
      <footer>
        <a href="/docs">API documentation</a> · <a href="/openapi.json">OpenAPI</a>
      </footer>
    </>
  )
}
