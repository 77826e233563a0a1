/** The network table: every neuron with what the consensus says of it. Columns sort by button, rows open their explanation. */
import { useState } from 'preact/hooks'
import type { NeuronView } from '../protocol/views/market.ts'
import { colourOf } from './colours.ts'
import { share, short, tau } from './format.ts'

interface Column {
  name: string
  title: string
  value: (one: NeuronView) => number | string
  text: (one: NeuronView) => string
  numeric: boolean
}
const u16 = (name: 'rank' | 'trust' | 'consensus' | 'incentive' | 'dividends', title: string): Column => ({
  name,
  title,
  value: (one) => one[name],
  text: (one) => share(one[name]),
  numeric: true,
})
const columns: Column[] = [
  { name: 'uid', title: 'slot in this market', value: (one) => one.uid, text: (one) => String(one.uid), numeric: true },
  { name: 'role', title: 'what it does', value: (one) => one.role, text: (one) => one.role, numeric: false },
  { name: 'expert', title: 'kind of model', value: (one) => one.kind ?? '', text: (one) => one.kind ?? '–', numeric: false },
  { name: 'corpus', title: 'text it learnt from', value: (one) => one.corpus ?? '', text: (one) => one.corpus ?? '–', numeric: false },
  {
    name: 'stake',
    title: 'stake behind its hotkey, τ',
    value: (one) => Number(one.stake),
    text: (one) => tau(one.stake, 1),
    numeric: true,
  },
  u16('rank', 'stake-weighted rank before clipping'),
  u16('trust', 'share of its rank that the consensus kept'),
  u16('consensus', 'stake-weighted median of its weights'),
  u16('incentive', 'share of the miners’ emission'),
  u16('dividends', 'share of the validators’ emission'),
  {
    name: 'emission',
    title: 'paid in the last epoch, τ',
    value: (one) => Number(one.emission),
    text: (one) => tau(one.emission, 3),
    numeric: true,
  },
]

export function Neurons({ neurons, chosen, onChoose }: { neurons: NeuronView[]; chosen: number | null; onChoose: (uid: number) => void }) {
  const [order, setOrder] = useState<{ name: string; down: boolean }>({ name: 'incentive', down: true })
  const column = columns.find(({ name }) => name === order.name)
  const rows = [...neurons].sort((a, b) => {
    const [x, y] = [column?.value(a) ?? 0, column?.value(b) ?? 0]
    return x === y ? a.uid - b.uid : (x < y ? -1 : 1) * (order.down ? -1 : 1)
  })
  return (
    <section aria-labelledby="network">
      <h2 id="network" tabIndex={-1}>
        Network <small>{neurons.length} neurons</small>
      </h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="network table">
        <table>
          <thead>
            <tr>
              {columns.map(({ name, title, numeric }) => (
                <th
                  key={name}
                  class={numeric ? 'number' : ''}
                  aria-sort={order.name !== name ? 'none' : order.down ? 'descending' : 'ascending'}
                >
                  <button type="button" title={title} onClick={() => setOrder({ name, down: order.name === name ? !order.down : numeric })}>
                    {name}
                    <span aria-hidden="true">{order.name === name ? (order.down ? ' ↓' : ' ↑') : ''}</span>
                  </button>
                </th>
              ))}
              <th>hotkey</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((one) => (
              <tr key={one.uid} class={one.uid === chosen ? 'chosen' : ''}>
                {columns.map(({ name, text, numeric }) => (
                  <td key={name} class={numeric ? 'number' : ''}>
                    {name === 'uid' ? (
                      <button type="button" class="uid" aria-label={`why neuron ${one.uid} was paid`} onClick={() => onChoose(one.uid)}>
                        <span class="dot" style={{ background: one.role === 'miner' ? colourOf(one.uid) : 'transparent' }} />
                        {one.uid}
                      </button>
                    ) : (
                      text(one)
                    )}
                  </td>
                ))}
                <td class="mono" title={one.hotkey}>
                  {short(one.hotkey)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {neurons.length === 0 ? <p class="note">No neuron has registered yet: the first seals take a few seconds.</p> : null}
    </section>
  )
}
