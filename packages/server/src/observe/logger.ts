/** Least important first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
/** How important a line is; a log of one level has the lines of those above it, too. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a line may carry beside its fixed keys. Never a value, a key or a token of a user. */
export type LogFields = Readonly<Record<string, string | number | boolean | bigint | null>>;

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Takes one line with its newline. */
  readonly write: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** On every line: cluster, replica. */
  readonly fixed: LogFields;
}

/**
 * One JSON object a line: `ts level msg component` and then fields in snake_case. Messages are
 * constant texts, so that they can be searched for; what varies is in the fields.
 */
export class Logger {
  readonly #options: LoggerOptions;
  readonly #threshold: number;

  constructor(options: LoggerOptions) {
    this.#options = options;
    this.#threshold = LOG_LEVELS.indexOf(options.level);
  }

  isEnabled(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) >= this.#threshold;
  }

  /** The same logger with more fields on every line. */
  with(fields: LogFields): Logger {
    return new Logger({ ...this.#options, fixed: { ...this.#options.fixed, ...fields } });
  }

  log(level: LogLevel, component: string, msg: string, fields: LogFields = {}): void {
    if (!this.isEnabled(level)) return;
    const { fixed, now, write } = this.#options;
    write(logLine({ level, component, msg, fields: { ...fixed, ...fields }, at: now() }));
  }

  debug(component: string, msg: string, fields: LogFields = {}): void {
    this.log('debug', component, msg, fields);
  }

  info(component: string, msg: string, fields: LogFields = {}): void {
    this.log('info', component, msg, fields);
  }

  warn(component: string, msg: string, fields: LogFields = {}): void {
    this.log('warn', component, msg, fields);
  }

  error(component: string, msg: string, fields: LogFields = {}): void {
    this.log('error', component, msg, fields);
  }
}

export interface LogEntry {
  readonly level: LogLevel;
  readonly component: string;
  readonly msg: string;
  readonly fields: LogFields;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** The line of one entry, with its newline. */
export function logLine({ level, component, msg, fields, at }: LogEntry): string {
  const ts = new Date(at).toISOString();
  return `${JSON.stringify({ ts, level, msg, component, ...fields }, withBigInts)}\n`;
}

/** 128-bit numbers as decimal text: JSON numbers would lose their end. */
function withBigInts(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
