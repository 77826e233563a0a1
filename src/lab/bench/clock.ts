/**
 * The clock of a core, by a chain of operations each of which waits for the one before: nothing but the clock can speed it up.
 *
 * The chain is WebAssembly, since a loop of JavaScript is as fast as V8 has just compiled it: the same one took four cycles per
 * turn, twelve, or twenty. Additions and exclusive ors of registers take one cycle on every x86-64 and ARM64 core, and both
 * compilers of V8 make one instruction of each: the quick one (Liftoff) because it keeps the top of the stack in a register, the
 * thorough one (TurboFan) because neither operation undoes the other.
 */
import { utf8 } from '../../protocol/bytes.ts'

/** What is used of WebAssembly; Node's types do not know it. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object) => { exports: Record<string, unknown> }
}

/** Links of one turn of the loop, an exclusive or and an addition each: many, so that the turning itself does not count. */
export const LINKS = 1_000
const CYCLES_PER_LINK = 2
/** Of a window: 400,000 cycles, a tenth of a millisecond, which is mostly over before the core is given to somebody else. */
const TURNS = 200
/** Handed over at each call: the compiler could fold a constant. */
const OPERAND = 0x1e37_79b1
/** As many windows in a row that are no faster end the search for the fastest. */
const WINDOWS = 24
/** A window this much shorter is no chance: the core, idle until now, is still taking up its clock. */
const CLEARLY_SHORTER = 0.95

/** Numbers of the WebAssembly core specification 1.0, section 5. */
const I32 = 0x7f
const [TYPE_SECTION, FUNCTION_SECTION, EXPORT_SECTION, CODE_SECTION] = [1, 3, 7, 10]
/** Places of both parameters and of the one local variable. */
const [$turns, $operand, $value] = [0, 1, 2]

/** An unsigned number below 2^14 in two bytes of LEB128. */
const leb = (value: number): number[] => [(value & 0x7f) | 0x80, value >> 7]
const sized = (bytes: number[]): number[] => [...leb(bytes.length), ...bytes]
const named = (name: string): number[] => sized([...utf8(name)])
/** A section with one entry. */
const section = (id: number, entry: number[]): number[] => [id, ...sized([1, ...entry])]

const link = [
  [0x20, $operand, 0x73], // local.get $operand, i32.xor
  [0x20, $operand, 0x6a], // local.get $operand, i32.add
].flat()
const body = [
  [1, 1, I32], // (local $value i32), 0 at first
  [0x03, 0x40], // loop
  [0x20, $value], // local.get $value
  ...Array.from({ length: LINKS }, () => link),
  [0x21, $value], // local.set $value
  [0x20, $turns, 0x41, 1, 0x6b, 0x22, $turns], // local.get $turns, i32.const 1, i32.sub, local.tee $turns
  [0x0d, 0], // br_if to the loop's begin
  [0x0b], // end of the loop
  [0x20, $value, 0x0b], // local.get $value, end
].flat()
const bytes = Uint8Array.from(
  [
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    section(TYPE_SECTION, [0x60, 2, I32, I32, 1, I32]), // (func (param $turns i32) (param $operand i32) (result i32))
    section(FUNCTION_SECTION, [0]),
    section(EXPORT_SECTION, [...named('chain'), 0, 0]), // (export "chain" (func 0))
    section(CODE_SECTION, sized(body)),
  ].flat(),
)

type Chain = (turns: number, operand: number) => number
let compiled: Chain | undefined
/** LINKS times `turns` links, each x ← (x ^ operand) + operand in 32 bits, from x = 0. */
export const chain: Chain = (turns, operand) => {
  // What the bytes above export, by name and type.
  compiled ??= new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports['chain'] as Chain
  return compiled(turns, operand)
}

/** The shortest time that `window` gives, asked until it stays that way. */
export function shortest(window: () => number): number {
  let best = Number.POSITIVE_INFINITY
  for (let since = 0; since < WINDOWS; since++) {
    const took = window()
    if (took < CLEARLY_SHORTER * best) since = 0
    best = Math.min(best, took)
  }
  return best
}

/** GHz of the core this runs on: by the fastest of some short windows, so that no interruption counts. */
export function clockGhz(): number {
  const best = shortest(() => {
    const began = performance.now()
    chain(TURNS, OPERAND)
    return performance.now() - began
  })
  return (TURNS * LINKS * CYCLES_PER_LINK) / (best * 1e6)
}
