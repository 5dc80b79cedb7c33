import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Inbox } from './inbox';

export const repository = fileURLToPath(new URL('../../..', import.meta.url));

export const program = process.env['COUNTERSIGN_BINARY'] ?? join(repository, 'bin/countersign');

/** The real program, as `countersign demo` starts it, in a folder and at a port of its own. */
export class Demo {
  readonly folder: string;
  readonly origin: string;
  readonly inbox: Inbox;
  /** Where the first operator comes in, while none has: an address with its token. */
  readonly invitation: string;
  #process: ChildProcess;

  private constructor(folder: string, origin: string, invitation: string, process: ChildProcess) {
    this.folder = folder;
    this.origin = origin;
    this.invitation = invitation;
    this.inbox = new Inbox(origin);
    this.#process = process;
  }

  /** Starts in the folder; an empty one is filled with the demo's people first. */
  static async start(folder: string): Promise<Demo> {
    const { origin, invitation, child } = await run(folder, 0);
    return new Demo(folder, origin, invitation, child);
  }

  get port(): number {
    return Number(new URL(this.origin).port);
  }

  /** Ends it as a service manager would. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** Ends it as a power cut would. */
  crash(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Starts it again where it was, so that open pages find it. */
  async restart(): Promise<void> {
    this.#process = (await run(this.folder, this.port)).child;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}

interface Started {
  origin: string;
  invitation: string;
  child: ChildProcess;
}

async function run(folder: string, port: number): Promise<Started> {
  const child = spawn(program, ['demo', '-data', folder, '-port', String(port)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  return new Promise((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      said += chunk.toString();
      const origin = /Countersign demo:\s+(http:\/\/localhost:\d+)/.exec(said)?.[1];
      // What comes last is waited for, so that all of it has been said.
      if (!origin || !said.includes('Data is kept in')) return;
      resolve({ origin, invitation: /\/operator\/accept#\S+/.exec(said)?.[0] ?? '', child });
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${program} demo ended with ${code}: ${said}`)));
  });
}

/** An empty folder that is gone when the work in it is done. */
export async function inTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-e2e-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
