/** One slice of training, checked alike for the CPU and for a device. */
import type { Model } from '../protocol/ports/compute.ts'
import { checkInteger, checkNumber, checkObject, U32_MAX } from './argument.ts'

export type Slice = Parameters<Model['train']>[0]

/** Counts as the addon takes them, and a budget that is a number: what is below 0 or over an hour is cut there. @throws NATIVE_ARGUMENT */
export function checkSlice(slice: Slice): void {
  checkObject('slice', slice)
  for (const count of ['steps', 'totalSteps'] as const) checkInteger(count, slice[count], 0, U32_MAX)
  checkNumber('budgetMs', slice.budgetMs)
}
