/** Quality of the mixture, emission, difficulty and total stake over time. */
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { bits } from './format.ts'
import type { Live } from './live.ts'

interface Line {
  label: string
  colour: string
  values: (number | null)[]
  dash?: number[]
}
interface ChartProps {
  title: string
  unit: string
  /** Positions on the horizontal axis and what they count. */
  xs: number[]
  axis: string
  lines: Line[]
}
const HEIGHT = 190
/** Axis labels that fit: 301.2K, 1.5M. */
const tick = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 6 })
const css = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

function Chart({ title, unit, xs, axis, lines }: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const data = [xs, ...lines.map(({ values }) => values)] as uPlot.AlignedData
  const latest = useRef(data)
  latest.current = data
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const build = (): void => {
      plot.current?.destroy()
      const ink = css('--muted')
      const grid = { stroke: css('--line'), width: 1 }
      plot.current = new uPlot(
        {
          width: Math.max(240, element.clientWidth),
          height: HEIGHT,
          scales: { x: { time: false } },
          cursor: { drag: { x: false, y: false } },
          axes: [
            { stroke: ink, grid, ticks: grid, size: 32 },
            { stroke: ink, grid, ticks: grid, size: 64, values: (_plot, splits) => splits.map((value) => tick.format(value)) },
          ],
          series: [
            { label: axis },
            ...lines.map(({ label, colour, dash }) => ({
              label,
              stroke: css(colour) || colour,
              width: 2,
              ...(dash === undefined ? {} : { dash }),
              points: { show: false },
            })),
          ],
        },
        latest.current,
        element,
      )
    }
    build()
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: Math.max(240, element.clientWidth), height: HEIGHT }))
    resized.observe(element)
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    scheme.addEventListener('change', build)
    return () => {
      resized.disconnect()
      scheme.removeEventListener('change', build)
      plot.current?.destroy()
      plot.current = null
    }
  }, [])
  useEffect(() => plot.current?.setData(data), [data])
  return (
    <figure class="card">
      <figcaption>
        {title} <small>{unit}</small>
      </figcaption>
      <div
        ref={box}
        role="img"
        aria-label={`${title}: ${lines.map(({ label, values }) => `${label} ${values.at(-1) ?? 'none'}`).join(', ')}`}
      />
      {xs.length === 0 ? <p class="note">Nothing measured yet.</p> : null}
    </figure>
  )
}

/** A step of one validator is noisy (a few hundred bytes per domain): the line is a running mean. */
function smooth(values: number[]): number[] {
  let mean = values[0] ?? 0
  return values.map((value, i) => (mean += (value - mean) / Math.min(i + 1, 8)))
}

export function Charts({ live, netuid }: { live: Live; netuid: number }) {
  const { quality, history } = live
  const epochs = live.epochs.toReversed()
  const market = (point: (typeof history)[number]): (typeof history)[number]['markets'][number] | undefined =>
    point.markets.find((one) => one.netuid === netuid)
  const heights = history.map(({ height }) => height)
  const last = quality.at(-1)
  return (
    <section aria-labelledby="charts">
      <h2 id="charts">
        How it goes{' '}
        {last === undefined ? null : (
          <small>
            last step: mixture {bits(last.network)}, best single {bits(last.bestSingle)}, uniform {bits(last.uniform)} bits per byte
          </small>
        )}
      </h2>
      <div class="grid">
        <Chart
          title="Quality of the mixture"
          unit="bits per byte on held-out text, less is better"
          xs={quality.map((_, i) => i + 1)}
          axis="step"
          lines={[
            { label: 'mixture', colour: '--accent', values: smooth(quality.map((point) => point.network)) },
            { label: 'best single', colour: '--second', values: smooth(quality.map((point) => point.bestSingle)), dash: [6, 3] },
            { label: 'uniform', colour: '--third', values: smooth(quality.map((point) => point.uniform)), dash: [2, 3] },
          ]}
        />
        <Chart
          title="Emission paid"
          unit="τ per epoch"
          xs={epochs.map(({ height }) => height)}
          axis="height"
          lines={[{ label: 'τ', colour: '--accent', values: epochs.map(({ paid }) => Number(paid) / 1e9) }]}
        />
        <Chart
          title="Difficulty"
          unit="hashes expected per seal"
          xs={heights}
          axis="height"
          lines={[{ label: 'difficulty', colour: '--second', values: history.map((point) => Number(market(point)?.difficulty ?? 0)) }]}
        />
        <Chart
          title="Total stake"
          unit="τ"
          xs={heights}
          axis="height"
          lines={[{ label: 'τ', colour: '--third', values: history.map(({ totalStake }) => Number(totalStake) / 1e9) }]}
        />
      </div>
    </section>
  )
}
