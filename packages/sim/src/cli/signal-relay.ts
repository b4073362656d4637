import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import process from 'node:process';

const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type PassedOn = (typeof PASSED_ON)[number];

/** The exit code of a process that a signal ended, as shells have it. */
export function signalExitCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/**
 * Passes the signals that end this process on to a child that does its work. It outlives them, so
 * that it can clear up after the child: it would otherwise leave both behind.
 */
export class SignalRelay {
  private receivedNow: PassedOn | null;
  private child: ChildProcess | null;
  private readonly listener: (signal: PassedOn) => void;

  constructor() {
    this.receivedNow = null;
    this.child = null;
    this.listener = (signal) => {
      this.receivedNow = signal;
      this.child?.kill(signal);
    };
    for (const signal of PASSED_ON) process.on(signal, this.listener);
  }

  /** The latest signal; null for none so far. */
  get received(): NodeJS.Signals | null {
    return this.receivedNow;
  }

  /** Who gets what comes from now on. */
  follow(child: ChildProcess): void {
    this.child = child;
  }

  /** Signals do again what they usually do. */
  end(): void {
    for (const signal of PASSED_ON) process.removeListener(signal, this.listener);
  }
}
