/** The state of the page: fetched once, then kept current by the node's event stream. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { EventView, HistoryView } from '../protocol/views/chain.ts'
import type { EpochView, NeuronView } from '../protocol/views/market.ts'
import type { QualityView, StatusView } from '../protocol/views/node.ts'
import { get } from './client.ts'

const FEED_MAX = 60
const QUALITY_MAX = 400

export interface BlockLine {
  height: number
  hash: string
  time: number
  transactions: number
  events: EventView[]
}
export interface Live {
  connected: boolean
  status: StatusView | null
  neurons: NeuronView[]
  quality: QualityView[]
  history: HistoryView[]
  epochs: EpochView[]
  blocks: BlockLine[]
}

const empty: Live = { connected: false, status: null, neurons: [], quality: [], history: [], epochs: [], blocks: [] }

async function neuronsOf(netuid: number): Promise<NeuronView[]> {
  const all: NeuronView[] = []
  for (;;) {
    const { total, items } = await get<{ total: number; items: NeuronView[] }>(
      `/v1/markets/${netuid}/neurons?limit=100&offset=${all.length}`,
    )
    all.push(...items)
    if (items.length === 0 || all.length >= total) return all
  }
}

/** Everything that changes with blocks. */
async function snapshot(netuid: number): Promise<Partial<Live>> {
  const [status, neurons, history, epochs] = await Promise.all([
    get<StatusView>('/v1/status'),
    neuronsOf(netuid),
    get<HistoryView[]>('/v1/history?limit=400'),
    get<EpochView[]>(`/v1/markets/${netuid}/epochs?limit=60`),
  ])
  return { status, neurons, history, epochs }
}

/** Live data of one market. */
export function useLive(netuid: number): Live {
  const [live, setLive] = useState<Live>(empty)
  const busy = useRef(false)
  useEffect(() => {
    let open = true
    const merge = (part: Partial<Live>): void => {
      if (open) setLive((old) => ({ ...old, ...part }))
    }
    /** At most one refresh runs; blocks that come meanwhile are covered by the next. */
    const refresh = async (): Promise<void> => {
      if (busy.current) return
      busy.current = true
      try {
        merge(await snapshot(netuid))
      } catch {
        merge({ connected: false })
      } finally {
        busy.current = false
      }
    }
    setLive((old) => ({ ...old, neurons: [], epochs: [] }))
    void refresh()
    void get<QualityView[]>(`/v1/quality?limit=${QUALITY_MAX}`).then(
      (quality) => merge({ quality }),
      () => {},
    )
    const source = new EventSource('/v1/events')
    source.addEventListener('open', () => merge({ connected: true }))
    source.addEventListener('error', () => merge({ connected: false }))
    source.addEventListener('block', ({ data }: MessageEvent<string>) => {
      const block = JSON.parse(data) as BlockLine
      if (open) setLive((old) => ({ ...old, connected: true, blocks: [block, ...old.blocks].slice(0, FEED_MAX) }))
      void refresh()
    })
    source.addEventListener('quality', ({ data }: MessageEvent<string>) => {
      const point = JSON.parse(data) as QualityView
      if (open) setLive((old) => ({ ...old, quality: [...old.quality, point].slice(-QUALITY_MAX) }))
    })
    return () => {
      open = false
      source.close()
    }
  }, [netuid])
  return live
}
