import type { Mutant } from './mutant.ts';

/**
 * Planted bugs that no run has caught yet: each is a gap in the simulator, with what it takes in
 * docs/vopr.md. They are planted by name only, so that a build tells new gaps from these.
 */
export const UNCAUGHT_MUTANTS: readonly Mutant[] = [];
