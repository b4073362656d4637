/** Where to dial or listen. The host is an address or a DNS name, looked up at each dial. */
export interface Address {
  readonly host: string;
  /** 0 to 65,535; to listen at 0 is to let the system pick one. */
  readonly port: number;
}

/** Reads `host:port` or `[v6]:port`; null when it is neither. */
export function parseAddress(text: string): Address | null {
  const match = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const host = match[1] ?? match[2] ?? '';
  const port = Number(match[3]);
  return port <= 65535 ? { host, port } : null;
}

/** `host:port`, an IPv6 address in brackets: what `parseAddress` reads. */
export function formatAddress(address: Address): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}
