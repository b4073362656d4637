import type { StateMachine, StateMeasure } from '@kimberlite/vsr';
import type { Logger } from './logger.ts';

const UNMEASURED: StateMeasure = { bytes: null, refusals: 0 };

/**
 * How full a state machine says that it is. Nothing that is replicated depends on it: a machine
 * that throws here is no reason to end, and is logged once.
 */
export class MachineSize {
  readonly #machine: StateMachine;
  readonly #logger: Logger;
  #failed = false;

  constructor(machine: StateMachine, logger: Logger) {
    this.#machine = machine;
    this.#logger = logger;
  }

  measure(): StateMeasure {
    try {
      return this.#machine.measure?.() ?? UNMEASURED;
    } catch (error) {
      if (!this.#failed) {
        const err = String(error);
        this.#logger.error('process', 'the state machine cannot measure its state', { err });
      }
      this.#failed = true;
      return UNMEASURED;
    }
  }
}
