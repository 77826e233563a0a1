/** The GPU program in the whole: it ends with the node however that ends, and every device is explained everywhere. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { childrenOf, isAlive } from '../support/processes.ts'
import { isGpuProgramBuilt } from '../support/gpu-programs.ts'
import { startNode, taumesh } from '../support/node-process.ts'

const PARENT = new URL('../support/gpu-parent.ts', import.meta.url).pathname

async function parent(...args: string[]): Promise<{ process: ChildProcess; gpu: number }> {
  const child = spawn(process.execPath, [PARENT, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { process: child, gpu: Number(line) }
}

test('the program ends when its node is killed in the middle of a job', async () => {
  const { process: node, gpu } = await parent()
  expect(isAlive(gpu)).toBe(true)
  node.kill('SIGKILL')
  await expect.poll(() => isAlive(gpu), { timeout: 20_000 }).toBe(false)
})

test('an idle program does not keep its node alive, and ends with it', async () => {
  const { process: node, gpu } = await parent('idle')
  if (node.exitCode === null) await once(node, 'exit')
  expect(node.exitCode).toBe(0)
  await expect.poll(() => isAlive(gpu), { timeout: 20_000 }).toBe(false)
})

interface Listed {
  devices: { id: string; usable: boolean; reason: string | null; features: string[] }[]
  solvers: string[]
}
const list = async (): Promise<Listed> => {
  const { code, stdout, stderr } = await taumesh('devices', '--json')
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout) as Listed
}

test('`taumesh devices` lists the CPU and explains every device that cannot be used', async () => {
  const { devices, solvers } = await list()
  expect(devices[0]).toMatchObject({ id: 'cpu', usable: true, reason: null })
  expect(devices.length).toBeGreaterThan(1)
  for (const { id, usable, reason } of devices) {
    expect(reason === null, id).toBe(usable)
    if (!usable) process.stdout.write(`${id}: ${reason}\n`)
  }
  expect(solvers.slice(-1)).toEqual(['all'])
  if (!isGpuProgramBuilt) expect(devices.slice(1).every(({ reason }) => reason?.includes('npm run build:gpu'))).toBe(true)
  const { stdout } = await taumesh('devices')
  for (const { id, reason } of devices) expect(stdout).toMatch(new RegExp(`^${id} .*${(reason ?? 'yes').replaceAll(/[^\w ]/g, '.')}`, 'm'))
})

describe.skipIf(!isGpuProgramBuilt)(`with the GPU program${isGpuProgramBuilt ? '' : ' (not built: npm run build:gpu)'}`, () => {
  const fake = (script: object): void => {
    vi.stubEnv('TAUMESH_GPU_FAKE', JSON.stringify(script))
  }
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  test('the command lines name a device, and say why it cannot be used', async () => {
    fake({})
    expect((await list()).devices.find(({ id }) => id === 'fake:0')).toMatchObject({ usable: true })
    const solve = ['pow', 'solve', '--block-hash', '11'.repeat(32), '--hotkey', '22'.repeat(32), '--difficulty', '5000', '--json']
    for (const backend of ['fake:0', 'all']) {
      const { code, stdout, stderr } = await taumesh(...solve, '--backend', backend)
      expect(code, stderr).toBe(0)
      expect(JSON.parse(stdout)).toHaveProperty('seal')
    }
    fake({ reason: 'out of memory: 1 of 2 GiB free' })
    expect((await list()).devices.find(({ id }) => id === 'fake:0')).toMatchObject({
      usable: false,
      reason: 'out of memory: 1 of 2 GiB free',
    })
    const { code, stderr } = await taumesh(...solve, '--backend', 'fake:0')
    expect([code, stderr]).toEqual([1, expect.stringContaining('out of memory: 1 of 2 GiB free')])
  })

  test('a software renderer is listed with the reason for not being used, and used where it is asked for', async ({ skip }) => {
    const renderers = async (): Promise<Listed['devices']> => (await list()).devices.filter(({ features }) => features.includes('software'))
    vi.stubEnv('TAUMESH_GPU_SOFTWARE', undefined)
    const resting = await renderers()
    if (resting.length === 0) skip('no software renderer')
    for (const one of resting)
      expect(one).toMatchObject({ usable: false, reason: expect.stringMatching(/^software renderer: .*TAUMESH_GPU_SOFTWARE=1/) as string })
    vi.stubEnv('TAUMESH_GPU_SOFTWARE', '1')
    expect(await renderers()).toEqual(resting.map((one) => ({ ...one, usable: true, reason: null })))
  })

  test.skipIf(process.platform !== 'linux')('a machine without a Vulkan driver says so', async () => {
    for (const name of ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES']) vi.stubEnv(name, '/nonexistent')
    const vulkan = (await list()).devices.filter(({ id }) => id.startsWith('wgpu:'))
    expect(vulkan).toEqual([
      expect.objectContaining({ id: 'wgpu:0', usable: false, reason: expect.stringMatching(/driver is not$|no Vulkan driver/) }),
    ])
  })

  test('F15: the API stays up while its GPU program dies, and lists the device again within a second', async () => {
    fake({})
    const folder = mkdtempSync(join(tmpdir(), 'taumesh-gpu-'))
    const node = startNode(folder, '--miners', '1', '--validators', '1')
    try {
      const { url } = await node.event('ready')
      const get = async (path: string): Promise<unknown> => {
        const answer = await fetch(`${String(url)}${path}`)
        expect(answer.status, path).toBe(200)
        return await answer.json()
      }
      expect(await get('/v1/devices')).toContainEqual(expect.objectContaining({ id: 'fake:0', usable: true }))
      const gpuOf = (): number[] =>
        childrenOf(node.child.pid ?? 0).filter((pid) => isAlive(pid) && readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('taumesh-gpu'))
      for (let kill = 0; kill < 3; kill++) {
        for (const pid of gpuOf()) process.kill(pid, 'SIGABRT')
        await get('/v1/status')
        const killed = performance.now()
        await expect.poll(() => gpuOf().length, { timeout: 20_000, interval: 5 }).toBe(1)
        process.stdout.write(`the GPU program of a node was back ${((performance.now() - killed) / 1_000).toFixed(2)} s after SIGABRT\n`)
        expect(await get('/v1/devices')).toContainEqual(expect.objectContaining({ id: 'fake:0', usable: true }))
      }
      const last = gpuOf()
      await node.end('SIGINT')
      expect(last.filter(isAlive)).toEqual([])
    } finally {
      node.child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    }
  }, 180_000)
})
