/** Byte strings as people and machines read them. */

const decoder = new TextDecoder('utf-8', { fatal: true });

/** The text that the bytes are, or null when they are not well-formed UTF-8. */
export function asText(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

/** On one line of a terminal: control characters, backslashes and odd bytes are escaped. */
export function printable(bytes: Uint8Array): string {
  const text = asText(bytes);
  if (text === null) {
    return Array.from(bytes, (byte) => {
      return byte >= 0x20 && byte < 0x7f && byte !== 0x5c ? String.fromCharCode(byte) : hex(byte);
    }).join('');
  }
  return text.replace(/[\p{Cc}\\]/gu, (character) => {
    switch (character) {
      case '\n':
        return '\\n';
      case '\t':
        return '\\t';
      case '\\':
        return '\\\\';
      default:
        return Array.from(Buffer.from(character), hex).join('');
    }
  });
}

function hex(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** `name` as text, or `name_base64` where the bytes are no text. */
export function jsonBytes(name: string, bytes: Uint8Array): Readonly<Record<string, string>> {
  const text = asText(bytes);
  if (text !== null) return { [name]: text };
  return { [`${name}_base64`]: Buffer.from(bytes).toString('base64') };
}

/** Rows as lines whose cells stand below each other; the first row is the heading. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => {
    return Math.max(...rows.map((row) => (row[column] ?? '').length));
  });
  const lines = rows.map((row) => {
    return row
      .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
      .join('  ')
      .trimEnd();
  });
  return `${lines.join('\n')}\n`;
}
