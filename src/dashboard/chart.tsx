/** One chart: lines over numbered or timed points, drawn anew when the colours of the page change. */
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'

interface Line {
  label: string
  /** A colour of CSS, in which variables of the page may stand. */
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
  /** Show each point: where there are few. */
  points?: boolean
}
const HEIGHT = 190
/** Axis labels that fit: 301.2K, 1.5M. */
const tick = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 6 })
/** Steps of an axis that counts: nothing is between one and two. */
const WHOLE = [1, 2, 5, 10, 20, 50, 100]
/** A canvas knows no variables. */
const resolved = (colour: string): string =>
  colour.replaceAll(/var\((--[\w-]+)\)/g, (_, name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim())

export function Chart({ title, unit, xs, axis, lines, points = false }: ChartProps) {
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
      const ink = resolved('var(--muted)')
      const grid = { stroke: resolved('var(--line)'), width: 1 }
      plot.current = new uPlot(
        {
          width: Math.max(240, element.clientWidth),
          height: HEIGHT,
          scales: { x: { time: false } },
          cursor: { drag: { x: false, y: false } },
          axes: [
            { stroke: ink, grid, ticks: grid, size: 32, ...(points ? { incrs: WHOLE } : {}) },
            { stroke: ink, grid, ticks: grid, size: 64, values: (_plot, splits) => splits.map((value) => tick.format(value)) },
          ],
          series: [
            { label: axis },
            ...lines.map(({ label, colour, dash }) => ({
              label,
              stroke: resolved(colour),
              width: 2,
              ...(dash === undefined ? {} : { dash }),
              points: { show: points },
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
