import type { Zone } from '@kimberlite/vsr';

/** Zones of a disk of which no write ends, and what was asked of them meanwhile. */
export class HungZones {
  private zones: readonly Zone[];
  private held: { readonly zone: Zone; readonly go: () => void }[];

  constructor() {
    this.zones = [];
    this.held = [];
  }

  /** Only these hang from now on; what waits elsewhere goes on. */
  set(zones: readonly Zone[]): void {
    this.zones = zones;
    const { held } = this;
    this.held = held.filter(({ zone }) => zones.includes(zone));
    for (const { zone, go } of held) if (!zones.includes(zone)) go();
  }

  /** A write begins, now or when its zone hangs no more. */
  begin(zone: Zone, go: () => void): void {
    if (this.zones.includes(zone)) this.held.push({ zone, go });
    else go();
  }

  /** What waits is asked for by nobody any more. */
  onCrash(): void {
    this.held = [];
  }
}
