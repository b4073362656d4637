import { fileURLToPath } from 'node:url';
import { Child } from './child.ts';
import type { LoadPlan, LoadResult } from './load.ts';
import { machineBusySeconds, type Usage, usageOf } from './process-usage.ts';
import { rounded } from './statistics.ts';
import type { System } from './system.ts';

/** One load with what it cost; numbers of processes by their names, the client's under `client`. */
export interface Measurement extends LoadResult {
  readonly cpu_seconds: Readonly<Record<string, number>>;
  readonly resident_bytes: Readonly<Record<string, number>>;
  /** CPU seconds that anybody else used meanwhile: the other system idling, and strangers. */
  readonly other_cpu_seconds: number | null;
}

type Answer =
  | { readonly kind: 'measuring' }
  | { readonly kind: 'result'; readonly result: LoadResult };

/** The client process of one system. It lives as long as the cluster, and idles between loads. */
export class Loader {
  readonly name: string;
  readonly child: Child;
  readonly #members: readonly Child[];

  constructor(system: System, options: { logFile: string; nodeFlags: readonly string[] }) {
    const script = fileURLToPath(new URL('../load-process.ts', import.meta.url));
    this.name = system.name;
    this.child = new Child({
      name: `${system.name} client`,
      command: process.execPath,
      args: [...process.execArgv, ...options.nodeFlags, script, JSON.stringify(system.target)],
      env: process.env,
      logFile: options.logFile,
      channel: true,
    });
    this.#members = system.members;
  }

  /** Rejects when the client or a member ends meanwhile. */
  measure(plan: LoadPlan): Promise<Measurement> {
    const failures = [this.child, ...this.#members].map((child) => child.failed());
    return Promise.race([this.#measure(plan), ...failures]);
  }

  #measure(plan: LoadPlan): Promise<Measurement> {
    return new Promise((resolve) => {
      let before = this.#usages();
      let busyBefore = machineBusySeconds();
      const onMessage = (answer: Answer): void => {
        if (answer.kind === 'measuring') {
          before = this.#usages();
          busyBefore = machineBusySeconds();
          return;
        }
        this.child.process.off('message', onMessage);
        resolve(measurementOf(answer.result, before, this.#usages(), busyBefore));
      };
      this.child.process.on('message', onMessage);
      this.child.process.send(plan);
    });
  }

  #usages(): Map<string, Usage> {
    const usages = new Map<string, Usage>();
    for (const { name, pid } of [...this.#members, { name: 'client', pid: this.child.pid }]) {
      const usage = usageOf(pid);
      if (usage !== null) usages.set(name, usage);
    }
    return usages;
  }
}

function measurementOf(
  result: LoadResult,
  before: ReadonlyMap<string, Usage>,
  after: ReadonlyMap<string, Usage>,
  busyBefore: number | null,
): Measurement {
  const busyAfter = machineBusySeconds();
  const cpu: Record<string, number> = {};
  const resident: Record<string, number> = {};
  let own = 0;
  for (const [name, usage] of after) {
    const seconds = usage.cpuSeconds - (before.get(name)?.cpuSeconds ?? 0);
    own += seconds;
    cpu[name] = rounded(seconds, 2);
    resident[name] = usage.residentBytes;
  }
  const known = busyBefore !== null && busyAfter !== null;
  return {
    ...result,
    cpu_seconds: cpu,
    resident_bytes: resident,
    other_cpu_seconds: known ? rounded(busyAfter - busyBefore - own, 2) : null,
  };
}
