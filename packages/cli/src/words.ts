import { usageError } from './fault.ts';

/**
 * Splits a line into words as a simple shell does: blanks separate, 'single quotes' take everything
 * as it stands, "double quotes" and bare words know \n \t \r \0 \\ \" \' and \xNN. Words are
 * strings; \xNN gives the character of that number.
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote: "'" | '"' | null = null;
  for (let at = 0; at < line.length; at += 1) {
    const character = line[at] ?? '';
    if (quote === null && /\s/.test(character)) {
      if (word !== null) words.push(word);
      word = null;
      continue;
    }
    word ??= '';
    if (quote === null && (character === "'" || character === '"')) {
      quote = character;
    } else if (character === quote) {
      quote = null;
    } else if (character === '\\' && quote !== "'") {
      const escape = readEscape(line, at);
      word += escape.text;
      at = escape.end;
    } else {
      word += character;
    }
  }
  if (quote !== null) throw usageError(`a ${quote} is not closed`);
  if (word !== null) words.push(word);
  return words;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '0': '\0' };

/** The text of the escape whose backslash is at `at`, and where it ends. */
function readEscape(line: string, at: number): { readonly text: string; readonly end: number } {
  const next = line[at + 1];
  if (next === undefined) throw usageError('a \\ stands at the end of the line');
  if (next !== 'x') return { text: ESCAPES[next] ?? next, end: at + 1 };
  const digits = line.slice(at + 2, at + 4);
  if (!/^[0-9a-fA-F]{2}$/.test(digits)) throw usageError('\\x needs two hexadecimal digits');
  return { text: String.fromCharCode(Number.parseInt(digits, 16)), end: at + 3 };
}
