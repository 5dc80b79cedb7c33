import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program } from './demo';

/** What the program says of a saved proof in a folder where there is nothing else, and no server to ask. */
export async function verifiedElsewhere(proof: Buffer, args: string[]): Promise<{ code: number; output: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-verify-'));
  try {
    await copyFile(program, join(folder, 'countersign'));
    await writeFile(join(folder, 'proof.json'), proof);
    const child = spawn('./countersign', ['verify', ...args, 'proof.json'], { cwd: folder, env: {} });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, output };
  } finally {
    await rm(folder, { recursive: true });
  }
}
