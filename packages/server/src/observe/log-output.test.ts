import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Instruments } from './instruments.ts';
import { LogOutput, type LogSink } from './log-output.ts';
import { openLog } from './open-log.ts';
import { fileSink } from './stderr.ts';

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** A file system with so many bytes of room, and what is in its only file. */
function smallDisk(): {
  room: number;
  text: string;
  readonly write: (bytes: Uint8Array) => number;
} {
  const disk = {
    room: 0,
    text: '',
    write: (bytes: Uint8Array): number => {
      const taken = bytes.subarray(0, disk.room);
      if (taken.length === 0) throw systemError('ENOSPC');
      disk.room -= taken.length;
      disk.text += Buffer.from(taken).toString();
      return taken.length;
    },
  };
  return disk;
}

/** The output to a sink, and each problem that it counted. */
function outputTo(sink: LogSink): { readonly output: LogOutput; readonly problems: string[] } {
  const problems: string[] = [];
  const output = new LogOutput({
    sink,
    onLost: (problem) => problems.push(problem),
    lossLine: (lines, problem) => `lost ${lines} ${problem}\n`,
  });
  return { output, problems };
}

describe('a log that cannot be written', () => {
  it('loses lines, counts each, and says in one line how many when there is room again', () => {
    const disk = smallDisk();
    const { output, problems } = outputTo(fileSink(disk.write));
    disk.room = 'first\n'.length;
    for (const line of ['first\n', 'second\n', 'third\n']) output.write(line);
    expect(disk.text).toBe('first\n');
    expect(problems).toEqual(['enospc', 'enospc']);
    disk.room = 1000;
    output.write('fourth\n');
    output.write('fifth\n');
    expect(disk.text).toBe('first\nlost 2 enospc\nfourth\nfifth\n');
    expect(problems.length).toBe(2);
  });

  it('counts a line that was cut as lost, and begins a new one after it', () => {
    const disk = smallDisk();
    const { output, problems } = outputTo(fileSink(disk.write));
    disk.room = 3;
    output.write('first\n');
    expect(problems).toEqual(['enospc']);
    disk.room = 1000;
    output.write('second\n');
    expect(disk.text).toBe('fir\nlost 1 enospc\nsecond\n');
  });

  it('writes what a call of the system has left of a line', () => {
    const disk = smallDisk();
    disk.room = 1000;
    const { output, problems } = outputTo(fileSink((bytes) => disk.write(bytes.subarray(0, 2))));
    output.write('first\n');
    expect(disk.text).toBe('first\n');
    expect(problems).toEqual([]);
  });

  it('is told of each loss once, by a sink that answers later', () => {
    const asked: { readonly text: string; readonly done: (problem: string | null) => void }[] = [];
    const { output, problems } = outputTo((text, done) => asked.push({ text, done }));
    /** Answers all that was asked by now, and gives the texts. */
    function answer(problem: string | null): string[] {
      const now = asked.splice(0);
      for (const { done } of now) done(problem);
      return now.map(({ text }) => text);
    }
    output.write('1\n');
    output.write('2\n');
    expect(answer('epipe')).toEqual(['1\n', '2\n']);
    output.write('3\n');
    output.write('4\n');
    expect(answer('epipe')).toEqual(['lost 2 epipe\n', '3\n', '4\n']);
    output.write('5\n');
    expect(answer(null)).toEqual(['lost 4 epipe\n', '5\n']);
    output.write('6\n');
    expect(answer(null)).toEqual(['6\n']);
    expect(problems).toEqual(['epipe', 'epipe', 'epipe', 'epipe']);
  });

  it.skipIf(!existsSync('/dev/full'))('gets along with a device that is full (Linux)', () => {
    const fd = openSync('/dev/full', 'w');
    try {
      const { output, problems } = outputTo(fileSink((bytes) => writeSync(fd, bytes)));
      output.write('first\n');
      expect(problems).toEqual(['enospc']);
    } finally {
      closeSync(fd);
    }
  });

  it('keeps an end to what waits for the reader of a pipe', async () => {
    const module = new URL('./stderr.ts', import.meta.url).href;
    const source = `import { stderrSink } from ${JSON.stringify(module)};
      const sink = stderrSink();
      let slow = 0;
      for (let line = 0; line < 3000; line += 1) {
        sink('x'.repeat(1023) + '\\n', (problem) => { if (problem === 'reader_slow') slow += 1; });
      }
      process.stdout.write(String(slow), () => process.exit());`;
    const child = spawn(
      process.execPath,
      ['--conditions=@kimberlite/source', '--input-type=module', '--eval', source],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let slow = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      slow += text;
    });
    // Nobody reads what it says on standard error.
    await new Promise((resolve) => child.once('exit', resolve));
    child.stderr.destroy();
    expect(Number(slow)).toBeGreaterThan(1000);
    expect(Number(slow)).toBeLessThan(2000);
  });

  it('of a replica counts by reason and tells with the fixed fields, whatever the level', () => {
    const instruments = new Instruments();
    const lines: string[] = [];
    let full = true;
    const log = openLog({
      level: 'error',
      fixed: { replica: 2 },
      instruments,
      write: (line) => {
        if (full) throw systemError('ENOSPC');
        lines.push(line);
      },
    });
    log.error('process', 'one');
    log.with({ peer: 1 }).error('process', 'two');
    full = false;
    log.with({ peer: 1 }).error('process', 'three');
    expect(instruments.logLinesDropped.entries()).toEqual([['enospc', 2]]);
    const told = {
      level: 'error',
      msg: 'log lines were lost',
      replica: 2,
      lines: 2,
      err: 'enospc',
    };
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([told, { msg: 'three', peer: 1 }]);
  });
});
