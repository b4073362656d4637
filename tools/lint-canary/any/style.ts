// Every line marked EXPECT must be reported by the rule it names. See tools/lint-canary.ts.
import { other } from './cycle.ts'; // EXPECT import/no-cycle

async function work(): Promise<void> {
  await Promise.resolve();
}

export function start(): void {
  work(); // EXPECT typescript/no-floating-promises
  [1].forEach(async () => work()); // EXPECT typescript/no-misused-promises
}

export const loose: any = other; // EXPECT typescript/no-explicit-any
export const first: number = [1][0]!; // EXPECT typescript/no-non-null-assertion
export const same: boolean = first == loose; // EXPECT eqeqeq

export function untyped() { // EXPECT typescript/explicit-function-return-type
  return 1;
}

export default start; // EXPECT import/no-default-export
