export {
  type BenchClient,
  type BenchHost,
  type BenchPlan,
  type BenchResult,
  runBench,
} from './bench/run-bench.ts';
export { EXIT_CODES, type ExitName } from './exit-codes.ts';
export type { Io } from './io.ts';
export { buildProgram, runProgram } from './program.ts';
