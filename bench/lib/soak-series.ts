import { rounded } from './statistics.ts';

/** What is sampled of each replica. */
export const SOAK_QUANTITIES = ['heap', 'external', 'rss', 'descriptors', 'file'] as const;
export type SoakQuantity = (typeof SOAK_QUANTITIES)[number];

/** One look at one replica. Sizes in bytes. */
export type SoakSample = Readonly<Record<SoakQuantity, number>>;

/** The course of one quantity of one replica, after the first tenth of the run. */
export interface SoakSlope {
  readonly replica: number;
  readonly quantity: SoakQuantity;
  readonly samples: number;
  readonly first: number;
  readonly last: number;
  readonly mean: number;
  /** Fitted by least squares: growth for a million acknowledged operations, */
  readonly per_million: number;
  /** and over what was measured, as a part of the mean. */
  readonly growth: number;
}

/** Samples of all replicas, with the operations that had been acknowledged by then. */
export class SoakSeries {
  readonly #operations: number[];
  readonly #samples: (readonly SoakSample[])[];

  constructor() {
    this.#operations = [];
    this.#samples = [];
  }

  add(operations: number, samples: readonly SoakSample[]): void {
    this.#operations.push(operations);
    this.#samples.push(samples);
  }

  /** The start is left out: caches fill, and the file grows to what the keys need. */
  slopes(): SoakSlope[] {
    const total = this.#operations.at(-1) ?? 0;
    const from = this.#operations.findIndex((operations) => operations >= total / 10);
    const operations = this.#operations.slice(from);
    const samples = this.#samples.slice(from);
    const replicas = samples[0]?.length ?? 0;
    const slopes: SoakSlope[] = [];
    for (let replica = 0; replica < replicas; replica += 1) {
      for (const quantity of SOAK_QUANTITIES) {
        const values = samples.map((each) => each[replica]?.[quantity] ?? Number.NaN);
        slopes.push(slopeOf({ replica, quantity, operations, values }));
      }
    }
    return slopes;
  }
}

function slopeOf(series: {
  readonly replica: number;
  readonly quantity: SoakQuantity;
  readonly operations: readonly number[];
  readonly values: readonly number[];
}): SoakSlope {
  const { replica, quantity, operations, values } = series;
  const meanOf = (list: readonly number[]): number =>
    list.reduce((sum, value) => sum + value, 0) / list.length;
  const meanX = meanOf(operations);
  const mean = meanOf(values);
  let covariance = 0;
  let variance = 0;
  operations.forEach((x, index) => {
    covariance += (x - meanX) * ((values[index] ?? mean) - mean);
    variance += (x - meanX) ** 2;
  });
  const slope = variance === 0 ? 0 : covariance / variance;
  const span = (operations.at(-1) ?? 0) - (operations[0] ?? 0);
  return {
    replica,
    quantity,
    samples: values.length,
    first: values[0] ?? Number.NaN,
    last: values.at(-1) ?? Number.NaN,
    mean: rounded(mean, 0),
    per_million: rounded(slope * 1_000_000, 1),
    growth: rounded((slope * span) / mean, 4),
  };
}

/** A table for people. */
export function soakTable(slopes: readonly SoakSlope[]): string {
  const lines = ['replica  quantity     mean          per million ops   growth over the run'];
  for (const { replica, quantity, mean, per_million, growth } of slopes) {
    lines.push(
      `${String(replica).padEnd(9)}${quantity.padEnd(13)}${String(mean).padEnd(14)}` +
        `${per_million.toFixed(0).padEnd(18)}${(growth * 100).toFixed(2)} %`,
    );
  }
  return lines.join('\n');
}
