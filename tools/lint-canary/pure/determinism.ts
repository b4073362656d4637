// Every line marked EXPECT must be reported by the rule it names. See tools/lint-canary.ts.
import { readFileSync } from 'node:fs'; // EXPECT no-restricted-imports

export const now: number = Date.now(); // EXPECT no-restricted-globals
export const hidden: number = globalThis.Date.now(); // EXPECT no-restricted-globals
export const precise: number = performance.now(); // EXPECT no-restricted-globals
export const host: string = process.platform; // EXPECT no-restricted-globals
export const bytes: Uint8Array = Buffer.alloc(1); // EXPECT no-restricted-globals
export const text: Uint8Array = new TextEncoder().encode('a'); // EXPECT no-restricted-globals
export const decoder: TextDecoder = new TextDecoder(); // EXPECT no-restricted-globals
export const id: string = crypto.randomUUID(); // EXPECT no-restricted-globals
export const format: string = new Intl.NumberFormat().format(1); // EXPECT no-restricted-globals
export const random: number = Math.random(); // EXPECT no-restricted-properties
export const power: number = Math.pow(2, 0.5); // EXPECT no-restricted-properties
export const logarithm: number = Math.log(2); // EXPECT no-restricted-properties
export const sine: number = Math.sin(2); // EXPECT no-restricted-properties
export const local: string = (1).toLocaleString(); // EXPECT no-restricted-properties
export const order: number = 'a'.localeCompare('b'); // EXPECT no-restricted-properties
export const file: string = readFileSync('x', 'utf8');

export function later(callback: () => void): void {
  setTimeout(callback, 1); // EXPECT no-restricted-globals
  setInterval(callback, 1); // EXPECT no-restricted-globals
  setImmediate(callback); // EXPECT no-restricted-globals
  queueMicrotask(callback); // EXPECT no-restricted-globals
}
