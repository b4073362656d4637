import type { Instruments } from './instruments.ts';
import { LogOutput, type LogSink } from './log-output.ts';
import { type LogFields, Logger, type LogLevel, logLine } from './logger.ts';
import { problemOf, stderrSink } from './stderr.ts';

export interface OpenLogOptions {
  readonly level: LogLevel;
  /** On every line. */
  readonly fixed: LogFields;
  /** Takes the lines; standard error where it is undefined. */
  readonly write: ((line: string) => void) | undefined;
  /** Count what could not be written. */
  readonly instruments: Instruments;
}

/** The log of one replica, which goes on whether or not its lines can be written. */
export function openLog({ level, fixed, write, instruments }: OpenLogOptions): Logger {
  const output = new LogOutput({
    sink: write === undefined ? stderrSink() : sinkOf(write),
    onLost: (problem): void => instruments.logLinesDropped.add(problem),
    // At the highest level, for lines of that level may be among them.
    lossLine: (lines, problem): string =>
      logLine({
        level: 'error',
        component: 'process',
        msg: 'log lines were lost',
        fields: { ...fixed, lines, err: problem },
        at: Date.now(),
      }),
  });
  return new Logger({ level, fixed, now: Date.now, write: (line): void => output.write(line) });
}

/** A function that throws has lost its line, and harms nobody else. */
function sinkOf(write: (line: string) => void): LogSink {
  return (line, done) => {
    try {
      write(line);
    } catch (error) {
      done(problemOf(error));
      return;
    }
    done(null);
  };
}
