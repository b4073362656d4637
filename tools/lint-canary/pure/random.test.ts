// A test of a pure package may use the host, but neither its clock nor its randomness.
export const platform: string = process.platform;
export const seed: number = Math.random(); // EXPECT no-restricted-properties
export const now: number = Date.now(); // EXPECT no-restricted-globals
