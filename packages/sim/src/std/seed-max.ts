/** The last seed that there is: generators take 64 bits. */
export const SEED_MAX: bigint = (1n << 64n) - 1n;
